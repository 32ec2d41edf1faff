"""From runs to numbers: means, intervals and gaps. Pure; drawing them is table.py's and plots.py's job.

Headline numbers are over the benchmarks that were trained on; those met on test only have a column of their own.
Axes: S seeds, N test tasks, B resamples.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bootstrap import (
    Interval,
    balanced_weights,
    difference_interval,
    equal_weights,
    mean_interval,
    task_counts,
)
from benchmarks.bounds import Bounds
from benchmarks.contenders import CONTENDERS, LADDER
from benchmarks.playing import Run
from maestro_env.recordings.recording import Recording

PRICE = 0.02
"""Reward given up for a unit of cost where agents of different cost are compared in one number, unless they learned at
a price: then it is that one. Fixed beforehand."""

RESAMPLES = 2000
"""Enough for the ends of a 95 % interval to move by less than a tenth of its width from draw to draw."""


@dataclass(frozen=True, kw_only=True)
class AgentSummary:
    """How an agent did on test, over all its seeds."""

    name: str
    seeds: tuple[int, ...]
    settings: tuple[Mapping[str, Any], ...]
    """Of each seed's run."""
    val_reward: float
    """Mean over seeds."""
    accuracy: Interval
    """Mean over test tasks of the benchmarks trained on: the headline."""
    unseen: Interval | None
    """Mean over test tasks of the other benchmarks; None where there are none."""
    accuracy_by_benchmark: Mapping[str, Interval]
    accuracy_over_benchmarks: Interval
    """Mean over benchmarks, each weighing the same."""
    cost: Interval
    """In the recording's cost unit."""
    calls: Interval
    priced: Interval
    """Accuracy less price x cost."""
    seconds: float
    """Wall time of learning, choosing and testing, mean over seeds."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """By how much one agent is better than another, paired over test tasks."""

    better: str
    worse: str
    accuracy: Interval
    priced: Interval


@dataclass(frozen=True, kw_only=True)
class BoundSummary:
    """The oracle bounds' mean over test tasks of the benchmarks trained on."""

    any_right: Interval
    within_turns: Interval
    confident_only: Interval


@dataclass(frozen=True, kw_only=True)
class ExpertSummary:
    """One call to an expert on the whole image of every test task of the benchmarks trained on."""

    id: str
    accuracy: float
    cost: float


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Every number of the comparison."""

    cost_unit: str
    price: float
    """Of a unit of cost, in `priced`."""
    benchmarks: Mapping[str, int]
    """Test tasks of each."""
    unseen: tuple[str, ...]
    """Those of the benchmarks that were not trained on."""
    agents: tuple[AgentSummary, ...]
    """In the order of `CONTENDERS`, then anyone's own."""
    gaps: tuple[Gap, ...]
    """Between neighbours of the ladder; the last rung is the closed loop that was best on val."""
    bounds: BoundSummary
    experts: tuple[ExpertSummary, ...]


def summarise(
    runs: Sequence[Run],
    *,
    test: Recording,
    bounds: Bounds,
    unseen: Collection[str] = (),
    price: float = PRICE,
    seed: int = 0,
) -> Summary:
    """Return every number of the comparison.

    Args:
        runs: At least one, each over all of `test` in its order.
        test: The test tasks.
        bounds: Of the test tasks.
        unseen: The benchmarks that were not trained on.
        price: Reward given up for a unit of cost, in `priced`.
        seed: Of the resampling.
    """
    strata = Strata(list(test.task_benchmarks), unseen=frozenset(unseen))
    rng = np.random.default_rng(seed)
    counts = task_counts(strata.names, resamples=RESAMPLES, rng=rng)
    places = {entry.name: place for place, entry in enumerate(CONTENDERS)}
    names = sorted(dict.fromkeys(run.agent for run in runs), key=lambda name: places.get(name, len(places)))
    by_name = {name: [run for run in runs if run.agent == name] for name in names}
    agents = tuple(_agent(by_name[name], strata, counts, test.cost_unit, price, rng) for name in names)
    return Summary(
        cost_unit=test.cost_unit,
        price=price,
        benchmarks={name: strata.names.count(name) for name in strata.ordered},
        unseen=tuple(name for name in strata.ordered if name in strata.unseen),
        agents=agents,
        gaps=_gaps(agents, by_name, strata, counts, test.cost_unit, price, rng),
        bounds=_bounds(bounds, strata, counts, rng),
        experts=_experts(test, strata),
    )


@dataclass(frozen=True)
class Strata:
    """The benchmark of each test task, and which of them were not trained on."""

    names: list[str]
    """[N]"""
    unseen: frozenset[str]

    @property
    def ordered(self) -> list[str]:
        """Every benchmark once: those trained on first, each group by name."""
        return sorted(set(self.names), key=lambda name: (name in self.unseen, name))

    @property
    def trained(self) -> set[str]:
        """The benchmarks that the headline is about."""
        return set(self.names) - self.unseen


def correct_of(runs: Sequence[Run]) -> NDArray[np.float64]:
    """Return [S, N] 1.0 where a run's episode was answered right."""
    return np.array([[float(episode.correct) for episode in run.episodes] for run in runs])


def cost_of(runs: Sequence[Run], cost_unit: str) -> NDArray[np.float64]:
    """Return [S, N] what each episode cost."""
    field = "passes" if cost_unit == "passes" else "cost_usd"
    return np.array([[getattr(episode, field) for episode in run.episodes] for run in runs])


def _agent(
    runs: Sequence[Run],
    strata: Strata,
    counts: NDArray[np.int16],
    cost_unit: str,
    price: float,
    rng: np.random.Generator,
) -> AgentSummary:
    correct, cost = correct_of(runs), cost_of(runs, cost_unit)
    calls = np.array([[episode.calls for episode in run.episodes] for run in runs], np.float64)
    equal = equal_weights(strata.names, among=strata.trained)

    def accuracy(among: Collection[str]) -> Interval:
        return mean_interval(correct, counts, weights=equal_weights(strata.names, among=among), rng=rng)

    return AgentSummary(
        name=runs[0].agent,
        seeds=tuple(run.seed for run in runs),
        settings=tuple(run.settings for run in runs),
        val_reward=float(np.mean([run.val_reward for run in runs])),
        accuracy=mean_interval(correct, counts, weights=equal, rng=rng),
        unseen=accuracy(strata.unseen & set(strata.names)) if strata.unseen & set(strata.names) else None,
        accuracy_by_benchmark={name: accuracy([name]) for name in strata.ordered},
        accuracy_over_benchmarks=mean_interval(
            correct, counts, weights=balanced_weights(strata.names, among=strata.trained), rng=rng
        ),
        cost=mean_interval(cost, counts, weights=equal, rng=rng),
        calls=mean_interval(calls, counts, weights=equal, rng=rng),
        priced=mean_interval(correct - price * cost, counts, weights=equal, rng=rng),
        seconds=float(np.mean([run.seconds for run in runs])),
    )


def _gaps(
    agents: Sequence[AgentSummary],
    by_name: Mapping[str, Sequence[Run]],
    strata: Strata,
    counts: NDArray[np.int16],
    cost_unit: str,
    price: float,
    rng: np.random.Generator,
) -> tuple[Gap, ...]:
    closed = {entry.name for entry in CONTENDERS if entry.closed_loop}
    rivals = [agent for agent in agents if agent.name in closed]
    rungs = [name for name in LADDER if name in by_name]
    if rivals:
        rungs.append(max(rivals, key=lambda agent: agent.val_reward).name)
    weights = equal_weights(strata.names, among=strata.trained)
    gaps: list[Gap] = []
    for worse, better in pairwise(rungs):
        right = [correct_of(by_name[name]) for name in (better, worse)]
        spent = [cost_of(by_name[name], cost_unit) for name in (better, worse)]
        priced = [correct - price * cost for correct, cost in zip(right, spent, strict=True)]
        gaps.append(
            Gap(
                better=better,
                worse=worse,
                accuracy=difference_interval(right[0], right[1], counts, weights=weights, rng=rng),
                priced=difference_interval(priced[0], priced[1], counts, weights=weights, rng=rng),
            )
        )
    return tuple(gaps)


def _bounds(bounds: Bounds, strata: Strata, counts: NDArray[np.int16], rng: np.random.Generator) -> BoundSummary:
    weights = equal_weights(strata.names, among=strata.trained)
    means = {
        name: mean_interval(getattr(bounds, name)[None], counts, weights=weights, rng=rng)
        for name in ("any_right", "within_turns", "confident_only")
    }
    return BoundSummary(**means)


def _experts(test: Recording, strata: Strata) -> tuple[ExpertSummary, ...]:
    rows = np.isin(strata.names, list(strata.trained))
    accuracy, cost = test.score[rows, 0].mean(axis=0), test.cost[rows, 0].mean(axis=0)
    return tuple(
        ExpertSummary(id=expert_id, accuracy=float(accuracy[place]), cost=float(cost[place]))
        for place, expert_id in enumerate(test.registry.ids)
    )
