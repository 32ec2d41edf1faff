"""BehaviourCloning: what it imitates, and what it does not."""

from dataclasses import replace

import numpy as np

from maestro_agents.behaviour_cloning import BehaviourCloning
from maestro_agents.evaluate import evaluate
from maestro_env.env import MaestroEnv
from tests.agents.conftest import HandMade


def test_behaviour_cloning__does_as_the_planner_where_that_can_be_seen(hand_made: HandMade) -> None:
    # Two tasks look one way and are read by expert 0, two look another way and need the locator 2 first.
    recording = hand_made([["rw1", "www"], ["rx1", "www"], ["ww1", "wr."], ["xx1", "xr."]])
    looks = np.array([[[0.0, 1.0], [9.0, 0.0]]] * 2 + [[[4.0, 1.0], [5.0, -4.0]]] * 2, np.float16)
    env = MaestroEnv(recording=replace(recording, view=looks), registry=None)
    records = evaluate(BehaviourCloning(env, steps=200).learn(0), env)
    assert [record.experts for record in records] == [("m0/Direct",)] * 2 + [("m2/Direct", "m1/Direct")] * 2
    assert all(record.correct for record in records)


def test_behaviour_cloning__does_not_imitate_luck(hand_made: HandMade) -> None:
    # Both are right; expert 0 costs less, and guesses.
    recording = hand_made([["rr"], ["rr"]])
    recording = replace(
        recording,
        confidence=np.array([[[0.2, 0.9]]] * 2, np.float32),
        passes=np.array([[[1.0, 2.0]]] * 2, np.float32),
    )
    env = MaestroEnv(recording=recording, registry=None)
    for sure, expert in ((0.0, "m0/Direct"), (0.5, "m1/Direct")):
        records = evaluate(BehaviourCloning(env, sure=sure, steps=100).learn(0), env)
        assert {record.experts for record in records} == {(expert,)}


def test_behaviour_cloning__asks_on_where_stopping_is_best_only_because_nobody_is_right(hand_made: HandMade) -> None:
    # On three of four tasks that look alike nobody is right; on the fourth expert 1 is.
    env = MaestroEnv(recording=hand_made([["ww"], ["xx"], ["yy"], ["wr"]]), registry=None)
    records = evaluate(BehaviourCloning(env, steps=100).learn(0), env)
    assert {record.experts[:1] for record in records} == {("m1/Direct",)}


def test_behaviour_cloning__imitates_experts_that_state_no_confidence(hand_made: HandMade) -> None:
    recording = hand_made([["wr"], ["xr"]], confidence=np.nan)
    env = MaestroEnv(recording=recording, registry=None)
    records = evaluate(BehaviourCloning(env, sure=0.5, steps=100).learn(0), env)
    assert {record.experts for record in records} == {("m1/Direct",)}


def test_behaviour_cloning__stops_where_nobody_was_ever_right(hand_made: HandMade) -> None:
    env = MaestroEnv(recording=hand_made([["wx"], ["xy"]]), registry=None)
    records = evaluate(BehaviourCloning(env, steps=100).learn(0), env)
    assert {record.experts for record in records} == {()}
