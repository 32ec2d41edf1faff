from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.visual_code import KINDS, MAX_PRINTED, VisualCode, draw_listing
from maestro_env.tasks.procedural.wordings import Intent
from tests.maestro_env.tasks.procedural.drawn import figures, with_factors


def test_visual_code__every_figure_passes_its_check_at_every_size() -> None:
    for size_px, num in ((110, 300), (160, 300), (448, 20)):
        for figure in figures(VisualCode(), num, size_px=size_px):
            VisualCode().check(figure)
            assert (figure.image.mode, figure.image.size) == ("RGB", (size_px, size_px))


def test_visual_code__same_seed_draws_the_same_figure() -> None:
    first, again = (VisualCode().draw(np.random.default_rng(5), size_px=200, difficulty=0.6) for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert (first.queries, first.factors) == (again.queries, again.factors)


def test_visual_code__answers_spread_widely() -> None:
    seen: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for figure in figures(VisualCode(), 600, size_px=24):
        kinds[str(figure.factors["kind"])] += 1
        assert 2 <= int(figure.factors["num_lines"]) <= 6
        assert {query.intent for query in figure.queries} == {Intent.TEXT}
        assert len({query.answer for query in figure.queries}) == 1
        seen[figure.queries[0].answer] += 1
    assert set(kinds) == set(KINDS)
    assert min(kinds.values()) > 150
    assert len(seen) > 60
    assert max(seen.values()) < 0.08 * 600
    assert min(map(int, seen)) < -5
    assert max(abs(int(answer)) for answer in seen) <= MAX_PRINTED


def test_visual_code__prints_what_python_would() -> None:
    # The language is a part of Python, and these programs are our own: Python is an independent judge.
    for figure in figures(VisualCode(), 120, size_px=24):
        printed: list[int] = []
        exec(str(figure.factors["source"]), {"__builtins__": {}, "range": range, "print": printed.append})
        assert [str(value) for value in printed] == [figure.queries[0].answer]


def test_visual_code__kinds_hold_what_they_are_named_for() -> None:
    for figure in figures(VisualCode(), 60, size_px=24):
        source = str(figure.factors["source"])
        assert ("if " in source, "for " in source) == (
            figure.factors["kind"] == "branch",
            figure.factors["kind"] == "loop",
        )


def test_visual_code__characters_stand_in_cells() -> None:
    listing = draw_listing(np.random.default_rng(1), size_px=448, difficulty=0.0)
    assert "".join(character.text for character in listing.characters) == "".join(listing.source.split())
    cell_px = float(listing.figure.factors["cell"]) * 448
    rows = listing.source.split("\n")
    places = [(row, column) for row, text in enumerate(rows) for column, mark in enumerate(text) if mark != " "]
    first = listing.characters[0]
    for character, (_, column) in zip(listing.characters, places, strict=True):
        # Tilts are 0 at difficulty 0.
        assert character.x - first.x == pytest.approx((column - places[0][1]) * cell_px, abs=0.01)


def test_visual_code__characters_are_ink() -> None:
    listing = draw_listing(np.random.default_rng(4), size_px=448, difficulty=0.0)
    grey = np.asarray(listing.figure.image.convert("L"), np.float64)
    for character in listing.characters:
        half = round(0.5 * character.height_px)
        x, y = round(character.x), round(character.y)
        assert np.ptp(grey[y - half : y + half + 3, x - half : x + half]) > 0.3 * 255


@pytest.mark.parametrize(("factor", "value"), [("contrast", 0.1), ("cell", 0.01)])
def test_visual_code__check_refuses_what_cannot_be_read(factor: str, value: float) -> None:
    figure = with_factors(next(figures(VisualCode(), 1)), **{factor: value})
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        VisualCode().check(figure)


def test_visual_code__check_refuses_a_window_that_is_too_askew() -> None:
    figure = with_factors(next(figures(VisualCode(), 1)), tilt_deg=4.0)
    with pytest.raises(TaskError, match=r"is 4.0 degrees askew; at most 1.5"):
        VisualCode().check(figure)


def test_visual_code__check_refuses_a_wrong_answer() -> None:
    figure = next(figures(VisualCode(), 1))
    wrong = replace(figure.queries[0], answer="777")
    with pytest.raises(TaskError, match=r"prints -?\d+, but the answer is '777'"):
        VisualCode().check(replace(figure, queries=(wrong,)))
