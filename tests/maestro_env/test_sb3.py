"""Stable-Baselines3 trains on the batch: every algorithm that the bridge names, for a moment."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor, VecNormalize

from maestro_env import MaestroEnv
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.sb3 import MaestroVecEnv
from maestro_env.vector import MaestroVectorEnv


def bridge(recording: Recording, num_envs: int = 4, **more: Any) -> MaestroVecEnv:
    env = MaestroVectorEnv(num_envs, autoreset_mode="SameStep", recording=recording, registry=None, **more)
    return MaestroVecEnv(env)


def test_bridge__equals_sb3s_own(fake: Recording) -> None:
    ours: Any = bridge(fake, cost_weight=0.01)
    theirs: Any = DummyVecEnv([lambda: MaestroEnv(recording=fake, registry=None, cost_weight=0.01) for _ in range(4)])
    ours.seed(5)
    theirs.seed(5)
    first, second = ours.reset(), theirs.reset()
    rng = np.random.default_rng(0)
    truncated = 0
    for _ in range(400):
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
        np.testing.assert_array_equal(ours.env_method("action_masks"), theirs.env_method("action_masks"))
        actions = rng.integers(ours.action_space.n, size=4)
        first, rewards, dones, infos = ours.step(actions)
        second, expected_rewards, expected_dones, expected_infos = theirs.step(actions)
        np.testing.assert_array_equal(rewards, expected_rewards)
        assert rewards.dtype == expected_rewards.dtype
        np.testing.assert_array_equal(dones, expected_dones)
        for done, info, expected in zip(dones, infos, expected_infos, strict=True):
            assert bool(info) is bool(done)
            for name in set(info) - {"terminal_observation", "is_success"}:
                assert info[name] == expected[name], name
            if done:
                truncated += info["TimeLimit.truncated"]
                assert info["is_success"] is (expected["outcome"] == "correct")
                for name, values in expected["terminal_observation"].items():
                    np.testing.assert_array_equal(info["terminal_observation"][name], values)
    assert truncated > 0


@pytest.mark.parametrize("algorithm", [PPO, A2C, MaskablePPO, DQN])
def test_bridge__trains(fake: Recording, algorithm: Any) -> None:
    more: dict[str, Any] = {"learning_starts": 16} if algorithm is DQN else {"n_steps": 16}
    model = algorithm("MultiInputPolicy", bridge(fake), **more)
    model.learn(128)
    assert model.num_timesteps >= 128


def test_bridge__trains_a_recurrent_policy(fake: Recording) -> None:
    RecurrentPPO("MultiInputLstmPolicy", bridge(fake), n_steps=16, batch_size=32).learn(64)


def test_bridge__under_sb3s_wrappers(fake: Recording) -> None:
    keys = ["budget", "experts", "question", "view"]
    env = VecNormalize(VecMonitor(bridge(fake)), norm_obs_keys=keys)
    model = PPO("MultiInputPolicy", env, n_steps=16)
    model.learn(64)
    played: Any = evaluate_policy(model, VecMonitor(bridge(fake)), n_eval_episodes=10, return_episode_rewards=True)
    rewards, lengths = played
    assert len(rewards) == 10
    assert min(lengths) >= 0
    assert max(lengths) <= 4


def test_bridge__plays_a_chosen_task(fake: Recording) -> None:
    env = bridge(fake)
    chosen = env.env.task_ids[7]
    env.set_options([{}, {"task": chosen}, {}, {}])
    env.reset()
    *_, infos = env.step(np.zeros(4, np.int64))
    assert infos[1]["task_id"] == chosen


def test_bridge__refuses_other_modes(fake: Recording) -> None:
    with pytest.raises(ConfigurationError, match="autoreset_mode='SameStep'"):
        MaestroVecEnv(MaestroVectorEnv(2, recording=fake, registry=None))


def test_bridge__refuses_to_set_what_is_shared(fake: Recording) -> None:
    with pytest.raises(ConfigurationError, match="Cannot set 'strict'"):
        bridge(fake).set_attr("strict", True)
