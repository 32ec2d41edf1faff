"""HTML and SVG from Python: whatever is put into an element is escaped, unless it is an element itself."""

from html import escape

_VOID = frozenset({"br", "img", "input", "meta"})
"""HTML elements that hold nothing and have no closing tag."""


class Markup(str):
    """Text that is HTML already; nothing else goes into a page unescaped."""

    __slots__ = ()


def tag(name: str, *children: str, **attributes: object) -> Markup:
    """Return an element.

    Args:
        name: Of the element.
        children: Elements, or plain text, which is escaped.
        attributes: By name; `class_` is `class`, other underscores are hyphens. None and False leave an attribute out,
            True gives it no value.
    """
    opening = name + "".join(_attribute(key, value) for key, value in attributes.items())
    return Markup(f"<{opening}>" if name in _VOID else f"<{opening}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Return elements and escaped text, one after another."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{escape(shown)}"'
