"""The rules of FittedRules, on situations written by hand: two readers (0, 1) and two locators (2, 3)."""

import numpy as np
import pytest
from numpy.typing import NDArray

from maestro_agents.rules import Situation, Thresholds, decide, evidence, useful
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.registry import STOP

LOCATORS = np.array([False, False, True, True])
NO_MARGINS = Thresholds(again=0.0, elsewhere=0.0)


def situation(*calls: tuple[int, str], last_turn: bool = False) -> Situation:
    """One observation: which experts were called, each with the features that are 1, by their first letters.

    `i`nvoked, `h`ere, `a`nswered, `+` agrees; confidence is 0.4 for whoever answered.
    """
    experts = np.zeros((1, 4, len(EXPERT_FEATURES)), np.float32)
    columns = {"i": "invoked", "h": "invoked_here", "a": "answered", "+": "agrees"}
    for expert, marks in calls:
        for mark in marks:
            experts[0, expert, EXPERT_FEATURES.index(columns[mark])] = 1.0
        if "a" in marks:
            experts[0, expert, EXPERT_FEATURES.index("confidence")] = 0.4
    legal = experts[:, :, EXPERT_FEATURES.index("invoked_here")] == 0
    nothing = np.zeros((1, 1), np.float32)
    return Situation(question=nothing, view=nothing, experts=experts, legal=legal, last_turn=np.array([last_turn]))


def chosen(now: Situation, worth: list[float], stopping: float, thresholds: Thresholds = NO_MARGINS) -> int:
    action: NDArray[np.int64] = decide(
        now, worth=np.array([worth]), stopping=np.array([stopping]), thresholds=thresholds, locators=LOCATORS
    )
    return int(action[0])


def test_decide__takes_what_is_worth_most() -> None:
    assert chosen(situation(), [0.2, 0.3, 0.6, 0.5], 0.0) == 3
    assert chosen(situation(), [0.2, 0.7, 0.6, 0.5], 0.0) == 2


def test_decide__stops_when_nothing_is_worth_more() -> None:
    assert chosen(situation((0, "iha+")), [0.9, 0.3, 0.2, 0.2], 0.5) == STOP  # reader 0 was asked already


def test_decide__another_reading_must_gain_the_margin() -> None:
    after_reading = situation((0, "iha+"))
    assert chosen(after_reading, [0.0, 0.55, 0.1, 0.1], 0.5, Thresholds(again=0.1, elsewhere=0.0)) == STOP
    assert chosen(after_reading, [0.0, 0.65, 0.1, 0.1], 0.5, Thresholds(again=0.1, elsewhere=0.0)) == 2


def test_decide__locating_after_an_answer_must_gain_its_own_margin() -> None:
    after_reading = situation((0, "iha+"))
    assert chosen(after_reading, [0.0, 0.1, 0.6, 0.1], 0.5, Thresholds(again=0.0, elsewhere=0.2)) == STOP
    assert chosen(after_reading, [0.0, 0.1, 0.8, 0.1], 0.5, Thresholds(again=0.0, elsewhere=0.2)) == 3


def test_decide__the_first_reading_of_a_new_region_needs_no_margin() -> None:
    # Reader 0 answered on the whole image; since then locator 2 found a region that nobody has read.
    moved = situation((0, "ia+"), (2, "i"))
    assert chosen(moved, [0.1, 0.55, 0.0, 0.0], 0.5, Thresholds(again=0.3, elsewhere=0.3)) == 2


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (situation(), [True, True, True, True]),
        (situation(last_turn=True), [True, True, False, False]),  # nobody could read the region
        (situation((2, "i")), [True, True, False, False]),  # the region found has to be read first
        (situation((2, "i"), (0, "iha+")), [False, True, False, True]),  # now the other locator may try
        (situation((2, "i"), (3, "i"), (0, "iha+")), [False, True, False, False]),  # both have
    ],
)
def test_useful__calls(now: Situation, expected: list[bool]) -> None:
    assert useful(now, LOCATORS)[0].tolist() == expected


def test_evidence__digests_what_was_said() -> None:
    # Readers 0 and 1 answered with a confidence of 0.4; only 1 agrees with the plurality, and only 0 was asked here.
    found = evidence(situation((0, "iha"), (1, "ia+")).experts)[0].tolist()
    assert found == pytest.approx([1.0, 0.4, 0.4, 1.0, 1.0])
    assert evidence(situation().experts)[0].tolist() == [0.0] * 5
