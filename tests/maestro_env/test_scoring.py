"""Scoring is strict. Many of these cases come out the other way round in published scorers."""

import random

import pytest

from maestro_env.errors import UnknownNameError
from maestro_env.scoring import SCORERS, exact, letter, normalise, number, relaxed, score
from maestro_env.types import Task


def task(gold: str, scorer: str = "exact") -> Task:
    return Task(id="t", benchmark="b", split="test", question="?", images=(), gold=gold, scorer=scorer)


@pytest.mark.parametrize("answer", ["Red", "red", " RED ", "red.", "\N{FULLWIDTH LATIN SMALL LETTER R}ed"])
def test_exact__looks_past_case_space_and_a_full_stop(answer: str) -> None:
    assert exact(answer, "red") == 1.0


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("e", "Red"),
        ("Not Red", "Red"),
        ("l", "lung"),
        ("Yes or No", "Yes"),
        ("Nothing is normal", "No"),
        ("a sentence with the letter b", "B"),
        ("blue car", "A"),
        ("anything", ""),
        ("", "Red"),
        ("4", "42"),
        ("42", "4"),
    ],
)
def test_exact__a_substring_is_never_right(answer: str, gold: str) -> None:
    assert exact(answer, gold) == 0.0


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("-5", "-5"),
        ("\N{MINUS SIGN}5", "-5"),
        ("1,234", "1,234"),
        ("1,234", "1234"),
        ("0.50", "0.5"),
        ("7.", "7"),
        ("1e3", "1000"),
        (".5", "0.5"),
        ("+3", "3"),
    ],
)
def test_number__the_same_number_is_right(answer: str, gold: str) -> None:
    assert number(answer, gold) == 1.0


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("-5", "5"),
        ("5", "-5"),
        ("0.004", "0.001"),
        ("3.14", "3"),
        ("3", "3.14"),
        ("4", "42"),
        ("1234 or 5", "1234"),
        ("", "0"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("four", "4"),
    ],
)
def test_number__anything_else_is_wrong(answer: str, gold: str) -> None:
    assert number(answer, gold) == 0.0


@pytest.mark.parametrize("text", ["3/4", "\\boxed{42}", "A", "upper left"])
def test_exact__every_answer_is_equal_to_itself(text: str) -> None:
    assert exact(text, text) == 1.0


def test_normalise__joins_white_space() -> None:
    assert normalise("  Upper\n\tLeft. ") == "upper left"


def test_score__uses_the_scorer_of_the_task() -> None:
    assert score(task("1,234", "number"), "1234") == 1.0
    assert score(task("1,234", "exact"), "1234") == 0.0


def test_score__no_answer_scores_0() -> None:
    assert score(task(""), None) == 0.0


def test_score__unknown_scorer_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown scorer 'exct'\. Did you mean 'exact'"):
        score(task("1", "exct"), "1")


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("95", "100"),
        ("105", "100"),
        ("-96", "-100"),
        ("1,020", "1000"),
        ("12%", "0.12"),
        ("12.3 %", "12%"),
        ("0", "0.0"),
        ("Blue", "blue."),
        ("2010s", "2010s"),
    ],
)
def test_relaxed__numbers_within_five_per_cent_and_the_same_text(answer: str, gold: str) -> None:
    assert relaxed(answer, gold) == 1.0


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("94.9", "100"),
        ("105.1", "100"),
        ("100", "95"),  # 5 are more than 5 % of 95
        ("5", "-5"),
        ("0.0001", "0"),
        ("12", "12%"),
        ("about 100", "100"),
        ("blue car", "blue"),
        ("", "100"),
    ],
)
def test_relaxed__anything_else_is_wrong(answer: str, gold: str) -> None:
    assert relaxed(answer, gold) == 0.0


@pytest.mark.parametrize("answer", ["B", "b", " B. ", "(B)", "(b) the lung", "B) the lung", "B: the lung", "B.\nlung"])
def test_letter__that_comes_first_and_stands_alone(answer: str) -> None:
    assert letter(answer, "B") == 1.0


@pytest.mark.parametrize(
    "answer",
    ["", "A", "Bronchus", "A or B", "a B", "BB", "The answer is B", "(A) B", "B the lung", "B and C", "(B", "8"],
)
def test_letter__anything_else_is_wrong(answer: str) -> None:
    assert letter(answer, "B") == 0.0


@pytest.mark.parametrize("scorer", SCORERS)
def test_scorers__leave_the_global_generator_alone(scorer: str) -> None:
    random.seed(0)
    before = random.getstate()
    for _ in range(200):
        SCORERS[scorer]("1", "2")
    assert random.getstate() == before
