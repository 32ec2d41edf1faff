"""Everything that a comparison found, in one place: what summary.json, the report and the tables are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.behaviour import Behaviour, behaviours_of
from benchmarks.bounds import Bounds, oracle_bounds
from benchmarks.budgets import BudgetCurve, budget_curves
from benchmarks.judging import Metrics, metrics_of
from benchmarks.learning import best_call
from benchmarks.pairs import Pair, letters_of, pairs_of
from benchmarks.playing import Run, World
from benchmarks.provenance import Provenance
from benchmarks.replay import Replay
from benchmarks.settings import Settings, as_json
from benchmarks.summary import PRICE, Summary, summarise
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.recordings.recording import Recording

SCHEMA = 2
"""Version of summary.json."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A finished comparison."""

    settings: Settings
    source: Provenance
    summary: Summary
    behaviours: tuple[Behaviour, ...]
    """In the order of `summary.agents`."""
    metrics: Mapping[str, Metrics]
    pairs: tuple[Pair, ...]
    letters: Mapping[str, str]
    """Agents that share a letter are not shown to differ."""
    runs: Mapping[str, Sequence[Run]]
    """By agent, at the cost weight of the headline."""
    test: Recording
    bounds: Bounds
    replay: Replay
    budgets: tuple[BudgetCurve, ...]
    """Empty where all runs were made at one cost weight."""


def find(runs: Sequence[Run], *, world: World, settings: Settings, source: Provenance) -> Findings:
    """Return what a comparison's runs amount to.

    Args:
        runs: At least one, each over all test tasks of the world.
        world: That they were played in.
        settings: Of the comparison.
        source: Where the figures come from.
    """
    test = recorded_tasks(world.env("test"))
    bounds = oracle_bounds(test, max_turns=world.max_turns, rule=world.answer_rule)
    headline = [run for run in runs if run.cost_weight == settings.cost_weight]
    summary = summarise(headline, test=test, bounds=bounds, unseen=world.unseen, price=settings.cost_weight or PRICE)
    by_name = {agent.name: [run for run in headline if run.agent == agent.name] for agent in summary.agents}
    replay = Replay(test, max_turns=world.max_turns, rule=world.answer_rule)
    best = best_call(recorded_tasks(world.env("train")), cost_weight=settings.cost_weight)
    behaviours = behaviours_of(by_name, test=test, unseen=summary.unseen, replay=replay, best=best)
    pairs = pairs_of(by_name, benchmarks=test.task_benchmarks, unseen=summary.unseen)
    ranking = sorted(by_name, key=lambda name: -next(a.accuracy.mean for a in summary.agents if a.name == name))
    return Findings(
        settings=settings,
        source=source,
        summary=summary,
        behaviours=behaviours,
        metrics=metrics_of(summary, behaviours),
        pairs=pairs,
        letters=letters_of(ranking, pairs),
        runs=by_name,
        test=test,
        bounds=bounds,
        replay=replay,
        budgets=budget_curves(runs, test=test, unseen=summary.unseen),
    )


def document(findings: Findings) -> dict[str, Any]:
    """Return every number of the comparison as summary.json holds it; intervals are `mean`, `low` and `high`."""
    summary = asdict(findings.summary)
    agents = [
        {
            **agent,
            "letters": findings.letters[agent["name"]],
            "metrics": asdict(findings.metrics[agent["name"]]),
            "behaviour": asdict(behaviour),
        }
        for agent, behaviour in zip(summary.pop("agents"), findings.behaviours, strict=True)
    ]
    return {
        "schema": SCHEMA,
        "source": asdict(findings.source),
        "settings": as_json(findings.settings),
        "agents": agents,
        "pairs": [asdict(pair) for pair in findings.pairs],
        "budgets": [asdict(curve) for curve in findings.budgets],
        **summary,
    }
