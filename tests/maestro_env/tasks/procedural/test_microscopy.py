from collections import Counter, defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural import microscopy
from maestro_env.tasks.procedural.canvas import distance
from maestro_env.tasks.procedural.choices import place_of
from maestro_env.tasks.procedural.family import Figure
from maestro_env.tasks.procedural.microscopy import Microscopy
from maestro_env.tasks.procedural.wordings import COLOURS, PLACES, SHAPES, Intent
from tests.maestro_env.tasks.procedural.drawn import figures, first_of_kind, shared_answer, shared_answers, with_factors

SIDE_PX = 112


def _of_kind(kind: str) -> list[Figure]:
    drawn = figures(Microscopy(), 80, size_px=SIDE_PX, difficulty=0.0)
    return [figure for figure in drawn if figure.factors["kind"] == kind]


def _saturated(figure: Figure) -> NDArray[np.bool_]:
    """[side, side] where a stain is: tissue and resting cells differ by less than 65 between their channels."""
    pixels = np.asarray(figure.image).astype(int)
    return pixels.max(2) - pixels.min(2) > 65


def _parts(mask: NDArray[np.bool_], *, at_least_px: int) -> list[NDArray[np.bool_]]:
    """Return the connected parts of a mask, small ones left out."""
    left, parts = mask.copy(), list[NDArray[np.bool_]]()
    while left.any():
        part = np.zeros_like(left)
        part[np.unravel_index(int(left.argmax()), left.shape)] = True
        size = 0
        while size != (size := int(part.sum())):
            for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
                part |= np.roll(part, step, axis) & left
        left &= ~part
        if size >= at_least_px:
            parts.append(part)
    return parts


def _colour_of(figure: Figure, part: NDArray[np.bool_]) -> str:
    red, green, blue = np.median(np.asarray(figure.image)[part], axis=0).astype(int).tolist()
    return min(COLOURS, key=lambda name: distance(COLOURS[name], (red, green, blue)))


def _centre(part: NDArray[np.bool_]) -> tuple[float, float]:
    rows, columns = np.nonzero(part)
    return float(columns.mean()) / part.shape[1], float(rows.mean()) / part.shape[0]


def _num_corners(part: NDArray[np.bool_]) -> int:
    """Return into how many directions, equally spaced, the outermost pixels point: 3, 4 or 5."""
    rows, columns = np.nonzero(part)
    offsets = (columns - columns.mean()) + 1j * (rows - rows.mean())
    outer = offsets[np.abs(offsets) > 0.75 * np.abs(offsets).max()]
    return max((3, 4, 5), key=lambda k: abs(np.sum((outer / np.abs(outer)) ** k)))


def test_microscopy__every_answer_occurs() -> None:
    seen = shared_answers(Microscopy(), 1500)
    assert seen["stain/count"] == {str(n) for n in range(2, 10)}
    assert seen["nuclei/count"] == {str(n) for n in range(1, 9)}
    assert seen["sizes/place"] == seen["mitosis/place"] == set(PLACES)
    assert seen["mitosis/shape"] == seen["nuclei/shape"] == set(SHAPES)
    for kind in ("stain", "sizes", "nuclei"):
        assert seen[f"{kind}/colour"] == set(COLOURS)


def test_microscopy__no_answer_is_a_good_guess() -> None:
    answers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    kinds: Counter[str] = Counter()
    for figure in figures(Microscopy(), 1500, size_px=24):
        kinds[str(figure.factors["kind"])] += 1
        for query in figure.queries:
            answers[query.intent][query.answer] += 1
            assert len(query.question.split()) <= 15
            # The colour that a count names is not what it asks for, and no other question gives its answer away.
            assert query.answer not in query.question.split()
    assert set(answers) == {"count", "colour", "place", "shape"}
    for counts in answers.values():
        assert max(counts.values()) < 0.3 * counts.total()
    # Four kinds, equally often: 375 each of 1500, with a standard deviation of 17.
    assert set(kinds) == set(microscopy.KINDS)
    assert min(kinds.values()) > 300


@pytest.mark.parametrize("kind", microscopy.KINDS)
def test_microscopy__plain_and_shared_wordings_ask_for_the_same(kind: str) -> None:
    figure = first_of_kind(Microscopy(), kind)
    shared = {query.intent: query.answer for query in figure.queries if not query.question}
    own = {(query.intent, query.answer) for query in figure.queries if query.question}
    assert len(shared) >= 2
    assert len(figure.queries) in (4, 5)
    # Of the nuclei, the colour is asked for in the shared wording alone.
    alone = {Intent.COLOUR} if kind == "nuclei" else set[Intent]()
    assert {intent for intent, answer in shared.items() if (intent, answer) not in own} == alone


def test_microscopy__stained_cells_are_as_many_as_the_answer_says() -> None:
    drawn = _of_kind("stain")
    assert len(drawn) > 10
    for figure in drawn:
        # A cell of radius 0.088 covers 305 px of 112 x 112, a third of it nucleus and membrane.
        parts = _parts(_saturated(figure), at_least_px=80)
        assert str(len(parts)) == shared_answer(figure, "count")
        assert {_colour_of(figure, part) for part in parts} == {shared_answer(figure, "colour")}


def test_microscopy__pale_cells_stand_clear_of_the_stain() -> None:
    for figure in _of_kind("stain"):
        pale = next(query for query in figure.queries if query.where and query.where != figure.queries[0].where)
        assert int(pale.answer) == len(pale.where) >= 2
        saturated = _saturated(figure)
        assert not any(saturated[round(y * SIDE_PX), round(x * SIDE_PX)] for x, y in pale.where)


def test_microscopy__largest_and_smallest_structure_are_as_the_answers_say() -> None:
    drawn = _of_kind("sizes")
    assert len(drawn) > 10
    for figure in drawn:
        parts = sorted(_parts(_saturated(figure), at_least_px=80), key=lambda part: int(part.sum()))
        assert len(parts) == figure.factors["num_elements"]
        assert _colour_of(figure, parts[-1]) == shared_answer(figure, "colour")
        assert place_of(_centre(parts[-1])) == shared_answer(figure, "place")
        smallest = next(query for query in figure.queries if "smallest" in query.question)
        assert _colour_of(figure, parts[0]) == smallest.answer


def test_microscopy__dividing_cell_is_where_and_what_the_answers_say() -> None:
    # Pixels of each shape for a radius of one, from its corners: the area of a square of half-diagonal 1 is 2, of a
    # triangle of radius 1.1 1.57, of a star 5 * 1.15 * 0.5 * sin(36 deg) = 1.69, of a cross 4 * 0.72 - 0.52 = 2.36.
    areas = {"circle": 3.14, "square": 2.0, "triangle": 1.57, "star": 1.69, "cross": 2.36}
    drawn = _of_kind("mitosis")
    assert len(drawn) > 10
    for figure in drawn:
        (chromatin,) = _parts(np.asarray(figure.image.convert("L")) < 90, at_least_px=40)
        assert place_of(_centre(chromatin)) == shared_answer(figure, "place")
        radius_px = SIDE_PX * float(figure.factors["part"])
        shape = str(shared_answer(figure, "shape"))
        assert chromatin.sum() / radius_px**2 == pytest.approx(areas[shape], rel=0.12)
        if shape != "circle":
            assert _num_corners(chromatin) == {"triangle": 3, "square": 4, "cross": 4, "star": 5}[shape]


def test_microscopy__nuclei_are_as_many_as_the_answer_says() -> None:
    drawn = _of_kind("nuclei")
    assert len(drawn) > 10
    for figure in drawn:
        parts = _parts(_saturated(figure), at_least_px=80)
        assert str(len(parts)) == shared_answer(figure, "count")
        assert {_colour_of(figure, part) for part in parts} == {shared_answer(figure, "colour")}


def test_microscopy__outline_has_the_area_of_a_disc() -> None:
    for seed in range(20):
        wobble = microscopy._wobble(np.random.default_rng(seed), 0.055)
        # Shoelace over the corners, independent of the formula for triangles around the centre.
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        x, y = wobble * np.sin(angles), wobble * np.cos(angles)
        area = abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2
        assert area == pytest.approx(np.pi)
        assert 0.8 < wobble.min() < wobble.max() < 1.2


def test_microscopy__harder_is_busier_and_paler() -> None:
    easy, hard = (
        [figure.factors for figure in figures(Microscopy(), 200, size_px=24, difficulty=difficulty)]
        for difficulty in (0.0, 1.0)
    )
    assert np.mean([float(f["num_elements"]) for f in hard]) > 1.3 * np.mean([float(f["num_elements"]) for f in easy])
    for name in ("contrast", "part", "gap", "apart", "ratio"):
        # Only structures have a ratio, and a dividing cell has no stain.
        hard_mean, easy_mean = (np.mean([float(f[name]) for f in factors if name in f]) for factors in (hard, easy))
        assert hard_mean < 0.9 * easy_mean


@pytest.mark.parametrize(
    ("kind", "factor", "value"),
    [
        ("stain", "contrast", 0.05),
        ("stain", "pale_contrast", 0.05),
        ("stain", "apart", 0.02),
        ("nuclei", "part", 0.02),
        ("nuclei", "gap", 0.002),
        ("sizes", "ratio", 1.05),
        ("mitosis", "place_margin", 0.0),
    ],
)
def test_microscopy__check_refuses_what_cannot_be_seen(kind: str, factor: str, value: float) -> None:
    figure = with_factors(first_of_kind(Microscopy(), kind), **{factor: value})
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        Microscopy().check(figure)
