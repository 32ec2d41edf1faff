"""Following fixed sequences of calls: where many episodes stand in theirs. Which sequence is followed is elsewhere.

Axes: n episodes, L places of the longest sequence, P experts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from maestro_env.registry import STOP


def as_actions(plans: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return [plans, L + 1] actions: each plan's calls, then STOP.

    Args:
        plans: Places in the registry, in the order of the calls; at least one plan, which may be empty.
    """
    actions = np.full((len(plans), 1 + max(len(plan) for plan in plans)), STOP, np.int64)
    for row, plan in zip(actions, plans, strict=True):
        row[: len(plan)] = [1 + expert for expert in plan]
    return actions


def next_place(
    plans: NDArray[np.int64], place: NDArray[np.int64], action_mask: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Return [n] the first place, at `place` or after it, whose action is not masked.

    Args:
        plans: [n, L + 1] actions; every row ends with STOP, which is always legal.
        place: [n] in [0, L].
        action_mask: [n, 1 + P]
    """
    everyone = np.arange(len(place))
    masked = action_mask[everyone, plans[everyone, place]] == 0
    while masked.any():
        place = place + masked
        masked = action_mask[everyone, plans[everyone, place]] == 0
    return place


def action_at(plans: NDArray[np.int64], place: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return [n] the action at each episode's place in its own plan: one row of `plans` an episode."""
    return plans[np.arange(len(place)), place]
