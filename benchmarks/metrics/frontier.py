"""Quality against cost: hulls, AIQ, Pareto frontiers. K points, each the mean cost and mean score of a router."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maestro_env.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Hull:
    """The non-decreasing convex hull of points: the best mean score for a mean cost that mixing them by lot reaches.

    Over single models this is the zero router: a router is worth something only above it.
    Source: Q. J. Hu et al., RouterBench (2024), https://arxiv.org/abs/2403.12031, section 3.
    """

    cost: NDArray[np.float64]
    """[V] of its corners, rising."""
    score: NDArray[np.float64]
    """[V] rising as far as the best point, and level from there to the dearest."""

    def at(self, cost: ArrayLike) -> NDArray[np.float64]:
        """Return the score at costs; NaN below the cheapest point, and the highest score above the dearest."""
        return np.asarray(np.interp(np.asarray(cost, np.float64), self.cost, self.score, left=np.nan), np.float64)

    @property
    def area(self) -> float:
        """The integral of the score over the cost, from the cheapest point to the dearest."""
        return float(np.trapezoid(self.score, self.cost))


def hull_of(costs: ArrayLike, scores: ArrayLike) -> Hull:
    """Return the non-decreasing convex hull of points.

    Args:
        costs: [K] mean costs, finite and at least 0.
        scores: [K] mean scores, finite.

    Raises:
        ConfigurationError: No points, not as many costs as scores, or a number without meaning.
    """
    cost, score = _points(costs, scores)
    corners: list[tuple[float, float]] = []
    for x in np.unique(cost):  # of equal costs the best
        y = float(score[cost == x].max())
        if corners and y <= corners[-1][1]:
            continue  # dearer and no better
        # A corner stays only while the hull turns right at it.
        while len(corners) > 1 and _rise(corners[-1], (x, y)) >= _rise(corners[-2], corners[-1]):
            corners.pop()
        corners.append((float(x), y))
    if corners[-1][0] < cost.max():
        corners.append((float(cost.max()), corners[-1][1]))
    x, y = np.array(corners).T
    return Hull(cost=x, score=y)


def _rise(one: tuple[float, float], other: tuple[float, float]) -> float:
    return (other[1] - one[1]) / (other[0] - one[0])


def aiq(costs: ArrayLike, scores: ArrayLike) -> float:
    """Return the average improvement in quality: the mean height of the hull between the cheapest and dearest point.

    A single cost has no range to average over: then it is the best score.
    Source: RouterBench (arXiv 2403.12031), its definition of AIQ; the released code reads it otherwise (below).
    """
    hull = hull_of(costs, scores)
    width = float(hull.cost[-1] - hull.cost[0])
    return hull.area / width if width else float(hull.score[-1])


def aiq_routerbench_code(costs: ArrayLike, scores: ArrayLike) -> float:
    """Return what RouterBench's released code reports as AIQ: the hull's area divided by the highest cost.

    So costs below the cheapest point count as quality zero. Kept apart under its own name, to compare with figures that
    were published with it.

    Raises:
        ConfigurationError: Every cost is 0.
    """
    hull = hull_of(costs, scores)
    if hull.cost[-1] == 0:
        raise ConfigurationError("Every cost is 0, so that the area cannot be divided by the highest; give real costs.")
    return hull.area / float(hull.cost[-1])


def pareto_frontier(costs: ArrayLike, scores: ArrayLike) -> NDArray[np.int64]:
    """Return the places of points that no other beats: none is as cheap and better, or as good and cheaper.

    Of equal points all are on the frontier.
    """
    cost, score = _points(costs, scores)
    cheaper = (cost[None] <= cost[:, None]) & (score[None] >= score[:, None])
    strictly = (cost[None] < cost[:, None]) | (score[None] > score[:, None])
    return np.flatnonzero(~(cheaper & strictly).any(axis=1))


def pareto_distance(costs: ArrayLike, scores: ArrayLike, own: ArrayLike) -> float:
    """Return the mean distance of some of the points to the frontier of all.

    Each axis is scaled to [0, 1] over all points (an axis on which all are equal counts nothing), distances are
    Euclidean, to the frontier's nearest point. LLMRouterBench names the metric without saying how axes are scaled;
    this is our reading.

    Args:
        costs: [K] of all points.
        scores: [K].
        own: [O] places of the points that are judged.
    """
    points = np.stack(_points(costs, scores), axis=1)
    spread = np.ptp(points, axis=0)
    points = (points - points.min(axis=0)) / np.where(spread > 0, spread, 1.0)
    frontier = points[pareto_frontier(costs, scores)]
    judged = points[np.asarray(own, np.int64)]
    distances = np.linalg.norm(judged[:, None] - frontier[None], axis=2)
    return float(distances.min(axis=1).mean())


def perf_gain(scores: ArrayLike, best_single: float) -> float:
    """Return by what share a router's best setting beats the best single model: (A - A_best) / A_best.

    Raises:
        ConfigurationError: The best single model scores 0.
    """
    if best_single <= 0:
        raise ConfigurationError(f"The best single model scores {best_single}; a share of it says nothing.")
    return float(np.max(np.asarray(scores, np.float64)) / best_single - 1)


def cost_save(costs: ArrayLike, scores: ArrayLike, *, best_single_cost: float, best_single: float) -> float:
    """Return the largest share of the best single model's cost that a setting saves which scores at least as much.

    0 where no setting does; negative where all that do are dearer.

    Raises:
        ConfigurationError: The best single model costs nothing.
    """
    if best_single_cost <= 0:
        raise ConfigurationError(f"The best single model costs {best_single_cost}; nothing of it can be saved.")
    cost, score = _points(costs, scores)
    able = cost[score >= best_single]
    return float(1 - able.min() / best_single_cost) if len(able) else 0.0


def _points(costs: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cost, score = np.asarray(costs, np.float64), np.asarray(scores, np.float64)
    if cost.ndim != 1 or cost.shape != score.shape or not len(cost):
        raise ConfigurationError(f"Costs {cost.shape} and scores {score.shape}; give as many of each, at least one.")
    if not np.isfinite(cost).all() or not np.isfinite(score).all() or cost.min() < 0:
        raise ConfigurationError("Costs and scores must be finite numbers, costs of at least 0.")
    return cost, score
