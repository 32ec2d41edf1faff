"""Who is how good at what cost, and which differences are shown."""

from benchmarks.amounts import amount
from benchmarks.bootstrap import Interval
from benchmarks.findings import Findings
from benchmarks.pairs import Pair
from benchmarks.report.markup import Markup, join, tag
from benchmarks.report.scale import Scale, ticks
from benchmarks.report.tables import Column, cell, source_line, table
from benchmarks.report.wording import percent, points, points_span, span
from benchmarks.summary import AgentSummary
from maestro_env.types import Outcome

_WIDTH, _HEIGHT = 150, 18


def leaderboard(findings: Findings) -> Markup:
    """Return the table of agents, the best first, with the oracle bounds below."""
    summary = findings.summary
    ranking = sorted(summary.agents, key=lambda agent: -agent.accuracy.mean)
    bounds = {
        "best sequence in hindsight": summary.bounds.within_turns,
        "any expert right": summary.bounds.any_right,
    }
    shown = [agent.accuracy for agent in ranking] + list(bounds.values())
    axis = Scale(
        low=min(interval.low for interval in shown) - 0.02,
        high=max(interval.high for interval in shown) + 0.02,
        start=4,
        end=_WIDTH - 4,
    )
    columns = [
        Column(title="agent", numeric=False),
        Column(title="accuracy %", about="mean over test tasks of the benchmarks trained on"),
        Column(title="95 % interval", about="over tasks and seeds", numeric=False, sortable=False),
        Column(title="alike", about="agents that share a letter are not shown to differ", numeric=False),
        *([Column(title="unseen %", about="on benchmarks that were not trained on")] if summary.unseen else []),
        Column(title=summary.cost_unit, about="mean cost of an episode"),
        Column(title="calls", about="mean number of calls in an episode"),
        Column(title="priced", about=f"accuracy less {100 * summary.price:g} points for each unit of cost"),
        Column(title="vs mixing", about="accuracy less what mixing single experts by lot reaches for the same cost"),
        Column(title="wasted", about="calls after the answer was first right, in hindsight"),
        Column(title="seeds"),
    ]
    foot = [_bound(name, interval, axis, len(columns)) for name, interval in bounds.items()]
    rows = [_row(agent, findings, axis) for agent in ranking]
    tasks = sum(number for name, number in summary.benchmarks.items() if name not in summary.unseen)
    return join(
        table(f"Accuracy on {tasks:,} test tasks", columns, rows, foot=foot),
        source_line(findings),
        tag("details", tag("summary", "Every pair, with its interval"), _pairs(findings)),
        tag("details", tag("summary", "More metrics"), _metrics(findings)),
    )


def _row(agent: AgentSummary, findings: Findings, axis: Scale) -> Markup:
    metrics = findings.metrics[agent.name]
    letters = findings.letters[agent.name]
    above = metrics.above_zero_router
    unseen = [] if agent.unseen is None else [cell(percent(agent.unseen.mean))]
    return tag(
        "tr",
        tag("th", agent.name, scope="row"),
        cell(tag("strong", percent(agent.accuracy.mean))),
        cell(join(interval_line(agent.accuracy, axis), tag("small", span(agent.accuracy))), numeric=False),
        cell(tag("span", letters, class_="letters"), numeric=False),
        *unseen,
        cell(amount(agent.cost.mean), value=agent.cost.mean),
        cell(f"{agent.calls.mean:.2f}"),
        cell(percent(agent.priced.mean), value=agent.priced.mean),
        cell("" if above is None else points(above), value=-1e9 if above is None else above),
        cell(f"{metrics.wasted_calls:.2f}"),
        cell(str(len(agent.seeds))),
    )


def _bound(name: str, interval: Interval, axis: Scale, columns: int) -> Markup:
    return tag(
        "tr",
        tag("th", name, scope="row"),
        cell(percent(interval.mean)),
        cell(join(interval_line(interval, axis), tag("small", span(interval))), numeric=False),
        *[tag("td")] * (columns - 3),
    )


def interval_line(interval: Interval, axis: Scale) -> Markup:
    """Return an interval as a thin line, its mean as a dot; round percentages are faint lines behind."""
    middle = _HEIGHT / 2
    grid = [
        tag("line", x1=axis.at(value), x2=axis.at(value), y1=0, y2=_HEIGHT, class_="grid")
        for value in ticks(axis.low, axis.high, about=4)
    ]
    return tag(
        "svg",
        *grid,
        tag("line", x1=axis.at(interval.low), x2=axis.at(interval.high), y1=middle, y2=middle, class_="reach"),
        tag("circle", cx=axis.at(interval.mean), cy=middle, r=3.5, class_="mean"),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_="interval",
        aria_hidden="true",
    )


def _pairs(findings: Findings) -> Markup:
    columns = [
        Column(title="more accurate", numeric=False),
        Column(title="than", numeric=False),
        Column(title="points"),
        Column(title="chance", about="that a run of the first beats a run of the second on a random benchmark, in %"),
        Column(title="95 % paired interval", numeric=False, sortable=False),
        Column(title="shown to differ", numeric=False),
    ]
    return join(
        table("Differences in accuracy", columns, [_pair(pair) for pair in findings.pairs]),
        tag(
            "p",
            "Both agents are scored on the same resampled tasks. The intervals are not widened for the number of "
            "pairs: of twenty that are really alike, about one is expected to be called different.",
            class_="note",
        ),
        source_line(findings),
    )


def _metrics(findings: Findings) -> Markup:
    columns = [
        Column(title="agent", numeric=False),
        Column(title="balanced %", about="accuracy where every benchmark weighs the same"),
        Column(title="gain on best expert", about="(A - A best) / A best, in %"),
        Column(title="cost saved", about="of the best expert's cost, in %; empty for agents less accurate than it"),
        Column(title="gap recovered", about="from the best expert, 0, to the best sequence in hindsight, 100"),
        Column(title="regret", about="points below the best sequence in hindsight"),
        Column(title="interquartile mean", about="of the accuracies on the benchmarks trained on, in %"),
        Column(title="on the frontier", about="no agent is as cheap and better, or as good and cheaper", numeric=False),
        Column(title="distance to it", about="both axes scaled to [0, 1]"),
        Column(title="entropy of calls", about="0: all to one expert; 1: all alike"),
        Column(title="collapse", about="share of calls that go to the expert called most, in %"),
        Column(title="latency", about="mean of an episode in seconds: recorded, or modelled from passes"),
        Column(title="no answer", about="episodes in which no reply held an answer and no call failed, in %"),
        Column(title="failed", about="episodes that failed calls left without an answer, in %; never counted as wrong"),
        Column(title="alike seeds", about="test tasks on which all seeds earn the same, in %"),
    ]
    rows = [
        tag(
            "tr",
            tag("th", agent.name, scope="row"),
            cell(percent(agent.accuracy_over_benchmarks.mean)),
            cell("" if one.perf_gain is None else points(one.perf_gain)),
            cell("" if one.cost_save is None else points(one.cost_save)),
            cell("" if one.gap_recovered is None else percent(one.gap_recovered)),
            cell(percent(one.regret)),
            cell(percent(one.interquartile_mean)),
            cell("yes" if one.on_frontier else "no", numeric=False),
            cell(f"{one.pareto_distance:.2f}"),
            cell("" if one.usage_entropy is None else f"{one.usage_entropy:.2f}"),
            cell("" if one.collapse is None else percent(one.collapse)),
            cell(f"{does.latency_s:.2f}"),
            cell(percent(does.outcomes[Outcome.UNANSWERED])),
            cell(percent(does.outcomes[Outcome.EXPERT_ERROR])),
            cell("" if does.same_outcome is None else percent(does.same_outcome)),
        )
        for agent, one, does in zip(
            findings.summary.agents, findings.metrics.values(), findings.behaviours, strict=True
        )
    ]
    return join(table("Metrics of each agent", columns, rows), source_line(findings))


def _pair(pair: Pair) -> Markup:
    return tag(
        "tr",
        tag("th", pair.first, scope="row"),
        cell(pair.second, numeric=False),
        cell(points(pair.accuracy.mean), value=pair.accuracy.mean),
        cell(f"{100 * pair.probability:.0f}"),
        cell(points_span(pair.accuracy), numeric=False),
        cell("yes" if pair.accuracy.excludes_zero else "no", numeric=False),
    )
