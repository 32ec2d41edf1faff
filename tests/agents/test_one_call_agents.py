"""Agents that make one call, on recordings small enough to reason about, and what they share."""

from dataclasses import replace

import numpy as np
import pytest

from maestro_agents.best_per_benchmark import BestPerBenchmark, group_means
from maestro_agents.chance_routers import LogisticRouter, MLPRouter
from maestro_agents.cluster_router import ClusterRouter, cluster_means
from maestro_agents.evaluate import evaluate
from maestro_agents.fixed_expert import FixedExpert
from maestro_agents.one_call import call_once
from maestro_agents.recorded_tasks import locators_in, mean_costs
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from tests.agents.conftest import HandMade

REWARDS = np.array([[1.0, 0.0], [0.0, 0.5], [0.5, 1.0]])


def looking(recording: Recording, looks: list[float]) -> MaestroEnv:
    """An environment in which each task's view is one number."""
    view = np.zeros_like(recording.view)
    view[:, 0, 0] = looks
    return MaestroEnv(recording=replace(recording, view=view), registry=None)


def test_call_once__asks_for_values_only_where_nothing_was_called() -> None:
    observation = {
        "budget": np.array([[1.0, 0.0], [0.75, 0.1], [1.0, 0.0]]),
        "action_mask": np.array([[1, 1, 1], [1, 1, 1], [1, 0, 0]], np.int8),
    }
    asked: list[int] = []

    def valued(batch: object) -> np.ndarray:
        asked.append(len(batch["budget"]))  # type: ignore[index]
        return np.array([[0.1, 0.2], [0.3, 0.1]])

    # The first takes expert 1, the second has called already, the third may call nobody.
    assert call_once(valued, observation).tolist() == [2, 0, 0]
    assert asked == [2]


def test_locators_in__are_those_who_move_the_view(hand_made: HandMade) -> None:
    assert locators_in(hand_made([["rw.", "..."], ["r1.", "..."]])).tolist() == [False, True, False]


def test_mean_costs__leave_out_what_was_not_recorded(hand_made: HandMade) -> None:
    # Expert 1 cost 3 on its only call; expert 2 was never recorded.
    assert mean_costs(hand_made([["rr!"], ["r!!"]], cost=3.0)).tolist() == [3.0, 3.0, 0.0]


def test_group_means() -> None:
    # All: (1 + 0 + 0.5) / 3 and (0 + 0.5 + 1) / 3; then rows 0 and 1; then row 2.
    groups = [np.array([True, True, False]), np.array([False, False, True])]
    assert group_means(REWARDS, groups).tolist() == [[0.5, 0.5], [0.5, 0.25], [0.5, 1.0]]


def test_cluster_means__fall_back_on_all_tasks() -> None:
    # Cluster 0 holds rows 0 and 2, cluster 1 nobody, cluster 2 row 1.
    found = cluster_means(REWARDS, np.array([0, 2, 0]), clusters=3)
    assert found.tolist() == [[0.75, 0.5], [0.5, 0.5], [0.0, 0.5]]


def test_best_per_benchmark__asks_the_best_of_the_benchmark(hand_made: HandMade) -> None:
    # Expert 0 is right on benchmark a, expert 1 on b; on all together expert 0, on two of three.
    recording = hand_made([["rw"], ["rx"], ["wr"]], benchmarks=["a", "a", "b"])
    env = MaestroEnv(recording=recording, registry=None)
    agent = BestPerBenchmark(env).learn(0)
    assert all(record.correct for record in evaluate(agent, env))
    observation, info = env.reset(options={"task": "b/train/2"})
    assert int(agent.predict(observation, agent.begin_episode(info))[0]) == 2
    assert int(agent.predict(observation, agent.begin_episode({"benchmark": "c"}))[0]) == 1
    assert int(agent.predict(observation)[0]) == 1  # nobody said which benchmark it is


def test_best_per_benchmark__forgets_the_benchmark_when_another_episode_begins(hand_made: HandMade) -> None:
    recording = hand_made([["rw"], ["rx"], ["wr"]], benchmarks=["a", "a", "b"])
    env = MaestroEnv(recording=recording, registry=None)
    agent = BestPerBenchmark(env).learn(0)
    observation, info = env.reset(options={"task": "b/train/2"})
    action, state = agent.predict(observation, agent.begin_episode(info), np.array([True]))
    assert int(action) == 1
    assert int(agent.predict(observation, state, np.array([False]))[0]) == 1


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(ClusterRouter, {"clusters": 2}), (LogisticRouter, {"ridge": 0.1}), (MLPRouter, {"hidden": 8, "steps": 200})],
)
def test_router__asks_who_is_right_on_what_looks_alike(hand_made: HandMade, kind: type, settings: dict) -> None:
    # Expert 0 reads what looks one way, expert 1 what looks another way, and each task is unlike the others a little.
    env = looking(hand_made([["rw"], ["rx"], ["wr"], ["xr"]]), [0.0, 0.25, 4.0, 4.25])
    records = evaluate(kind(env, **settings).learn(0), env)
    assert [record.experts for record in records] == [("m0/Direct",)] * 2 + [("m1/Direct",)] * 2


@pytest.mark.parametrize("kind", [LogisticRouter, MLPRouter])
def test_chance_router__price_counts(hand_made: HandMade, kind: type) -> None:
    # Both are right on half of the tasks that look alike, but expert 1 costs 3 more.
    recording = hand_made([["rw"], ["wr"]] * 20)
    passes = np.broadcast_to(np.array([1, 4], np.float32), recording.passes.shape)
    for costs, best in ((passes, "m0/Direct"), (passes[..., ::-1], "m1/Direct")):
        env = MaestroEnv(recording=replace(recording, passes=costs.copy()), registry=None, cost_weight=0.1)
        assert {record.experts for record in evaluate(kind(env).learn(0), env)} == {(best,)}


@pytest.mark.parametrize("kind", [ClusterRouter, LogisticRouter, MLPRouter])
def test_router__beats_the_best_single_expert(kind: type, train_env: MaestroEnv, test_env: MaestroEnv) -> None:
    single = np.mean([record.correct for record in evaluate(FixedExpert(train_env).learn(0), test_env)])
    routed = evaluate(kind(train_env).learn(0), test_env)
    assert np.mean([record.correct for record in routed]) > single
    assert {record.calls for record in routed} == {1}


def test_cluster_router__no_cluster_is_an_error(train_env: MaestroEnv) -> None:
    with pytest.raises(ConfigurationError, match=r"clusters=0 hold no task.*1 or more"):
        ClusterRouter(train_env, clusters=0)
