"""The family `radiology`: grey slices through a phantom, with organs, lesions, an implant, burnt-in marks.

What `it` means: the largest lesion, or the implant where there is one. What is counted: lesions. What is read: the
slice's number. A lesion lies wholly within an organ or wholly outside: one that fades into an edge cannot be seen.
"""

from dataclasses import dataclass
from math import cos, hypot, pi, sin

import numpy as np

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, textured
from maestro_env.tasks.procedural.choices import between, pick, place_margin, place_of
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import LETTERS, PLACES, SHAPES, Intent

KINDS = ("lesion", "lesions", "implant", "slice")
MAX_LESIONS = 6
MAX_SLICE = 24
MIN_CONTRAST = 0.14
"""Smallest difference of a lesion's grey level from what is around it, in [0, 1]."""
MIN_RADIUS = 0.028
"""Smallest radius of a lesion that is asked for, as a fraction of the side: 1.8 px of 64."""
MIN_MARK = 0.12
"""Smallest font size of a burnt-in mark, as a fraction of the side."""
MIN_IMPLANT = 0.12
"""Smallest side of an implant."""
MIN_GAP = 0.016
"""Smallest distance between lesions, and from a lesion to the edge of an organ."""
MIN_PLACE_MARGIN = 0.03

Drawn = tuple[tuple[Query, ...], dict[str, float | int]]
"""The queries of what was drawn, and what was measured while drawing."""

_AIR, _LUNG, _KIDNEY, _TISSUE, _BONE, _METAL = 8, 42, 84, 118, 176, 250
_ASK_PLACE = ("Where is the largest lesion?", "In which part of the slice is the main lesion?", "Locate the lesion.")
_ASK_COUNT = ("How many lesions does the slice show?", "Count the lesions.", "What is the number of lesions?")
_ASK_IMPLANT = ("What shape has the implant?", "Which shape does the metal implant have?")
_ASK_IMPLANT_PLACE = ("Where is the implant?", "In which part of the slice is the metal implant?")
_ASK_SIDE = ("Which letter is burnt in as the side marker?", "What is the marker's letter?")
_ASK_SLICE = ("Which slice is it?", "What is the number of the slice?", "Read the number of the slice.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ellipse:
    """The outline of the body or of an organ."""

    centre: Point
    radii: Point
    tilt: float
    """Radians."""

    def level(self, point: Point, grown: float) -> float:
        """Return below 1 where a point is within the organ grown by a width, above 1 where it is outside."""
        x, y = point[0] - self.centre[0], point[1] - self.centre[1]
        u, v = cos(self.tilt) * x + sin(self.tilt) * y, cos(self.tilt) * y - sin(self.tilt) * x
        # An organ thinner than the width shrinks to nothing: no point is within it.
        return hypot(u / max(self.radii[0] + grown, 1e-6), v / max(self.radii[1] + grown, 1e-6))

    def distance(self, point: Point) -> float:
        """Return how far a point is from the organ's edge."""
        return min(hypot(point[0] - x, point[1] - y) for x, y in self.outline())

    def outline(self) -> list[Point]:
        points: list[Point] = []
        for k in range(64):
            angle = 2 * pi * k / 64
            u, v = self.radii[0] * cos(angle), self.radii[1] * sin(angle)
            x, y = cos(self.tilt) * u - sin(self.tilt) * v, sin(self.tilt) * u + cos(self.tilt) * v
            points.append((self.centre[0] + x, self.centre[1] + y))
        return points


@dataclass(frozen=True, kw_only=True, slots=True)
class _Body:
    """The slice without lesions."""

    skin: _Ellipse
    organs: tuple[_Ellipse, _Ellipse]
    organ_level: float
    """Grey level of the organs: dark lungs, or kidneys."""
    gain: float
    """Brightness of the whole slice: what grey levels are multiplied by."""

    def clears(self, point: Point, width: float) -> bool:
        """Return whether a disc of a radius lies wholly within an organ or wholly outside, within the body."""
        return self.skin.level(point, -width) < 1 and all(
            organ.level(point, -width) < 1 or organ.level(point, width) > 1 for organ in self.organs
        )

    def in_organ(self, point: Point) -> bool:
        return any(organ.level(point, 0.0) < 1 for organ in self.organs)

    def distance(self, point: Point) -> float:
        """Return how far a point is from the nearest edge."""
        return min(outline.distance(point) for outline in (self.skin, *self.organs))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lesion:
    centre: Point
    radius: float


class Radiology(Family):
    """Slices of a phantom's chest and abdomen."""

    name = "radiology"
    native_px = 384

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        body = _build_body(rng)
        canvas = Canvas(size_px, _grey(_AIR))
        _draw_body(canvas, body)
        if kind == "lesion":
            drawn = [_draw_main_lesion(canvas, rng, body, difficulty)]
        elif kind == "lesions":
            drawn = [_draw_several_lesions(canvas, rng, body, difficulty)]
        elif kind == "implant":
            drawn = [_draw_implant(canvas, rng, body, difficulty)]
        else:
            drawn = []
        if kind == "slice" or rng.random() < 0.3:
            drawn.append(_draw_side(canvas, rng, difficulty))
        if kind == "slice":
            drawn.append(_draw_number(canvas, rng, difficulty))
        image = textured(canvas.finish(), between(0.1, 0.5, difficulty), rng)
        factors: dict[str, float | int | str] = {"difficulty": difficulty, "kind": kind}
        for _, measured in drawn:
            factors |= measured
        return Figure(image=image, queries=tuple(query for queries, _ in drawn for query in queries), factors=factors)

    def check(self, figure: Figure) -> None:
        floors = {
            "contrast": MIN_CONTRAST,
            "radius": MIN_RADIUS,
            "gap": MIN_GAP,
            "place_margin": MIN_PLACE_MARGIN,
            "implant": MIN_IMPLANT,
            "mark": MIN_MARK,
        }
        for name, floor in floors.items():
            # Each kind measures what it draws: a slice with only marks has no lesion's contrast or radius.
            if float(figure.factors.get(name, floor)) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw it larger, in more contrast or further from edges."
                )


def _grey(level: float) -> Colour:
    value = round(min(max(level, 0.0), 255.0))
    return value, value, value


def _build_body(rng: np.random.Generator) -> _Body:
    middle = (0.5 + float(rng.uniform(-0.012, 0.012)), 0.5 + float(rng.uniform(-0.012, 0.012)))
    skin = _Ellipse(centre=middle, radii=(float(rng.uniform(0.43, 0.46)), float(rng.uniform(0.37, 0.4))), tilt=0.0)
    chest = rng.random() < 0.6
    left, right = (_build_organ(rng, middle, side, chest=chest) for side in (-1, 1))
    gain = float(rng.uniform(0.85, 1.1))
    return _Body(skin=skin, organs=(left, right), organ_level=_LUNG if chest else _KIDNEY, gain=gain)


def _build_organ(rng: np.random.Generator, middle: Point, side: int, *, chest: bool) -> _Ellipse:
    """Return the left (-1) or right (1) lung of a chest, or the kidney of an abdomen."""
    if chest:
        offset = rng.uniform(0.22, 0.24), rng.uniform(-0.015, 0.015)
        radii = rng.uniform(0.135, 0.15), rng.uniform(0.26, 0.28)
    else:
        offset = rng.uniform(0.17, 0.27), rng.uniform(-0.02, 0.05)
        radii = rng.uniform(0.05, 0.065), rng.uniform(0.075, 0.095)
    return _Ellipse(
        centre=(middle[0] + side * float(offset[0]), middle[1] + float(offset[1])),
        radii=(float(radii[0]), float(radii[1])),
        tilt=side * float(rng.uniform(-0.04, 0.1 if chest else 0.5)),
    )


def _draw_body(canvas: Canvas, body: _Body) -> None:
    gain = body.gain
    rim = _Ellipse(
        centre=body.skin.centre, radii=(body.skin.radii[0] - 0.018, body.skin.radii[1] - 0.018), tilt=body.skin.tilt
    )
    canvas.polygon(body.skin.outline(), _grey(1.25 * gain * _TISSUE))
    canvas.polygon(rim.outline(), _grey(gain * _TISSUE))
    for organ in body.organs:
        canvas.polygon(organ.outline(), _grey(gain * body.organ_level))
    x, y = body.skin.centre
    spine = (x, y + body.skin.radii[1] - 0.075)
    # A vertebra's pale triangle; no lesion is placed on it, and none is as bright or has corners.
    canvas.shape("triangle", *spine, 0.05, _grey(gain * _BONE))


def _draw_main_lesion(canvas: Canvas, rng: np.random.Generator, body: _Body, difficulty: float) -> Drawn:
    """Draw one lesion whose place is asked for and, when it is hard, up to two of half its size."""
    radius = _lesion_radius(rng, difficulty)
    place = pick(PLACES, rng)
    num_minor = int(rng.integers(0, 1 + round(2 * difficulty)))
    lesions = _place_lesions(rng, body, [1.15 * radius, *[0.5 * radius] * num_minor], place)
    queries = (
        Query(intent=Intent.PLACE, answer=place),
        Query(intent=Intent.PLACE, answer=place, question=pick(_ASK_PLACE, rng)),
    )
    margin = place_margin(lesions[0].centre)
    return queries, _paint(canvas, rng, body, difficulty, lesions) | {"place_margin": margin}


def _draw_several_lesions(canvas: Canvas, rng: np.random.Generator, body: _Body, difficulty: float) -> Drawn:
    radius = _lesion_radius(rng, difficulty)
    count = int(rng.integers(0, MAX_LESIONS + 1))
    lesions = _place_lesions(rng, body, [radius] * count, None)
    queries = (
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_COUNT, rng)),
    )
    return queries, _paint(canvas, rng, body, difficulty, lesions)


def _lesion_radius(rng: np.random.Generator, difficulty: float) -> float:
    return between(0.047, 0.034, difficulty) * float(rng.uniform(0.92, 1.0))


def _paint(
    canvas: Canvas, rng: np.random.Generator, body: _Body, difficulty: float, lesions: list[_Lesion]
) -> dict[str, float | int]:
    """Paint lesions brighter than what is around them, and return what was measured."""
    step = between(0.42, 0.2, difficulty) * float(rng.uniform(0.9, 1.0))
    contrasts: list[float] = []
    for lesion in lesions:
        around = body.gain * (body.organ_level if body.in_organ(lesion.centre) else _TISSUE)
        level = _grey(around + 255 * step)
        contrasts.append((level[0] - round(around)) / 255)
        canvas.circle(*lesion.centre, lesion.radius, level)
    return {
        "num_elements": len(lesions),
        "radius": max((lesion.radius for lesion in lesions), default=1.0),
        "contrast": min(contrasts, default=1.0),
        "gap": _smallest_gap(lesions, body),
    }


def _place_lesions(rng: np.random.Generator, body: _Body, radii: list[float], place: str | None) -> list[_Lesion]:
    """Place lesions clear of each other and of all edges; the first one in a place, if one is given."""
    while True:
        lesions: list[_Lesion] = []
        for _ in range(80 * len(radii)):
            if len(lesions) == len(radii):
                break
            radius = radii[len(lesions)]
            low, high = (0.41, 0.59) if place == "centre" and not lesions else (0.1, 0.9)
            x, y = (float(v) for v in rng.uniform(low, high, 2))
            if place and not lesions and place_of((x, y)) != place:
                continue
            if not body.clears((x, y), radius + 1.5 * MIN_GAP) or _near_spine(body, (x, y), radius):
                continue
            if any(hypot(x - o.centre[0], y - o.centre[1]) < radius + o.radius + 1.5 * MIN_GAP for o in lesions):
                continue
            lesions.append(_Lesion(centre=(x, y), radius=radius))
        if len(lesions) == len(radii):
            return lesions


def _near_spine(body: _Body, point: Point, radius: float) -> bool:
    x, y = body.skin.centre
    return hypot(point[0] - x, point[1] - (y + body.skin.radii[1] - 0.075)) < 0.09 + radius


def _smallest_gap(lesions: list[_Lesion], body: _Body) -> float:
    gaps = [body.distance(lesion.centre) - lesion.radius for lesion in lesions]
    gaps += [
        hypot(a.centre[0] - b.centre[0], a.centre[1] - b.centre[1]) - a.radius - b.radius
        for i, a in enumerate(lesions)
        for b in lesions[:i]
    ]
    return min(gaps, default=1.0)


def _draw_implant(canvas: Canvas, rng: np.random.Generator, body: _Body, difficulty: float) -> Drawn:
    shape, place = pick(SHAPES, rng), pick(PLACES, rng)
    side = between(0.2, 0.13, difficulty)
    while True:
        x, y = (float(v) for v in (rng.uniform(0.42, 0.58, 2) if place == "centre" else rng.uniform(0.15, 0.85, 2)))
        clear = body.skin.level((x, y), -side / 2 - MIN_GAP) < 1 and not _near_spine(body, (x, y), side / 2)
        if clear and place_of((x, y)) == place:
            break
    canvas.shape(shape, x, y, side / 2, _grey(_METAL), float(rng.uniform(-0.3, 0.3)))
    queries = (
        Query(intent=Intent.SHAPE, answer=shape),
        Query(intent=Intent.SHAPE, answer=shape, question=pick(_ASK_IMPLANT, rng)),
        Query(intent=Intent.PLACE, answer=place),
        Query(intent=Intent.PLACE, answer=place, question=pick(_ASK_IMPLANT_PLACE, rng)),
    )
    contrast = (_METAL - body.gain * _BONE) / 255
    return queries, {"implant": side, "place_margin": place_margin((x, y)), "contrast": contrast}


def _draw_side(canvas: Canvas, rng: np.random.Generator, difficulty: float) -> Drawn:
    letter, height = pick(LETTERS, rng), between(0.2, 0.14, difficulty)
    canvas.text(0.09, _corner_row(rng), letter, _grey(235), height)
    queries = (
        Query(intent=Intent.LETTER, answer=letter),
        Query(intent=Intent.LETTER, answer=letter, question=pick(_ASK_SIDE, rng)),
    )
    return queries, {"mark": height}


def _draw_number(canvas: Canvas, rng: np.random.Generator, difficulty: float) -> Drawn:
    number, height = str(int(rng.integers(1, MAX_SLICE + 1))), between(0.2, 0.14, difficulty)
    canvas.text(0.87, _corner_row(rng), number, _grey(235), height)
    queries = (
        Query(intent=Intent.VALUE, answer=number),
        Query(intent=Intent.VALUE, answer=number, question=pick(_ASK_SLICE, rng)),
    )
    return queries, {"mark": height}


def _corner_row(rng: np.random.Generator) -> float:
    """Return the height of the upper or the lower corners, where nothing of the body is."""
    return 0.09 if rng.random() < 0.5 else 0.91
