"""Rewards: how an episode came out -> a number. Pure; scoring an answer is scoring.py's job."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import ConfigurationError
from maestro_env.types import OUTCOMES, Outcome


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


def rewards_of(
    reward_fn: RewardFn,
    *,
    outcomes: NDArray[np.int64],
    scores: NDArray[np.float64],
    costs: NDArray[np.float64],
    num_turns: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Return [E] the rewards of many episodes at their ends; 0 for those that ended with `Outcome.EXPERT_ERROR`.

    Args:
        reward_fn: Rewards one episode; the two above are worked out for all episodes at once.
        outcomes: [E] indices into `OUTCOMES`.
        scores: [E] as in `EpisodeResult`, and the next two.
        costs: [E].
        num_turns: [E].
    """
    failed = outcomes == OUTCOMES.index(Outcome.EXPERT_ERROR)
    if isinstance(reward_fn, OutcomeReward):
        return np.where(failed, 0.0, scores)
    if isinstance(reward_fn, CostAwareReward):
        return np.where(failed, 0.0, scores - reward_fn.weight * costs)
    rewards = np.zeros(len(outcomes))
    for place in np.flatnonzero(~failed):
        result = EpisodeResult(
            outcome=OUTCOMES[int(outcomes[place])],
            score=float(scores[place]),
            cost=float(costs[place]),
            num_turns=int(num_turns[place]),
        )
        rewards[place] = reward_fn(result)
    return rewards
