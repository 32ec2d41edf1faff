"""`MaestroText-v0` under Gymnasium's checker, its spec, many at once, and in started processes."""

import multiprocessing
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

CHART = "<search> chart@@Direct: how high? </search>"

# Warnings are errors here, as in all our tests: see pyproject.toml.


@pytest.mark.parametrize("render_mode", [None, "ansi"])
def test_gymnasium__its_checker_passes(kwargs: Mapping[str, Any], render_mode: str | None) -> None:
    check_env(gym.make("MaestroText-v0", **kwargs, render_mode=render_mode).unwrapped)


def test_gymnasium__its_wrappers_find_nothing_to_warn_of(fake_folder: str) -> None:
    env = gym.make("MaestroText-v0", recording=fake_folder, registry=None, on_fault="continue")
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(20):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    env.close()
    env.close()


def test_spec__goes_through_json_and_back(fake_folder: str) -> None:
    env = gym.make("MaestroText-v0", recording=fake_folder, registry=None, max_turns=2, answer_source="rule")
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.spec == env.spec
    assert again.reset(seed=1)[0] == env.reset(seed=1)[0]


def test_spec__keeps_no_time_limit_and_is_deterministic() -> None:
    spec = gym.spec("MaestroText-v0")
    assert spec.entry_point == "maestro_env.text.env:MaestroTextEnv"
    assert spec.max_episode_steps is None
    assert not spec.nondeterministic


def test_vector__plays_as_one_by_one(fake_folder: str) -> None:
    kwargs: dict[str, Any] = {"recording": fake_folder, "registry": None, "on_fault": "continue"}
    alone = [gym.make("MaestroText-v0", **kwargs) for _ in range(2)]
    both = gym.make_vec("MaestroText-v0", 2, **kwargs)
    prompts, _ = both.reset(seed=3)
    assert list(prompts) == [env.reset(seed=3 + i)[0] for i, env in enumerate(alone)]
    texts, *_, infos = both.step((CHART, "nonsense"))
    expected = [env.step(generation) for env, generation in zip(alone, (CHART, "nonsense"), strict=True)]
    assert list(texts) == [returned[0] for returned in expected]
    assert infos["faults"]["no_action"].tolist() == [0, 1]
    assert infos["calls_left"].tolist() == [returned[-1]["calls_left"] for returned in expected]


PLAY = """
import gymnasium
env = gymnasium.make("maestro_env:MaestroText-v0", **kwargs)
result = env.reset(seed=6)[0], env.step("<search> chart@@Direct: how high? </search>")[0]
"""


def run_code(code: str, kwargs: Mapping[str, Any]) -> Any:
    namespace: dict[str, Any] = {"kwargs": kwargs}
    exec(code, namespace)
    return namespace["result"]


def test_processes__start_and_play_as_here(fake_folder: str) -> None:
    kwargs = {"recording": fake_folder, "registry": None}
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(run_code, (PLAY, kwargs)) == run_code(PLAY, kwargs)
