import numpy as np
import pytest
from numpy.typing import NDArray

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.visual_math import VisualMath
from maestro_env.tasks.procedural.wordings import COLOURS
from tests.maestro_env.tasks.procedural.drawn import figures, first_of_kind, shared_answer, shared_answers, with_factors


def test_visual_math__every_answer_occurs() -> None:
    seen = shared_answers(VisualMath(), 2500)
    assert seen["clock/value"] == {str(n) for n in range(1, 13)}
    assert seen["sum/value"] == {str(n) for n in range(25)}
    assert seen["dice/count"] == {"1", "2", "3", "4"}
    # Totals near 24 need four sixes, so they are rare.
    assert seen["dice/value"] >= {str(n) for n in range(1, 20)}
    for kind in ("clock", "dice", "sum"):
        assert seen[f"{kind}/colour"] == set(COLOURS)


@pytest.mark.parametrize(("factor", "value"), [("contrast", 0.2), ("part", 0.01)])
@pytest.mark.parametrize("kind", ["clock", "dice", "sum"])
def test_visual_math__check_refuses_what_cannot_be_seen(kind: str, factor: str, value: float) -> None:
    figure = with_factors(first_of_kind(VisualMath(), kind), **{factor: value})
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        VisualMath().check(figure)


def test_visual_math__pips_in_the_picture_are_the_total() -> None:
    num_checked = 0
    for figure in figures(VisualMath(), 40, size_px=96, difficulty=0.0):
        if figure.factors["kind"] != "dice":
            continue
        die = np.asarray(COLOURS[shared_answer(figure, "colour") or ""])
        is_die = np.abs(np.asarray(figure.image).astype(int) - die).max(axis=2) < 60
        # Whatever is not of the dice's colour is the one background around them, or a pip.
        assert str(_num_patches(~is_die) - 1) == shared_answer(figure, "value")
        assert str(_num_patches(is_die)) == shared_answer(figure, "count")
        num_checked += 1
    assert num_checked > 8


def _num_patches(mask: NDArray[np.bool_]) -> int:
    """Count connected patches: every pixel takes the largest number among its neighbours until nothing changes."""
    numbers = np.pad(np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0), 1)
    while True:
        spread = np.max([np.roll(numbers, step, axis) for axis in (0, 1) for step in (-1, 0, 1)], axis=0)
        spread[numbers == 0] = 0
        if (spread == numbers).all():
            return len(np.unique(spread[spread > 0]))
        numbers = spread
