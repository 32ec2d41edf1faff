"""What was said in an episode, by whom, word for word: as one text, and as the messages of a chat."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from maestro_env.text.view import View

IMAGE = "<image>"
"""Stands for one picture in what the environment says; escaped text cannot hold it."""


class Role(StrEnum):
    """Who speaks, as chat templates call it."""

    SYSTEM = "system"
    USER = "user"
    """The environment."""
    ASSISTANT = "assistant"
    """The policy."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What one side said at once."""

    role: Role
    text: str
    """Exactly as it was said; a policy's text is never changed."""
    view: View | None = None
    """Whose pictures the `IMAGE`s in the text stand for; None if there are none."""


def as_text(turns: Iterable[Turn]) -> str:
    """Return all that was said as one text: each turn appended to those before it."""
    return "".join(turn.text for turn in turns)


def as_messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return a chat: `{"role", "content"}` for each turn.

    The content is a text; where pictures were shown it is a list of parts, `{"type": "text", "text"}` and
    `{"type": "image", "image"}` with a PIL picture, loaded now. White space that only sets the environment's turns
    apart is left out.

    Raises:
        TaskError: A picture cannot be drawn or read.
    """
    return [{"role": turn.role.value, "content": _content(turn)} for turn in turns]


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    if turn.role is Role.ASSISTANT:
        return turn.text
    if turn.view is None:
        return turn.text.strip()
    before, *rest = (piece.strip() for piece in turn.text.split(IMAGE))
    parts: list[dict[str, Any]] = [{"type": "text", "text": before}]
    for picture, piece in zip(turn.view.load(), rest, strict=True):
        parts += [{"type": "image", "image": picture}, {"type": "text", "text": piece}]
    return [part for part in parts if part.get("text") != ""]
