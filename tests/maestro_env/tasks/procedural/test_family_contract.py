"""What every family promises: figures that pass their own check, the same for the same seed, with known answers."""

from collections import Counter

import numpy as np
import pytest

from maestro_env.tasks.procedural.family import Family
from maestro_env.tasks.procedural.generate import FAMILIES
from maestro_env.tasks.procedural.wordings import ANSWERS, CHOICES, Intent

DIFFICULTIES = (0.0, 0.25, 0.5, 0.75, 1.0)

every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


@every_family
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_family__every_figure_passes_its_check(family: Family, difficulty: float) -> None:
    for seed in range(200):
        figure = family.draw(np.random.default_rng(seed), size_px=110, difficulty=difficulty)
        family.check(figure)


@every_family
@pytest.mark.parametrize("size_px", [110, 200, None])
def test_family__draws_a_square_picture_of_the_size_asked_for(family: Family, size_px: int | None) -> None:
    side_px = size_px or family.native_px
    for seed in range(10):
        figure = family.draw(np.random.default_rng(seed), size_px=side_px, difficulty=seed / 9)
        family.check(figure)
        assert (figure.image.mode, figure.image.size) == ("RGB", (side_px, side_px))


@every_family
def test_family__same_seed_draws_the_same_figure(family: Family) -> None:
    for seed in range(8):
        first, again = (
            family.draw(np.random.default_rng(seed), size_px=family.native_px, difficulty=0.6) for _ in range(2)
        )
        assert first.image.tobytes() == again.image.tobytes()
        assert (first.queries, first.factors) == (again.queries, again.factors)


@every_family
def test_family__answers_are_known_and_a_shared_wording_has_one_answer(family: Family) -> None:
    for seed in range(200):
        figure = family.draw(np.random.default_rng(seed), size_px=110, difficulty=seed / 199)
        for query in figure.queries:
            if query.intent == Intent.TEXT:
                assert query.answer.strip()
            else:
                assert query.answer in CHOICES[query.intent]
                assert query.answer in ANSWERS
        shared = Counter(query.intent for query in figure.queries if not query.question)
        assert shared
        assert max(shared.values()) == 1
        assert figure.factors["difficulty"] == seed / 199
        assert figure.factors["kind"]
