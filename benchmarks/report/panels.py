"""Small charts side by side, one an agent: its own line strong with its intervals, the others' pale behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.behaviour import Behaviour
from benchmarks.bootstrap import Interval
from benchmarks.findings import Findings
from benchmarks.learning import CurvePoint
from benchmarks.report.markup import Markup, tag
from benchmarks.report.scale import Scale, ticks
from benchmarks.report.wording import percent, span

_WIDTH, _HEIGHT = 260, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 30, 22, 12, 26


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One agent's line."""

    across: Sequence[float]
    heights: Sequence[Interval]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """How heights are written."""

    least_top: float
    """The axis reaches up to here at least."""
    tick: Callable[[float], str]
    in_words: Callable[[Interval], str]


_PERCENT = Unit(
    least_top=1.0,
    tick=lambda value: f"{100 * value:.0f}",
    in_words=lambda height: f"{percent(height.mean)} % ({span(height)})",
)
_EPISODES = Unit(
    least_top=0.0,
    tick=lambda value: f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}",
    in_words=lambda height: f"{height.mean:.0f} ({height.low:.0f} to {height.high:.0f})",
)


def difficulty_panels(findings: Findings) -> Markup | None:
    """Return accuracy by difficulty; None where tasks do not say how hard they are."""
    lines = {
        one.agent: Line(across=range(len(one.by_difficulty)), heights=list(one.by_difficulty.values()))
        for one in findings.behaviours
        if len(one.by_difficulty) > 1
    }
    names = [list(one.by_difficulty) for one in findings.behaviours][:1]
    return _panels(lines, dict(enumerate(names[0])), bars=True) if lines else None


def learning_panels(findings: Findings) -> Markup | None:
    """Return learning curves; None where no agent reports any."""
    return _over_episodes(findings.behaviours, lambda point: point.reward, unit=_PERCENT)


def regret_panels(findings: Findings) -> Markup | None:
    """Return regret curves of agents of one call; None where none reports what it earned while learning.

    Others can be better than any single call: a regret that falls below 0 would say little.
    """
    one_call = {agent.name for agent in findings.summary.agents if agent.calls.mean <= 1.0 + 1e-9}
    shown = [one for one in findings.behaviours if one.agent in one_call]
    return _over_episodes(shown, lambda point: point.regret, unit=_EPISODES)


def _over_episodes(
    behaviours: Sequence[Behaviour], height: Callable[[CurvePoint], Interval], *, unit: Unit
) -> Markup | None:
    lines = {
        one.agent: Line(
            across=[point.num_episodes for point in one.learning], heights=[height(point) for point in one.learning]
        )
        for one in behaviours
        if one.learning
    }
    if not lines:
        return None
    last = max(line.across[-1] for line in lines.values())
    marks = {value: f"{value:,.0f}" for value in ticks(0, last, about=3)}
    return _panels(lines, marks, bars=False, unit=unit)


def _panels(lines: Mapping[str, Line], marks: Mapping[float, str], *, bars: bool, unit: Unit = _PERCENT) -> Markup:
    edges = [*marks, *(place for line in lines.values() for place in line.across)]
    room = 0.12 * (max(edges) - min(edges)) if bars else 0.0
    x = Scale(low=min(edges) - room, high=max(edges) + room, start=_LEFT, end=_WIDTH - _RIGHT)
    ends = [end for line in lines.values() for height in line.heights for end in (height.low, height.high)]
    low, high = min(0.0, *ends), max(unit.least_top, *ends)
    # Where nobody could ever be better than another, all regret is 0.
    y = Scale(low=low, high=high if high > low else low + 1.0, start=_HEIGHT - _BOTTOM, end=_TOP)
    frame = [
        *(tag("line", x1=x.start, x2=x.end, y1=y.at(value), y2=y.at(value), class_="grid") for value in _levels(y)),
        *(tag("text", unit.tick(value), x=_LEFT - 6, y=y.at(value) + 4, class_="tick end") for value in _levels(y)),
        *(tag("text", name, x=x.at(place), y=_HEIGHT - 8, class_="tick middle") for place, name in marks.items()),
    ]
    pale = {name: _polyline(line, x, y, "pale-line") for name, line in lines.items()}
    return tag(
        "div",
        *(
            tag(
                "figure",
                tag("figcaption", name),
                tag(
                    "svg",
                    tag("title", f"{name}: {_in_words(line, marks, unit)}"),
                    *frame,
                    *(other for other_name, other in pale.items() if other_name != name),
                    *(_bars(line, x, y) if bars else [_band(line, x, y)]),
                    _polyline(line, x, y, "own-line"),
                    *(_dots(line, x, y) if bars else []),
                    viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
                    role="img",
                    class_="chart",
                ),
            )
            for name, line in lines.items()
        ),
        class_="panels",
    )


def _levels(y: Scale) -> list[float]:
    return ticks(y.low, y.high, about=4)


def _in_words(line: Line, marks: Mapping[float, str], unit: Unit) -> str:
    """Return what a panel shows, for those who cannot see it."""
    shown = [(place, height) for place, height in zip(line.across, line.heights, strict=True) if place in marks]
    if not shown:
        shown = [(line.across[-1], line.heights[-1])]
    return "; ".join(f"{marks.get(place, f'{place:g}')} {unit.in_words(height)}" for place, height in shown)


def _polyline(line: Line, x: Scale, y: Scale, kind: str) -> Markup:
    points = zip(line.across, line.heights, strict=True)
    joined = " ".join(f"{x.at(place):.1f},{y.at(height.mean):.1f}" for place, height in points)
    return tag("polyline", points=joined, class_=kind)


def _band(line: Line, x: Scale, y: Scale) -> Markup:
    places = [x.at(place) for place in line.across]
    low = [f"{place:.1f},{y.at(height.low):.1f}" for place, height in zip(places, line.heights, strict=True)]
    high = [f"{place:.1f},{y.at(height.high):.1f}" for place, height in zip(places, line.heights, strict=True)]
    return tag("polygon", points=" ".join([*low, *reversed(high)]), class_="band")


def _bars(line: Line, x: Scale, y: Scale) -> list[Markup]:
    return [
        tag("line", x1=x.at(place), x2=x.at(place), y1=y.at(height.low), y2=y.at(height.high), class_="reach")
        for place, height in zip(line.across, line.heights, strict=True)
    ]


def _dots(line: Line, x: Scale, y: Scale) -> list[Markup]:
    return [
        tag("circle", cx=x.at(place), cy=y.at(height.mean), r=3.5, class_="mean")
        for place, height in zip(line.across, line.heights, strict=True)
    ]
