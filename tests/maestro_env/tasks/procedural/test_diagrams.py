import numpy as np
import pytest

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural import diagrams
from maestro_env.tasks.procedural.diagrams import Diagrams
from maestro_env.tasks.procedural.wordings import COLOURS, LETTERS, SHAPES
from tests.maestro_env.tasks.procedural.drawn import figures, first_of_kind, shared_answers, with_factors


def test_diagrams__every_answer_occurs() -> None:
    seen = shared_answers(Diagrams(), 1500)
    assert seen["rings/count"] == {str(n) for n in range(1, 9)}
    assert seen["crossings/count"] == {str(n) for n in range(7)}
    # 7 and 11 cells would be one long row; rows hold six at most.
    assert seen["grid/count"] == {"2", "3", "4", "5", "6", "8", "9", "10", "12"}
    assert seen["letters/letter"] == set(LETTERS)
    assert seen["grid/shape"] == set(SHAPES)
    for kind in ("rings", "letters", "grid"):
        assert seen[f"{kind}/colour"] == set(COLOURS)


@pytest.mark.parametrize(("factor", "value"), [("contrast", 0.1), ("part", 0.005), ("gap", 0.01)])
@pytest.mark.parametrize("kind", ["rings", "crossings", "letters", "grid"])
def test_diagrams__check_refuses_what_cannot_be_seen(kind: str, factor: str, value: float) -> None:
    figure = with_factors(first_of_kind(Diagrams(), kind), **{factor: value})
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        Diagrams().check(figure)


@pytest.mark.parametrize("count", range(7))
def test_diagrams__lines_cross_as_often_as_asked(count: int) -> None:
    for seed in range(20):
        one, other, gap = diagrams._crossing_lines(np.random.default_rng(seed), count, 0.12)
        # Finely resampled, the difference changes its sign once a crossing.
        fine = np.linspace(0, len(one) - 1, 4001)
        difference = np.interp(fine, np.arange(len(one)), one - other)
        changes = np.flatnonzero(np.diff(np.sign(difference)) != 0)
        assert len(changes) == count
        if count > 1:
            measured = np.diff(changes).min() / 4000 * 0.88
            assert gap == pytest.approx(measured, abs=0.002)


def test_diagrams__rows_times_columns_are_the_cells() -> None:
    for figure in figures(Diagrams(), 200):
        if figure.factors["kind"] == "grid":
            cells, _, rows, columns = (int(query.answer) for query in figure.queries[:4])
            assert rows * columns == cells
