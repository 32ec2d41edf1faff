r"""Text of others inside the protocol: no tag in it can be taken for the policy's, the environment's or a chat's.

A `<` that a `>` closes gets a backslash: `<answer>` becomes `<\answer>`, `<\answer>` becomes `<\\answer>`, and so do
the control tokens of chat templates, such as `<|im_end|>`. Everything else stays as it is, `a < b` included. One
backslash is taken off again by `unescape`, so nothing is lost.
"""

import re

_TAG_LIKE = re.compile(r"<(?=[^<>]*>)")
_ESCAPED = re.compile(r"<\\(?=[^<>]*>)")


def escape(text: str) -> str:
    r"""Return text in which every `<` that a `>` closes is followed by a backslash more."""
    return _TAG_LIKE.sub(r"<\\", text)


def unescape(text: str) -> str:
    """Return the text that was escaped; text that never was stays as it is, unless it looks as if it had been."""
    return _ESCAPED.sub("<", text)


def cut(text: str, max_chars: int) -> str:
    """Return the beginning of a text, and how much of it was cut off.

    Args:
        text: Not escaped yet: a cut through an escape could not be undone.
        max_chars: How much is kept; the remark comes on top.
    """
    if len(text) <= max_chars:
        return text
    return f"{text[:max_chars]} [{len(text) - max_chars} characters cut]"
