"""Pictures of the page: example tasks of each benchmark, frontiers, and accuracy by difficulty. No measuring here."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.world_gates.frontiers import COSTS
from benchmarks.world_gates.plan_table import Outcomes
from benchmarks.world_gates.tables import BenchmarkTable
from maestro_env.tasks.procedural.generate import render

_COLUMNS = 4
_THUMBNAIL_PX = 176
_GAP_PX = 12
_CAPTION_PX = 62
_COLOURS = ("#009E73", "#E69F00", "#0072B2")
"""Okabe and Ito's, which people with any of the common colour blindnesses can tell apart."""


def examples(benchmark: str) -> Image.Image:
    """Return a row of the first test tasks of a benchmark, with questions and answers."""
    size = (_COLUMNS * (_THUMBNAIL_PX + _GAP_PX) + _GAP_PX, _THUMBNAIL_PX + _CAPTION_PX + 2 * _GAP_PX)
    row = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(row), ImageFont.load_default(12)
    for column in range(_COLUMNS):
        rendered = render(benchmark, "test", column)
        left, top = _GAP_PX + column * (_THUMBNAIL_PX + _GAP_PX), _GAP_PX
        row.paste(
            rendered.image.convert("RGB").resize((_THUMBNAIL_PX, _THUMBNAIL_PX), Image.Resampling.LANCZOS), (left, top)
        )
        pen.rectangle((left - 1, top - 1, left + _THUMBNAIL_PX, top + _THUMBNAIL_PX), outline="#bbb")
        lines = textwrap.wrap(rendered.task.question, 30)[:3]
        below = top + _THUMBNAIL_PX + 5
        pen.text((left, below), "\n".join(lines), "#222", font, spacing=2)
        pen.text((left, below + 15 * len(lines)), rendered.task.gold, "#1a6f3c", font)
    return row


def save(image: Image.Image, path: Path) -> None:
    """Write a picture as a small PNG."""
    image.quantize(96).save(path, optimize=True)


def frontier_figure(
    curves: Mapping[str, Sequence[Outcomes]], bounds: Mapping[str, NDArray[np.float64]], *, source: str
) -> Figure:
    """Draw mean score on test against mean cost, for each kind of policy, with upper bounds.

    Args:
        curves: By label, frontiers [K, N] of each seed.
        bounds: By label, the bound at each of `frontiers.COSTS`.
        source: Command, commit and hardware.
    """
    figure = Figure(figsize=(7.2, 4.4), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    axes.grid(color="#e8e8e8")
    for (label, frontiers), colour in zip(curves.items(), _COLOURS, strict=False):
        for number, points in enumerate(frontiers):
            costs, scores = points.cost.mean(axis=1), 100 * points.score.mean(axis=1)
            axes.plot(costs, scores, "o-", ms=3, lw=1.4, alpha=0.8, color=colour, label=label if number == 0 else None)
    for (label, heights), style in zip(bounds.items(), (":", "--"), strict=False):
        axes.plot(COSTS, 100 * heights, style, color="#8a8a8a", label=label)
    axes.axvspan(COSTS[0], COSTS[-1], color="#f4f4f4", zorder=0)
    axes.set(xlabel="mean passes an episode", ylabel="accuracy on test (%)", xlim=(0, 6), ylim=(0, 100))
    axes.legend(loc="lower right", frameon=False, fontsize=8)
    figure.supxlabel(source, fontsize=6, color="#8a8a8a")
    return figure


def difficulty_figure(tables: Sequence[BenchmarkTable], *, source: str) -> Figure:
    """Draw the accuracy of each benchmark's most able reader on easy, middling and hard tasks."""
    columns = 5
    rows = -(-len(tables) // columns)
    figure = Figure(figsize=(1.7 * columns, 1.6 * rows + 0.3), dpi=110, layout="constrained")
    for place, table in enumerate(tables):
        axes = figure.add_subplot(rows, columns, place + 1)
        heights = [100 * share for share in table.by_difficulty]
        axes.bar(range(len(heights)), heights, color=["#9fd8c6", "#4fb795", "#00795a"][: len(heights)], width=0.8)
        axes.axhline(100 * table.chance, color="#8a8a8a", lw=1, ls=":")
        axes.set_title(table.benchmark, fontsize=8)
        axes.set(ylim=(0, 100), xticks=[])
        axes.tick_params(labelsize=6)
    figure.supxlabel(source, fontsize=6, color="#8a8a8a")
    return figure
