"""The family `diagrams`: overlapping rings, crossing lines, a circled letter, grids.

What `it` means: the largest ring, the circled letter, the shape in the grid. What is counted: rings, crossings,
letters, cells.
"""

from math import hypot

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, distance, mixed, textured
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, LETTERS, SHAPES, Intent

KINDS = ("rings", "crossings", "letters", "grid")
PAPERS: tuple[Colour, ...] = ((252, 252, 250), (241, 244, 250), (249, 243, 232), (232, 238, 232))
MAX_RINGS = 8
MAX_CROSSINGS = 6
MAX_CELLS = 12
MIN_CONTRAST = 0.22
MIN_PART = 0.014
"""Smallest stroke, as a fraction of the side: about one pixel of 64."""
MIN_GAP = 0.045
"""Smallest distance between what has to be told apart: centres of rings, crossings, letters, lines of a grid."""

Drawn = tuple[tuple[Query, ...], dict[str, float | int]]
"""The queries of what was drawn, and what was measured while drawing."""

_INK: Colour = (52, 55, 62)
_ASK_RINGS = ("How many circles overlap here?", "Count the circles.", "How many rings are drawn?")
_ASK_LARGEST = ("What colour is the largest circle?", "Which colour has the biggest ring?")
_ASK_CROSSINGS = ("How often do the two lines cross?", "How many times do the lines meet?", "Count the crossings.")
_ASK_HIGHER_END = ("Which line ends higher on the right?", "What colour is the upper line at the right edge?")
_ASK_CIRCLED = ("Which letter is circled?", "Around which letter is the circle?")
_ASK_LETTERS = ("How many letters are in the row?", "How long is the row of letters?")
_ASK_CIRCLE_COLOUR = ("What colour is the circle around the letter?", "In which colour is a letter circled?")
_ASK_CELLS = ("How many cells has the grid?", "Of how many boxes is the grid made?")
_ASK_ROWS = ("How many rows has the grid?", "Count the rows of the grid.")
_ASK_COLUMNS = ("How many columns has the grid?", "Count the columns of the grid.")
_ASK_CELL_SHAPE = ("Which shape is in the grid?", "What shape lies in one of the cells?")
_ASK_CELL_COLOUR = ("What colour is the shape in the grid?", "Which colour has the filled cell's shape?")


class Diagrams(Family):
    """Line drawings that are easy for people and hard for networks."""

    name = "diagrams"
    native_px = 320

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        paper = PAPERS[int(rng.integers(len(PAPERS)))]
        canvas = Canvas(size_px, paper)
        fade = between(0.0, 0.25, difficulty) * float(rng.random())
        inks = {name: mixed(colour, paper, fade) for name, colour in COLOURS.items()}
        if kind == "rings":
            queries, measured = _draw_rings(canvas, rng, difficulty, inks)
        elif kind == "crossings":
            queries, measured = _draw_crossings(canvas, rng, difficulty, inks)
        elif kind == "letters":
            queries, measured = _draw_letters(canvas, rng, difficulty, inks)
        else:
            queries, measured = _draw_grid(canvas, rng, difficulty, inks)
        image = textured(canvas.finish(), between(0.0, 0.35, difficulty), rng)
        contrast = min(distance(ink, paper) for ink in inks.values())
        factors = {"difficulty": difficulty, "kind": kind, "contrast": contrast, **measured}
        return Figure(image=image, queries=queries, factors=factors)

    def check(self, figure: Figure) -> None:
        for name, floor in (("contrast", MIN_CONTRAST), ("part", MIN_PART), ("gap", MIN_GAP)):
            if float(figure.factors[name]) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw it darker, thicker or further apart."
                )


def _two_colours(rng: np.random.Generator) -> tuple[str, str]:
    names = tuple(COLOURS)
    first, second = (int(i) for i in rng.permutation(len(names))[:2])
    return names[first], names[second]


def _draw_rings(canvas: Canvas, rng: np.random.Generator, difficulty: float, inks: dict[str, Colour]) -> Drawn:
    count = int(rng.integers(1, round(between(5, MAX_RINGS, difficulty)) + 1))
    radius = between(0.15, 0.12, difficulty)
    largest = 1.45 * radius
    centres = _overlapping(rng, count, radius, largest)
    names = [pick(tuple(COLOURS), rng) for _ in centres]
    width = between(0.03, 0.02, difficulty)
    for i, ((x, y), name) in enumerate(zip(centres, names, strict=True)):
        canvas.circle(x, y, largest if i == 0 else radius, None, inks[name], width)
    gap = min((hypot(x - u, y - v) for i, (x, y) in enumerate(centres) for u, v in centres[:i]), default=1.0)
    queries = (
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_RINGS, rng)),
        Query(intent=Intent.COLOUR, answer=names[0]),
        Query(intent=Intent.COLOUR, answer=names[0], question=pick(_ASK_LARGEST, rng)),
    )
    return queries, {"part": width, "gap": gap, "num_elements": count}


def _overlapping(rng: np.random.Generator, count: int, radius: float, largest: float) -> list[Point]:
    """Place rings so that each overlaps an earlier one and all centres are well apart; the first is the largest."""
    while True:
        low, high = largest + 0.02, 0.98 - largest
        centres = [(float(rng.uniform(low, high)), float(rng.uniform(low, high)))]
        for _ in range(40 * count):
            if len(centres) == count:
                return centres
            x, y = (float(v) for v in rng.uniform(radius + 0.02, 0.98 - radius, 2))
            gaps = [hypot(x - u, y - v) for u, v in centres]
            touches = gaps[0] < 0.9 * (largest + radius) or any(gap < 1.7 * radius for gap in gaps[1:])
            # No ring hides within the largest one, and no two nearly coincide.
            if touches and gaps[0] > largest - 0.2 * radius and min(gaps) > 0.85 * radius:
                centres.append((x, y))


def _draw_crossings(canvas: Canvas, rng: np.random.Generator, difficulty: float, inks: dict[str, Colour]) -> Drawn:
    first, second = _two_colours(rng)
    count = int(rng.integers(0, round(between(4, MAX_CROSSINGS, difficulty)) + 1))
    upper, lower, gap = _crossing_lines(rng, count, least=between(0.17, 0.12, difficulty))
    width = between(0.028, 0.02, difficulty)
    knots = [float(x) for x in np.linspace(0.06, 0.94, len(upper))]
    for heights, name in ((upper, first), (lower, second)):
        canvas.line([(x, float(y)) for x, y in zip(knots, heights, strict=True)], inks[name], width)
    higher = first if upper[-1] < lower[-1] else second
    queries = (
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_CROSSINGS, rng)),
        Query(intent=Intent.COLOUR, answer=higher, question=pick(_ASK_HIGHER_END, rng)),
    )
    return queries, {"part": width, "gap": gap, "num_elements": count}


def _crossing_lines(
    rng: np.random.Generator, count: int, least: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the heights of two lines that cross `count` times, and the smallest distance between crossings.

    The lines share their knots. They cross just where the sign of their difference changes from knot to knot.

    Args:
        rng: The only source of randomness.
        count: How many crossings.
        least: Smallest difference of the heights at a knot.
    """
    num_segments = max(3, count)
    while True:
        flips = np.zeros(num_segments, dtype=np.int64)
        flips[rng.permutation(num_segments)[:count]] = 1
        signs = (1 - 2 * (np.cumsum(np.concatenate([[0], flips])) % 2)) * (1 if rng.random() < 0.5 else -1)
        sizes = rng.uniform(least, least + 0.22, num_segments + 1)
        middles = rng.uniform(0.3, 0.7, num_segments + 1)
        step = 0.88 / num_segments
        crossings = [step * (i + sizes[i] / (sizes[i] + sizes[i + 1])) for i in range(num_segments) if flips[i]]
        gap = float(np.diff(crossings).min()) if count > 1 else 1.0
        if gap > 0.1:
            return middles - signs * sizes / 2, middles + signs * sizes / 2, gap


def _draw_letters(canvas: Canvas, rng: np.random.Generator, difficulty: float, inks: dict[str, Colour]) -> Drawn:
    count = int(rng.integers(3, round(between(5, 7, difficulty)) + 1))
    letters = [LETTERS[int(i)] for i in rng.permutation(len(LETTERS))[:count]]
    circled = int(rng.integers(count))
    name = pick(tuple(COLOURS), rng)
    pitch = min(0.9 / count, 0.24)
    height = between(0.95, 0.8, difficulty) * pitch
    width = between(0.024, 0.016, difficulty)
    left, y = 0.5 - pitch * (count - 1) / 2, float(rng.uniform(0.25, 0.75))
    slack = max(0.0, left - 0.56 * pitch - 0.01)
    left += float(rng.uniform(-slack, slack))
    for i, letter in enumerate(letters):
        canvas.text(left + i * pitch, y, letter, _INK, height)
    canvas.circle(left + circled * pitch, y, 0.58 * pitch, None, inks[name], width)
    queries = (
        Query(intent=Intent.LETTER, answer=letters[circled]),
        Query(intent=Intent.LETTER, answer=letters[circled], question=pick(_ASK_CIRCLED, rng)),
        Query(intent=Intent.COLOUR, answer=name),
        Query(intent=Intent.COLOUR, answer=name, question=pick(_ASK_CIRCLE_COLOUR, rng)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_LETTERS, rng)),
    )
    return queries, {"part": width, "gap": pitch, "num_elements": count}


def _draw_grid(canvas: Canvas, rng: np.random.Generator, difficulty: float, inks: dict[str, Colour]) -> Drawn:
    most = round(between(9, MAX_CELLS, difficulty))
    sizes = [(r, c) for r in range(1, 7) for c in range(1, 7) if 2 <= r * c <= most]
    # Cells first, then their layout: otherwise the numbers with many divisors would be most of the answers.
    cells = pick(sorted({str(r * c) for r, c in sizes}), rng)
    layouts = [size for size in sizes if size[0] * size[1] == int(cells)]
    rows, columns = layouts[int(rng.integers(len(layouts)))]
    pitch = min(0.86 / max(rows, columns), 0.3) * between(1.0, 0.9, difficulty)
    left, top = (float(rng.uniform(0.05, 0.95 - n * pitch)) for n in (columns, rows))
    width = between(0.022, 0.015, difficulty)
    for i in range(rows + 1):
        canvas.line([(left, top + i * pitch), (left + columns * pitch, top + i * pitch)], _INK, width)
    for j in range(columns + 1):
        canvas.line([(left + j * pitch, top), (left + j * pitch, top + rows * pitch)], _INK, width)
    shape, name = pick(SHAPES, rng), pick(tuple(COLOURS), rng)
    x = left + (int(rng.integers(columns)) + 0.5) * pitch
    y = top + (int(rng.integers(rows)) + 0.5) * pitch
    canvas.shape(shape, x, y, 0.36 * pitch, inks[name])
    queries = (
        Query(intent=Intent.COUNT, answer=cells),
        Query(intent=Intent.COUNT, answer=cells, question=pick(_ASK_CELLS, rng)),
        Query(intent=Intent.COUNT, answer=str(rows), question=pick(_ASK_ROWS, rng)),
        Query(intent=Intent.COUNT, answer=str(columns), question=pick(_ASK_COLUMNS, rng)),
        Query(intent=Intent.SHAPE, answer=shape),
        Query(intent=Intent.SHAPE, answer=shape, question=pick(_ASK_CELL_SHAPE, rng)),
        Query(intent=Intent.COLOUR, answer=name),
        Query(intent=Intent.COLOUR, answer=name, question=pick(_ASK_CELL_COLOUR, rng)),
    )
    return queries, {"part": width, "gap": pitch, "num_elements": rows * columns}
