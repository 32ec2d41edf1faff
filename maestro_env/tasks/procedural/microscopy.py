"""The family `microscopy`: stained cells on pale tissue, structures of several sizes, a dividing cell, nuclei.

What `it` means: the stain, the largest structure, the dividing cell and its nucleus, the nuclei of the large cell.
What is counted: stained cells, nuclei of the large cell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, distance, mixed, polar, textured
from maestro_env.tasks.procedural.choices import between, pick, place_margin
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, PLACES, SHAPES, Intent

KINDS = ("stain", "sizes", "mitosis", "nuclei")
MIN_STAINED, MAX_STAINED = 2, 9
MAX_STRUCTURES = 4
MAX_NUCLEI = 8
MIN_CONTRAST = 0.14
"""Smallest distance of what is asked for from what is around it."""
MIN_PALE_CONTRAST = 0.12
"""Smallest distance of a pale cell's nucleus from the tissue: pale cells are counted too, but by nobody in a hurry."""
MIN_APART = 0.09
"""Smallest distance of a stain from the other stains: orange and yellow are the nearest."""
MIN_PART = 0.055
"""Smallest radius of what is asked for, as a fraction of the side: 3.5 px of 64."""
MIN_GAP = 0.012
"""Smallest distance between things that have to be told apart, as a fraction of the side: 5 px of a plain picture."""
MIN_RATIO = 1.2
"""Smallest ratio of two sizes that are compared: a fifth in diameter is 44 % in area."""
MIN_PLACE_MARGIN = 0.03

Drawn = tuple[tuple[Query, ...], dict[str, float | int]]
"""The queries of what was drawn, and what was measured while drawing."""

_WHITE: Colour = (255, 255, 255)
_INK: Colour = (34, 22, 52)
_CHROMATIN: Colour = (58, 26, 88)
_RIM = 0.02
"""Smallest distance of a cell from the edge of the picture: no cell is cut off, so none is counted by halves."""
_ANGLES = np.linspace(0.0, 2 * pi, 40, endpoint=False)
_WAVES = np.array([[2.0], [3.0], [5.0]])
_SWELLS = np.array([1.0, 0.8, 0.3])
"""Waves around an outline and how strong they are: any of them alone would look like a polygon."""
_SINES, _COSINES = np.sin(_ANGLES), np.cos(_ANGLES)

_ASK_STAINED = ("How many cells are stained?", "How many cells are stained {colour}?", "Count the {colour} cells.")
_ASK_PALE = ("How many cells have taken no stain?", "Count the pale cells.", "How many cells are left unstained?")
_ASK_STAIN = ("What colour is the stain?", "In which colour are cells stained?", "Name the stain's colour.")
_ASK_LARGEST = ("Which structure is the largest?", "What colour is the largest gland?", "Name the largest structure.")
_ASK_SMALLEST = ("Which structure is the smallest?", "What colour is the smallest gland?")
_ASK_LARGEST_PLACE = ("Where is the largest structure?", "In which part of the slide is the biggest gland?")
_ASK_DIVIDING = ("Where is the dividing cell?", "In which part of the slide does a cell divide?", "Locate the mitosis.")
_ASK_CHROMATIN = ("What shape has the dividing cell's nucleus?", "Which shape does the dark chromatin form?")
_ASK_NUCLEI = ("How many nuclei has the large cell?", "Count the nuclei.", "What is the number of nuclei?")
_ASK_NUCLEUS = ("What shape are the nuclei?", "Which shape do the large cell's nuclei have?")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Slide:
    """The colours of what is not asked for."""

    tissue: Colour
    cytoplasm: Colour
    nucleus: Colour


SLIDES = (
    _Slide(tissue=(246, 226, 233), cytoplasm=(233, 188, 205), nucleus=(166, 130, 168)),
    _Slide(tissue=(236, 230, 245), cytoplasm=(211, 198, 228), nucleus=(143, 134, 178)),
    _Slide(tissue=(226, 235, 245), cytoplasm=(193, 208, 229), nucleus=(128, 143, 178)),
    _Slide(tissue=(248, 234, 226), cytoplasm=(233, 202, 194), nucleus=(170, 138, 148)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cell:
    """An irregular round outline; its area is that of a disc of its radius."""

    centre: Point
    radius: float
    wobble: NDArray[np.float64]
    """[40] distance from the centre by angle, in radii."""

    def outline(self, share: float, shift: Point = (0.0, 0.0)) -> list[Point]:
        """Return the outline shrunk to a share and shifted by a part of the radius."""
        x, y = self.centre[0] + shift[0] * self.radius, self.centre[1] + shift[1] * self.radius
        reach = share * self.radius * self.wobble
        return list(zip((x + reach * _SINES).tolist(), (y - reach * _COSINES).tolist(), strict=True))


class Microscopy(Family):
    """Slides under a microscope."""

    name = "microscopy"
    native_px = 448

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        slide = SLIDES[int(rng.integers(len(SLIDES)))]
        canvas = Canvas(size_px, slide.tissue)
        _draw_fibres(canvas, rng, slide)
        if kind == "stain":
            queries, measured = _draw_stain(canvas, rng, slide, difficulty)
        elif kind == "sizes":
            queries, measured = _draw_sizes(canvas, rng, slide, difficulty)
        elif kind == "mitosis":
            queries, measured = _draw_mitosis(canvas, rng, slide, difficulty)
        else:
            queries, measured = _draw_nuclei(canvas, rng, slide, difficulty)
        image = _blotched(canvas.finish(), rng, between(5.0, 9.0, difficulty))
        image = textured(image, between(0.12, 0.45, difficulty), rng)
        return Figure(image=image, queries=queries, factors={"difficulty": difficulty, "kind": kind, **measured})

    def check(self, figure: Figure) -> None:
        floors = {
            "contrast": MIN_CONTRAST,
            "pale_contrast": MIN_PALE_CONTRAST,
            "apart": MIN_APART,
            "part": MIN_PART,
            "gap": MIN_GAP,
            "ratio": MIN_RATIO,
            "place_margin": MIN_PLACE_MARGIN,
        }
        for name, floor in floors.items():
            # Each kind measures what it draws: only structures are compared, only one cell has a place.
            if float(figure.factors.get(name, floor)) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw it larger, in more contrast or further apart."
                )


def _draw_stain(canvas: Canvas, rng: np.random.Generator, slide: _Slide, difficulty: float) -> Drawn:
    """Draw cells of one pale sort, some of them stained."""
    num_stained = int(rng.integers(MIN_STAINED, round(between(6, MAX_STAINED, difficulty)) + 1))
    num_pale = int(rng.integers(2, round(between(5, 7, difficulty)) + 1))
    radius = between(0.088, 0.07, difficulty)
    cells, gap = _scattered(rng, [radius] * (num_stained + num_pale), between(0.03, 0.016, difficulty))
    name = pick(tuple(COLOURS), rng)
    inks = _inks(rng, slide, between(0.05, 0.28, difficulty))
    fade = between(0.0, 0.35, difficulty)
    cytoplasm, nucleus = mixed(slide.cytoplasm, slide.tissue, fade), mixed(slide.nucleus, slide.tissue, fade)
    _draw_specks(canvas, rng, between(0, 22, difficulty), inks[name])
    for i, cell in enumerate(cells):
        fill, core = (inks[name], mixed(inks[name], _INK, 0.45)) if i < num_stained else (cytoplasm, nucleus)
        _draw_cell(canvas, rng, cell, fill, core)
    stained, pale = tuple(c.centre for c in cells[:num_stained]), tuple(c.centre for c in cells[num_stained:])
    queries = (
        *_both(Intent.COUNT, str(num_stained), pick(_ASK_STAINED, rng).format(colour=name), where=stained),
        Query(intent=Intent.COUNT, answer=str(num_pale), where=pale, question=pick(_ASK_PALE, rng)),
        *_both(Intent.COLOUR, name, pick(_ASK_STAIN, rng)),
    )
    return queries, {
        "num_elements": len(cells),
        "part": radius,
        "gap": gap,
        "contrast": distance(inks[name], cytoplasm),
        "pale_contrast": distance(nucleus, slide.tissue),
        "apart": _apart(inks, (name,)),
    }


def _draw_sizes(canvas: Canvas, rng: np.random.Generator, slide: _Slide, difficulty: float) -> Drawn:
    """Draw glands of different colours; one is clearly the largest and one clearly the smallest."""
    count = int(rng.integers(2, round(between(3, MAX_STRUCTURES, difficulty)) + 1))
    ratio = between(1.5, 1.25, difficulty)
    largest = between(0.185, 0.165, difficulty)
    radii = [largest, *[largest / ratio] * (count - 2), largest / ratio ** (2 if count > 2 else 1)]
    place = pick(PLACES, rng)
    glands, gap = _scattered(rng, radii, between(0.035, 0.018, difficulty), place)
    names = [tuple(COLOURS)[int(i)] for i in rng.permutation(len(COLOURS))[:count]]
    inks = _inks(rng, slide, between(0.05, 0.28, difficulty))
    _draw_specks(canvas, rng, between(3, 22, difficulty), slide.nucleus)
    for gland, name in zip(glands, names, strict=True):
        _draw_gland(canvas, rng, gland, slide, inks[name])
    queries = (
        *_both(Intent.COLOUR, names[0], pick(_ASK_LARGEST, rng)),
        Query(intent=Intent.COLOUR, answer=names[-1], question=pick(_ASK_SMALLEST, rng)),
        *_both(Intent.PLACE, place, pick(_ASK_LARGEST_PLACE, rng)),
    )
    return queries, {
        "num_elements": count,
        "part": radii[-1],
        "gap": gap,
        "ratio": ratio,
        "contrast": min(distance(inks[name], slide.tissue) for name in names),
        "apart": _apart(inks, names),
        "place_margin": place_margin(glands[0].centre),
    }


def _draw_mitosis(canvas: Canvas, rng: np.random.Generator, slide: _Slide, difficulty: float) -> Drawn:
    """Draw a tissue of resting cells and one that divides: chromatin of a shape in a clear halo."""
    num_resting = int(rng.integers(4, round(between(6, 12, difficulty)) + 1))
    dividing, resting = between(0.15, 0.115, difficulty), between(0.085, 0.075, difficulty)
    place, shape = pick(PLACES, rng), pick(SHAPES, rng)
    cells, gap = _scattered(rng, [dividing, *[resting] * num_resting], between(0.025, 0.016, difficulty), place)
    chromatin = mixed(_CHROMATIN, slide.tissue, between(0.0, 0.22, difficulty))
    nucleus = mixed(slide.nucleus, _CHROMATIN, between(0.0, 0.15, difficulty))
    _draw_specks(canvas, rng, between(0, 18, difficulty), chromatin)
    for cell in cells[1:]:
        _draw_cell(canvas, rng, cell, slide.cytoplasm, nucleus)
    halo = mixed(slide.cytoplasm, _WHITE, 0.45)
    for share, colour in ((1.0, mixed(slide.cytoplasm, slide.nucleus, 0.6)), (0.92, slide.cytoplasm), (0.84, halo)):
        canvas.polygon(cells[0].outline(share), colour)
    part = 0.58 * dividing
    canvas.shape(shape, *cells[0].centre, part, chromatin, float(rng.uniform(-0.3, 0.3)))
    queries = (
        *_both(Intent.PLACE, place, pick(_ASK_DIVIDING, rng)),
        *_both(Intent.SHAPE, shape, pick(_ASK_CHROMATIN, rng), where=(cells[0].centre,)),
    )
    return queries, {
        "num_elements": len(cells),
        "part": part,
        "gap": gap,
        "contrast": min(distance(chromatin, halo), distance(chromatin, nucleus)),
        "place_margin": place_margin(cells[0].centre),
    }


def _draw_nuclei(canvas: Canvas, rng: np.random.Generator, slide: _Slide, difficulty: float) -> Drawn:
    """Draw one large cell with nuclei of a shape and colour."""
    count = int(rng.integers(1, round(between(5, MAX_NUCLEI, difficulty)) + 1))
    part = between(0.082, 0.068, difficulty)
    middle = (float(rng.uniform(0.48, 0.52)), float(rng.uniform(0.48, 0.52)))
    host = _Cell(centre=middle, radius=0.43, wobble=_wobble(rng, 0.03))
    reach, spacing = 1.15 * part, between(0.02, 0.014, difficulty)
    room = 0.94 * host.radius * float(host.wobble.min()) - spacing - reach
    centres, gap = _separated(
        rng, [reach] * count, spacing, lambda unit, _: polar(*middle, room * sqrt(unit[0]), 2 * pi * unit[1])
    )
    shape, name = pick(SHAPES, rng), pick(tuple(COLOURS), rng)
    inks = _inks(rng, slide, between(0.05, 0.28, difficulty))
    _draw_body(canvas, host, slide.cytoplasm)
    for tint in (_WHITE, slide.nucleus):
        _draw_specks(canvas, rng, between(4, 26, difficulty), mixed(slide.cytoplasm, tint, 0.45))
    # Again, over the specks: a membrane has no holes.
    canvas.polygon(host.outline(1.0), None, mixed(slide.cytoplasm, _INK, 0.3), 0.012)
    # A clear seam round each nucleus keeps it off the specks.
    seam = mixed(slide.cytoplasm, _WHITE, 0.35)
    for x, y in centres:
        turn = float(rng.uniform(-0.3, 0.3))
        canvas.shape(shape, x, y, part * 1.15, seam, turn)
        canvas.shape(shape, x, y, part, inks[name], turn)
    queries = (
        *_both(Intent.COUNT, str(count), pick(_ASK_NUCLEI, rng), where=centres),
        *_both(Intent.SHAPE, shape, pick(_ASK_NUCLEUS, rng)),
        Query(intent=Intent.COLOUR, answer=name),
    )
    return queries, {
        "num_elements": count,
        "part": part,
        "gap": gap,
        "contrast": distance(inks[name], slide.cytoplasm),
        "apart": _apart(inks, (name,)),
    }


def _both(intent: Intent, answer: str, question: str, where: tuple[Point, ...] = ()) -> tuple[Query, Query]:
    """Return a query for the shared wordings, and the same one in the family's own wording."""
    return (
        Query(intent=intent, answer=answer, where=where),
        Query(intent=intent, answer=answer, where=where, question=question),
    )


def _inks(rng: np.random.Generator, slide: _Slide, fade: float) -> dict[str, Colour]:
    """Return the stains, paler by up to a share."""
    share = fade * float(rng.uniform(0.6, 1.0))
    return {name: mixed(colour, slide.tissue, share) for name, colour in COLOURS.items()}


def _apart(inks: dict[str, Colour], names: Sequence[str]) -> float:
    """Return the distance of the stains in use from the nearest other stain."""
    return min(distance(inks[name], ink) for name in names for other, ink in inks.items() if other != name)


def _wobble(rng: np.random.Generator, strength: float) -> NDArray[np.float64]:
    """Return [40] distances of an outline from its centre, near 1, whose polygon has the area of a unit disc."""
    phases, sizes = rng.uniform(0, 2 * pi, (3, 1)), rng.uniform(0.4, 1.0, 3) * strength * _SWELLS
    radii = 1 + sizes @ np.cos(_WAVES * _ANGLES + phases)
    area = 0.5 * sin(2 * pi / len(_ANGLES)) * float(radii @ np.roll(radii, 1))
    return radii * sqrt(pi / area)


def _scattered(
    rng: np.random.Generator, radii: Sequence[float], spacing: float, place: str | None = None
) -> tuple[list[_Cell], float]:
    """Return cells apart from each other, the first one in a place if one is given, and the smallest gap."""
    wobbles = [_wobble(rng, 0.055) for _ in radii]
    reaches = [radius * float(wobble.max()) for radius, wobble in zip(radii, wobbles, strict=True)]
    places = [place, *[None] * (len(radii) - 1)]
    centres, gap = _separated(rng, reaches, spacing, lambda unit, i: _spread(unit, reaches[i], places[i]))
    parts = zip(centres, radii, wobbles, strict=True)
    return [_Cell(centre=centre, radius=radius, wobble=wobble) for centre, radius, wobble in parts], gap


def _separated(
    rng: np.random.Generator, reaches: Sequence[float], spacing: float, stretch: Callable[[Point, int], Point]
) -> tuple[tuple[Point, ...], float]:
    """Return centres of discs at least `spacing` apart, and the smallest gap between any two.

    Args:
        rng: The only source of randomness.
        reaches: Radii of the discs, as fractions of the side.
        spacing: Smallest gap, as a fraction of the side.
        stretch: Turns a point of the unit square and the index of a disc into where that disc may lie.
    """
    while True:
        centres: list[Point] = []
        smallest = 1.0
        for x, y in rng.random((50 * len(reaches), 2)).tolist():
            reach = reaches[len(centres)]
            u, v = stretch((x, y), len(centres))
            gaps = [hypot(u - a, v - b) - reach - r for (a, b), r in zip(centres, reaches, strict=False)]
            if min(gaps, default=1.0) < spacing:
                continue
            centres.append((u, v))
            smallest = min(smallest, *gaps, 1.0)
            if len(centres) == len(reaches):
                return tuple(centres), smallest


def _spread(unit: Point, reach: float, place: str | None) -> Point:
    """Return where a cell goes: a point of the unit square stretched over the picture, or over one place of it."""
    low, high = reach + _RIM, 1 - reach - _RIM
    if place == "centre":
        return 0.43 + 0.14 * unit[0], 0.43 + 0.14 * unit[1]
    if place is None:
        return low + (high - low) * unit[0], low + (high - low) * unit[1]
    x, y = (low + (0.34 - low) * value for value in unit)
    return (1 - x if "right" in place else x), (1 - y if "lower" in place else y)


def _draw_fibres(canvas: Canvas, rng: np.random.Generator, slide: _Slide) -> None:
    """Draw the strands of the tissue: wide, pale, gently bent."""
    slope = float(rng.uniform(-0.6, 0.6))
    for _ in range(7):
        height, bend, phase = (float(v) for v in rng.uniform((-0.3, 0.02, 0), (1.3, 0.06, 2 * pi)))
        tint = mixed(slide.tissue, slide.cytoplasm if rng.random() < 0.6 else _WHITE, float(rng.uniform(0.15, 0.4)))
        upper = [(x / 8, height + slope * (x / 8 - 0.5) + bend * sin(phase + x * 0.7)) for x in range(-1, 10)]
        width = float(rng.uniform(0.006, 0.03))
        canvas.polygon([*upper, *((x, y + width) for x, y in reversed(upper))], tint)


def _draw_body(canvas: Canvas, cell: _Cell, fill: Colour) -> None:
    """Draw membrane and cytoplasm, lighter towards the middle."""
    canvas.polygon(cell.outline(1.0), mixed(fill, _INK, 0.3))
    canvas.polygon(cell.outline(0.98 - 0.004 / cell.radius), fill)
    canvas.polygon(cell.outline(0.72, (-0.04, -0.06)), mixed(fill, _WHITE, 0.1))
    canvas.polygon(cell.outline(0.52, (-0.08, -0.12)), mixed(fill, _WHITE, 0.2))


def _draw_cell(canvas: Canvas, rng: np.random.Generator, cell: _Cell, fill: Colour, nucleus: Colour) -> None:
    """Draw a cell with a round nucleus a little off its middle."""
    _draw_body(canvas, cell, fill)
    angle, offset = float(rng.uniform(0, 2 * pi)), float(rng.uniform(0, 0.18))
    shift = (offset * cos(angle), offset * sin(angle))
    canvas.polygon(cell.outline(0.4, shift), nucleus)
    canvas.polygon(cell.outline(0.3, shift), mixed(nucleus, fill, 0.2))
    x, y = cell.centre[0] + shift[0] * cell.radius, cell.centre[1] + shift[1] * cell.radius
    canvas.circle(x + 0.08 * cell.radius, y - 0.06 * cell.radius, 0.1 * cell.radius, mixed(nucleus, _INK, 0.3))


def _draw_gland(canvas: Canvas, rng: np.random.Generator, gland: _Cell, slide: _Slide, ink: Colour) -> None:
    """Draw a gland: a coloured wall of cells, whose nuclei stand in a ring, round a pale lumen."""
    canvas.polygon(gland.outline(1.0), mixed(ink, _INK, 0.3))
    canvas.polygon(gland.outline(0.95), ink)
    for x, y in gland.outline(0.76)[int(rng.integers(4)) :: 4]:
        canvas.circle(x, y, 0.075 * gland.radius, mixed(ink, _INK, 0.4))
    canvas.polygon(gland.outline(0.5), mixed(ink, _WHITE, 0.25))
    canvas.polygon(gland.outline(0.36), mixed(slide.tissue, ink, 0.2))


def _draw_specks(canvas: Canvas, rng: np.random.Generator, number: float, colour: Colour) -> None:
    """Draw what dirties a slide: grains and drops, none a quarter as wide as a cell."""
    for x, y, size in rng.random((round(number), 3)).tolist():
        canvas.circle(x, y, 0.005 + 0.009 * size, colour)


def _blotched(image: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Return a picture with soft blotches of uneven light and stain.

    Args:
        image: RGB.
        rng: Draws a small field, which is enlarged smoothly.
        strength: Standard deviation of the light, in grey levels of 255; colour varies by a third of it.
    """
    light, stain = rng.normal(0.0, strength, (7, 7, 1)), rng.normal(0.0, strength / 3, (7, 7, 3))
    field = Image.fromarray(np.clip(128 + light + stain, 0, 255).astype(np.uint8))
    # In two steps: bicubic all the way costs twice as much and looks the same.
    field = field.resize((56, 56), Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BILINEAR)
    return ImageChops.add(image, field, scale=1.0, offset=-128)
