"""The contract of every agent, and what each is known for."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from maestro_agents.agent import Agent
from maestro_agents.arms import UCB1, EpsilonGreedy
from maestro_agents.behaviour_cloning import BehaviourCloning
from maestro_agents.best_per_benchmark import BestPerBenchmark
from maestro_agents.cascade import Cascade
from maestro_agents.chance_routers import LogisticRouter, MLPRouter
from maestro_agents.cluster_router import ClusterRouter
from maestro_agents.contextual_plan import ContextualPlan
from maestro_agents.dqn import DQN
from maestro_agents.evaluate import evaluate
from maestro_agents.fitted_rules import FittedRules
from maestro_agents.fixed_expert import FixedExpert
from maestro_agents.lin_ts import LinTS
from maestro_agents.linucb import LinUCB
from maestro_agents.majority_vote import MajorityVote
from maestro_agents.neural_linear import NeuralLinear
from maestro_agents.one_shot_router import OneShotRouter
from maestro_agents.open_loop_plan import OpenLoopPlan
from maestro_agents.pointer_ppo import PointerPPO
from maestro_agents.ppo import PPO, MaskablePPO
from maestro_agents.random import Random
from maestro_agents.recurrent_ppo import RecurrentPPO
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.rewards import EpisodeResult
from maestro_env.testing import fake_recording
from tests.agents.conftest import HandMade

QUICK: Mapping[type[Agent], Mapping[str, Any]] = {
    Random: {},
    FixedExpert: {},
    BestPerBenchmark: {},
    MajorityVote: {"k": 3},
    Cascade: {},
    ClusterRouter: {"clusters": 8},
    LogisticRouter: {},
    MLPRouter: {"steps": 60},
    ContextualPlan: {"max_calls": 2, "steps": 60},
    OneShotRouter: {"k": 5},
    OpenLoopPlan: {"max_calls": 2},
    EpsilonGreedy: {},
    UCB1: {},
    LinUCB: {"alpha": 0.2},
    LinTS: {},
    NeuralLinear: {"hidden": 8, "every": 16, "steps": 20},
    FittedRules: {"steps": 60},
    PPO: {"num_envs": 2, "rollout_steps": 16, "batch_size": 16, "hidden": (16,)},
    MaskablePPO: {"num_envs": 2, "rollout_steps": 16, "batch_size": 16, "hidden": (16,)},
    DQN: {"num_envs": 2, "batch_size": 16, "hidden": (16,)},
    RecurrentPPO: {"num_envs": 2, "rollout_steps": 16, "batch_size": 16, "memory": 16},
    PointerPPO: {"num_envs": 2, "rollout_steps": 16, "batch_size": 16, "hidden": 8, "memory": 50, "lesson": 10},
    BehaviourCloning: {"steps": 60},
}
"""Settings with which an agent learns in a second."""

every_agent = pytest.mark.parametrize("kind", list(QUICK), ids=lambda kind: kind.__name__)


def quickly(kind: type[Agent], env: Any, **more: Any) -> Agent:
    return kind(env, **{**QUICK[kind], **more}).learn(64)


@every_agent
def test_agent__acts_legally_on_one_observation_and_on_a_batch(kind: type[Agent], train_env: MaestroEnv) -> None:
    agent = quickly(kind, train_env)
    observation, info = train_env.reset(seed=3)
    action, _ = agent.predict(observation)
    assert np.shape(action) == ()
    assert info["action_mask"][int(action)] == 1
    batch = {name: np.stack([value] * 5) for name, value in observation.items()}
    actions, _ = agent.predict(batch)
    assert actions.shape == (5,)
    assert info["action_mask"][actions].all()
    if kind is not Random:
        assert (actions == action).all()


@pytest.mark.parametrize("kind", [kind for kind in QUICK if kind is not PPO], ids=lambda kind: kind.__name__)
def test_agent__never_takes_a_masked_action(kind: type[Agent], train_env: MaestroEnv) -> None:
    recording = fake_recording(num_tasks=60, failing=0.2, missing=0.4)
    strict = MaestroEnv(recording=recording, registry=None, split="test", strict=True)
    records = evaluate(quickly(kind, train_env), strict)  # a strict environment raises on a masked action
    assert len(records) == len(strict.task_ids)


@every_agent
def test_agent__is_the_same_after_saving_and_loading(
    kind: type[Agent], train_env: MaestroEnv, test_env: MaestroEnv, tmp_path: Path
) -> None:
    agent = quickly(kind, train_env, seed=7)
    agent.save(tmp_path / "agent")
    assert sorted(path.name for path in (tmp_path / "agent").iterdir()) == ["agent.json", "arrays.npz"]
    loaded = kind.load(tmp_path / "agent", test_env)
    # A loaded Random starts its dice anew, so it is compared with a new one.
    before = evaluate(kind(train_env, seed=7) if kind is Random else agent, test_env)
    assert evaluate(loaded, test_env) == before


@every_agent
def test_agent__learns_the_same_from_the_same_seed(
    kind: type[Agent], recording: Recording, test_env: MaestroEnv
) -> None:
    plays = [
        evaluate(quickly(kind, MaestroEnv(recording=recording, registry=None), seed=5), test_env) for _ in range(2)
    ]
    assert plays[0] == plays[1]


@every_agent
def test_agent__is_evaluated_by_stable_baselines3_too(kind: type[Agent], train_env: MaestroEnv) -> None:
    agent = quickly(kind, train_env)
    rewards, lengths = evaluate_policy(agent, Monitor(train_env), n_eval_episodes=6, return_episode_rewards=True)  # pyright: ignore
    assert len(rewards) == len(lengths) == 6  # pyright: ignore
    assert all(reward in (0.0, 1.0) for reward in rewards)  # pyright: ignore
    assert max(lengths) <= 4  # pyright: ignore


@every_agent
def test_agent__learns_from_its_own_split_and_benchmarks_only(
    kind: type[Agent], recording: Recording, train_env: MaestroEnv, test_env: MaestroEnv
) -> None:
    # Scores of all other tasks are turned round; an agent that peeked at them would choose otherwise.
    own = np.array([task.split == "train" for task in recording.tasks])
    altered = np.where(own[:, None, None], recording.score, 1 - recording.score)
    other = MaestroEnv(recording=replace(recording, score=altered), registry=None, split="train")
    assert evaluate(quickly(kind, train_env), test_env) == evaluate(quickly(kind, other), test_env)


@every_agent
def test_agent__reports_its_progress_up_to_the_end(kind: type[Agent], train_env: MaestroEnv) -> None:
    shares: list[float] = []
    kind(train_env, **QUICK[kind]).learn(64, progress=shares.append)
    assert shares == sorted(shares)
    assert not shares or shares[-1] == 1.0


@pytest.mark.parametrize(
    "kind", [UCB1, LinUCB, PPO, MaskablePPO, DQN, RecurrentPPO, PointerPPO], ids=lambda kind: kind.__name__
)
def test_agent__notes_what_each_episode_earned(kind: type[Agent], train_env: MaestroEnv, tmp_path: Path) -> None:
    agent: Any = quickly(kind, train_env)
    # At least 64 steps, of episodes of 1 to 5 of them, some of which were not at their end; a score is 0 or 1.
    assert 64 / 5 - 2 <= len(agent.earned) <= 2 * 64
    assert set(np.unique(agent.earned).tolist()) == {0.0, 1.0}
    agent.save(tmp_path / "agent")
    loaded: Any = kind.load(tmp_path / "agent", train_env)
    assert np.array_equal(loaded.earned, agent.earned)


def test_load__refuses_another_kind_of_agent(train_env: MaestroEnv, tmp_path: Path) -> None:
    quickly(FixedExpert, train_env).save(tmp_path)
    with pytest.raises(ConfigurationError, match=r"holds a 'FixedExpert'.*expected 'LinUCB'"):
        LinUCB.load(tmp_path, train_env)


def test_load__refuses_another_registry(train_env: MaestroEnv, hand_made: HandMade, tmp_path: Path) -> None:
    quickly(FixedExpert, train_env).save(tmp_path)
    env = MaestroEnv(recording=hand_made([["r"]]), registry=None)
    with pytest.raises(ConfigurationError, match=r"acts on the experts.*the same registry"):
        FixedExpert.load(tmp_path, env)


def test_load__refuses_a_folder_without_an_agent(train_env: MaestroEnv, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no agent in.*folder that `save` wrote"):
        Random.load(tmp_path / "nothing", train_env)


def test_save__writes_settings_that_people_can_read(train_env: MaestroEnv, tmp_path: Path) -> None:
    OneShotRouter(train_env, k=3, view_weight=2.0).learn(0).save(tmp_path)
    document = json.loads((tmp_path / "agent.json").read_text("utf-8"))
    assert document["agent"] == "OneShotRouter"
    assert document["settings"] == {"seed": 0, "k": 3, "view_weight": 2.0}
    assert document["experts"] == list(train_env.registry.ids)


def test_fixed_expert__asks_the_best_of_the_training_tasks(hand_made: HandMade) -> None:
    env = MaestroEnv(recording=hand_made([["rww"], ["wwr"], ["wxr"]]), registry=None)
    records = evaluate(FixedExpert(env).learn(0), env)
    assert {record.experts for record in records} == {("m2/Direct",)}  # right on two of three
    assert [record.correct for record in records] == [False, True, True]


def test_fixed_expert__refuses_a_reward_that_is_not_recorded(recording: Recording) -> None:
    def bonus(result: EpisodeResult) -> float:
        return result.score + result.num_turns

    env = MaestroEnv(recording=recording, registry=None, reward_fn=bonus)
    with pytest.raises(ConfigurationError, match=r"cannot be worked out from recorded replies.*PPO"):
        FixedExpert(env).learn(0)


def test_one_shot_router__asks_who_is_right_on_what_looks_alike(hand_made: HandMade) -> None:
    # Two tasks look one way and are read by expert 0, two look another way and are read by expert 1.
    recording = hand_made([["rw"], ["rx"], ["wr"], ["xr"]])
    looks = np.array([[[0.0, 1.0]], [[0.1, 1.0]], [[4.0, 1.0]], [[4.1, 1.0]]], np.float16)
    env = MaestroEnv(recording=replace(recording, view=looks), registry=None)
    records = evaluate(OneShotRouter(env, k=2).learn(0), env)
    assert [record.experts for record in records] == [("m0/Direct",)] * 2 + [("m1/Direct",)] * 2
    # With all four as neighbours both experts are right as often, and the first is asked.
    assert {record.experts for record in evaluate(OneShotRouter(env, k=4).learn(0), env)} == {("m0/Direct",)}


def test_open_loop_plan__follows_the_plan_of_the_benchmark(hand_made: HandMade) -> None:
    # In benchmark a expert 1 is right, in b the locator 2 must move first.
    recording = hand_made([["wr1", "ww1"], ["wx1", "rw1"]], benchmarks=["a", "b"])
    env = MaestroEnv(recording=recording, registry=None)
    records = evaluate(OpenLoopPlan(env).learn(0), env)
    assert [record.experts for record in records] == [("m1/Direct",), ("m2/Direct", "m0/Direct")]
    assert all(record.correct for record in records)


def test_open_loop_plan__unannounced_follows_the_plan_for_all(hand_made: HandMade) -> None:
    recording = hand_made([["rw"], ["rw"], ["wr"]], benchmarks=["a", "a", "b"])
    env = MaestroEnv(recording=recording, registry=None)
    agent = OpenLoopPlan(env, max_calls=1).learn(0)
    observation, info = env.reset(options={"task": "b/train/2"})
    assert int(agent.predict(observation)[0]) == 1  # expert 0 is right on two of the three
    assert int(agent.predict(observation, agent.begin_episode(info))[0]) == 2


def test_open_loop_plan__passes_over_a_call_that_is_masked(hand_made: HandMade) -> None:
    # The plan (0, 1) serves both tasks, though expert 0 was not recorded on the second.
    env = MaestroEnv(recording=hand_made([["r."], ["!r"]]), registry=None, strict=True)
    records = evaluate(OpenLoopPlan(env, max_calls=2).learn(0), env)
    assert [record.experts for record in records][1] == ("m1/Direct",)
    assert all(record.correct for record in records)


def test_linucb__learns_to_route(train_env: MaestroEnv, test_env: MaestroEnv) -> None:
    best_single = evaluate(FixedExpert(train_env).learn(0), test_env)
    routed = evaluate(LinUCB(train_env).learn(3000), test_env)
    assert sum(r.correct for r in routed) > sum(r.correct for r in best_single)
    assert {record.calls for record in routed} == {1}


def test_fitted_rules__beat_every_fixed_sequence_in_the_same_turns() -> None:
    recording = fake_recording(num_tasks=1600)
    train, test = (
        MaestroEnv(recording=recording, registry=None, split=split, max_turns=3) for split in ("train", "test")
    )
    rules = evaluate(FittedRules(train, steps=500).learn(0), test)
    plan = evaluate(OpenLoopPlan(train).learn(0), test)
    assert np.mean([r.correct for r in rules]) > np.mean([r.correct for r in plan]) + 0.02


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (MaskablePPO, {"num_envs": 8, "rollout_steps": 32, "batch_size": 128, "learning_rate": 3e-3}),
        (DQN, {"num_envs": 8, "batch_size": 128, "learning_rate": 3e-3}),
        (RecurrentPPO, {"num_envs": 8, "rollout_steps": 32, "batch_size": 128, "learning_rate": 3e-3, "memory": 32}),
        (PointerPPO, {"num_envs": 8, "rollout_steps": 32, "batch_size": 128, "learning_rate": 3e-3}),
        (BehaviourCloning, {"steps": 300}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_learner__learns_something(
    kind: type[Agent], settings: Mapping[str, Any], train_env: MaestroEnv, test_env: MaestroEnv
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agent = kind(train_env, **settings).learn(6000)
    learned = np.mean([record.correct for record in evaluate(agent, test_env)])
    chance = np.mean([record.correct for record in evaluate(Random(train_env), test_env)])
    assert learned > chance + 0.1
