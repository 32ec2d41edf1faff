"""Committees on recordings small enough to reason about."""

import numpy as np
import pytest

from maestro_agents.batch_play import start
from maestro_agents.evaluate import evaluate
from maestro_agents.majority_vote import MajorityVote, greedy_committee
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError
from tests.agents.conftest import HandMade


def committee(env: MaestroEnv, seats: int, readers: list[bool]) -> list[int]:
    beginning = start(recorded_tasks(env), terms_of(env))
    return greedy_committee(beginning, seats=seats, readers=np.array(readers)).tolist()


def test_greedy_committee__adds_who_helps_the_settled_answer_most(hand_made: HandMade) -> None:
    # Expert 2 is right on 3 of 4, experts 0 and 1 on 2 each, expert 3 on 2.
    # With 2 first, the second is heard last and wins ties, so each second settles as it answers: 0, 1 and 3 give 2/4;
    # the first wins. With (2, 0): 1 makes r r on tasks 0 and 1, r alone on 2 against r of 2, ... worked below.
    #   task 0: 2=r 0=r        -> r whoever is third
    #   task 1: 2=r 0=w        -> 1=r: r; 3=x: x
    #   task 2: 2=r 0=x        -> 1=y: y; 3=r: r
    #   task 3: 2=w 0=r        -> 1=y: y; 3=r: r
    # So with 1 it is 2/4, with 3 it is 3/4.
    env = MaestroEnv(recording=hand_made([["rrry"], ["wrrx"], ["xyrr"], ["rywr"]]), registry=None)
    assert committee(env, 1, [True] * 4) == [2]
    assert committee(env, 3, [True] * 4) == [2, 0, 3]


def test_greedy_committee__leaves_out_who_may_not_be_chosen(hand_made: HandMade) -> None:
    env = MaestroEnv(recording=hand_made([["rrw"]]), registry=None)
    assert committee(env, 4, [False, True, True]) == [1, 2]


def test_greedy_committee__price_counts(hand_made: HandMade) -> None:
    # Expert 1 was recorded on one of two tasks only: 1/2 right at half the price. Expert 0: 1/2 right at full price.
    env = MaestroEnv(recording=hand_made([["rr"], ["w!"]]), registry=None, cost_weight=0.1)
    assert committee(env, 1, [True, True]) == [1]


def test_majority_vote__beats_each_of_its_members(hand_made: HandMade) -> None:
    # Three readers, each wrong on a task of its own, with different wrong answers: any two agree on the right one.
    env = MaestroEnv(recording=hand_made([["rrw"], ["rxr"], ["yrr"]]), registry=None)
    records = evaluate(MajorityVote(env, k=3).learn(0), env)
    assert all(record.correct for record in records)
    assert {record.calls for record in records} == {3}


def test_majority_vote__asks_no_locator_and_no_more_than_there_are_turns(hand_made: HandMade) -> None:
    recording = hand_made([["wr1", "..."], ["ww1", "..."]])
    records = evaluate(MajorityVote(e := MaestroEnv(recording=recording, registry=None), k=3).learn(0), e)
    assert [record.experts for record in records] == [("m1/Direct", "m0/Direct")] * 2
    short = MaestroEnv(recording=recording, registry=None, max_turns=1)
    assert {record.experts for record in evaluate(MajorityVote(short, k=3).learn(0), short)} == {("m1/Direct",)}


def test_majority_vote__nobody_is_no_vote(train_env: MaestroEnv) -> None:
    with pytest.raises(ConfigurationError, match=r"k=0 experts make no vote.*1 or more"):
        MajorityVote(train_env, k=0)
