import numpy as np
import pytest

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.choices import place_of
from maestro_env.tasks.procedural.radiology import Radiology
from maestro_env.tasks.procedural.wordings import LETTERS, PLACES, SHAPES
from tests.maestro_env.tasks.procedural.drawn import figures, first_of_kind, shared_answer, shared_answers, with_factors


def test_radiology__every_answer_occurs() -> None:
    seen = shared_answers(Radiology(), 1500)
    assert seen["lesions/count"] == {str(n) for n in range(7)}
    assert seen["lesion/place"] == seen["implant/place"] == set(PLACES)
    assert seen["implant/shape"] == set(SHAPES)
    assert seen["slice/value"] == {str(n) for n in range(1, 25)}
    assert seen["slice/letter"] == set(LETTERS)


@pytest.mark.parametrize(
    ("kind", "factor", "value"),
    [
        ("lesion", "contrast", 0.05),
        ("lesion", "radius", 0.01),
        ("lesion", "place_margin", 0.0),
        ("lesions", "gap", 0.002),
        ("implant", "implant", 0.05),
        ("slice", "mark", 0.05),
    ],
)
def test_radiology__check_refuses_what_cannot_be_seen(kind: str, factor: str, value: float) -> None:
    figure = with_factors(first_of_kind(Radiology(), kind), **{factor: value})
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        Radiology().check(figure)


def test_radiology__implant_lies_where_the_answer_says() -> None:
    num_checked = 0
    for figure in figures(Radiology(), 80, size_px=384, difficulty=0.0):
        if figure.factors["kind"] != "implant":
            continue
        grey = np.asarray(figure.image)[:, :, 0]
        # Burnt-in marks are as bright as metal, but stand in the corners; the body begins further in.
        rows, columns = np.nonzero(grey > 225)
        inner = (np.abs(columns - 192) / 177) ** 2 + (np.abs(rows - 192) / 154) ** 2 < 1
        point = (float(columns[inner].mean()) / 384, float(rows[inner].mean()) / 384)
        assert place_of(point) == shared_answer(figure, "place")
        num_checked += 1
    assert num_checked > 10


def test_radiology__is_grey() -> None:
    pixels = np.asarray(next(figures(Radiology(), 1, size_px=384, difficulty=1.0)).image)
    assert (pixels[:, :, 0] == pixels[:, :, 1]).all()
    assert (pixels[:, :, 0] == pixels[:, :, 2]).all()
