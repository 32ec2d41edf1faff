"""What came of one HTTP request for a completion."""

from dataclasses import dataclass

from maestro_env.types import Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """A completion, or why there is none."""

    text: str = ""
    """The completion; empty unless the status is OK."""
    status: Status = Status.OK
    detail: str = ""
    """What went wrong, in words that hold no key; empty if nothing did."""
    retryable: bool = False
    """Whether the same request may fare better a little later."""
    retry_after_s: float = 0.0
    """How long the server asks to be left alone."""
    prompt_tokens: int = 0
    """As the server counts them; 0 where it does not say, as after most failures."""
    completion_tokens: int = 0
