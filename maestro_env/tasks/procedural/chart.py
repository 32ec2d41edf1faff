"""The `chart` family: bar, line and pie charts with one marked element. What `it` means: the marked element."""

from math import pi

import numpy as np

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, distance, mixed, polar, textured
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, Intent

KINDS = ("bar", "line", "pie")
TOP_VALUE = 9
"""Bars and points stand for 1 to 9; there is a grid line at every value."""
PIE_PARTS = 12
"""A pie is cut at multiples of a twelfth; ticks on its rim show the twelfths."""
MIN_COLOUR_DISTANCE = 0.08
"""Floor of the distance between an element and the paper."""
_INK: Colour = (45, 45, 52)


class Chart(Family):
    """Bar, line and pie charts: the value, the colour and the number of elements."""

    name = "chart"
    native_px = 320

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = KINDS[int(rng.integers(len(KINDS)))]
        fade = 0.45 * difficulty * float(rng.random())
        shade = int(rng.integers(232, 256))
        paper: Colour = (shade, shade, shade)
        canvas = Canvas(size_px, paper)
        palette = {name: mixed(colour, paper, fade) for name, colour in COLOURS.items()}
        if kind == "bar":
            values, names, marked = _draw_bars(canvas, rng, palette, paper, difficulty)
        elif kind == "line":
            values, names, marked = _draw_line(canvas, rng, palette, paper, difficulty)
        else:
            values, names, marked = _draw_pie(canvas, rng, palette, paper, difficulty)
        image = textured(canvas.finish(), 0.35 * difficulty * float(rng.random()), rng)
        contrast = min(distance(palette[name], paper) for name in names)
        factors = {"difficulty": difficulty, "kind": kind, "num_elements": len(values), "contrast": contrast}
        return Figure(image=image, queries=_queries(kind, values, names, marked), factors=factors)

    def check(self, figure: Figure) -> None:
        contrast = float(figure.factors["contrast"])
        if contrast < MIN_COLOUR_DISTANCE:
            raise TaskError(
                f"Chart elements differ from the paper by {contrast:.3f}; at least {MIN_COLOUR_DISTANCE} is visible."
            )


def _queries(kind: str, values: list[int], names: list[str], marked: int) -> tuple[Query, ...]:
    element = {"bar": "bar", "line": "point", "pie": "slice"}[kind]
    queries = [
        Query(intent=Intent.VALUE, answer=str(values[marked])),
        Query(intent=Intent.COUNT, answer=str(len(values))),
        Query(intent=Intent.COUNT, answer=str(len(values)), question=f"How many {element}s does the chart have?"),
    ]
    if kind != "line":
        queries.append(Query(intent=Intent.COLOUR, answer=names[marked]))
        top = max(values)
        if sorted(values)[-2] < top:
            winner = names[values.index(top)]
            question = f"What is the colour of the largest {element}?"
            queries.append(Query(intent=Intent.COLOUR, answer=winner, question=question))
        single = [i for i, name in enumerate(names) if names.count(name) == 1]
        if single:
            chosen = single[len(values) % len(single)]
            question = f"What is the value of the {names[chosen]} {element}?"
            queries.append(Query(intent=Intent.VALUE, answer=str(values[chosen]), question=question))
    else:
        question = "What is the highest value of the line?"
        queries.append(Query(intent=Intent.VALUE, answer=str(max(values)), question=question))
    return tuple(queries)


def _colour_names(rng: np.random.Generator, count: int) -> list[str]:
    """Draw names without two equal neighbours (the first and last are neighbours in a pie)."""
    known = list(COLOURS)
    names = [known[int(i)] for i in rng.permutation(len(known))][:count]
    while len(names) < count:
        free = [name for name in known if name not in (names[-1], names[0])]
        names.append(free[int(rng.integers(len(free)))])
    return names


def _draw_grid(canvas: Canvas, paper: Colour) -> None:
    for value in range(TOP_VALUE + 1):
        strong = value % 3 == 0
        y = _height_of(value)
        canvas.line([(0.1, y), (0.95, y)], mixed(_INK, paper, 0.55 if strong else 0.82), 0.006 if strong else 0.004)
        if strong:
            canvas.text(0.055, y, str(value), mixed(_INK, paper, 0.2), 0.055)
    canvas.line([(0.1, 0.1), (0.1, _height_of(0))], _INK, 0.008)
    canvas.line([(0.1, _height_of(0)), (0.95, _height_of(0))], _INK, 0.008)


def _height_of(value: float) -> float:
    return 0.93 - value * 0.083


def _mark(canvas: Canvas, x: float, y: float) -> None:
    canvas.polygon([(x, y), (x - 0.035, y - 0.06), (x + 0.035, y - 0.06)], _INK)


def _draw_bars(
    canvas: Canvas, rng: np.random.Generator, palette: dict[str, Colour], paper: Colour, difficulty: float
) -> tuple[list[int], list[str], int]:
    count = int(rng.integers(3, 5 + round(4 * difficulty) + 1))
    values = [int(v) for v in rng.integers(1, TOP_VALUE + 1, count)]
    names = _colour_names(rng, count)
    _draw_grid(canvas, paper)
    pitch = 0.82 / count
    for i, (value, name) in enumerate(zip(values, names, strict=True)):
        left = 0.125 + i * pitch
        canvas.rectangle(left, _height_of(value), left + pitch * 0.72, _height_of(0), palette[name], _INK, 0.004)
    marked = int(rng.integers(count))
    _mark(canvas, 0.125 + marked * pitch + pitch * 0.36, _height_of(values[marked]) - 0.015)
    return values, names, marked


def _draw_line(
    canvas: Canvas, rng: np.random.Generator, palette: dict[str, Colour], paper: Colour, difficulty: float
) -> tuple[list[int], list[str], int]:
    count = int(rng.integers(3, 5 + round(4 * difficulty) + 1))
    values = [int(v) for v in rng.integers(1, TOP_VALUE + 1, count)]
    name = _colour_names(rng, 1)[0]
    _draw_grid(canvas, paper)
    points = [(0.16 + i * 0.74 / (count - 1), _height_of(value)) for i, value in enumerate(values)]
    canvas.line(points, palette[name], 0.014)
    for x, y in points:
        canvas.circle(x, y, 0.022, palette[name], _INK, 0.004)
    marked = int(rng.integers(count))
    _mark(canvas, points[marked][0], points[marked][1] - 0.035)
    return values, [name], marked


def _draw_pie(
    canvas: Canvas, rng: np.random.Generator, palette: dict[str, Colour], paper: Colour, difficulty: float
) -> tuple[list[int], list[str], int]:
    count = int(rng.integers(3, 5 + round(difficulty) + 1))
    cuts = np.sort(rng.choice(np.arange(1, PIE_PARTS), count - 1, replace=False))
    values = [int(v) for v in np.diff(np.concatenate(([0], cuts, [PIE_PARTS])))]
    names = _colour_names(rng, count)
    marked = int(rng.integers(count))
    turn, x, y, radius = float(rng.integers(PIE_PARTS)) * 30.0, 0.5, 0.5, 0.36
    for k in range(PIE_PARTS):
        angle = k * 2 * pi / PIE_PARTS
        canvas.line([polar(x, y, radius, angle), polar(x, y, radius + 0.035, angle)], mixed(_INK, paper, 0.3), 0.006)
    start = turn
    for i, (value, name) in enumerate(zip(values, names, strict=True)):
        end = start + value * 360.0 / PIE_PARTS
        canvas.slice(x, y, radius, start, end, palette[name])
        if i == marked:
            middle = (start + end) / 2 / 180 * pi
            tip, base = radius + 0.035, radius + 0.11
            ends = (polar(x, y, base, middle - 0.09), polar(x, y, base, middle + 0.09))
            canvas.polygon([polar(x, y, tip, middle), *ends], _INK)
        start = end
    for value_before in np.cumsum(values):
        angle = (turn + float(value_before) * 30.0) / 180 * pi
        canvas.line([(x, y), polar(x, y, radius, angle)], mixed(_INK, paper, 0.1), 0.006)
    canvas.circle(x, y, radius, None, _INK, 0.006)
    return values, names, marked
