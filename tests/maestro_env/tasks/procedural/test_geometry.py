from collections import Counter, defaultdict
from collections.abc import Sequence
from colorsys import rgb_to_hsv
from itertools import pairwise
from math import atan2, cos, degrees, dist, pi, sin

import numpy as np
import pytest

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural import geometry, geometry_sheet
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, distance
from maestro_env.tasks.procedural.family import Figure
from maestro_env.tasks.procedural.geometry import MIN_BADGE, MIN_MARGIN, MIN_STROKE, Geometry
from maestro_env.tasks.procedural.wordings import ANSWERS, COLOURS, DEGREES, LETTERS, Intent
from tests.maestro_env.tasks.procedural.drawn import figures, first_of_kind, shared_answer, shared_answers, with_factors


class _Recorder(Canvas):
    """A canvas that remembers the last figure's lines, points, letters and the discs under letters."""

    lines: list[tuple[Point, ...]]
    widths: list[float]
    dots: dict[Point, Colour]
    badges: dict[Point, Colour]
    letters: dict[str, Point]
    latest: "_Recorder"

    def __init__(self, size_px: int, background: Colour) -> None:
        super().__init__(size_px, background)
        self.lines, self.widths, self.dots, self.badges, self.letters = [], [], {}, {}, {}
        _Recorder.latest = self

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        super().line(points, colour, width)
        if width >= MIN_STROKE:  # else squares of the paper
            self.lines.append(tuple(points))
            self.widths.append(width)

    def circle(
        self, x: float, y: float, radius: float, fill: Colour | None, outline: Colour | None = None, width: float = 0.0
    ) -> None:
        super().circle(x, y, radius, fill, outline, width)
        if fill and not outline:
            # Points have radii up to 0.036; discs that hold a letter, of 0.07 and more.
            (self.dots if radius < 0.05 else self.badges)[x, y] = fill

    def text(self, x: float, y: float, text: str, colour: Colour, height: float) -> None:
        super().text(x, y, text, colour, height)
        self.letters[text] = (x, y)

    def letter_at(self, point: Point) -> str:
        return min(self.letters, key=lambda letter: dist(self.letters[letter], point))


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Figure, _Recorder]]:
    monkeypatch.setattr(geometry_sheet, "Canvas", _Recorder)
    return [(figure, _Recorder.latest) for figure in figures(Geometry(), 200)]


def _own_answer(figure: Figure, *words: str) -> str | None:
    return next((q.answer for q in figure.queries if any(word in q.question for word in words)), None)


def _middle(one: Point, other: Point) -> Point:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2


def test_geometry__every_answer_occurs() -> None:
    seen = shared_answers(Geometry(), 1500)
    assert seen["polygon/count"] == {"3", "4", "5", "6"}
    assert seen["segment/count"] == {"2", "3", "4", "5"}
    assert seen["circle/count"] == {str(n) for n in range(1, 7)}
    assert seen["segment/value"] == {str(n) for n in range(2, 10)}
    assert seen["angle/value"] == set(DEGREES)
    for kind in ("polygon", "segment", "angle", "circle"):
        assert seen[f"{kind}/letter"] == set(LETTERS)
    for kind in ("polygon", "angle", "circle"):
        assert seen[f"{kind}/colour"] == set(COLOURS)


def test_geometry__no_answer_prevails() -> None:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for figure in figures(Geometry(), 1000, size_px=24):
        assert 2 <= len(figure.queries) <= 5
        for query in figure.queries:
            assert len(query.question.split()) <= 15
            answers[query.intent][query.answer] += 1
            answers[f"{figure.factors['kind']}/{query.intent}"][query.answer] += 1
    assert set().union(*answers.values()) <= set(ANSWERS)
    assert set(answers) >= {Intent.COUNT, Intent.COLOUR, Intent.VALUE, Intent.LETTER}
    for counts in answers.values():
        assert max(counts.values()) < 0.4 * counts.total()


@pytest.mark.parametrize(
    ("kind", "factor", "value"),
    [
        ("polygon", "contrast", 0.1),
        ("polygon", "badge", 0.2),
        ("polygon", "letter", 0.05),
        ("polygon", "mark", 0.01),
        ("polygon", "margin", 0.02),
        ("segment", "badge", 0.2),
        ("segment", "unit", 0.03),
        ("segment", "gap", 0.01),
        ("angle", "stroke", 0.002),
        ("circle", "badge", 0.2),
        ("circle", "gap", 0.01),
    ],
)
def test_geometry__check_refuses_what_cannot_be_seen(kind: str, factor: str, value: float) -> None:
    figure = first_of_kind(Geometry(), kind)
    assert factor in figure.factors
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        Geometry().check(with_factors(figure, **{factor: value}))


def test_geometry__the_coloured_part_has_the_colour_of_the_answer() -> None:
    num_checked = 0
    for figure in figures(Geometry(), 60, size_px=320, difficulty=0.0):
        answer = shared_answer(figure, "colour")
        if answer is None:
            continue
        pixels = np.asarray(figure.image).astype(int).reshape(-1, 3)
        near = {name: int((np.abs(pixels - colour).max(axis=1) < 20).sum()) for name, colour in COLOURS.items()}
        assert max(near, key=lambda name: near[name]) == answer
        num_checked += 1
    assert num_checked > 30


def test_geometry__the_marked_segment_is_as_long_as_the_answer_says() -> None:
    num_checked = 0
    for figure in figures(Geometry(), 80, size_px=320, difficulty=0.0):
        if figure.factors["kind"] != "segment":
            continue
        pixels = np.asarray(figure.image).astype(int)
        # Ink and paper are nearly grey. Easy segments are level, 11.5 px thick; the disc of their letter is taller.
        heights = (pixels.max(axis=2) - pixels.min(axis=2) > 70).sum(axis=0)
        left, right = np.nonzero(heights > 14)[0].max() + 1, np.nonzero(heights)[0].max() + 1
        # The disc reaches the left cap and the colour the right one: both caps lie half a width left of their ends.
        # A unit is 0.08 of 320 px.
        assert (right - left) / 25.6 == pytest.approx(int(shared_answer(figure, "value") or 0), abs=0.15)
        num_checked += 1
    assert num_checked > 10


def test_geometry__length_is_asked_of_the_marked_segment() -> None:
    num_checked = 0
    for figure in figures(Geometry(), 120, size_px=24):
        for query in figure.queries:
            if figure.factors["kind"] == "segment" and query.question and query.intent == Intent.VALUE:
                assert f"segment {shared_answer(figure, 'letter')}" in query.question
                assert query.answer == shared_answer(figure, "value")
                num_checked += 1
    assert num_checked > 10


def test_geometry__only_the_letter_of_the_answer_stands_on_a_disc_of_its_colour(
    recorded: list[tuple[Figure, _Recorder]],
) -> None:
    kinds: Counter[str] = Counter()
    for figure, canvas in recorded:
        kind = str(figure.factors["kind"])
        if kind == "angle":
            # Its letter is the only one.
            assert not canvas.badges
            assert len(canvas.letters) == 1
            continue
        ((middle, fill),) = canvas.badges.items()
        letter = canvas.letter_at(middle)
        assert letter == shared_answer(figure, "letter")
        assert dist(canvas.letters[letter], middle) < 0.01
        # Hues run around a circle of length 1.
        named = min(COLOURS, key=lambda name: abs((_hue(COLOURS[name]) - _hue(fill) + 0.5) % 1 - 0.5))
        assert shared_answer(figure, "colour") in (None, named)
        kinds[kind] += 1
    assert min(kinds[kind] for kind in ("polygon", "segment", "circle")) > 20


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_sheet__marked_letter_is_as_far_from_its_disc_as_measured(difficulty: float) -> None:
    inks: defaultdict[str, set[bool]] = defaultdict(set)
    for seed in range(120):
        sheet = geometry_sheet.lay_sheet(np.random.default_rng(seed), 320, difficulty)
        sheet.write("H", (0.5, 0.5), marked=True)
        image = sheet.canvas.finish()
        # The bar of the H runs through the middle, 160 px of 320; the disc shows above the bar, by a fifth of the size.
        letter, disc = (_rgb(image.getpixel((160, 160 - round(320 * up * sheet.letter)))) for up in (0.0, 0.2))
        assert disc == sheet.mark
        assert distance(letter, disc) == pytest.approx(sheet.badge_contrast)
        assert distance(letter, disc) >= MIN_BADGE
        inks[sheet.mark_name].add(sum(letter) > sum(disc))
    # Yellow is too light for light ink on any paper; dark colours are too dark for dark ink.
    assert dict(inks) == {name: {name != "yellow"} for name in COLOURS}


def _rgb(pixel: object) -> Colour:
    assert isinstance(pixel, tuple)
    red, green, blue = pixel
    return (int(red), int(green), int(blue))


def _hue(colour: Colour) -> float:
    return rgb_to_hsv(*(level / 255 for level in colour))[0]


def test_geometry__letters_name_the_longest_and_the_shortest_side(recorded: list[tuple[Figure, _Recorder]]) -> None:
    extremes: Counter[str] = Counter()
    for figure, canvas in recorded:
        if figure.factors["kind"] != "polygon":
            continue
        # The last line paints the marked side again, thicker.
        *sides, marked = canvas.lines
        assert str(len(sides)) == shared_answer(figure, "count")
        assert canvas.letter_at(_middle(*marked)) == shared_answer(figure, "letter")
        sides.sort(key=lambda side: dist(*side))
        lengths = [dist(*side) for side in sides]
        assert min(lengths[-1] / lengths[-2], lengths[1] / lengths[0]) >= 1 + MIN_MARGIN
        longest, shortest = _own_answer(figure, "longest", "greatest"), _own_answer(figure, "shortest", "least")
        assert longest in (None, canvas.letter_at(_middle(*sides[-1])))
        assert shortest in (None, canvas.letter_at(_middle(*sides[0])))
        extremes += Counter(longest=longest is not None, shortest=shortest is not None)
    assert min(extremes["longest"], extremes["shortest"]) > 10


def test_geometry__polygons_are_convex_and_clockwise() -> None:
    for seed in range(200):
        corners = geometry._convex(np.random.default_rng(seed), 3 + seed % 4)
        sides = [(u - x, v - y) for (x, y), (u, v) in pairwise([*corners, *corners[:2]])]
        # With y downwards, a clockwise turn has a positive cross product; the turns of a simple polygon sum to 360.
        turns = [degrees(atan2(a * d - b * c, a * c + b * d)) for (a, b), (c, d) in pairwise(sides)]
        # Neither a flat corner nor a spike.
        assert 22 < min(turns) < max(turns) < 180 - 22
        assert sum(turns) == pytest.approx(360)


def test_geometry__rays_enclose_the_degrees_of_the_answer(recorded: list[tuple[Figure, _Recorder]]) -> None:
    num_strays = 0
    for figure, canvas in recorded:
        if figure.factors["kind"] != "angle":
            continue
        # Rays are the thickest straight lines; the arc, thicker still, has many points.
        straight = [line for line in canvas.lines if len(line) == 2]
        first, second, *strays = straight[-int(figure.factors["num_elements"]) :]
        headings = [atan2(v - y, u - x) for (x, y), (u, v) in (first, second)]
        assert round(degrees(headings[1] - headings[0]) % 360) == int(shared_answer(figure, "value") or 0)
        assert canvas.letter_at(first[0]) == shared_answer(figure, "letter")
        # A ray beside the angle: no arc reaches it.
        arc = next(line for line in canvas.lines if len(line) > 2)
        for stray in strays:
            reach, length = dist(arc[0], stray[0]), dist(*stray)
            on_stray = tuple(a + (b - a) * reach / length for a, b in zip(*stray, strict=True))
            assert min(dist(point, on_stray) for point in arc) > 0.4 * reach
            num_strays += 1
    assert num_strays > 10


def test_geometry__chords_join_the_letters_of_the_answers(recorded: list[tuple[Figure, _Recorder]]) -> None:
    num_points_asked = 0
    for figure, canvas in recorded:
        if figure.factors["kind"] != "circle":
            continue
        assert str(len(canvas.lines)) == shared_answer(figure, "count")
        marked = next(iter(canvas.dots))
        assert canvas.letter_at(marked) == shared_answer(figure, "letter")
        joining = [chord for chord in canvas.lines if marked in chord]
        assert len(joining) == 1
        far = next(point for point in joining[0] if point != marked)
        assert canvas.letter_at(far) == _own_answer(figure, "joined", "lead")
        if points := _own_answer(figure, "points are", "letters stand"):
            assert points == str(len(canvas.dots)) == str(len(canvas.letters))
            num_points_asked += 1
    assert num_points_asked > 10


def test_geometry__chords_keep_clear_of_the_rim() -> None:
    rng = np.random.default_rng(0)
    # Neighbours 30 degrees apart: a chord between them rises 0.3 * (1 - cos 15) = 0.010, too little; across a
    # quarter, 0.3 * (1 - cos 45) = 0.088. So points 0 and 1 reach points 2 and 3 only, which do not reach each other.
    angles = [0, pi / 6, pi * 2 / 3, pi * 5 / 6]
    points = [(0.5 + 0.3 * sin(a), 0.5 - 0.3 * cos(a)) for a in angles]
    chords = geometry._some_chords(rng, points, 3, 0.3)
    assert chords[0] in [(0, 2), (0, 3)]
    assert sorted(chords[1:]) == [(1, 2), (1, 3)]
    assert geometry._some_chords(rng, points, 4, 0.3) == []
