"""What may differ between two text environments over one registry, and which of it has no meaning."""

from dataclasses import dataclass
from math import isfinite

from maestro_env.errors import ConfigurationError, unknown_name

_CHOICES = {
    "prompt": ("compact", "full"),
    "answer_source": ("policy", "rule"),
    "on_fault": ("end", "continue"),
    "on_failure": ("show", "truncate"),
    "queries": ("noted", "asked"),
}
_COUNTS = ("max_turns", "max_prompt_chars", "max_generation_chars", "max_reply_chars")


@dataclass(frozen=True, kw_only=True, slots=True)
class TextRules:
    """The arguments of `MaestroTextEnv` that are about text.

    Raises:
        UnknownNameError: No such choice.
        ConfigurationError: A number that has no meaning.
    """

    prompt: str
    """`compact`: a line a model, with its skills. `full`: what models and skills are, and what skills dispatch to."""
    images: bool
    """Whether pictures belong to what the environment says; without, a view is described in words alone."""
    show_benchmark: bool
    """Whether the prompt names the task's benchmark."""
    answer_source: str
    """Whose answer is scored: the `policy`'s own words, or that of the environment's answer `rule`."""
    require_call: bool
    """Whether an answer without any call earns nothing."""
    on_fault: str
    """Whether a format fault shall `end` the episode or cost a turn and let it `continue`."""
    on_failure: str
    """Whether a failed call is to `show` as a status, or to `truncate` the episode."""
    queries: str
    """Whether a policy's query is only `noted`, or is what an expert is `asked` instead of the task's question."""
    format_penalty: float
    """Taken off the reward of an episode with a format fault, once, at its end."""
    max_turns: int
    """Calls, those lost to faults included; then only an answer is legal."""
    max_prompt_chars: int
    max_generation_chars: int
    """Of one turn; some 8,000 tokens."""
    max_reply_chars: int
    """How much of an expert's reply is shown."""

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise unknown_name(name, getattr(self, name), known)
        for name in _COUNTS:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"{name}={value!r} must be an integer of at least 1.")
        if not (isfinite(self.format_penalty) and self.format_penalty >= 0):
            raise ConfigurationError(
                f"format_penalty={self.format_penalty!r} must be a finite number of at least 0; it is taken off."
            )
