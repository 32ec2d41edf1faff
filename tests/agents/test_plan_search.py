"""The search over fixed sequences of calls, against recordings small enough to reason about."""

from dataclasses import replace

import numpy as np
import pytest

from maestro_agents.plan_search import best_plan, best_plans, extensions
from maestro_env.errors import ConfigurationError
from maestro_env.types import AnswerRule
from tests.agents.conftest import HandMade


def test_best_plan__locates_before_it_reads(hand_made: HandMade) -> None:
    # Expert 1 moves to context 1; only there is expert 0 right.
    recording = hand_made([["w1", "r."]])
    plan = best_plan(recording, max_calls=4, rule=AnswerRule.VOTE)
    assert plan.experts == (1, 0)
    assert (plan.score, plan.cost) == (1.0, 2.0)


def test_best_plan__takes_the_shortest_of_equals(hand_made: HandMade) -> None:
    # Expert 2 alone is right on both tasks; any longer plan is at best as good.
    recording = hand_made([["wwr"], ["xwr"]])
    assert best_plan(recording, max_calls=3, rule=AnswerRule.VOTE).experts == (2,)


def test_best_plan__majority_beats_each_of_its_members(hand_made: HandMade) -> None:
    # Three readers, each wrong on a task of its own, with different wrong answers: any two agree on the right one.
    recording = hand_made([["rrw"], ["rxr"], ["yrr"]])
    plan = best_plan(recording, max_calls=3, rule=AnswerRule.VOTE)
    # Alone each scores 2/3. Two: the latest wins the tie where they differ, so 2/3. Three: always two that agree.
    assert sorted(plan.experts) == [0, 1, 2]
    assert plan.score == 1.0


def test_best_plan__price_makes_a_majority_too_dear(hand_made: HandMade) -> None:
    # Three calls gain 1/3 over one, but cost 2 more at 0.2 each: 1 - 0.6 < 2/3 - 0.2.
    recording = hand_made([["rrw"], ["rxr"], ["yrr"]])
    assert best_plan(recording, max_calls=3, rule=AnswerRule.VOTE, cost_weight=0.2).experts == (0,)


def test_best_plan__may_call_an_expert_again_in_another_context(hand_made: HandMade) -> None:
    # Expert 0 reads task 0 in context 1 and task 1 in context 2; each is unanswered in the other.
    recording = hand_made([["w12", "r.2", ".1."], ["w12", "..2", "r1."]])
    plan = best_plan(recording, max_calls=4, rule=AnswerRule.VOTE)
    assert plan.score == 1.0
    assert plan.experts == (1, 0, 2, 0)


def test_best_plan__passes_over_masked_calls(hand_made: HandMade) -> None:
    # Expert 0 was not recorded on task 1: the plan (0, 1) costs 2 there and 1 here, and still answers both.
    recording = hand_made([["r."], ["!r"]])
    plan = best_plan(recording, max_calls=2, rule=AnswerRule.VOTE)
    assert plan.score == 1.0
    assert plan.cost == 1.5


def test_extensions__repeating_a_call_changes_nothing(hand_made: HandMade) -> None:
    recording = hand_made([["rw"]])
    after_first = next(e for e in extensions(recording, max_calls=2, rule=AnswerRule.VOTE) if e.prefix == (0,))
    assert after_first.score[:, 0].tolist() == [1.0, 0.0]  # again: still right; the other: the latest wins the tie
    assert after_first.cost[:, 0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("rule", "expected"),
    # r with 0.9, then twice w with 0.2: the vote and the latest say w, the confidence says r.
    [(AnswerRule.VOTE, 0.0), (AnswerRule.CONFIDENCE, 1.0), (AnswerRule.LAST, 0.0)],
)
def test_extensions__settle_by_the_rule(hand_made: HandMade, rule: AnswerRule, expected: float) -> None:
    recording = hand_made([["rww"]])
    recording = replace(recording, confidence=np.array([[[0.9, 0.2, 0.2]]], np.float32))
    scored = next(e for e in extensions(recording, max_calls=3, rule=rule) if e.prefix == (0, 1))
    assert scored.score[2, 0] == expected


def test_extensions__answers_that_normalise_alike_are_one_vote(hand_made: HandMade) -> None:
    recording = hand_made([["rRx"]])
    recording = replace(recording, score=np.array([[[1.0, 1.0, 0.0]]], np.float32))
    scored = next(e for e in extensions(recording, max_calls=3, rule=AnswerRule.VOTE) if e.prefix == (0, 1))
    assert scored.score[2, 0] == 1.0  # r and R are two votes, x is one


def test_extensions__yield_every_sequence_that_makes_no_call_twice(hand_made: HandMade) -> None:
    recording = hand_made([["rw"]])
    prefixes = [e.prefix for e in extensions(recording, max_calls=3, rule=AnswerRule.VOTE)]
    assert sorted(prefixes) == [(), (0,), (0, 1), (1,), (1, 0)]


def test_extensions__no_calls_is_an_error(hand_made: HandMade) -> None:
    with pytest.raises(ConfigurationError, match=r"plan of 0 calls.*1 or more"):
        next(extensions(hand_made([["r"]]), max_calls=0, rule=AnswerRule.VOTE))


def test_best_plan__no_tasks_is_an_error(hand_made: HandMade) -> None:
    recording = replace(hand_made([["r"]]), tasks=())
    with pytest.raises(ConfigurationError, match=r"no tasks.*at least one"):
        best_plan(recording, max_calls=1, rule=AnswerRule.VOTE)


def test_best_plans__one_search_for_every_price(hand_made: HandMade) -> None:
    # As above: free, all three; at 0.2 a call one reader; at 0.7 a call not even that, as 2/3 - 0.7 < 0.
    recording = hand_made([["rrw"], ["rxr"], ["yrr"]])
    plans = best_plans(recording, max_calls=3, rule=AnswerRule.VOTE, cost_weights=(0.0, 0.2, 0.7))
    assert [len(plan.experts) for plan in plans] == [3, 1, 0]
    assert plans[1].experts == (0,)
