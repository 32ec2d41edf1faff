"""How experts are used: whether choices are good where it matters, and whether a policy has collapsed onto a few."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maestro_env.errors import ConfigurationError


def usage_entropy(calls: ArrayLike) -> float:
    """Return the entropy of calls over P experts, as a share of the highest possible: 0 all to one, 1 all alike.

    Args:
        calls: [P] number of calls of each expert; P at least 2.

    Raises:
        ConfigurationError: Fewer than two experts, a negative number, or no call.
    """
    share = _shares(calls)
    positive = share[share > 0]
    return float(-(positive * np.log(positive)).sum() / np.log(len(share)))


def collapse(calls: ArrayLike) -> float:
    """Return the share of calls that go to the expert that is called most."""
    return float(_shares(calls).max())


def _shares(calls: ArrayLike) -> NDArray[np.float64]:
    count = np.asarray(calls, np.float64)
    if count.ndim != 1 or len(count) < 2 or count.min() < 0 or count.sum() == 0:
        raise ConfigurationError(f"Calls {count.shape} must count those of two or more experts, at least one in all.")
    return count / count.sum()


def model_recall(scores: ArrayLike, chosen: ArrayLike) -> dict[int, float]:
    """Return, for each number k of experts that are right, how often a right one is chosen where exactly k are.

    Where one expert in ten is right, choosing it is a feat; where nine are, it is none.

    Args:
        scores: [N, P] score of each expert on each task; right is 1.
        chosen: [N] the expert chosen.

    Returns:
        k, 1 to P - 1 -> the share; only those k that occur.
    """
    right = np.asarray(scores, np.float64) == 1.0
    choice = np.asarray(chosen, np.int64)
    if right.ndim != 2 or choice.shape != right.shape[:1]:
        raise ConfigurationError(
            f"Scores {right.shape} and choices {choice.shape}; expected [tasks, experts], [tasks]."
        )
    number, hit = right.sum(axis=1), right[np.arange(len(choice)), choice]
    return {int(k): float(hit[number == k].mean()) for k in np.unique(number) if 0 < k < right.shape[1]}


def cumulative_regret(rewards: ArrayLike, best: ArrayLike) -> NDArray[np.float64]:
    """Return [N] the regret up to each task: what the best choice would have earned more, added up.

    Args:
        rewards: [N] what was earned, in the order of play.
        best: [N] the highest expected reward of any choice, or a number.
    """
    return np.cumsum(np.asarray(best, np.float64) - np.asarray(rewards, np.float64))


def zero_advantage_share(groups: Sequence[ArrayLike]) -> float:
    """Return the share of groups of episodes of one task in which all rewards are equal: they teach GRPO nothing.

    Raises:
        ConfigurationError: No groups, or an empty one.
    """
    spans = [np.ptp(np.asarray(group, np.float64)) for group in groups if np.size(group)]
    if not groups or len(spans) < len(groups):
        raise ConfigurationError("Every group needs at least one reward, and there must be a group.")
    return float(np.mean(np.array(spans) == 0))
