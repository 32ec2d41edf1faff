"""Frontiers of score against cost, and how two of them compare at equal mean cost. Pure functions of arrays.

Mixing two policies by lot gives any point on the segment between them, so that a frontier is the concave hull of its
points. Which points are on the hull is decided on tasks that are not test tasks; stopping at once is always among them.

Axes: K points, N tasks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.world_gates.plan_table import Outcomes

COSTS = (2.0, 2.5, 3.0, 3.5, 4.0)
"""Mean passes an episode at which policies are compared."""


def hull(cost: NDArray[np.floating], score: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the places of the points on the rising concave hull, by rising cost; the first of equals.

    Args:
        cost: [K] with K >= 1.
        score: [K]; -inf where there is no point.
    """
    order = np.lexsort((np.arange(len(cost)), -score, cost))
    best = np.maximum.accumulate(score[order])
    rising = np.concatenate([[True], score[order][1:] > best[:-1]])
    kept: list[int] = []
    for place in order[rising & np.isfinite(score[order])].tolist():
        while len(kept) > 1 and _turns_up(cost, score, kept[-2], kept[-1], place):
            kept.pop()
        kept.append(place)
    return np.array(kept, np.int64)


def _turns_up(cost: NDArray[np.floating], score: NDArray[np.floating], one: int, two: int, three: int) -> bool:
    """Whether the middle point lies on or below the segment between the outer ones."""
    return bool(
        (score[two] - score[one]) * (cost[three] - cost[one]) <= (score[three] - score[one]) * (cost[two] - cost[one])
    )


@dataclass(frozen=True, kw_only=True)
class Step:
    """The next change along the best path of mixtures: a group goes from one point of its hull to the next."""

    group: int
    place: int
    """Of the point it goes to."""


def merged(hulls: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]]) -> list[Step]:
    """Return the steps of the best path over all groups together: the steepest edge of any hull first.

    A mixture over tasks of several groups is best at its mean cost exactly if every group is at a point where score
    per cost falls below the same price; so the path is the groups' edges in order of their slopes.

    Args:
        hulls: Of each group, the costs and the scores of its hull's points, by rising cost.
    """
    steps: list[tuple[float, int, int]] = []
    for group, (cost, score) in enumerate(hulls):
        for place in range(1, len(cost)):
            slope = (score[place] - score[place - 1]) / max(float(cost[place] - cost[place - 1]), 1e-12)
            steps.append((-float(slope), group, place))
    return [Step(group=group, place=place) for _, group, place in sorted(steps)]


def at_cost(points: Outcomes, cost: float) -> NDArray[np.float32]:
    """Return [N] expected scores of the mixture of two neighbouring points whose mean cost is the one asked for.

    Args:
        points: Scores and costs [K, N] along a frontier, by rising mean cost.
        cost: Mean cost; beyond the last point, the last point itself: the rest is not spent.
    """
    means = np.maximum.accumulate(points.cost.mean(axis=1, dtype=np.float64))
    above = int(np.searchsorted(means, cost))
    if above == 0 or above == len(means):
        return points.score[min(above, len(means) - 1)]
    share = np.float32((cost - means[above - 1]) / (means[above] - means[above - 1]))
    return (1 - share) * points.score[above - 1] + share * points.score[above]


def chosen(on_val: Sequence[Outcomes], on_test: Sequence[Outcomes]) -> Outcomes:
    """Return the frontier of some policies on test: those on the hull of what they earn on val, and stopping at once.

    Args:
        on_val: Of each policy, scores and costs of val tasks.
        on_test: The same of test tasks.
    """
    cost = np.array([0.0, *(outcomes.cost.mean(dtype=np.float64) for outcomes in on_val)])
    score = np.array([0.0, *(outcomes.score.mean(dtype=np.float64) for outcomes in on_val)])
    nothing = np.zeros_like(on_test[0].score)
    stacked = [Outcomes(score=nothing, cost=nothing), *on_test]
    kept = [stacked[int(place)] for place in hull(cost, score)]
    return Outcomes(
        score=np.stack([outcomes.score for outcomes in kept]), cost=np.stack([outcomes.cost for outcomes in kept])
    )


def over_costs(frontiers: Sequence[Outcomes]) -> NDArray[np.float32]:
    """Return [S, costs, N] expected scores of S seeds' frontiers at each of `COSTS`."""
    return np.stack([np.stack([at_cost(points, cost) for cost in COSTS]) for points in frontiers])
