"""Rewards: how an episode came out -> a number. Pure; scoring an answer is scoring.py's job."""

from dataclasses import dataclass
from typing import Protocol

from maestro_env.errors import ConfigurationError
from maestro_env.types import Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeResult:
    """What a reward may depend on."""

    outcome: Outcome
    score: float
    """The task's score of the final answer, in [0, 1]; 0 without an answer."""
    cost: float
    """Spent in the episode, in the recording's cost unit (passes, or USD)."""
    num_turns: int
    """Turns used, the lost ones included; STOP is not a turn."""


class RewardFn(Protocol):
    """Rewards an episode once, at its end; every step before it is worth 0.

    Never called for `Outcome.EXPERT_ERROR`: such an episode is truncated with reward 0, because a failure is not a
    wrong answer.
    """

    def __call__(self, result: EpisodeResult) -> float:
        """Return the reward of the step that ended the episode."""
        ...


@dataclass(frozen=True, slots=True)
class OutcomeReward:
    """The score of the final answer, in [0, 1]."""

    def __call__(self, result: EpisodeResult) -> float:
        return result.score


@dataclass(frozen=True, slots=True)
class CostAwareReward:
    """The score of the final answer less `weight` for every unit of cost.

    Raises:
        ConfigurationError: The weight is negative or not finite.
    """

    weight: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight < float("inf"):
            raise ConfigurationError(f"cost weight {self.weight!r} must be a finite number of at least 0.")

    def __call__(self, result: EpisodeResult) -> float:
        return result.score - self.weight * result.cost
