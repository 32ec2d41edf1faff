"""The planner that knows every reply, against recordings small enough to reason about and against a plain search."""

from dataclasses import replace

import numpy as np
import pytest

from maestro_agents.batch_play import Episodes, play, start
from maestro_agents.hindsight import best_actions
from maestro_agents.plan_search import extensions
from maestro_agents.recorded_tasks import Terms
from maestro_env.testing import fake_recording
from maestro_env.types import AnswerRule
from tests.agents.conftest import HandMade


def terms(*, max_turns: int = 4, rule: AnswerRule = AnswerRule.VOTE, price: float = 0.0) -> Terms:
    return Terms(max_turns=max_turns, answer_rule=rule, price=price)


def best(episodes: Episodes) -> list[int]:
    return np.flatnonzero(best_actions(episodes)[0]).tolist()


def test_best_actions__whoever_is_right_and_then_stop(hand_made: HandMade) -> None:
    beginning = start(hand_made([["wrr"]]), terms())
    assert best(beginning) == [2, 3]
    assert best(beginning.step(np.array([2]))) == [0]
    assert best(beginning.step(np.array([1]))) == [2, 3]  # one wrong vote: the latest of equals wins


def test_best_actions__locate_and_read(hand_made: HandMade) -> None:
    # Expert 1 moves to context 1; only there is expert 0 right.
    beginning = start(hand_made([["w1", "r."]]), terms())
    assert best(beginning) == [2]
    assert best(beginning.step(np.array([2]))) == [1]
    assert best(start(hand_made([["w1", "r."]]), terms(max_turns=1))) == [0]  # no turn left to read in


def test_best_actions__a_wrong_plurality_takes_two(hand_made: HandMade) -> None:
    outvoted = start(hand_made([["wwrr"]]), terms()).step(np.array([1])).step(np.array([2]))
    assert best(outvoted) == [3, 4]
    short = start(hand_made([["wwrr"]]), terms(max_turns=3)).step(np.array([1])).step(np.array([2]))
    assert best(short) == [0]  # one right vote against two


def test_best_actions__nobody_right_or_too_dear_is_not_worth_a_call(hand_made: HandMade) -> None:
    assert best(start(hand_made([["wx"]]), terms())) == [0]
    assert best(start(hand_made([["wr"]]), terms(price=1.5))) == [0]


@pytest.mark.parametrize("unit", [1.0, 1e-6])
def test_best_actions__the_cheaper_of_two_ways_in_any_unit(hand_made: HandMade, unit: float) -> None:
    recording = replace(hand_made([["rrw"]]), passes=np.array([[[2.0, 1.0, 1.0]]], np.float32) * np.float32(unit))
    assert best(start(recording, terms())) == [2]


def test_best_actions__where_nothing_costs_anything(hand_made: HandMade) -> None:
    assert best(start(hand_made([["wrr"]], cost=0.0), terms(max_turns=1))) == [2, 3]


@pytest.mark.parametrize("rule", list(AnswerRule))
@pytest.mark.parametrize("price", [0.0, 0.1])
def test_best_actions__lead_to_the_best_of_all_sequences(rule: AnswerRule, price: float) -> None:
    recording = fake_recording(num_tasks=60, failing=0.1, missing=0.2)
    beginning = start(recording, terms(max_turns=3, rule=rule, price=price))
    rng = np.random.default_rng(0)

    def any_best(episodes: Episodes) -> np.ndarray:
        actions = best_actions(episodes)
        return np.where(actions, rng.random(actions.shape), -1.0).argmax(axis=1)

    end = play(beginning, any_best)[-1]
    most = np.zeros(len(recording.tasks))
    cheapest = np.zeros(len(recording.tasks))
    for extension in extensions(recording, max_calls=3, rule=rule):
        for score, cost in zip(extension.score, extension.cost, strict=True):
            earned = score - price * cost
            better = (earned > most + 1e-6) | ((earned > most - 1e-6) & (cost < cheapest))
            most, cheapest = np.where(better, earned, most), np.where(better, cost, cheapest)
    np.testing.assert_allclose(end.score - price * end.cost, most, atol=1e-5)
    np.testing.assert_allclose(end.cost, cheapest, atol=1e-5)
