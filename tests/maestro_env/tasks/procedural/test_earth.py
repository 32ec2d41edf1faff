from collections import Counter, defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural import atlas, earth, earth_countries, earth_terrain
from maestro_env.tasks.procedural.canvas import Canvas, Colour
from maestro_env.tasks.procedural.choices import place_of
from maestro_env.tasks.procedural.earth import KINDS, Earth
from maestro_env.tasks.procedural.family import Figure
from maestro_env.tasks.procedural.wordings import ANSWERS, COLOURS, LETTERS, PLACES, Intent
from tests.maestro_env.tasks.procedural.drawn import figures, first_of_kind, shared_answer, shared_answers, with_factors


def of_kind(kind: str, num_seeds: int, size_px: int = 384) -> list[Figure]:
    """Return the easy figures of a kind among many."""
    drawn = figures(Earth(), num_seeds, size_px=size_px, difficulty=0.0)
    return [figure for figure in drawn if figure.factors["kind"] == kind]


def pixels_of(figure: Figure) -> NDArray[np.int64]:
    return np.asarray(figure.image).astype(np.int64)


def num_components(mask: NDArray[np.bool_], least_cells: int) -> int:
    """Count the regions of a mask, cells joined by their sides, that have some size."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    count = 0
    while left:
        front, size = [left.pop()], 0
        while front:
            row, column = front.pop()
            size += 1
            for cell in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if cell in left:
                    left.remove(cell)
                    front.append(cell)
        count += size >= least_cells
    return count


def test_earth__every_answer_occurs() -> None:
    seen = shared_answers(Earth(), 1500)
    assert set(seen) == {
        "regions/letter",
        "regions/colour",
        "regions/count",
        "contours/count",
        "contours/place",
        "points/letter",
        "points/place",
        "scale/value",
        "scale/count",
    }
    assert seen["regions/letter"] == seen["points/letter"] == set(LETTERS)
    assert seen["regions/colour"] == set(COLOURS)
    assert seen["regions/count"] == {"4", "5", "6", "7"}
    assert seen["contours/count"] == {str(n) for n in range(2, 10)}
    assert seen["contours/place"] == seen["points/place"] == set(PLACES)
    assert seen["scale/value"] == {str(n) for n in range(1, 10)}
    assert seen["scale/count"] == {"3", "4", "5", "6", "7"}


def test_earth__no_answer_and_no_kind_prevails() -> None:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    kinds: Counter[str] = Counter()
    for figure in figures(Earth(), 800, size_px=24):
        kinds[str(figure.factors["kind"])] += 1
        assert 2 <= len(figure.queries) <= 5
        for query in figure.queries:
            assert query.answer in ANSWERS
            assert len(query.question.split()) <= 15
            answers[query.intent][query.answer] += 1
    assert set(kinds) == set(KINDS)
    # Four kinds, equally often: 200 of 800 each, give or take four standard deviations of 12.
    assert all(152 <= count <= 248 for count in kinds.values())
    for counts in answers.values():
        assert max(counts.values()) <= 0.4 * counts.total()


@pytest.mark.parametrize(
    ("kind", "factor", "value"),
    [
        ("regions", "contrast", 0.05),
        ("regions", "text", 0.08),
        ("regions", "margin", 0.001),
        ("contours", "contrast", 0.05),
        ("contours", "gap", 0.005),
        ("contours", "place_margin", 0.01),
        ("points", "contrast", 0.05),
        ("points", "text", 0.08),
        ("points", "margin", 0.001),
        ("points", "gap", 0.005),
        ("points", "rise", 0.0),
        ("points", "place_margin", 0.01),
        ("scale", "contrast", 0.05),
        ("scale", "text", 0.08),
        ("scale", "margin", 0.001),
    ],
)
def test_earth__check_refuses_what_cannot_be_seen(kind: str, factor: str, value: float) -> None:
    figure = first_of_kind(Earth(), kind)
    assert factor in figure.factors
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        Earth().check(with_factors(figure, **{factor: value}))


def test_earth__ringed_letter_and_the_colour_around_it_are_the_answers() -> None:
    maps = of_kind("regions", 60)
    assert len(maps) > 8
    for figure in maps:
        pixels = pixels_of(figure)
        middle = middle_of_ring(pixels)
        # At difficulty 0 the radius is 0.6 of a letter of 0.16: 37 px of 384, of which the outer 7 are ink.
        assert around(pixels, middle, 33).max() < 80
        # The region goes on for 0.028, which is 10 px, beyond the ring.
        assert {nearest_colour(pixel) for pixel in around(pixels, middle, 42)} == {shared_answer(figure, "colour")}
        assert letter_at(pixels, middle) == shared_answer(figure, "letter")


def middle_of_ring(pixels: NDArray[np.int64]) -> tuple[float, float]:
    """Return column and row of the middle of what is white: nothing else is as white as the inside of the ring."""
    rows, columns = np.nonzero(pixels.min(axis=2) > 245)
    return (int(columns.min()) + int(columns.max()) + 1) / 2, (int(rows.min()) + int(rows.max()) + 1) / 2


def around(pixels: NDArray[np.int64], middle: tuple[float, float], radius_px: float) -> NDArray[np.int64]:
    """Return 32 pixels [32, 3] on a circle."""
    angles = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    columns, rows = (middle[0] + radius_px * np.cos(angles), middle[1] + radius_px * np.sin(angles))
    return pixels[rows.astype(int), columns.astype(int)]


def nearest_colour(pixel: NDArray[np.int64]) -> str:
    return min(COLOURS, key=lambda name: float(np.abs(pixel - np.array(COLOURS[name])).sum()))


def letter_at(pixels: NDArray[np.int64], middle: tuple[float, float]) -> str:
    """Return the letter whose picture is most like the dark pixels around a point."""
    box = tuple(slice(round(at) - 24, round(at) + 24) for at in reversed(middle))

    def unlike(letter: str) -> int:
        canvas = Canvas(384, (255, 255, 255))
        canvas.text(middle[0] / 384, middle[1] / 384, letter, (38, 40, 48), 0.16)
        drawn = np.asarray(canvas.finish()).max(axis=2) < 90
        return int((drawn[box] != (pixels.max(axis=2) < 90)[box]).sum())

    return min(LETTERS, key=unlike)


class _Recorder(Canvas):
    """A canvas that remembers where the last map's letters stand."""

    letters: dict[str, tuple[float, float]]
    latest: "_Recorder"

    def __init__(self, size_px: int, background: Colour) -> None:
        super().__init__(size_px, background)
        self.letters = {}
        _Recorder.latest = self

    def text(self, x: float, y: float, text: str, colour: Colour, height: float) -> None:
        super().text(x, y, text, colour, height)
        # A letter's ink comes after its halo, which is written four times around it.
        self.letters[text] = (x, y)


def test_earth__named_regions_have_the_colours_around_their_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(earth_countries, "Canvas", _Recorder)
    num_letters, num_colours = 0, 0
    for figure in figures(Earth(), 120, size_px=384, difficulty=0.0):
        if figure.factors["kind"] != "regions":
            continue
        pixels, spots = pixels_of(figure), _Recorder.latest.letters
        assert str(len(spots)) == shared_answer(figure, "count")
        ringed = shared_answer(figure, "letter")
        # Beyond the ring, or just beyond the letter's halo, which is pale: regions reach 0.4 of 0.16, 27 px, at least.
        colours = {
            letter: colour_of(around(pixels, (384 * x, 384 * y), 42 if letter == ringed else 27))
            for letter, (x, y) in spots.items()
        }
        for query in figure.queries:
            colour = next((word for word in query.question.strip("?.").split() if word in COLOURS), None)
            if query.intent == Intent.COLOUR and query.question and "ring" not in query.question:
                named = next(word.strip("?") for word in query.question.split() if word.strip("?") in LETTERS)
                assert colours[named] == query.answer
                num_colours += 1
            elif query.intent == Intent.LETTER and colour:
                assert [letter for letter in spots if colours[letter] == colour] == [query.answer]
                num_letters += 1
    assert min(num_letters, num_colours) > 8


def colour_of(pixels: NDArray[np.int64]) -> str:
    """Return the commonest colour of those pixels that are neither ink nor a pale halo."""
    vivid = pixels[pixels.max(axis=1) - pixels.min(axis=1) > 70]
    return Counter(nearest_colour(pixel) for pixel in vivid).most_common(1)[0][0]


def test_earth__questions_on_regions_agree_with_each_other() -> None:
    num_checked = 0
    for figure in figures(Earth(), 400, size_px=24):
        if figure.factors["kind"] != "regions":
            continue
        letter, colour = shared_answer(figure, "letter"), shared_answer(figure, "colour")
        for query in figure.queries:
            # One that names the ringed region, or its colour where no other has it, asks for the other.
            if "ring" in query.question:
                assert query.answer == shared_answer(figure, query.intent)
                num_checked += 1
            elif f"region {letter}" in query.question:
                assert query.answer == colour
                num_checked += 1
            elif f" {colour}" in query.question:
                assert query.answer == letter
                num_checked += 1
    assert num_checked > 40


def test_earth__contour_lines_cut_the_map_into_one_part_more_than_there_are() -> None:
    maps = of_kind("contours", 60)
    assert len(maps) > 8
    for figure in maps:
        pixels = pixels_of(figure)
        ink = np.abs(pixels - np.array((104, 60, 34))).sum(axis=2) < 100
        # n nested closed lines leave n rings of ground and the land around them: n + 1 parts.
        assert num_components(~ink, least_cells=150) == int(shared_answer(figure, "count") or 0) + 1


def test_earth__summit_is_within_the_innermost_line() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        summit = earth._point_in(rng, PLACES[seed % 5], 1.0, reach=0.21)
        rings = earth._nested_rings(rng, 2 + seed % 8, summit, 1.0)
        assert len(rings) == 2 + seed % 8
        assert place_of(summit) == PLACES[seed % 5]
        # Crossing number: a ray to the right of the summit meets the ring's outline an odd number of times.
        x, y = rings[-1][:, 0], rings[-1][:, 1]
        x_next, y_next = np.roll(x, -1), np.roll(y, -1)
        spans = (y > summit[1]) != (y_next > summit[1])
        meets = spans & (summit[0] < x + (summit[1] - y) * (x_next - x) / np.where(spans, y_next - y, 1.0))
        assert meets.sum() % 2 == 1


def test_earth__highest_point_lies_where_the_answer_says() -> None:
    maps = of_kind("points", 80)
    assert len(maps) > 8
    # At difficulty 0 tints are faded by a tenth towards the paper.
    tints = [atlas.SEA, *atlas.tints_of(atlas.LAND, len(atlas.LAND), 0.1)]
    for figure in maps:
        pixels = pixels_of(figure)
        points = dots_of(pixels)
        assert [str(len(points))] == [query.answer for query in figure.queries if query.intent == Intent.COUNT]
        heights = [band_around(pixels, point, tints) for point in points]
        assert sorted(heights)[-2] < max(heights)
        assert place_of(points[heights.index(max(heights))]) == shared_answer(figure, "place")


def dots_of(pixels: NDArray[np.int64]) -> list[tuple[float, float]]:
    """Return the middles of round dark dots, as fractions of the side: discs wholly dark to 0.8 of their radius."""
    dark = pixels.max(axis=2) < 80
    radius = round(0.8 * 0.026 * 384)
    solid = np.ones_like(dark)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dx * dx + dy * dy <= radius * radius:
                solid &= np.roll(dark, (dy, dx), (0, 1))
    points: list[list[tuple[int, int]]] = []
    for row, column in np.argwhere(solid):
        near = [point for point in points if abs(point[0][0] - row) + abs(point[0][1] - column) < 20]
        if near:
            near[0].append((int(row), int(column)))
        else:
            points.append([(int(row), int(column))])
    return [(float(np.mean(point, axis=0)[1]) / 384, float(np.mean(point, axis=0)[0]) / 384) for point in points]


def band_around(pixels: NDArray[np.int64], point: tuple[float, float], tints: list[Colour]) -> int:
    """Return the commonest band on a circle just beyond a dot's halo."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    columns = np.round(384 * (point[0] + 0.045 * np.cos(angles))).astype(int)
    rows = np.round(384 * (point[1] + 0.045 * np.sin(angles))).astype(int)
    seen = pixels[rows, columns]
    bands = np.abs(seen[:, None] - np.array(tints)).sum(axis=2)
    # Halos and ink of the letter are no tint; the ground is within noise and light of its own.
    ground = bands.argmin(axis=1)[bands.min(axis=1) < 60]
    return int(Counter(ground.tolist()).most_common(1)[0][0])


def test_earth__ring_stands_for_the_number_beside_its_colour_in_the_legend() -> None:
    maps = of_kind("scale", 60)
    assert len(maps) > 8
    for figure in maps:
        pixels = pixels_of(figure)
        swatches = legend_of(pixels)
        assert len(swatches) == int(shared_answer(figure, "count") or 0)
        in_ring = ring_tint(pixels)
        row = min(swatches, key=lambda middle: float(np.abs(swatches[middle] - in_ring).sum()))
        assert digit_beside(pixels, row) == shared_answer(figure, "value")


def legend_of(pixels: NDArray[np.int64]) -> dict[float, NDArray[np.float64]]:
    """Return the tints of the legend, between its dark lines, by the row of their middle."""
    column = pixels[:, round(0.81 * 384)]
    borders = np.abs(column - np.array((92, 84, 78))).sum(axis=1) < 60
    runs = np.split(np.arange(384), np.flatnonzero(np.diff(borders.astype(int)) != 0) + 1)
    # Runs of more than 20 rows, so that a tint near the lines' colour is not one; the first and the last are paper.
    inner = [run for run in runs if len(run) > 20 and run[0] > 0 and run[-1] < 383]
    return {float(run.mean()): column[run].mean(axis=0) for run in inner}


def ring_tint(pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the tint within the ring: of the place whose circle of 0.045 has the most ink."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    columns = np.round(0.045 * 384 * np.cos(angles)).astype(int)
    rows = np.round(0.045 * 384 * np.sin(angles)).astype(int)
    ink = (np.abs(pixels - np.array((38, 40, 48))).sum(axis=2) < 60).astype(int)
    score = sum(np.roll(ink, (-int(dy), -int(dx)), (0, 1)) for dy, dx in zip(rows, columns, strict=True))
    row, column = np.unravel_index(np.argmax(np.asarray(score)[:, :280]), (384, 280))
    return pixels[row - 6 : row + 7, column - 6 : column + 7].reshape(-1, 3).mean(axis=0)


def digit_beside(pixels: NDArray[np.int64], row: float) -> str:
    """Return the digit whose picture is most like what is written in the legend's row."""

    def unlike(digit: str) -> float:
        canvas = Canvas(384, (250, 246, 236))
        canvas.text(0.933, (row + 0.5) / 384, digit, (38, 40, 48), 0.15)
        box = (slice(max(0, round(row) - 26), round(row) + 26), slice(342, 378))
        return float(np.abs(pixels[box] - np.asarray(canvas.finish()).astype(np.int64)[box]).sum())

    return min((str(n) for n in range(1, 10)), key=unlike)


def test_earth__relief_holds_the_heights_it_was_given() -> None:
    points, targets = [(0.2, 0.3), (0.7, 0.25), (0.5, 0.8)], [1.5, 5.5, 3.5]
    for seed in range(30):
        height = earth_terrain.relief(np.random.default_rng(seed), points, targets, 7, 0.06)
        image = Image.fromarray(height.astype(np.float32))
        assert height.min() > 0
        assert height.max() < 7
        for (x, y), target in zip(points, targets, strict=True):
            assert image.getpixel((int(x * 64), int(y * 64))) == pytest.approx(target)
            # Flat for 0.06 around, so no other band is nearer than that, less a cell of 1/64.
            assert earth_terrain.clearance(height, (x, y)) > 0.06 - 1 / 64


def test_earth__line_margins_of_a_known_country() -> None:
    # Two sites 0.4 apart: their border is the line x = 0.5; the coast is a square of half side 0.4.
    country = earth_countries.Country(
        sites=np.array([[0.3, 0.5], [0.7, 0.5]]),
        normals=np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]),
        offsets=np.full(4, 0.4),
    )
    points = np.array([[0.4, 0.5], [0.15, 0.5], [0.6, 0.5], [0.45, 0.2]])
    # To the border 0.1; to the left coast at 0.1, 0.05; beyond the border by 0.1; to the border 0.05, to the top 0.1.
    assert country.margins(points, 0) == pytest.approx([0.1, 0.05, -0.1, 0.05])
    cell = country.cell(0, 0.01)
    assert (cell[:, 0].min(), cell[:, 0].max()) == pytest.approx((0.11, 0.49), abs=0.002)
    assert (cell[:, 1].min(), cell[:, 1].max()) == pytest.approx((0.11, 0.89), abs=0.01)
