"""The metrics of benchmarks.metrics that apply to an agent in a comparison: a number each, or None."""

from dataclasses import dataclass

import numpy as np

from benchmarks.behaviour import Behaviour
from benchmarks.metrics import (
    Hull,
    collapse,
    cost_save,
    hull_of,
    interquartile_mean,
    pareto_distance,
    pareto_frontier,
    perf_gain,
    pgr,
    usage_entropy,
)
from benchmarks.summary import AgentSummary, ExpertSummary, Summary


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """How an agent is to be judged besides its accuracy and cost."""

    above_zero_router: float | None
    """Accuracy less what mixing single experts by lot reaches for the same cost; None below the cheapest expert."""
    perf_gain: float | None
    """(A - A_best) / A_best against the best single expert; None where that one is never right."""
    cost_save: float | None
    """Share of the best single expert's cost that is saved; None for agents less accurate than it."""
    gap_recovered: float | None
    """Of the way from the best single expert (0) to the best sequence in hindsight (1); None where there is no way."""
    regret: float
    """What the best sequence of calls in hindsight is more accurate by."""
    on_frontier: bool
    """Whether no other agent is as cheap and better, or as good and cheaper."""
    pareto_distance: float
    """To the frontier of all agents, both axes scaled to [0, 1]."""
    interquartile_mean: float
    """Of the accuracies on the benchmarks, each weighing the same."""
    usage_entropy: float | None
    """Of calls over experts: 0 all to one, 1 all alike; None where nothing was called."""
    collapse: float | None
    """Share of the expert that is called most."""
    wasted_calls: float
    """Mean number of calls in an episode after its answer was first right, in hindsight."""


def zero_router(summary: Summary) -> Hull:
    """Return the hull of the single experts: the accuracy that mixing them by lot reaches for a cost."""
    return hull_of([expert.cost for expert in summary.experts], [expert.accuracy for expert in summary.experts])


def metrics_of(summary: Summary, behaviours: tuple[Behaviour, ...]) -> dict[str, Metrics]:
    """Return each agent's metrics.

    Args:
        summary: Of the comparison.
        behaviours: Of its agents, in the same order.
    """
    costs = [agent.cost.mean for agent in summary.agents]
    scores = [agent.accuracy.mean for agent in summary.agents]
    frontier = set(pareto_frontier(costs, scores).tolist())
    hull = zero_router(summary)
    strongest = max(summary.experts, key=lambda expert: expert.accuracy)
    best_single, ceiling = strongest.accuracy, summary.bounds.within_turns.mean
    found: dict[str, Metrics] = {}
    for place, (agent, behaviour) in enumerate(zip(summary.agents, behaviours, strict=True)):
        reached = float(hull.at(agent.cost.mean))
        calls = _calls_by_expert(summary, behaviour)
        called = sum(calls) > 0 and len(calls) > 1
        trained = [name for name in summary.benchmarks if name not in summary.unseen]
        found[agent.name] = Metrics(
            above_zero_router=None if np.isnan(reached) else agent.accuracy.mean - reached,
            perf_gain=perf_gain([agent.accuracy.mean], best_single) if best_single > 0 else None,
            cost_save=_cost_save(agent, strongest),
            gap_recovered=(
                float(pgr(agent.accuracy.mean, weak=best_single, strong=ceiling)) if ceiling > best_single else None
            ),
            regret=ceiling - agent.accuracy.mean,
            on_frontier=place in frontier,
            pareto_distance=pareto_distance(costs, scores, [place]),
            interquartile_mean=interquartile_mean([agent.accuracy_by_benchmark[name].mean for name in trained]),
            usage_entropy=usage_entropy(calls) if called else None,
            collapse=collapse(calls) if called else None,
            wasted_calls=behaviour.wasted_calls,
        )
    return found


def _cost_save(agent: AgentSummary, strongest: ExpertSummary) -> float | None:
    if agent.accuracy.mean < strongest.accuracy or strongest.cost <= 0:
        return None
    return cost_save(
        [agent.cost.mean], [agent.accuracy.mean], best_single_cost=strongest.cost, best_single=strongest.accuracy
    )


def _calls_by_expert(summary: Summary, behaviour: Behaviour) -> list[float]:
    """Return [P] calls of each expert over the test tasks of all benchmarks."""
    return [
        sum(calls.get(expert.id, 0.0) * summary.benchmarks[name] for name, calls in behaviour.calls.items())
        for expert in summary.experts
    ]
