"""Gates 4 and 4b: what a call reveals matters. Closed loop against open-loop and contextual plans at equal mean cost.

Axes: S seeds, N test tasks, costs of `frontiers.COSTS`.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.bootstrap import Interval
from benchmarks.world_gates.closed_loop import PRICES, fitted_at_prices
from benchmarks.world_gates.contextual import ContextualPlans
from benchmarks.world_gates.frontiers import COSTS, chosen, over_costs
from benchmarks.world_gates.gate import Condition, Gate
from benchmarks.world_gates.intervals import Intervals
from benchmarks.world_gates.open_loop import OpenLoop
from benchmarks.world_gates.plan_table import Outcomes, Settled
from benchmarks.world_gates.scope import PRICE, Scope
from maestro_agents.recorded_tasks import take
from maestro_env.recordings.recording import Recording

GAIN_OVER_PLAN = 0.04
GAIN_OVER_CONTEXTUAL = 0.02


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """How the three kinds of policies do on test, by seed."""

    closed: tuple[Outcomes, ...]
    """[S] frontiers of [K, N]."""
    contextual: tuple[Outcomes, ...]
    """[S] frontiers of [K, N]."""
    closed_at_price: Outcomes
    """[S, N] the closed loop fitted at the fixed price of a pass."""
    unseen_at_price: Outcomes
    """[S, N'] the same policies on the test tasks of unseen benchmarks."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that fitting on one partition needs."""

    fit: Recording
    val: Recording
    test: Recording
    unseen: Recording
    candidates: tuple[Settled, ...]
    seed: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of one partition's policies."""

    closed: Outcomes
    contextual: Outcomes
    closed_at_price: Outcomes
    unseen_at_price: Outcomes


def feedback(
    scope: Scope, plans: OpenLoop, *, steps: int, pool: Executor | None, advance: Callable[[], None]
) -> Feedback:
    """Fit the closed loop and the contextual plan on each partition and play them on test.

    Args:
        scope: What is measured.
        plans: Names the candidates of the contextual plan.
        steps: Gradient steps of each network.
        pool: Where partitions are fitted side by side; None: here.
        advance: Is told after each partition.
    """
    jobs = [
        Job(
            fit=take(scope.pooled, partition.fit),
            val=take(scope.pooled, partition.val),
            test=scope.test,
            unseen=scope.unseen,
            candidates=plans.candidates,
            seed=seed,
            steps=steps,
        )
        for seed, partition in enumerate(scope.partitions)
    ]
    results: list[Played] = []
    for result in map(play_partition, jobs) if pool is None else pool.map(play_partition, jobs):
        results.append(result)
        advance()
    return Feedback(
        closed=tuple(result.closed for result in results),
        contextual=tuple(result.contextual for result in results),
        closed_at_price=_stacked([result.closed_at_price for result in results]),
        unseen_at_price=_stacked([result.unseen_at_price for result in results]),
    )


def play_partition(job: Job) -> Played:
    """Fit both policies on one partition and play them."""
    closed = fitted_at_prices(job.fit, job.val, seed=job.seed, steps=job.steps)
    on_test = closed(job.test)
    nothing = np.zeros(0, np.float32)
    unseen = closed(job.unseen) if job.unseen.tasks else [Outcomes(score=nothing, cost=nothing)] * len(PRICES)
    contextual = ContextualPlans(job.candidates).fit(job.fit, seed=job.seed, steps=job.steps)
    return Played(
        closed=chosen(closed(job.val), on_test),
        contextual=chosen(contextual.outcomes(job.val, PRICES), contextual.outcomes(job.test, PRICES)),
        closed_at_price=on_test[PRICES.index(PRICE)],
        unseen_at_price=unseen[PRICES.index(PRICE)],
    )


def _stacked(each: list[Outcomes]) -> Outcomes:
    return Outcomes(
        score=np.stack([outcomes.score for outcomes in each]), cost=np.stack([outcomes.cost for outcomes in each])
    )


def gains(better: tuple[Outcomes, ...], worse: tuple[Outcomes, ...], intervals: Intervals) -> list[Interval]:
    """Return the gain of one kind of policy over another at each of `COSTS`, and last its mean over them."""
    one, other = over_costs(better), over_costs(worse)
    each = [intervals.gain(one[:, place], other[:, place]) for place in range(len(COSTS))]
    return [*each, intervals.gain(one.mean(axis=1), other.mean(axis=1))]


def gate_4(found: Feedback, plans: OpenLoop, intervals: Intervals) -> Gate:
    """Measure gate 4: feedback is worth something."""
    each = gains(found.closed, plans.frontiers, intervals)
    return Gate(
        gate="4",
        title="Closed loop at least 4 points above the best open-loop plans at equal mean cost, 2 to 4 passes",
        conditions=(Condition(name="mean gain over the range", figure=each[-1], at_least=GAIN_OVER_PLAN),),
        note=f"By cost: {_by_cost(each)}. {_levels(found.closed, plans.frontiers)}",
    )


def gate_4b(found: Feedback, intervals: Intervals) -> Gate:
    """Measure gate 4b: feedback is worth something beyond what question and first view tell."""
    each = gains(found.closed, found.contextual, intervals)
    return Gate(
        gate="4b",
        title="Closed loop at least 2 points above the best contextual plan at equal mean cost, 2 to 4 passes",
        conditions=(Condition(name="mean gain over the range", figure=each[-1], at_least=GAIN_OVER_CONTEXTUAL),),
        note=f"By cost: {_by_cost(each)}. {_levels(found.closed, found.contextual)}",
    )


def _by_cost(each: list[Interval]) -> str:
    return ", ".join(f"{100 * gain.mean:+.1f} at {cost}" for cost, gain in zip(COSTS, each, strict=False))


def _levels(better: tuple[Outcomes, ...], worse: tuple[Outcomes, ...]) -> str:
    one, other = (curve(points) for points in (better, worse))
    return f"Closed loop {_percent(one)}; the other {_percent(other)}."


def curve(frontiers: tuple[Outcomes, ...]) -> NDArray[np.float64]:
    """Return the mean score on test at each of `COSTS`."""
    return over_costs(frontiers).mean(axis=(0, 2), dtype=np.float64)


def _percent(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{100 * value:.1f}" for value in values)
