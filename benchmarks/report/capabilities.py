"""Accuracy on each benchmark: as a table with intervals, and as one radar an agent."""

from collections.abc import Sequence
from math import cos, pi, sin

import numpy as np

from benchmarks.bootstrap import Interval
from benchmarks.findings import Findings
from benchmarks.report.markup import Markup, join, tag
from benchmarks.report.scale import Scale
from benchmarks.report.tables import Column, cell, source_line, table
from benchmarks.report.wording import breakable, percent, span

_CELL_WIDTH = 56
_RADAR_WIDTH, _RADAR_HEIGHT, _RADIUS = 430, 300, 112
FEWEST_SPOKES = 3
"""With fewer benchmarks there is no area to see."""


def benchmark_table(findings: Findings) -> Markup:
    """Return the accuracy of each agent on each benchmark, each with its interval below."""
    summary = findings.summary
    ranking = sorted(summary.agents, key=lambda agent: -agent.accuracy.mean)
    best = {name: max(agent.accuracy_by_benchmark[name].mean for agent in ranking) for name in summary.benchmarks}
    columns = [
        Column(title="agent", numeric=False),
        *(
            Column(title=breakable(f"{name} *" if name in summary.unseen else name), about=f"{tasks:,} test tasks")
            for name, tasks in summary.benchmarks.items()
        ),
    ]
    rows = [
        tag(
            "tr",
            tag("th", agent.name, scope="row"),
            *(
                _accuracy(interval, best=interval.mean == best[name])
                for name, interval in agent.accuracy_by_benchmark.items()
            ),
        )
        for agent in ranking
    ]
    hindsight = tag(
        "tr",
        tag("th", "best sequence in hindsight", scope="row"),
        *(cell(percent(ceiling)) for ceiling in ceilings_of(findings).values()),
    )
    return join(
        table("Accuracy by benchmark, in %, with 95 % intervals", columns, rows, foot=[hindsight]),
        tag("p", "* not trained on", class_="note") if summary.unseen else Markup(),
        source_line(findings),
    )


def _accuracy(interval: Interval, *, best: bool) -> Markup:
    axis = Scale(low=0, high=1, start=2, end=_CELL_WIDTH - 2)
    shown = percent(interval.mean)
    line = tag(
        "svg",
        tag("line", x1=axis.start, x2=axis.end, y1=4, y2=4, class_="grid"),
        tag("line", x1=axis.at(interval.low), x2=axis.at(interval.high), y1=4, y2=4, class_="reach"),
        tag("circle", cx=axis.at(interval.mean), cy=4, r=2.6, class_="mean"),
        viewBox=f"0 0 {_CELL_WIDTH} 8",
        class_="under",
        aria_hidden="true",
    )
    return tag(
        "td",
        tag("strong", shown) if best else join(shown),
        line,
        class_="number",
        title=span(interval),
        data_value=repr(interval.mean),
    )


def ceilings_of(findings: Findings) -> dict[str, float]:
    """Return, for each benchmark, the accuracy of the best sequence of calls in hindsight."""
    names = np.asarray(findings.test.task_benchmarks)
    return {name: float(findings.bounds.within_turns[names == name].mean()) for name in findings.summary.benchmarks}


def radars(findings: Findings) -> Markup | None:
    """Return a radar over the benchmarks for each agent; None where there are too few of them."""
    summary = findings.summary
    names = list(summary.benchmarks)
    if len(names) < FEWEST_SPOKES:
        return None
    ceilings = ceilings_of(findings)
    frame = [
        *(_ring(level, len(names)) for level in (0.25, 0.5, 0.75, 1.0)),
        *(_spoke(number, len(names), name) for number, name in enumerate(names)),
        tag("polygon", points=_corners([ceilings[name] for name in names]), class_="ceiling"),
    ]
    return tag(
        "div",
        *(
            tag(
                "figure",
                tag("figcaption", agent.name),
                tag(
                    "svg",
                    tag(
                        "title",
                        f"{agent.name}: "
                        + ", ".join(f"{name} {percent(agent.accuracy_by_benchmark[name].mean)} %" for name in names),
                    ),
                    *frame,
                    tag(
                        "polygon",
                        points=_corners([agent.accuracy_by_benchmark[name].mean for name in names]),
                        class_="area",
                    ),
                    viewBox=f"0 0 {_RADAR_WIDTH} {_RADAR_HEIGHT}",
                    role="img",
                    class_="chart",
                ),
            )
            for agent in summary.agents
        ),
        class_="panels wide",
    )


def _place(number: int, spokes: int, level: float) -> tuple[float, float]:
    angle = 2 * pi * number / spokes - pi / 2
    reach = _RADIUS * level
    return _RADAR_WIDTH / 2 + reach * cos(angle), _RADAR_HEIGHT / 2 + reach * sin(angle)


def _corners(levels: Sequence[float]) -> str:
    places = (_place(number, len(levels), level) for number, level in enumerate(levels))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _ring(level: float, spokes: int) -> Markup:
    return tag("polygon", points=_corners([level] * spokes), class_="ring")


def _spoke(number: int, spokes: int, name: str) -> Markup:
    x, y = _place(number, spokes, 1.0)
    beyond, height = _place(number, spokes, 1.12)
    side = "middle" if abs(beyond - _RADAR_WIDTH / 2) < 4 else "start" if beyond > _RADAR_WIDTH / 2 else "end"
    return tag(
        "g",
        tag("line", x1=_RADAR_WIDTH / 2, y1=_RADAR_HEIGHT / 2, x2=x, y2=y, class_="grid"),
        tag("text", name, x=beyond, y=height + 4, class_=f"tick {side}"),
    )
