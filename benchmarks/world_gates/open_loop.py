"""The best open-loop plans: of each benchmark, exact, and their frontier of score against cost. Gate 3 is about them.

Source of the mixtures: a constrained problem over independent groups is solved by one price for all of them
(H. Everett, Generalized Lagrange Multiplier Method, Operations Research 11, 1963); with lotteries between plans that
is exact at every cost.

Axes: S seeds, N test tasks, K points.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.world_gates.frontiers import hull, merged
from benchmarks.world_gates.gate import Condition, Gate
from benchmarks.world_gates.intervals import Intervals
from benchmarks.world_gates.plan_table import RULES, Follower, Outcomes, PlanTable, Settled, plan_table
from benchmarks.world_gates.scope import MAX_TURNS, Scope, benchmarks_of
from benchmarks.world_gates.single_calls import SingleCalls
from maestro_agents.recorded_tasks import take
from maestro_env.recordings.recording import Recording

GAIN = 0.08
CANDIDATE_PRICES = (0.002, 0.01, 0.02, 0.05)
"""At which the best plan of each cell of tasks is a candidate for the contextual plan."""


@dataclass(frozen=True, kw_only=True)
class OpenLoop:
    """The best open-loop plans, fitted on each partition."""

    best: tuple[Mapping[str, Settled], ...]
    """[S] the plan with the highest mean score of each benchmark."""
    score: NDArray[np.float32]
    """[S, N] what those score on test."""
    cost: NDArray[np.float32]
    """[S, N]"""
    frontiers: tuple[Outcomes, ...]
    """[S] of [K, N]: mixtures over all benchmarks, by rising cost."""
    candidates: tuple[Settled, ...]
    """Plans that are best for some benchmark, kind of figure or intent at some price."""


@dataclass(frozen=True, kw_only=True)
class _Searched:
    """One benchmark's plans, after the search."""

    best: tuple[Settled, ...]
    """[S]"""
    hulls: tuple[tuple[Settled, ...], ...]
    """[S] plans by rising cost."""
    hull_costs: tuple[NDArray[np.float32], ...]
    hull_scores: tuple[NDArray[np.float32], ...]
    candidates: tuple[Settled, ...]


def open_loop(scope: Scope, *, max_calls: int, pool: Executor | None, advance: Callable[[], None]) -> OpenLoop:
    """Search the plans of every trained-on benchmark and score the best ones on test.

    Args:
        scope: What is measured.
        max_calls: The longest plan.
        pool: Where benchmarks are searched side by side; None: here, one after the other.
        advance: Is told after each benchmark.
    """
    names = benchmarks_of(scope.pooled)
    jobs: list[tuple[Recording, NDArray[np.bool_], int]] = []
    for name in scope.roles.trained:
        rows = np.flatnonzero(names == name)
        fitted = np.stack([np.isin(rows, partition.fit) for partition in scope.partitions], axis=1)
        jobs.append((take(scope.pooled, rows), fitted, max_calls))
    searched: list[_Searched] = []
    for found in map(_search, jobs) if pool is None else pool.map(_search, jobs):
        searched.append(found)
        advance()
    return _tested(scope, dict(zip(scope.roles.trained, searched, strict=True)))


def _search(job: tuple[Recording, NDArray[np.bool_], int]) -> _Searched:
    recording, fitted, max_calls = job
    seeds = fitted.shape[1]
    table = plan_table(recording, np.c_[fitted, _cells(recording)], max_calls=max_calls)
    hulls = [_hull(table, seed) for seed in range(seeds)]
    groups = range(seeds, table.cost.shape[1])
    candidates = {table.best(group, price=price) for group in groups for price in CANDIDATE_PRICES}
    return _Searched(
        best=tuple(table.best(seed, price=0.0) for seed in range(seeds)),
        hulls=tuple(plans for plans, _, _ in hulls),
        hull_costs=tuple(costs for _, costs, _ in hulls),
        hull_scores=tuple(scores for _, _, scores in hulls),
        candidates=tuple(sorted(candidates)),
    )


def _cells(recording: Recording) -> NDArray[np.bool_]:
    """Return [n, G] the benchmark's tasks by what is asked for, by the kind of figure in a scene, and all together."""
    cells = [np.ones(len(recording.tasks), bool)]
    for factor in ("intent", "target_family"):
        values = np.array([str(task.factors.get(factor, "")) for task in recording.tasks])
        known = [value for value in np.unique(values) if value]
        cells += [values == value for value in known if len(known) > 1]
    return np.stack(cells, axis=1)


def _hull(table: PlanTable, group: int) -> tuple[tuple[Settled, ...], NDArray[np.float32], NDArray[np.float32]]:
    score, cost = table.score[:, :, group], table.cost[:, group]
    best = score.max(axis=0)
    places = hull(cost, best)
    plans = [Settled(experts=table.plan(int(k)), rule=RULES[int(score[:, k].argmax())]) for k in places]
    return tuple(plans), cost[places], best[places]


def _tested(scope: Scope, searched: Mapping[str, _Searched]) -> OpenLoop:
    names = benchmarks_of(scope.test)
    rows = {name: np.flatnonzero(names == name) for name in searched}
    followers = {name: Follower(take(scope.test, rows[name])) for name in searched}
    seeds = range(len(scope.partitions))
    score = np.zeros((len(seeds), len(names)), np.float32)
    cost = np.zeros_like(score)
    frontiers: list[Outcomes] = []
    for seed in seeds:
        for name, found in searched.items():
            outcomes = followers[name].outcomes(found.best[seed])
            score[seed, rows[name]], cost[seed, rows[name]] = outcomes.score, outcomes.cost
        followed = [[followers[name].outcomes(plan) for plan in found.hulls[seed]] for name, found in searched.items()]
        path = merged([(found.hull_costs[seed], found.hull_scores[seed]) for found in searched.values()])
        scores, costs = [np.zeros(len(names), np.float32)], [np.zeros(len(names), np.float32)]
        for step in path:
            scores.append(scores[-1].copy())
            costs.append(costs[-1].copy())
            places = rows[list(searched)[step.group]]
            outcomes = followed[step.group][step.place]
            scores[-1][places], costs[-1][places] = outcomes.score, outcomes.cost
        frontiers.append(Outcomes(score=np.stack(scores), cost=np.stack(costs)))
    return OpenLoop(
        best=tuple({name: found.best[seed] for name, found in searched.items()} for seed in seeds),
        score=score,
        cost=cost,
        frontiers=tuple(frontiers),
        candidates=tuple(sorted({plan for found in searched.values() for plan in found.candidates if plan.experts})),
    )


def gate_3(plans: OpenLoop, calls: SingleCalls, intervals: Intervals) -> Gate:
    """Measure gate 3: composing calls matters."""
    return Gate(
        gate="3",
        title="Best open-loop plan per benchmark at least 8 points above the best one-shot router",
        conditions=(
            Condition(name="plan over router", figure=intervals.gain(plans.score, calls.one_shot), at_least=GAIN),
        ),
        note=(
            f"Exact search over all sequences of at most {MAX_TURNS} calls and all three answer rules; the plans score "
            f"{100 * plans.score.mean():.1f} at {plans.cost.mean():.2f} passes."
        ),
    )
