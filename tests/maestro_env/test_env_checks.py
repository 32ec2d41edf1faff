"""`Maestro-v0` under the checkers of Gymnasium and Stable-Baselines3, its spec, and in started processes."""

import multiprocessing
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

from maestro_env import FactoredActions
from maestro_env.tasks.benchmarks import EXTENDED, TRAINED, UNSEEN

# Warnings are errors here, as in all our tests: see pyproject.toml.


def test_gymnasium__its_checker_passes(kwargs) -> None:
    check_env(gym.make("Maestro-v0", **kwargs).unwrapped)


@pytest.mark.parametrize("render_mode", ["ansi", "rgb_array"])
def test_gymnasium__its_checker_passes_with_rendering(fake_folder: str, render_mode: str) -> None:
    env = gym.make("Maestro-v0", recording=fake_folder, registry=None, render_mode=render_mode)
    check_env(env.unwrapped)


def test_gymnasium__its_wrappers_find_nothing_to_warn_of(kwargs) -> None:
    env = gym.make("Maestro-v0", **kwargs)
    env.reset(seed=0)
    for _ in range(50):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    env.close()
    env.close()


def test_gymnasium__sampling_with_the_mask_is_always_legal(kwargs) -> None:
    env = gym.make("Maestro-v0", **kwargs)
    env.action_space.seed(0)
    _, info = env.reset(seed=0)
    for _ in range(100):
        _, _, terminated, truncated, info = env.step(env.action_space.sample(mask=info["action_mask"]))
        assert not info["invalid_action"]
        if terminated or truncated:
            _, info = env.reset()


def test_stable_baselines3__its_checker_passes(kwargs) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(gym.make("Maestro-v0", **kwargs).unwrapped, warn=True)


def test_maskable_ppo__finds_the_masks_and_takes_a_step(fake_folder: str) -> None:
    maskable = pytest.importorskip("sb3_contrib.common.maskable.utils")
    vec_env = pytest.importorskip("stable_baselines3.common.vec_env")
    env = vec_env.DummyVecEnv([lambda: gym.make("Maestro-v0", recording=fake_folder, registry=None)] * 3)
    env.seed(0)
    observation = env.reset()
    masks = maskable.get_action_masks(env)
    np.testing.assert_array_equal(masks, observation["action_mask"].astype(bool))


def test_spec__goes_through_json_and_back(kwargs) -> None:
    env = gym.make("Maestro-v0", **kwargs, split="val", benchmarks=["scene"], max_turns=3)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.spec == env.spec
    first, second = env.reset(seed=1), again.reset(seed=1)
    assert first[1]["task_id"] == second[1]["task_id"]
    assert first[1]["benchmark"] == "scene"


def test_spec__keeps_no_time_limit_and_is_deterministic() -> None:
    spec = gym.spec("Maestro-v0")
    assert spec.entry_point == "maestro_env.env:MaestroEnv"
    assert spec.max_episode_steps is None
    assert not spec.nondeterministic
    assert spec.kwargs == {}


def test_spec__the_extended_one_is_the_same_with_other_defaults() -> None:
    spec = gym.spec("MaestroExtended-v0")
    assert spec.entry_point == "maestro_env.env:MaestroEnv"
    assert spec.kwargs == {"registry": "extended", "split": "test", "benchmarks": (*UNSEEN, *EXTENDED)}
    assert not set(TRAINED) & {*UNSEEN, *EXTENDED}


def play_in_a_process(kwargs: Mapping[str, Any]) -> tuple[str, list[float]]:
    env = gym.make("maestro_env:Maestro-v0", **kwargs)
    _, info = env.reset(seed=6)
    observation = env.step(1)[0]
    return info["task_id"], observation["experts"].tolist()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes__start_and_play_as_here(fake_folder: str, method: str) -> None:
    env: dict[str, Any] = {"recording": fake_folder, "registry": None}
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(run_code, (PLAY, env)) == play_in_a_process(env)


PLAY = """
import gymnasium
env = gymnasium.make("maestro_env:Maestro-v0", **kwargs)
_, info = env.reset(seed=6)
result = info["task_id"], env.step(1)[0]["experts"].tolist()
"""


def run_code(code: str, kwargs: Mapping[str, Any]) -> Any:
    namespace: dict[str, Any] = {"kwargs": kwargs}
    exec(code, namespace)
    return namespace["result"]


def test_async_vector_env__plays_as_here(fake_folder: str) -> None:
    env: dict[str, Any] = {"recording": fake_folder, "registry": None}
    alone = gym.make("maestro_env:Maestro-v0", **env)
    both = gym.make_vec("maestro_env:Maestro-v0", 2, "async", vector_kwargs={"context": "spawn"}, **env)
    try:
        observation, info = both.reset(seed=3)
        for i in range(2):
            expected, expected_info = alone.reset(seed=3 + i)
            assert info["task_id"][i] == expected_info["task_id"]
            for key, value in expected.items():
                np.testing.assert_array_equal(observation[key][i], value)
    finally:
        both.close()


def test_factored_actions__pass_the_checkers(fake_folder: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    env = FactoredActions(gym.make("Maestro-v0", recording=fake_folder, registry=None))
    checker.check_env(env, warn=True)
