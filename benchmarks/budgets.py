"""The accuracy that each agent reaches for its money, where it was fitted at several prices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.bootstrap import Interval, equal_weights, mean_interval, task_counts
from benchmarks.metrics import aiq
from benchmarks.playing import Run
from benchmarks.summary import RESAMPLES, correct_of, cost_of
from maestro_env.recordings.recording import Recording


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetPoint:
    """An agent that was fitted at one price."""

    cost_weight: float
    """Reward lost per unit of cost."""
    accuracy: Interval
    cost: Interval


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetCurve:
    """An agent at every price, the lowest first."""

    agent: str
    points: tuple[BudgetPoint, ...]
    aiq: float
    """Average improvement in quality: mean height of the points' hull between the cheapest and the dearest."""


def budget_curves(
    runs: Sequence[Run], *, test: Recording, unseen: Collection[str], seed: int = 0
) -> tuple[BudgetCurve, ...]:
    """Return a curve for each agent; none where all runs were made at one price.

    Args:
        runs: Each over all of `test` in its order.
        test: N tasks.
        unseen: The benchmarks that were not trained on.
        seed: Of the resampling.
    """
    if len({run.cost_weight for run in runs}) < 2:
        return ()
    names = list(test.task_benchmarks)
    rng = np.random.default_rng(seed)
    counts = task_counts(names, resamples=RESAMPLES, rng=rng)
    weights = equal_weights(names, among=set(names) - set(unseen))

    def point(cost_weight: float, own: Sequence[Run]) -> BudgetPoint:
        return BudgetPoint(
            cost_weight=cost_weight,
            accuracy=mean_interval(correct_of(own), counts, weights=weights, rng=rng),
            cost=mean_interval(cost_of(own, test.cost_unit), counts, weights=weights, rng=rng),
        )

    by_agent: dict[str, dict[float, list[Run]]] = {}
    for run in runs:
        by_agent.setdefault(run.agent, {}).setdefault(run.cost_weight, []).append(run)
    return tuple(
        _curve(agent, {price: point(price, own[price]) for price in sorted(own)}) for agent, own in by_agent.items()
    )


def _curve(agent: str, points: Mapping[float, BudgetPoint]) -> BudgetCurve:
    costs = [point.cost.mean for point in points.values()]
    scores = [point.accuracy.mean for point in points.values()]
    return BudgetCurve(agent=agent, points=tuple(points.values()), aiq=aiq(costs, scores))
