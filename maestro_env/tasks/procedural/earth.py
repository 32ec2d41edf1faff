"""The family `earth`: sheets of a small atlas: regions over sea, contour lines, lettered points, a thematic map.

What `it` means: the region with the ring, the summit, the highest point, the ringed place of the thematic map.
What is counted: regions, contour lines, points, colours of the legend. How countries are drawn is earth_countries.py's;
how terrain is, earth_terrain.py's.
"""

from itertools import pairwise
from math import hypot, pi

import numpy as np

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.atlas import (
    BORDER,
    INK,
    LAND,
    MIN_MARGIN,
    NUM_ANGLES,
    PAPER,
    SEA,
    Drawn,
    Grid,
    build_warp,
    draw_label,
    lengths_of,
    points_of,
    tints_of,
)
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, distance, mixed, textured
from maestro_env.tasks.procedural.choices import between, pick, place_margin, place_of
from maestro_env.tasks.procedural.earth_countries import draw_regions
from maestro_env.tasks.procedural.earth_terrain import banded, clearance, overlaid, relief, shaded
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import LETTERS, PLACES, Intent

KINDS = ("regions", "contours", "points", "scale")
MAX_CONTOURS = 9
MAX_POINTS = 6
MAX_CLASSES = 7
TOP_VALUE = 9
MIN_CONTRAST = 0.075
"""Smallest distance between two tints that have to be told apart: as between neighbours in an atlas's legend."""
MIN_TEXT = 0.11
"""Smallest font size, as a fraction of the side: 7 px of 64."""
MIN_GAP = 0.014
"""Smallest distance between contour lines, on a hill's steepest side, and between marks: 1.5 px of 110."""
MIN_RISE = 1
"""By how many bands of height the highest and the lowest point differ at least from every other."""
MIN_PLACE_MARGIN = 0.03

_CONTOUR: Colour = (126, 78, 44)
_RAMPS: tuple[tuple[Colour, ...], ...] = (
    ((254, 246, 202), (88, 178, 186), (30, 52, 118)),
    ((254, 240, 208), (242, 138, 78), (116, 22, 62)),
    ((246, 240, 250), (176, 126, 196), (60, 22, 92)),
    ((250, 244, 206), (124, 178, 92), (18, 78, 66)),
)
"""Palettes of thematic maps, from small values to large ones."""
_DOT = 0.026
"""Radius of a lettered point."""

_ASK_CONTOURS = (
    "How many contour lines does the map show?",
    "Count the contour lines.",
    "How many contours are drawn?",
)
_ASK_SUMMIT = ("Where is the summit?", "In which part of the map is the summit?", "Where is the ground highest?")
_ASK_HIGHEST = ("Which point lies highest?", "Which of the points is the highest?", "Name the highest point.")
_ASK_POINTS = ("How many points are on the map?", "Count the lettered points.", "How many points have a letter?")
_ASK_HIGHEST_PLACE = ("Where is the highest point?", "In which part of the map is the highest of the points?")
_ASK_VALUE = ("What value does the map give at the ring?", "Which value of the legend holds at the ring?")
_ASK_CLASSES = ("How many colours does the legend have?", "Count the colours of the legend.")


class Earth(Family):
    """Maps of countries, hills and measured values."""

    name = "earth"
    native_px = 384

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        if kind == "regions":
            drawn = draw_regions(rng, size_px, difficulty)
        elif kind == "contours":
            drawn = _draw_contours(rng, size_px, difficulty)
        elif kind == "points":
            drawn = _draw_points(rng, size_px, difficulty)
        else:
            drawn = _draw_scale(rng, size_px, difficulty)
        image, queries, measured = drawn
        factors = {"difficulty": difficulty, "kind": kind, **measured}
        return Figure(image=textured(image, between(0.06, 0.4, difficulty), rng), queries=queries, factors=factors)

    def check(self, figure: Figure) -> None:
        floors = {
            "contrast": MIN_CONTRAST,
            "text": MIN_TEXT,
            "margin": MIN_MARGIN,
            "gap": MIN_GAP,
            "rise": MIN_RISE,
            "place_margin": MIN_PLACE_MARGIN,
        }
        for name, floor in floors.items():
            # Each kind measures what it draws: contour lines have no text, regions no rise.
            if float(figure.factors.get(name, floor)) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw it larger, in more contrast or further apart."
                )


def _draw_contours(rng: np.random.Generator, size_px: int, difficulty: float) -> Drawn:
    count = int(rng.integers(2, round(between(6, MAX_CONTOURS, difficulty)) + 1))
    place = pick(PLACES, rng)
    width = between(0.014, 0.009, difficulty)
    least_gap = max(MIN_GAP, between(0.13, 0.1, difficulty) / count)
    while True:
        summit = _point_in(rng, place, difficulty, reach=0.21)
        rings = _nested_rings(rng, count, summit, difficulty)
        if rings[0].min() < 0.02 or rings[0].max() > 0.98:
            continue
        gap = min(float(lengths_of(a[::3, None] - b).min()) for a, b in pairwise(rings)) - width
        if gap > least_gap:
            break
    tints = tints_of(LAND, count + 1, between(0.25, 0.5, difficulty))
    ink = mixed(_CONTOUR, tints[0], between(0.0, 0.25, difficulty))
    canvas = Canvas(size_px, tints[0])
    for ring, tint in zip(rings, tints[1:], strict=True):
        canvas.polygon(points_of(ring), ink)
        canvas.polygon(points_of(_inset(ring, width)), tint)
    queries = (
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_CONTOURS, rng)),
        Query(intent=Intent.PLACE, answer=place),
        Query(intent=Intent.PLACE, answer=place, question=pick(_ASK_SUMMIT, rng)),
    )
    measured: dict[str, float | int] = {
        "num_elements": count,
        "contrast": min(distance(ink, tint) for tint in tints),
        "gap": gap,
        "place_margin": place_margin(summit),
    }
    return canvas.finish(), queries, measured


def _point_in(rng: np.random.Generator, place: str, difficulty: float, reach: float) -> Point:
    """Draw a point of a place, off its borders, at most a reach from both middle lines."""
    least = between(0.05, MIN_PLACE_MARGIN, difficulty)
    low, high = (0.43, 0.57) if place == PLACES[-1] else (0.5 - reach, 0.5 + reach)
    while True:
        point = (float(rng.uniform(low, high)), float(rng.uniform(low, high)))
        if place_of(point) == place and place_margin(point) > least:
            return point


def _nested_rings(rng: np.random.Generator, count: int, summit: Point, difficulty: float) -> list[Grid]:
    """Return the outlines of a hill's contour lines [angles, 2], the lowest first, the last one around the summit."""
    angles = np.linspace(0, 2 * pi, NUM_ANGLES, endpoint=False)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    # Many lines leave less room for bays and spurs.
    calm = 1.0 if count < 6 else 0.6
    harmonics = np.arange(2, 6)[:, None]
    waves = (
        calm * rng.uniform(-0.022, 0.022, (4, 1)) * np.sin(harmonics * angles + rng.uniform(0, 2 * pi, (4, 1)))
    ).sum(axis=0)
    top = np.array(summit)
    # A foot that leans to the summit and is squarish: room for many lines on the steep side.
    foot = 0.5 + 0.55 * (top - 0.5)
    squarish = (np.abs(rays) ** 3.2).sum(axis=1) ** (-1 / 3.2)
    outer = foot + rays * (float(rng.uniform(0.34, 0.37)) * squarish * (1 + waves))[:, None]
    inner = top + rays * ((float(rng.uniform(0.032, 0.042)) + 0.14 / count**2) * (1 + 2 * waves))[:, None]
    steps = rng.uniform(1 - 0.25 * difficulty, 1 + 0.25 * difficulty, count - 1)
    climbs = np.concatenate(([0.0], np.cumsum(steps) / steps.sum()))
    warp = build_warp(rng, 0.7 * calm)
    shift = top - warp(top[None])[0]
    return [warp((1 - climb) * outer + climb * inner) + shift for climb in climbs]


def _inset(ring: Grid, width: float) -> Grid:
    """Return an outline that runs clockwise on the screen, moved inwards."""
    along = np.roll(ring, -1, axis=0) - np.roll(ring, 1, axis=0)
    along /= lengths_of(along)[:, None]
    return ring + width * np.stack([-along[:, 1], along[:, 0]], axis=-1)


def _draw_points(rng: np.random.Generator, size_px: int, difficulty: float) -> Drawn:
    count = int(rng.integers(3, round(between(4, MAX_POINTS, difficulty)) + 1))
    text = between(0.155, 0.125, difficulty)
    place = pick(PLACES, rng)
    rise = 2 if rng.random() > difficulty else MIN_RISE
    points, labels, gap = _place_points(rng, count, place, text, difficulty)
    bands = _bands_of_points(rng, count, rise)
    tints = [SEA, *tints_of(LAND, len(LAND), between(0.1, 0.35, difficulty))]
    clear = between(0.07, 0.055, difficulty)
    height = relief(rng, points, [band + 0.5 for band in bands], len(tints), clear)
    image = shaded(banded(height, tints, size_px, line_share=0.5), height, between(1.0, 0.7, difficulty))
    letters = [LETTERS[int(i)] for i in rng.permutation(len(LETTERS))[:count]]

    def draw_marks(canvas: Canvas, ink: Colour, halo: Colour) -> None:
        for point, label, letter in zip(points, labels, letters, strict=True):
            canvas.circle(*point, _DOT + 0.011, halo)
            canvas.circle(*point, _DOT, ink)
            draw_label(canvas, label, letter, text, ink, halo)

    highest = letters[bands.index(max(bands))]
    queries = (
        Query(intent=Intent.LETTER, answer=highest),
        Query(intent=Intent.LETTER, answer=highest, question=pick(_ASK_HIGHEST, rng)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_POINTS, rng)),
        Query(intent=Intent.PLACE, answer=place),
        Query(intent=Intent.PLACE, answer=place, question=pick(_ASK_HIGHEST_PLACE, rng)),
    )
    order = sorted(bands)
    measured: dict[str, float | int] = {
        "num_elements": count,
        "contrast": min(distance(one, other) for one, other in pairwise(tints)),
        "text": text,
        "margin": min(clearance(height, point) for point in points) - _DOT,
        "gap": gap,
        "rise": min(order[-1] - order[-2], order[1] - order[0]),
        "place_margin": place_margin(points[0]),
    }
    return overlaid(image, draw_marks), queries, measured


def _place_points(
    rng: np.random.Generator, count: int, place: str, text: float, difficulty: float
) -> tuple[list[Point], list[Point], float]:
    """Return dots, the first one in a place, their letters above or below, and the smallest gap between marks."""
    apart = _DOT + 0.4 * text
    least = between(0.04, 0.02, difficulty)
    while True:
        points, labels, smallest = [_point_in(rng, place, difficulty, reach=0.3)], list[Point](), 1.0
        for _ in range(60):
            x, y = points[-1]
            # Letters lean to the middle line, so that none leaves the map.
            side = (-1 if y > 0.5 else 1) if abs(y - 0.5) > 0.25 else int(rng.choice([-1, 1]))
            label = (x, y + side * (apart + 0.02))
            gaps = [
                gap
                for point, other in zip(points, labels, strict=False)
                for gap in (
                    hypot(x - point[0], y - point[1]) - 0.24,
                    hypot(x - other[0], y - other[1]) - apart,
                    hypot(label[0] - point[0], label[1] - point[1]) - apart,
                    hypot(label[0] - other[0], label[1] - other[1]) - 0.8 * text,
                )
            ]
            gap = min(gaps, default=1.0)
            if gap > least:
                smallest = min(smallest, gap)
                labels.append(label)
                if len(labels) == count:
                    return points, labels, smallest
            else:
                points.pop()
            points.append((float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.1, 0.9))))


def _bands_of_points(rng: np.random.Generator, count: int, rise: int) -> list[int]:
    """Return a band of height a point; the first is the highest, another the lowest, both by at least `rise`."""
    top = int(rng.integers(1 + 2 * rise, len(LAND) + 1))
    low = int(rng.integers(1, top - 2 * rise + 1))
    middle = [int(band) for band in rng.integers(low + rise, top - rise + 1, count - 2)]
    return [top, low, *middle]


def _draw_scale(rng: np.random.Generator, size_px: int, difficulty: float) -> Drawn:
    count = int(rng.integers(3, round(between(5, MAX_CLASSES, difficulty)) + 1))
    values = sorted(int(v) for v in rng.permutation(TOP_VALUE)[:count] + 1)
    marked = int(rng.integers(count))
    text = between(0.15, 0.115, difficulty)
    fade = between(0.0, 0.26, difficulty) * float(rng.uniform(0.6, 1.0))
    tints = tints_of(_RAMPS[int(rng.integers(len(_RAMPS)))], count, fade)
    ring = 0.056
    point = (float(rng.uniform(0.12, 0.6)), float(rng.uniform(0.12, 0.88)))
    height = relief(rng, [point], [marked + 0.5], count, between(0.1, 0.085, difficulty))
    canvas = Canvas(size_px, PAPER)
    pitch = min(0.94 / count, 0.19)
    for i, (value, tint) in enumerate(zip(values, tints, strict=True)):
        y = 0.5 + ((count - 1) / 2 - i) * pitch
        half = pitch / 2
        canvas.rectangle(0.76, y - half, 0.865, y + half, tint, BORDER, 0.005)
        canvas.text(0.933, y, str(value), INK, text)
    image = canvas.finish()
    sheet = banded(height, tints, size_px, line_share=0.25)
    image.paste(sheet.crop((0, 0, round(0.73 * size_px), size_px)), (0, 0))

    def draw_marks(canvas: Canvas, ink: Colour, halo: Colour) -> None:
        canvas.line([(0.73, 0.0), (0.73, 1.0)], ink, 0.006)
        canvas.circle(*point, ring, None, halo, 0.023)
        canvas.circle(*point, ring - 0.005, None, ink, 0.013)

    queries = (
        Query(intent=Intent.VALUE, answer=str(values[marked])),
        Query(intent=Intent.VALUE, answer=str(values[marked]), question=pick(_ASK_VALUE, rng)),
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_CLASSES, rng)),
    )
    measured: dict[str, float | int] = {
        "num_elements": count,
        "contrast": min(distance(one, other) for one, other in pairwise(tints)),
        "text": text,
        "margin": clearance(height, point) - ring,
    }
    return overlaid(image, draw_marks), queries, measured
