"""What a generation backend is: token ids in, token ids and log-probabilities out. Each has a file of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Protocol

from maestro_env.errors import ConfigurationError
from maestro_env.text.view import View

STOP_STRINGS = ("</search>", "</answer>")
"""What ends a turn: the policy has said what it does, and the environment speaks next."""


class Finish(StrEnum):
    """Why a turn ended."""

    STOP = "stop"
    """A stop string was written."""
    END = "end"
    """The model's own end token."""
    LENGTH = "length"
    """There was no room for more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How turns are drawn.

    Raises:
        ConfigurationError: A number that has no meaning.
    """

    max_new_tokens: int
    """Of one turn."""
    temperature: float = 1.0
    """0 takes the likeliest token, always."""
    stop: tuple[str, ...] = STOP_STRINGS

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ConfigurationError(f"max_new_tokens={self.max_new_tokens!r} must be at least 1.")
        if not (isfinite(self.temperature) and self.temperature >= 0):
            raise ConfigurationError(f"temperature={self.temperature!r} must be a finite number of at least 0.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One turn to be written."""

    token_ids: tuple[int, ...]
    """All that was said so far, exactly as it was said."""
    seed: tuple[int, ...]
    """The same seed and the same tokens give the same turn, whatever else is in the batch (up to rounding)."""
    views: tuple[View, ...] = ()
    """Whose pictures the prompt shows, in the order of their placeholders; they are loaded when they are needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """One turn that was written."""

    token_ids: tuple[int, ...]
    """As sampled, the end token included where one was."""
    logprobs: tuple[float, ...]
    """Of each of these tokens, at the temperature it was drawn at; at temperature 0, as if that were 1. NaN where text
    was exchanged and nobody knows: training refuses such turns."""
    finish: Finish


class Tokeniser(Protocol):
    """Text to tokens and back. Tokens that were sampled are only ever decoded, never encoded again."""

    @property
    def end_id(self) -> int:
        """The token with which a model ends its turn."""
        ...

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text, with none added."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of tokens, control tokens included."""
        ...


class Generator(Protocol):
    """A policy's model, wherever it runs."""

    @property
    def tokeniser(self) -> Tokeniser:
        """The model's own."""
        ...

    @property
    def context_length(self) -> int:
        """How many tokens the model can look at."""
        ...

    def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        """Return one turn for each request, in order.

        Raises:
            ConfigurationError: A request leaves no room for a token.
        """
        ...


def check_room(requests: Sequence[Request], context_length: int) -> None:
    """Raise if a request fills the context window.

    Raises:
        ConfigurationError: It does; the message says by how much, and what to do.
    """
    longest = max((len(request.token_ids) for request in requests), default=0)
    if longest >= context_length:
        raise ConfigurationError(
            f"What was said so far has {longest} tokens, and the model's context window is {context_length}: nothing "
            "can be written. Give prompt='compact', leave out the instructions, allow fewer turns, or take a model "
            "with a longer window."
        )
