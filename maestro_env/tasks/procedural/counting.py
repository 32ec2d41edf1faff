"""The `counting` family: shapes in clutter, one of them larger. What `it` means: the largest shape."""

import numpy as np

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, distance, mixed, textured
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, SHAPES, Intent

MAX_SHAPES = 14
MAX_WIDE_SHAPES = 22
WIDE_PX = 400
"""From this size on a picture is wide: it holds more shapes, and smaller ones, than the same figure in a scene."""
MIN_COLOUR_DISTANCE = 0.1
"""Floor of the distance between a shape and the paper."""
MIN_GAP = 0.012
"""Floor of the gap between two shapes, as a fraction of the side."""


class Counting(Family):
    """Shapes in clutter: how many in all, of a colour, of a shape; and what the largest one is."""

    name = "counting"
    native_px = 512

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        wide = size_px >= WIDE_PX
        tint = rng.integers(205, 256, 3)
        paper: Colour = (int(tint[0]), int(tint[1]), int(tint[2]))
        canvas = Canvas(size_px, paper, supersampling=1 if wide else 2)
        for _ in range(round(4 + 14 * difficulty)):
            _draw_clutter(canvas, rng, paper)
        most = MAX_WIDE_SHAPES if wide else MAX_SHAPES
        count = int(rng.integers(2, 6 + round((most - 6) * difficulty) + 1))
        radius = (0.052 if wide else 0.068) - 0.024 * difficulty
        places = _scatter(rng, count, radius)
        fade = 0.3 * difficulty * float(rng.random())
        # Few colours and shapes a figure, so that a colour or shape has something to count.
        colours = [list(COLOURS)[int(i)] for i in rng.permutation(len(COLOURS))[: int(rng.integers(2, 5))]]
        shapes = [SHAPES[int(i)] for i in rng.permutation(len(SHAPES))[: int(rng.integers(2, 4))]]
        items = [(shapes[int(rng.integers(len(shapes)))], colours[int(rng.integers(len(colours)))]) for _ in places]
        for i, ((x, y), (shape, colour)) in enumerate(zip(places, items, strict=True)):
            size = radius * (1.6 if i == 0 else 1.0)
            canvas.shape(shape, x, y, size, mixed(COLOURS[colour], paper, fade), float(rng.uniform(-0.35, 0.35)))
        image = textured(canvas.finish(), 0.1 + 0.5 * difficulty * float(rng.random()), rng)
        contrast = min(distance(mixed(COLOURS[colour], paper, fade), paper) for _, colour in items)
        factors = {
            "difficulty": difficulty,
            "kind": "shapes",
            "num_elements": count,
            "contrast": contrast,
            "gap": _smallest_gap(places, radius),
            "element_share": 2 * radius,
        }
        return Figure(image=image, queries=_queries(items, places, rng), factors=factors)

    def check(self, figure: Figure) -> None:
        contrast, gap = float(figure.factors["contrast"]), float(figure.factors["gap"])
        if contrast < MIN_COLOUR_DISTANCE:
            raise TaskError(
                f"Shapes differ from the paper by {contrast:.3f}; at least {MIN_COLOUR_DISTANCE} is visible."
            )
        if gap < MIN_GAP:
            raise TaskError(f"Two shapes are {gap:.3f} of the side apart; at least {MIN_GAP} keeps them countable.")


def _queries(
    items: list[tuple[str, str]], places: list[tuple[float, float]], rng: np.random.Generator
) -> tuple[Query, ...]:
    shapes, colours = zip(*items, strict=True)
    asked_colour = colours[int(rng.integers(len(colours)))]
    asked_shape = shapes[int(rng.integers(len(shapes)))]
    of_colour = [place for place, colour in zip(places, colours, strict=True) if colour == asked_colour]
    of_shape = [place for place, shape in zip(places, shapes, strict=True) if shape == asked_shape]
    return (
        _count("", places),
        _count("How many shapes are there in all?", places),
        _count(f"How many {asked_colour} shapes are there?", of_colour),
        _count(f"What is the number of shapes that are a {asked_shape}?", of_shape),
        Query(intent=Intent.COLOUR, answer=colours[0]),
        Query(intent=Intent.SHAPE, answer=shapes[0]),
    )


def _count(question: str, places: list[tuple[float, float]]) -> Query:
    return Query(intent=Intent.COUNT, answer=str(len(places)), question=question, where=tuple(places))


def _scatter(rng: np.random.Generator, count: int, radius: float) -> list[tuple[float, float]]:
    """Place shapes apart from each other and from the rim; the first one has room for the largest shape."""
    while True:
        places: list[tuple[float, float]] = []
        for _ in range(60 * count):
            wide = radius * (1.9 if not places else 1.25)
            x, y = (float(v) for v in rng.uniform(wide + 0.01, 0.99 - wide, 2))
            if all(
                np.hypot(x - u, y - v) > radius * 1.25 * 2 + (radius * 0.9 if i == 0 else 0.0) + MIN_GAP
                for i, (u, v) in enumerate(places)
            ):
                places.append((x, y))
                if len(places) == count:
                    return places


def _smallest_gap(places: list[tuple[float, float]], radius: float) -> float:
    gaps = [
        float(np.hypot(x - u, y - v)) - 1.15 * radius * (2.6 if j == 0 else 2.0)
        for i, (x, y) in enumerate(places)
        for j, (u, v) in enumerate(places[:i])
    ]
    return min(gaps, default=1.0)


def _draw_clutter(canvas: Canvas, rng: np.random.Generator, paper: Colour) -> None:
    """Thin pale strokes: neither a closed shape nor a strong colour."""
    ink = mixed((120, 120, 130), paper, float(rng.uniform(0.35, 0.7)))
    x, y, u, v = (float(w) for w in rng.random(4))
    canvas.line([(x, y), (x + (u - 0.5) * 0.4, y + (v - 0.5) * 0.4)], ink, float(rng.uniform(0.003, 0.007)))
