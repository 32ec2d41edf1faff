import numpy as np
import pytest

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.choices import place_of
from maestro_env.tasks.procedural.visual_search import VisualSearch
from maestro_env.tasks.procedural.wordings import COLOURS, LETTERS, PLACES, SHAPES
from tests.maestro_env.tasks.procedural.drawn import figures, first_of_kind, shared_answer, shared_answers, with_factors


def test_visual_search__every_answer_occurs() -> None:
    seen = shared_answers(VisualSearch(), 1000)
    for kind in ("odd_colour", "odd_shape", "odd_letter"):
        assert seen[f"{kind}/colour"] == set(COLOURS)
        assert seen[f"{kind}/place"] == set(PLACES)
    assert seen["odd_colour/shape"] == seen["odd_shape/shape"] == set(SHAPES)
    assert seen["odd_letter/letter"] == set(LETTERS)


@pytest.mark.parametrize(("factor", "value"), [("contrast", 0.1), ("target_px", 8.0), ("place_margin", 0.01)])
def test_visual_search__check_refuses_what_cannot_be_seen(factor: str, value: float) -> None:
    figure = with_factors(first_of_kind(VisualSearch(), "odd_shape"), **{factor: value})
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        VisualSearch().check(figure)


def test_visual_search__check_refuses_a_target_with_a_twin() -> None:
    figure = with_factors(first_of_kind(VisualSearch(), "odd_colour"), twins=1)
    with pytest.raises(TaskError, match="1 things are like the target"):
        VisualSearch().check(figure)


@pytest.mark.parametrize("size_px", [150, 1024])
def test_visual_search__target_lies_where_the_answer_says(size_px: int) -> None:
    num_checked = 0
    for figure in figures(VisualSearch(), 40, size_px=size_px, difficulty=0.0):
        if figure.factors["kind"] != "odd_colour":
            continue
        # Nothing else has the target's colour, and without texture its pixels have it exactly.
        colour = COLOURS[shared_answer(figure, "colour") or ""]
        rows, columns = np.nonzero((np.asarray(figure.image) == colour).all(axis=2))
        assert place_of((columns.mean() / size_px, rows.mean() / size_px)) == shared_answer(figure, "place")
        side_px = float(figure.factors["target_px"])
        assert max(np.ptp(rows), np.ptp(columns)) <= 1.1 * side_px
        assert len(rows) > 0.25 * side_px**2
        num_checked += 1
    assert num_checked > 5


def test_visual_search__is_made_for_zooming_only_when_large() -> None:
    large = next(figures(VisualSearch(), 1, size_px=1024, difficulty=1.0))
    small = next(figures(VisualSearch(), 1, size_px=200, difficulty=1.0))
    # Side of the target once the picture is seen at 64 px: 29 / 1024 * 64 = 1.8 px, against 0.145 * 64 = 9.3 px.
    assert float(large.factors["target_share"]) * 64 == pytest.approx(1.8, abs=0.1)
    assert float(small.factors["target_share"]) * 64 == pytest.approx(9.3, abs=0.1)
    assert int(large.factors["num_elements"]) > 20
    assert int(small.factors["num_elements"]) <= 9
