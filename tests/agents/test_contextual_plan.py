"""ContextualPlan on recordings small enough to reason about."""

from dataclasses import replace

import numpy as np

from maestro_agents.batch_play import start
from maestro_agents.contextual_plan import ContextualPlan, followed
from maestro_agents.evaluate import evaluate
from maestro_agents.open_loop_plan import OpenLoopPlan
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_env.env import MaestroEnv
from maestro_env.recordings.recording import Recording
from tests.agents.conftest import HandMade


def two_kinds(hand_made: HandMade) -> Recording:
    """Ten tasks that look one way and are read by expert 1, ten that look another way and need locator 2 first.

    A benchmark of each holds eight of its kind and two of the other.
    """
    plain, moved = ["wr1", "ww1"], ["wx1", "rw1"]
    recording = hand_made([plain] * 8 + [moved] * 2 + [moved] * 8 + [plain] * 2, benchmarks=["a"] * 10 + ["b"] * 10)
    view = np.zeros_like(recording.view)
    view[8:18, 0, 0] = 4.0
    return replace(recording, view=view)


def test_contextual_plan__chooses_by_what_is_shown(hand_made: HandMade) -> None:
    env = MaestroEnv(recording=two_kinds(hand_made), registry=None)
    records = evaluate(ContextualPlan(env, max_calls=2, hidden=16, steps=200).learn(0), env)
    short, long = ("m1/Direct",), ("m2/Direct", "m0/Direct")
    assert [record.experts for record in records] == [short] * 8 + [long] * 10 + [short] * 2
    assert all(record.correct for record in records)


def test_contextual_plan__chooses_anew_where_an_episode_begins(hand_made: HandMade) -> None:
    env = MaestroEnv(recording=two_kinds(hand_made), registry=None)
    agent = ContextualPlan(env, max_calls=2, hidden=16, steps=200).learn(0)
    plain, _ = env.reset(options={"task": "a/train/0"})
    moved, _ = env.reset(options={"task": "b/train/17"})
    batch = {name: np.stack([moved[name], moved[name]]) for name in moved}
    actions, state = agent.predict(batch)
    assert actions.tolist() == [3, 3]
    # The first goes on with its plan (expert 0 is action 1), the second begins a task that looks the other way.
    batch = {name: np.stack([moved[name], plain[name]]) for name in moved}
    actions, _ = agent.predict(batch, state, np.array([False, True]))
    assert actions.tolist() == [1, 2]


def test_contextual_plan__price_shortens_plans(hand_made: HandMade) -> None:
    # Locating and reading costs 2 in place of 1; at 0.6 a call, being right is worth one call but not two.
    env = MaestroEnv(recording=two_kinds(hand_made), registry=None, cost_weight=0.6)
    records = evaluate(ContextualPlan(env, max_calls=2, hidden=16, steps=200).learn(0), env)
    assert max(record.calls for record in records) == 1


def test_contextual_plan__needs_no_benchmark_to_match_the_plan_that_is_told(
    train_env: MaestroEnv, test_env: MaestroEnv
) -> None:
    contextual = evaluate(ContextualPlan(train_env, max_calls=3).learn(0), test_env)
    plan = evaluate(OpenLoopPlan(train_env, max_calls=3).learn(0), test_env)
    assert np.mean([r.correct for r in contextual]) > np.mean([r.correct for r in plan]) - 0.03


def test_followed__masked_calls_do_nothing(hand_made: HandMade) -> None:
    env = MaestroEnv(recording=hand_made([["r."], ["!r"]]), registry=None)
    end = followed(start(recorded_tasks(env), terms_of(env)), (0, 1))
    assert end.score.tolist() == [1.0, 1.0]
    assert end.cost.tolist() == [2.0, 1.0]
