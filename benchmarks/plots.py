"""Figures from numbers. Nothing is computed or played here.

Colours: Okabe and Ito's set, which people with any of the common colour blindnesses can tell apart; every agent has a
marker and a label of its own too.
Source: M. Okabe, K. Ito, Color Universal Design (2008), https://jfly.uni-koeln.de/color/
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from benchmarks.bootstrap import Interval
from benchmarks.labels import LETTER, label_spots
from benchmarks.summary import Summary

COLOURS = ("#999999", "#E69F00", "#56B4E9", "#0072B2", "#CC79A7", "#009E73", "#D55E00")
_MARKERS = ("X", "s", "v", "D", "h", "o", "^", "P")  # one more than colours, so that no two agents share both
_LABEL_UNITS_AN_INCH = 86.0
"""A label of 10 points is 18 units of labels.py high, with a little room."""
_INK, PALE, GRID = "#222222", "#8a8a8a", "#e8e8e8"
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.edgecolor": PALE,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def accuracy_against_cost(summary: Summary, *, source: str) -> Figure:
    """Draw every agent's accuracy against its mean cost, with single experts as points and bounds as lines.

    Args:
        summary: What to draw.
        source: Command, commit and hardware; stands under the figure.

    Returns:
        A figure that belongs to no window; save it with `savefig`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.4, 5.6), dpi=160, layout="constrained")
        axes = figure.add_subplot()
        axes.set_axisbelow(True)
        axes.grid(color=GRID, linewidth=0.8)
        _draw_experts(axes, summary)
        _draw_agents(axes, summary)
        _draw_bounds(axes, summary)
        tasks = sum(count for name, count in summary.benchmarks.items() if name not in summary.unseen)
        axes.set_title("What calling experts well is worth", loc="left", fontweight="bold", fontsize=13, pad=22)
        axes.text(
            0, 1.025, f"{tasks:,} test tasks; bars are 95 % intervals over tasks and seeds",
            transform=axes.transAxes, color=PALE,
        )  # fmt: skip
        axes.set_xlabel(f"mean cost of an episode ({summary.cost_unit})")
        axes.set_ylabel("accuracy on test (%)")
        axes.set_xlim(left=0)
        axes.set_ylim(0, 100)
        _label_agents(figure, axes, summary)
        figure.supxlabel(source, fontsize=6.5, color=PALE, x=0.99, ha="right")
    return figure


def _draw_experts(axes: Axes, summary: Summary) -> None:
    readers = [expert for expert in summary.experts if expert.accuracy > 0]  # locators give no answer
    axes.scatter(
        [expert.cost for expert in readers],
        [100 * expert.accuracy for expert in readers],
        s=22, color="#c4c4c4", edgecolor="white", linewidth=0.6, zorder=2, label="one call of a single expert",
    )  # fmt: skip
    axes.legend(loc="lower right", frameon=False, handletextpad=0.2)


def _draw_agents(axes: Axes, summary: Summary) -> None:
    for place, agent in enumerate(summary.agents):
        x, y = agent.cost.mean, 100 * agent.accuracy.mean
        colour = COLOURS[place % len(COLOURS)]
        axes.errorbar(
            x, y,
            xerr=_bar(agent.cost, scale=1.0),
            yerr=_bar(agent.accuracy, scale=100.0),
            fmt=_MARKERS[place % len(_MARKERS)], color=colour, markersize=9, markeredgecolor="white",
            elinewidth=1.6, zorder=4,
        )  # fmt: skip


def _label_agents(figure: Figure, axes: Axes, summary: Summary) -> None:
    """Label the agents where there is room; the axes must have their final limits."""
    figure.draw_without_rendering()  # lays the figure out, which says where data lie on it
    unit = figure.dpi / _LABEL_UNITS_AN_INCH
    points = [(agent.cost.mean, 100 * agent.accuracy.mean) for agent in summary.agents]
    places = [(x / unit, -y / unit) for x, y in axes.transData.transform(points)]
    texts = [f"{agent.name}  {y:.1f}" for agent, (_, y) in zip(summary.agents, points, strict=True)]
    area = axes.get_window_extent()
    spots = label_spots(places, [LETTER * len(text) for text in texts], left=area.x0 / unit, right=area.x1 / unit)
    for place, (text, point, (x, y), spot) in enumerate(zip(texts, points, places, spots, strict=True)):
        offset = spot.left - x, y - (spot.top + spot.bottom) / 2
        axes.annotate(
            text, point, xytext=(offset[0] * 72 / _LABEL_UNITS_AN_INCH, offset[1] * 72 / _LABEL_UNITS_AN_INCH),
            textcoords="offset points", va="center", ha="left", color=COLOURS[place % len(COLOURS)],
            fontweight="bold", zorder=5, path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip


def _bar(interval: Interval, *, scale: float) -> list[list[float]]:
    """Return how far an error bar reaches down and up; rounding may put an end on the wrong side of the mean."""
    down, up = interval.mean - interval.low, interval.high - interval.mean
    return [[scale * max(down, 0.0)], [scale * max(up, 0.0)]]


def _draw_bounds(axes: Axes, summary: Summary) -> None:
    bounds = summary.bounds
    lines = (
        ("any expert right", bounds.any_right, (0, (1, 2))),
        ("best sequence in hindsight", bounds.within_turns, (0, (6, 2))),
        ("confident replies only", bounds.confident_only, (0, (4, 2, 1, 2))),
    )
    heights = spread([100 * line[1].mean for line in lines], gap=4.2, top=99.0)
    for (label, bound, dashes), height in zip(lines, heights, strict=True):
        axes.axhline(100 * bound.mean, color=PALE, linewidth=1.1, linestyle=dashes, zorder=1)
        axes.annotate(
            f"{label}  {100 * bound.mean:.1f}", (1.0, height), xycoords=("axes fraction", "data"),
            xytext=(6, 0), textcoords="offset points", va="center", color=PALE, fontsize=8.5, annotation_clip=False,
        )  # fmt: skip


def spread(values: Sequence[float], *, gap: float, top: float) -> list[float]:
    """Return heights for labels: in the same order, at least `gap` apart, not above `top`, near the values.

    Labels are moved up off the one below, then down from `top`.
    """
    order = sorted(range(len(values)), key=lambda place: values[place])
    moved = [min(value, top) for value in values]
    for lower, upper in pairwise(order):
        moved[upper] = max(moved[upper], moved[lower] + gap)
    ceiling = top
    for place in reversed(order):
        moved[place] = min(moved[place], ceiling)
        ceiling = moved[place] - gap
    return moved
