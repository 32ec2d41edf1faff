"""Accuracy against cost: agents, single experts, and the hull of mixing them, as one chart."""

from benchmarks.amounts import amount
from benchmarks.budgets import BudgetCurve
from benchmarks.findings import Findings
from benchmarks.judging import zero_router
from benchmarks.labels import LETTER, Rectangle, label_spots
from benchmarks.report.markup import Markup, tag
from benchmarks.report.scale import Scale, ticks
from benchmarks.report.tables import Column, cell, table
from benchmarks.report.wording import percent, span
from benchmarks.summary import AgentSummary, Summary

_WIDTH, _HEIGHT = 860, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 18, 46


def frontier(findings: Findings) -> Markup:
    """Return the chart."""
    summary = findings.summary
    hull = zero_router(summary)
    bought = [point.cost.high for curve in findings.budgets for point in curve.points]
    dearest = max([*hull.cost, *bought, *(agent.cost.high for agent in summary.agents)])
    # Where nothing costs anything, all stand at the left.
    x = Scale(low=0, high=1.04 * (dearest or 1.0), start=_LEFT, end=_WIDTH - _RIGHT)
    y = Scale(low=0, high=1, start=_HEIGHT - _BOTTOM, end=_TOP)
    colours = {agent.name: number for number, agent in enumerate(summary.agents)}
    corners = " ".join(f"{x.at(c):.1f},{y.at(s):.1f}" for c, s in zip(hull.cost, hull.score, strict=True))
    beyond = f"{x.at(hull.cost[-1]):.1f},{y.at(hull.score[-1]):.1f} {x.at(x.high):.1f},{y.at(hull.score[-1]):.1f}"
    ceiling = summary.bounds.within_turns.mean
    return tag(
        "svg",
        tag("title", "Accuracy on test against mean cost of an episode"),
        *_axes(x, y, summary.cost_unit),
        tag("line", x1=x.at(0), x2=x.at(x.high), y1=y.at(ceiling), y2=y.at(ceiling), class_="bound"),
        tag("text", f"best sequence in hindsight {percent(ceiling)}", x=_LEFT + 8, y=y.at(ceiling) + 16, class_="pale"),
        tag("polyline", points=corners, class_="hull"),
        tag("polyline", points=beyond, class_="hull beyond"),
        *(
            tag(
                "circle",
                tag(
                    "title",
                    f"{expert.id}: {percent(expert.accuracy)} % for {amount(expert.cost)} {summary.cost_unit}",
                ),
                cx=x.at(expert.cost), cy=y.at(expert.accuracy), r=3.2, class_="expert",
            )
            for expert in summary.experts
            if expert.accuracy > 0  # locators give no answer
        ),
        *(_curve(curve, x, y, colours[curve.agent]) for curve in findings.budgets),
        *_agents(summary, x, y),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_="chart broad",
        role="img",
        aria_label="Accuracy against cost; the numbers are in the leaderboard.",
    )  # fmt: skip


def _axes(x: Scale, y: Scale, unit: str) -> list[Markup]:
    marks: list[Markup] = []
    for value in ticks(y.low, y.high):
        marks.append(tag("line", x1=x.start, x2=x.end, y1=y.at(value), y2=y.at(value), class_="grid"))
        marks.append(tag("text", f"{100 * value:.0f}", x=x.start - 8, y=y.at(value) + 4, class_="tick end"))
    for value in ticks(x.low, x.high, about=8):
        marks.append(tag("text", f"{value:g}", x=x.at(value), y=y.start + 18, class_="tick middle"))
    marks.append(tag("text", "accuracy (%)", x=8, y=y.start + 38, class_="tick"))
    marks.append(tag("text", f"mean cost of an episode ({unit})", x=x.end, y=y.start + 38, class_="tick end"))
    return marks


def _agents(summary: Summary, x: Scale, y: Scale) -> list[Markup]:
    places = [(x.at(agent.cost.mean), y.at(agent.accuracy.mean)) for agent in summary.agents]
    labels = [f"{agent.name} {percent(agent.accuracy.mean)}" for agent in summary.agents]
    lines = [line for agent in summary.agents for line in _lines(agent, x, y)]
    spots = label_spots(places, [LETTER * len(label) for label in labels], lines=lines, left=_LEFT, right=x.end)
    crosses = [_cross(agent, x, y, colour) for colour, agent in enumerate(summary.agents)]
    # Labels come last, so that no line crosses them.
    return crosses + [
        tag("text", label, x=spot.left, y=spot.bottom - 4, class_=f"label c{colour % 8}")
        for colour, (label, spot) in enumerate(zip(labels, spots, strict=True))
    ]


def _curve(curve: BudgetCurve, x: Scale, y: Scale, colour: int) -> Markup:
    """Return an agent's line from price to price."""
    places = [(x.at(point.cost.mean), y.at(point.accuracy.mean)) for point in curve.points]
    return tag(
        "g",
        tag("polyline", points=" ".join(f"{across:.1f},{up:.1f}" for across, up in places), class_="budget"),
        *(
            tag(
                "circle",
                tag("title", f"{curve.agent} at weight {point.cost_weight:g}: {percent(point.accuracy.mean)} %"),
                cx=across, cy=up, r=3, class_="mean",
            )
            for point, (across, up) in zip(curve.points, places, strict=True)
        ),
        class_=f"series c{colour % 8}",
    )  # fmt: skip


def budget_table(findings: Findings) -> Markup:
    """Return each agent's accuracy and cost at every price; nothing where there was one price only."""
    if not findings.budgets:
        return Markup()
    columns = [
        Column(title="agent", numeric=False),
        Column(title="cost weight"),
        Column(title="accuracy %"),
        Column(title="95 % interval", numeric=False, sortable=False),
        Column(title=findings.summary.cost_unit),
        Column(title="AIQ", about="mean height of the hull of the agent's points, in %"),
    ]
    rows = [
        tag(
            "tr",
            tag("th", curve.agent, scope="row"),
            cell(f"{point.cost_weight:g}"),
            cell(percent(point.accuracy.mean)),
            cell(span(point.accuracy), numeric=False),
            cell(amount(point.cost.mean), value=point.cost.mean),
            cell(percent(curve.aiq)),
        )
        for curve in findings.budgets
        for point in curve.points
    ]
    return tag(
        "details",
        tag("summary", "Every agent at every price"),
        table("Accuracy for each price of a unit of cost", columns, rows),
    )


def _cross(agent: AgentSummary, x: Scale, y: Scale, colour: int) -> Markup:
    accuracy, cost = agent.accuracy, agent.cost
    across, up = x.at(cost.mean), y.at(accuracy.mean)
    return tag(
        "g",
        tag(
            "title",
            f"{agent.name}: {percent(accuracy.mean)} % ({span(accuracy)}) for {amount(cost.mean)} "
            f"({amount(cost.low)} to {amount(cost.high)})",
        ),
        tag("line", x1=across, x2=across, y1=y.at(accuracy.low), y2=y.at(accuracy.high), class_="reach"),
        tag("line", x1=x.at(cost.low), x2=x.at(cost.high), y1=up, y2=up, class_="reach"),
        tag("circle", cx=across, cy=up, r=5.5, class_="mean"),
        class_=f"series c{colour % 8}",
    )


def _lines(agent: AgentSummary, x: Scale, y: Scale) -> list[Rectangle]:
    """Return what an agent's two intervals cover."""
    accuracy, cost = agent.accuracy, agent.cost
    across, up = x.at(cost.mean), y.at(accuracy.mean)
    return [
        Rectangle(left=across - 1, top=y.at(accuracy.high), right=across + 1, bottom=y.at(accuracy.low)),
        Rectangle(left=x.at(cost.low), top=up - 1, right=x.at(cost.high), bottom=up + 1),
    ]
