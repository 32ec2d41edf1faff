"""How what is said becomes tokens: as plain text, or in the markup of a model's chat template. No model runs here.

An episode is one growing list of tokens. What the environment says is encoded once, when it is said; what the policy
writes stays the tokens that were sampled. Nothing is rendered again, so a template that would drop the thoughts of
earlier turns cannot put a token into another context than the one it was sampled in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maestro_agents.llm.generation import Tokeniser
from maestro_env.errors import ConfigurationError
from maestro_env.text.transcript import Role, Turn

_FIRST, _WRITTEN, _SAID = "first words", "written words", "said words"
"""Stand-ins, found again in what a template makes of them."""

Template = Callable[[Sequence[Mapping[str, Any]]], str]
"""Returns the text of a chat, up to where the assistant's next turn begins."""


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

    def opening(self, turns: Sequence[Turn], tokeniser: Tokeniser) -> list[int]:
        """Return the tokens of the prompt: the turns before the policy's first."""
        kept = [turn for turn in turns if self.instructions or turn.role is not Role.SYSTEM]
        if self.template is None:
            return tokeniser.encode("".join(turn.text for turn in kept))
        return tokeniser.encode(
            self.template([{"role": turn.role.value, "content": turn.text.strip()} for turn in kept])
        )

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
        words = said if self.template is None else said.strip()
        return tokeniser.encode(f"{before}{words}{self.after_said}")


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
