"""How what is said becomes tokens: as plain text, or in the markup of a model's chat template. No model runs here.

An episode is one growing list of tokens. What the environment says is encoded once, when it is said; what the policy
writes stays the tokens that were sampled. Nothing is rendered again, so a template that would drop the thoughts of
earlier turns cannot put a token into another context than the one it was sampled in.

Pictures are shown in the prompt alone. When a call moves the view, the reply tells in words where it is now: what comes
after the prompt is text, and an episode has the same pictures from its first turn to its last.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from maestro_agents.llm.generation import Tokeniser
from maestro_env.errors import ConfigurationError
from maestro_env.text.transcript import IMAGE, Role, Turn
from maestro_env.text.view import View

_FIRST, _WRITTEN, _SAID = "first words", "written words", "said words"
"""Stand-ins, found again in what a template makes of them."""

Template = Callable[[Sequence[Mapping[str, Any]]], str]
"""Returns the text of a chat, up to where the assistant's next turn begins."""


class PictureMarkup(Protocol):
    """How pictures are written in a prompt."""

    mark: str
    """One picture, before its size is known."""

    def fill(self, text: str, views: Sequence[View]) -> str:
        """Return a prompt whose placeholders are as many as its pictures have tokens."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What surrounds the turns of the environment, as text."""

    instructions: bool = True
    """Whether the model is told how to play and whom it can call; one that was trained on these experts need not be."""
    template: Template | None = None
    """Of a chat; None appends plain text to plain text."""
    before_said: str = ""
    """Between the policy's turn and what the environment says, the end token included."""
    after_said: str = ""
    """Between that and the policy's next turn."""
    opened: str = ""
    """What the markup writes for the policy at the start of each turn (`<think>`, say); part of what it has said."""
    pictures: PictureMarkup | None = None
    """Of a model that can see; None if it cannot be shown any."""

    def shown(self, turns: Sequence[Turn]) -> tuple[View, ...]:
        """Return whose pictures a prompt shows, in order."""
        return tuple(turn.view for turn in self._kept(turns) if turn.view is not None)

    def opening(self, turns: Sequence[Turn], tokeniser: Tokeniser) -> list[int]:
        """Return the tokens of the prompt: the turns before the policy's first.

        Raises:
            ConfigurationError: It shows pictures, and the model cannot be shown any; or the template leaves them out.
            TaskError: A picture cannot be drawn or read.
        """
        kept, views = self._kept(turns), self.shown(turns)
        if views and self.pictures is None:
            raise ConfigurationError(
                "The prompt shows pictures, and this model cannot be shown any: give images=False to the environment "
                "(`images = false` under [env]), or take a vision-language model."
            )
        if self.template is None:
            text = "".join(turn.text for turn in kept)
            text = text if self.pictures is None else text.replace(IMAGE, self.pictures.mark)
        else:
            text = self.template([{"role": turn.role.value, "content": _content(turn)} for turn in kept])
        return tokeniser.encode(text if self.pictures is None else self.pictures.fill(text, views))

    def reply(self, said: str, tokeniser: Tokeniser, *, ended_itself: bool) -> list[int]:
        """Return the tokens of what the environment says after a turn.

        Args:
            said: Its words.
            tokeniser: Of the model.
            ended_itself: Whether the policy wrote the end token, which must then not be written again.
        """
        before = self.before_said
        if ended_itself:
            before = before.removeprefix(tokeniser.decode([tokeniser.end_id]))
        words = said.replace(f"{IMAGE}\n", "")
        words = words if self.template is None else words.strip()
        return tokeniser.encode(f"{before}{words}{self.after_said}")

    def _kept(self, turns: Sequence[Turn]) -> list[Turn]:
        return [turn for turn in turns if self.instructions or turn.role is not Role.SYSTEM]


def _content(turn: Turn) -> str | list[dict[str, str]]:
    """Return what a chat template is given of a turn: its text, in parts where pictures stand between them."""
    if turn.view is None:
        return turn.text.strip()
    first, *rest = (piece.strip() for piece in turn.text.split(IMAGE))
    parts = [{"type": "text", "text": first}]
    for piece in rest:
        parts += [{"type": "image"}, {"type": "text", "text": piece}]
    return [part for part in parts if part.get("text") != ""]


def chat_layout(template: Template, *, instructions: bool = True) -> Layout:
    """Return the layout of a chat template, found out by rendering a chat of stand-ins.

    Raises:
        ConfigurationError: The template does not repeat what was said word for word.
    """
    rendered = template(
        [
            {"role": "user", "content": _FIRST},
            {"role": "assistant", "content": _WRITTEN},
            {"role": "user", "content": _SAID},
        ]
    )
    _, found, rest = rendered.partition(_WRITTEN)
    before, found_said, after = rest.partition(_SAID)
    if not (found and found_said):
        raise ConfigurationError(
            f"The chat template turns a chat of three turns into {rendered!r}, which does not hold them word for word; "
            "give layout='plain'."
        )
    opened = after[after.rindex("<think>") :] if after.rstrip().endswith("<think>") else ""
    return Layout(instructions=instructions, template=template, before_said=before, after_said=after, opened=opened)
