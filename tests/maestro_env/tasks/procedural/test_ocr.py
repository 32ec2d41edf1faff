import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.ocr import ALPHABET, KINDS, MIN_SIZE_RATIO, Ocr, draw_signs
from maestro_env.tasks.procedural.wordings import COLOURS, Intent
from tests.maestro_env.tasks.procedural.drawn import figures, with_factors


def test_ocr__every_figure_passes_its_check_at_every_size() -> None:
    for size_px, num in ((110, 300), (160, 300), (640, 20)):
        for figure in figures(Ocr(), num, size_px=size_px):
            Ocr().check(figure)
            assert (figure.image.mode, figure.image.size) == ("RGB", (size_px, size_px))


def test_ocr__same_seed_draws_the_same_figure() -> None:
    first, again = (Ocr().draw(np.random.default_rng(5), size_px=200, difficulty=0.6) for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert (first.queries, first.factors) == (again.queries, again.factors)


def test_ocr__texts_are_of_their_kind_and_hardly_repeat() -> None:
    patterns = {
        "sign": r"[A-Z]{3,8}",
        "label": r"[1-9][0-9]{1,5}",
        "plate": r"[A-Z]{2}-[0-9]{2,3}|[0-9]{1,2}\.[0-9]{2}",
        "pair": r"[A-Z]{3,8}|[1-9][0-9]{1,5}",
    }
    seen: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for figure in figures(Ocr(), 400, size_px=64):
        kinds[str(figure.factors["kind"])] += 1
        for query in figure.queries:
            assert query.intent is Intent.TEXT
            assert set(query.answer) <= set(ALPHABET)
            assert re.fullmatch(patterns[str(figure.factors["kind"])], query.answer)
            assert len(query.question.split()) <= 15
            seen[query.answer] += 1
    assert set(kinds) == set(KINDS)
    # Of a thousand queries no text is more than one in a hundred.
    assert max(seen.values()) <= 10


def test_ocr__no_two_characters_of_the_alphabet_are_confused_by_people() -> None:
    assert not set("OIQ") & set(ALPHABET)


def test_ocr__what_it_says_is_what_the_larger_sign_says() -> None:
    num_pairs = 0
    for seed in range(60):
        signs = draw_signs(np.random.default_rng(seed), size_px=640, difficulty=seed / 59)
        shared, *own = signs.figure.queries
        assert not shared.question
        assert shared.answer == own[0].answer
        if signs.figure.factors["kind"] != "pair":
            assert len(own) == 1
            continue
        named = [next(colour for colour in COLOURS if f" {colour} " in query.question) for query in own]
        assert len(set(named)) == len({query.answer for query in own}) == 2
        first, second = signs.characters[: len(own[0].answer)], signs.characters[len(own[0].answer) :]
        assert "".join(character.text for character in second) == own[1].answer
        assert first[0].height_px / second[0].height_px >= MIN_SIZE_RATIO
        num_pairs += 1
    assert num_pairs > 5


def test_ocr__signs_have_the_colour_that_the_question_names() -> None:
    num_checked = 0
    for seed in range(40):
        signs = draw_signs(np.random.default_rng(seed), size_px=640, difficulty=0.1)
        if signs.figure.factors["kind"] != "pair":
            continue
        pixels = np.asarray(signs.figure.image)
        characters = iter(signs.characters)
        for query in signs.figure.queries[1:]:
            letters = [next(characters) for _ in query.answer]
            # Midway between two letters is nothing but the sign.
            x, y = (letters[0].x + letters[1].x) / 2, (letters[0].y + letters[1].y) / 2
            paper = pixels[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].mean((0, 1))
            nearest = min(COLOURS, key=lambda colour: float(np.linalg.norm(paper - COLOURS[colour])))
            num_checked += nearest in query.question.split()
    # "A" and "T" may leave no paper midway; most letters do.
    assert num_checked > 12


def test_ocr__characters_stand_where_they_are_said_to() -> None:
    signs = draw_signs(np.random.default_rng(3), size_px=640, difficulty=0.0)
    grey = np.asarray(signs.figure.image.convert("L"), np.float64)
    for character in signs.characters:
        half = round(0.5 * character.height_px)
        x, y = round(character.x), round(character.y)
        around = grey[y - half : y + half, x - half : x + half]
        # At least three tenths of luminance between ink and paper, of the six that easy figures have.
        assert np.ptp(around) > 0.3 * 255


@pytest.mark.parametrize(("factor", "value"), [("contrast", 0.1), ("text_height", 0.02), ("size_ratio", 1.1)])
def test_ocr__check_refuses_what_cannot_be_read(factor: str, value: float) -> None:
    figure = with_factors(next(figures(Ocr(), 1)), **{factor: value})
    with pytest.raises(TaskError, match=f"has {factor} {value}, below"):
        Ocr().check(figure)


def test_ocr__check_refuses_a_sign_that_is_too_askew() -> None:
    figure = with_factors(next(figures(Ocr(), 1)), tilt_deg=-12.0)
    with pytest.raises(TaskError, match=r"hangs -12.0 degrees askew; at most 8"):
        Ocr().check(figure)


def test_ocr__check_refuses_characters_outside_the_alphabet() -> None:
    figure = next(figures(Ocr(), 1))
    query = replace(figure.queries[0], answer="O0")
    with pytest.raises(TaskError, match=r"shows \['O'\]; the alphabet"):
        Ocr().check(replace(figure, queries=(query,)))
