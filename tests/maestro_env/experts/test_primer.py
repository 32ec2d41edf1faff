"""The primer: one letter or number, in any size, with its answer."""

from collections import Counter

import numpy as np
import pytest

pytest.importorskip("torch")

from maestro_env.experts.primer import draw_sign
from maestro_env.tasks.procedural.wordings import ANSWERS, LETTERS


def test_draw_sign__answers_are_letters_and_numbers_about_equally_often() -> None:
    rng = np.random.default_rng(0)
    answers = Counter(draw_sign(rng, size_px=48, difficulty=0.5)[2] for _ in range(400))
    assert set(answers) <= set(ANSWERS)
    letters = sum(answers[letter] for letter in LETTERS)
    # A half is expected: 200, standard deviation 10.
    assert 160 <= letters <= 240
    assert len(answers) > 35


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_draw_sign__the_text_is_whole_and_can_be_told_from_the_paper(difficulty: float) -> None:
    for seed in range(30):
        image, question, answer = draw_sign(np.random.default_rng(seed), size_px=192, difficulty=difficulty)
        assert question
        grey = np.asarray(image.convert("L"), np.float32)
        paper = np.median(grey)
        ink = np.abs(grey - paper) > 45
        assert ink.mean() > 0.001, answer
        if difficulty == 0.0:  # nothing else is drawn: what is not paper is the text, clear of the edges
            assert not ink[[0, 1, -2, -1]].any(), answer
            assert not ink[:, [0, 1, -2, -1]].any(), answer
