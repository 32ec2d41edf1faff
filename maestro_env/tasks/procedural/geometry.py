"""The family `geometry`: a lettered polygon, segments beside a scale bar, an angle, a circle with chords.

What `it` means: the one coloured part, which is a side, a segment, an angle or a point of the circle. Its letter stands
beside it, on a disc of its colour where there are other letters; its value is its length in units or its degrees.
What is counted: sides, segments, chords. The paper, its inks and its letters are geometry_sheet.py's.
"""

from collections.abc import Sequence
from itertools import combinations
from math import atan2, cos, degrees, dist, pi, radians, sin

import numpy as np

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Point, distance, mixed, polar, textured
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.geometry_sheet import CAPITAL, EDGE, Sheet, draw_squares, lay_sheet
from maestro_env.tasks.procedural.wordings import DEGREES, LETTERS, Intent

KINDS = ("polygon", "segment", "angle", "circle")
NUM_SIDES = (3, 6)
UNITS = (2, 9)
MAX_SEGMENTS = 5
MAX_CHORDS = 6
MAX_POINTS = 8
MIN_CONTRAST = 0.26
"""Smallest distance of ink and of the coloured part from the paper."""
MIN_BADGE = 0.3
"""Smallest distance of the marked letter's colour from that of the disc it stands on."""
MIN_LETTER = 0.12
"""Smallest font size, as a fraction of the side: a capital of 5.5 px of 64."""
MIN_STROKE = 0.012
"""Thinnest stroke that counts: 0.8 px of 64, a clear grey once it has shrunk."""
MIN_MARK = 0.022
"""Smallest width of the coloured part: 1.4 px of 64."""
MIN_MARGIN = 0.1
"""By what share the longest side exceeds the second, and the second shortest the shortest: 3 px of 320 at the least."""
MIN_UNIT = 0.055
"""Shortest unit of length: 3.5 px of 64 lie between neighbouring answers."""
MIN_GAP = 0.04
"""Smallest distance between what has to be told apart: letters' edges, a chord's middle and the rim, rays' ends."""

Drawn = tuple[tuple[Query, ...], dict[str, float | int]]
"""The queries of what was drawn, and what was measured while drawing."""

_LEAST_TURN = radians(22)
"""Least change of direction at a corner: what turns less looks straight and hides a side."""

_ASK_LONGEST = ("Which {} is the longest?", "Which letter names the longest {}?", "Which {} has the greatest length?")
_ASK_SHORTEST = ("Which {} is the shortest?", "Which letter names the shortest {}?", "Which {} has the least length?")
_ASK_SIDES = ("How many sides has the polygon?", "How many corners has the polygon?", "Count the polygon's sides.")
_ASK_LENGTH = ("How many units long is segment {}?", "How long is segment {}, measured with the scale bar?")
_ASK_ANGLE = ("How many degrees is the angle?", "What is the size of the angle in degrees?", "Measure the angle.")
_ASK_VERTEX = ("Which letter names the angle's corner?", "At which letter do the angle's sides meet?")
_ASK_CHORDS = ("How many chords has the circle?", "Count the chords.", "How many lines join points of the circle?")
_ASK_POINTS = ("How many points are on the circle?", "How many letters stand around the circle?")
_ASK_JOINED = ("Which point is joined to point {}?", "To which point does the chord from {} lead?")


class Geometry(Family):
    """Lettered figures of plane geometry on light paper."""

    name = "geometry"
    native_px = 320

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        sheet = lay_sheet(rng, size_px, difficulty)
        # Squares behind segments would be a second unit of length.
        if kind != "segment" and rng.random() < 0.5:
            draw_squares(sheet, rng)
        if kind == "polygon":
            queries, measured = _draw_polygon(sheet, rng)
        elif kind == "segment":
            queries, measured = _draw_segments(sheet, rng)
        elif kind == "angle":
            queries, measured = _draw_angle(sheet, rng)
        else:
            queries, measured = _draw_circle(sheet, rng)
        image = textured(sheet.canvas.finish(), between(0.05, 0.4, difficulty), rng)
        factors: dict[str, float | int | str] = {
            "difficulty": difficulty,
            "kind": kind,
            "contrast": min(distance(sheet.ink, sheet.paper), distance(sheet.mark, sheet.paper)),
            "letter": sheet.letter,
            "stroke": sheet.stroke,
            "mark": sheet.mark_stroke,
            **measured,
        }
        return Figure(image=image, queries=queries, factors=factors)

    def check(self, figure: Figure) -> None:
        floors = {
            "contrast": MIN_CONTRAST,
            "badge": MIN_BADGE,
            "letter": MIN_LETTER,
            "stroke": MIN_STROKE,
            "mark": MIN_MARK,
            "margin": MIN_MARGIN,
            "unit": MIN_UNIT,
            "gap": MIN_GAP,
        }
        for name, floor in floors.items():
            # Only polygons have a margin, only segments a unit, and the lone letter at an angle has no badge.
            if float(figure.factors.get(name, floor)) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw it darker, larger or further apart."
                )


def _some_letters(rng: np.random.Generator, count: int) -> list[str]:
    return [LETTERS[int(i)] for i in rng.permutation(len(LETTERS))[:count]]


def _placed(points: Sequence[Point], rng: np.random.Generator, side: float, margin: float) -> list[Point]:
    """Return points moved and scaled: their longer extent becomes `side`, and they keep a margin from the edge."""
    least_x, most_x = min(x for x, _ in points), max(x for x, _ in points)
    least_y, most_y = min(y for _, y in points), max(y for _, y in points)
    scale = side / max(most_x - least_x, most_y - least_y)
    # The extent that fills the picture leaves a slack of zero, or by rounding a little less.
    left = margin + float(rng.uniform(0, max(0.0, 1 - 2 * margin - scale * (most_x - least_x))))
    top = margin + float(rng.uniform(0, max(0.0, 1 - 2 * margin - scale * (most_y - least_y))))
    return [(left + scale * (x - least_x), top + scale * (y - least_y)) for x, y in points]


def _ask_extreme(rng: np.random.Generator, part: str, letters: Sequence[str], lengths: Sequence[float]) -> Query:
    """Return a question for the longest or the shortest of the parts."""
    options, extreme = (_ASK_LONGEST, max(lengths)) if rng.random() < 0.5 else (_ASK_SHORTEST, min(lengths))
    return Query(intent=Intent.LETTER, answer=letters[lengths.index(extreme)], question=pick(options, rng).format(part))


def _draw_polygon(sheet: Sheet, rng: np.random.Generator) -> Drawn:
    count = int(rng.integers(NUM_SIDES[0], NUM_SIDES[1] + 1))
    least_margin = between(0.3, 1.2 * MIN_MARGIN, sheet.difficulty)
    room = sheet.margin() + sheet.mark_stroke + CAPITAL * sheet.letter + 0.012
    while True:
        corners = _placed(_convex(rng, count), rng, between(1.0, 0.88, sheet.difficulty) * (1 - 2 * room), room)
        sides = list(zip(corners, [*corners[1:], corners[0]], strict=True))
        lengths = [dist(*side) for side in sides]
        order = sorted(lengths)
        margin = min(order[-1] / order[-2], order[1] / order[0]) - 1
        # Corners run clockwise, so the outside is a quarter turn back from a side's direction.
        spots = [sheet.beside(((x + u) / 2, (y + v) / 2), atan2(v - y, u - x)) for (x, y), (u, v) in sides]
        gap = min(dist(*pair) for pair in combinations(spots, 2)) - 2 * CAPITAL * sheet.letter
        if margin >= least_margin and gap >= MIN_GAP and order[0] >= 0.14:
            break
    sheet.canvas.polygon(corners, sheet.faint(0.06))
    for side in sides:
        sheet.line(side, sheet.ink, sheet.stroke)
    marked = int(rng.integers(count))
    sheet.line(sides[marked], sheet.mark, sheet.mark_stroke)
    letters = _some_letters(rng, count)
    for letter, spot in zip(letters, spots, strict=True):
        sheet.write(letter, spot, marked=letter == letters[marked])
    queries = (
        Query(intent=Intent.LETTER, answer=letters[marked]),
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COLOUR, answer=sheet.mark_name),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_SIDES, rng)),
        _ask_extreme(rng, "side", letters, lengths),
    )
    return queries, {"badge": sheet.badge_contrast, "margin": margin, "gap": gap, "num_elements": count}


def _convex(rng: np.random.Generator, count: int) -> list[Point]:
    """Return the corners of a convex polygon, clockwise, none of them flat: points of a stretched circle."""
    while True:
        steps = rng.uniform(0.3, 1.5, count)
        angles = np.cumsum(steps / steps.sum()) * 2 * pi + float(rng.uniform(0, 2 * pi))
        squeeze, turn = float(rng.uniform(0.65, 1.0)), float(rng.uniform(0, pi))
        u, v = np.sin(angles) * squeeze, -np.cos(angles)
        x, y = u * cos(turn) - v * sin(turn), u * sin(turn) + v * cos(turn)
        headings = np.arctan2(np.roll(y, -1) - y, np.roll(x, -1) - x)
        turns = (headings - np.roll(headings, 1)) % (2 * pi)
        if turns.min() > _LEAST_TURN and turns.max() < pi - _LEAST_TURN:
            return list(zip(x.tolist(), y.tolist(), strict=True))


def _draw_segments(sheet: Sheet, rng: np.random.Generator) -> Drawn:
    count = int(rng.integers(2, round(between(4, MAX_SEGMENTS, sheet.difficulty)) + 1))
    unit = between(0.08, 1.1 * MIN_UNIT, sheet.difficulty)
    lengths = [int(n) for n in rng.permutation(np.arange(UNITS[0], UNITS[1] + 1))[:count]]
    letters, marked = _some_letters(rng, count), int(rng.integers(count))
    bar_left = _draw_scale_bar(sheet, rng, unit)
    # The easier, the more often segments start at the bar's zero and are divided into units.
    aligned, divided = (bool(rng.random() > 1.5 * sheet.difficulty) for _ in range(2))
    left, pitch = 2 * sheet.margin(), 0.74 / count
    for row, (length, letter) in enumerate(zip(lengths, letters, strict=True)):
        slack = 1 - EDGE - sheet.mark_stroke - left - length * unit
        x = bar_left if aligned else left + float(rng.uniform(0, slack))
        y = 0.03 + pitch * (row + 0.5)
        # Tilted segments stay within their own rows.
        steepest = min(0.5, 0.3 * pitch / (length * unit)) * sheet.difficulty
        tilt = float(rng.uniform(-steepest, steepest))
        along, across = (unit * cos(tilt), unit * sin(tilt)), (-sin(tilt), cos(tilt))
        marks = [(x + k * along[0], y + (k - length / 2) * along[1]) for k in range(length + 1)]
        colour, width = (sheet.mark, sheet.mark_stroke) if row == marked else (sheet.ink, sheet.stroke)
        sheet.canvas.line([marks[0], marks[-1]], colour, width)
        for k, (u, v) in enumerate(marks):
            half = 0.036 if k in (0, length) else 0.024
            if divided or half > 0.03:
                ends = [(u + sign * half * across[0], v + sign * half * across[1]) for sign in (-1, 1)]
                sheet.canvas.line(ends, sheet.ink, sheet.stroke)
        sheet.write(letter, (x - sheet.margin(), y), marked=row == marked)
    ask_length = pick(_ASK_LENGTH, rng).format(letters[marked])
    queries = (
        Query(intent=Intent.VALUE, answer=str(lengths[marked])),
        Query(intent=Intent.LETTER, answer=letters[marked]),
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.VALUE, answer=str(lengths[marked]), question=ask_length),
        _ask_extreme(rng, "segment", letters, lengths),
    )
    gap = pitch - 2 * CAPITAL * sheet.letter
    return queries, {"badge": sheet.badge_contrast, "unit": unit, "gap": gap, "num_elements": count}


def _draw_scale_bar(sheet: Sheet, rng: np.random.Generator, unit: float) -> float:
    """Draw a bar of dark and light units at the bottom, as on a map, and return where it starts."""
    num_units = round(between(UNITS[1], 3, sheet.difficulty))
    x, y, half = 2 * sheet.margin(), 0.89, between(0.036, 0.028, sheet.difficulty)
    x += float(rng.uniform(0, 1 - EDGE - sheet.mark_stroke - x - UNITS[1] * unit))
    for k in range(num_units):
        fill = sheet.ink if k % 2 == 0 else mixed(sheet.paper, (255, 255, 255), 0.5)
        sheet.canvas.rectangle(x + k * unit, y - half, x + (k + 1) * unit, y + half, fill, sheet.ink, 0.008)
    return x


def _draw_angle(sheet: Sheet, rng: np.random.Generator) -> Drawn:
    size_deg = int(pick(DEGREES, rng))
    size = radians(size_deg)
    # Easy angles have a level or upright side.
    step_deg = 90 if rng.random() > 1.5 * sheet.difficulty else 5
    start = radians(int(rng.integers(360 // step_deg)) * step_deg)
    rays = [start, start + size]
    if rng.random() < 0.8 * sheet.difficulty - 0.1:
        rays.append(_stray_ray(rng, start, size))
    ring = bool(rng.random() > 1.5 * sheet.difficulty)
    # As of a protractor, with its zero on the first side.
    dial = [polar(0, 0, 0.8, start + radians(15 * k)) for k in range(13)] if ring else []
    room = sheet.margin() + 0.04
    outline = [(0.0, 0.0), *[polar(0, 0, 1, ray) for ray in rays], polar(0, 0, 0.2, start + size / 2 + pi), *dial]
    placed = _placed(outline, rng, between(1.0, 0.85, sheet.difficulty) * (1 - 2 * room), room)
    vertex, ends = placed[0], placed[1 : 1 + len(rays)]
    reach = dist(vertex, ends[0])
    for k in range(len(dial)):
        inner, angle = 0.7 if k % 3 == 0 else 0.74, start + radians(15 * k)
        sheet.line([polar(*vertex, f * reach, angle) for f in (inner, 0.82)], sheet.faint(0.4), sheet.stroke)
    arc = max(0.3 * reach, 0.11)
    sheet.canvas.slice(*vertex, arc, degrees(start), degrees(start + size), mixed(sheet.mark, sheet.paper, 0.78))
    points = [polar(*vertex, arc, start + size * k / 24) for k in range(25)]
    sheet.canvas.line(points, sheet.mark, sheet.mark_stroke)
    for end in ends:
        sheet.line([vertex, end], sheet.ink, 1.2 * sheet.stroke)
    letter = pick(LETTERS, rng)
    behind = start + size / 2 + pi
    sheet.write(letter, sheet.beside(polar(*vertex, 0.02, behind), behind))
    queries = (
        Query(intent=Intent.VALUE, answer=str(size_deg)),
        Query(intent=Intent.COLOUR, answer=sheet.mark_name),
        Query(intent=Intent.LETTER, answer=letter),
        Query(intent=Intent.VALUE, answer=str(size_deg), question=pick(_ASK_ANGLE, rng)),
        Query(intent=Intent.LETTER, answer=letter, question=pick(_ASK_VERTEX, rng)),
    )
    return queries, {"gap": arc * min(size, pi / 4), "num_elements": len(rays)}


def _stray_ray(rng: np.random.Generator, start: float, size: float) -> float:
    """Return the direction of a ray outside the angle, clear of its sides and of the letter behind its corner."""
    letter, clear = start + size / 2 + pi, radians(52)
    low, high = start + size + radians(30), letter - clear
    return float(rng.uniform(low, high)) if rng.random() < 0.5 else 2 * letter - float(rng.uniform(low, high))


def _draw_circle(sheet: Sheet, rng: np.random.Generator) -> Drawn:
    count = int(rng.integers(1, round(between(4, MAX_CHORDS, sheet.difficulty)) + 1))
    most_points = round(between(6, MAX_POINTS, sheet.difficulty))
    radius = between(0.3, 0.28, sheet.difficulty)
    room = radius + 2 * CAPITAL * sheet.letter + 1.6 * sheet.mark_stroke + EDGE
    x, y = (0.5 + float(rng.uniform(-1, 1)) * max(0.0, 0.5 - room) for _ in range(2))
    while True:
        num_points = int(rng.integers(3, most_points + 1))
        gaps = rng.uniform(0.7, 1.3, num_points)
        angles = [float(a) for a in np.cumsum(gaps / gaps.sum()) * 2 * pi + rng.uniform(0, 2 * pi)]
        points = [polar(x, y, radius, angle) for angle in angles]
        chords = _some_chords(rng, points, count, radius)
        if chords:
            break
    sheet.canvas.circle(x, y, radius, sheet.faint(0.05), sheet.ink, sheet.stroke)
    letters = _some_letters(rng, num_points)
    # Half a stroke further out than beside a line: a point is as thick as two.
    spots = [sheet.beside(polar(x, y, radius + 0.5 * sheet.mark_stroke, angle), angle) for angle in angles]
    for i, j in chords:
        sheet.canvas.line([points[i], points[j]], sheet.ink, sheet.stroke)
    for i, (point, letter) in enumerate(zip(points, letters, strict=True)):
        # The first point is the coloured one.
        sheet.canvas.circle(*point, (1.0 if i == 0 else 0.6) * sheet.mark_stroke, sheet.mark if i == 0 else sheet.ink)
        sheet.write(letter, spots[i], marked=i == 0)
    joined = letters[chords[0][1]]
    ask_number, number = (_ASK_CHORDS, count) if rng.random() < 0.5 else (_ASK_POINTS, num_points)
    queries = (
        Query(intent=Intent.LETTER, answer=letters[0]),
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COLOUR, answer=sheet.mark_name),
        Query(intent=Intent.LETTER, answer=joined, question=pick(_ASK_JOINED, rng).format(letters[0])),
        Query(intent=Intent.COUNT, answer=str(number), question=pick(ask_number, rng)),
    )
    letters_gap = min(dist(*pair) for pair in combinations(spots, 2)) - 2 * CAPITAL * sheet.letter
    gap = min(letters_gap, *(_rise(points[i], points[j], radius) for i, j in chords))
    return queries, {"badge": sheet.badge_contrast, "gap": gap, "num_elements": count}


def _rise(one: Point, other: Point, radius: float) -> float:
    """Return how far the middle of a chord is from the rim."""
    return radius - (max(0.0, radius**2 - (dist(one, other) / 2) ** 2)) ** 0.5


def _some_chords(rng: np.random.Generator, points: Sequence[Point], count: int, radius: float) -> list[tuple[int, int]]:
    """Return `count` chords as pairs of points, none close to the rim; empty where the points do not allow as many.

    The first chord is the only one that leads to point 0.
    """
    least = 1.25 * MIN_GAP
    pairs = [(i, j) for i, j in combinations(range(len(points)), 2) if _rise(points[i], points[j], radius) >= least]
    rng.shuffle(pairs)
    firsts, others = [pair for pair in pairs if pair[0] == 0], [pair for pair in pairs if pair[0] != 0]
    if not firsts or len(others) < count - 1:
        return []
    return [firsts[0], *others[: count - 1]]
