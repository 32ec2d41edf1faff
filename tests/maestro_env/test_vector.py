"""`MaestroVectorEnv` is the same MDP as as many `MaestroEnv`s: bit for bit, in every mode."""

from dataclasses import fields, replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import vector as vector_wrappers

from maestro_env import MaestroEnv
from maestro_env.errors import ActionError, ConfigurationError, UnknownNameError
from maestro_env.recordings.recording import Recording
from maestro_env.rewards import EpisodeResult
from maestro_env.testing import arrays_in, assert_same, fake_recording
from maestro_env.types import OUTCOMES
from maestro_env.vector import MaestroVectorEnv

MODES = tuple(AutoresetMode)


def both(
    recording: Recording, num_envs: int, mode: AutoresetMode, **more: Any
) -> tuple[SyncVectorEnv, MaestroVectorEnv]:
    kwargs: dict[str, Any] = {"recording": recording, "registry": None, **more}
    sync = SyncVectorEnv([lambda: MaestroEnv(**kwargs) for _ in range(num_envs)], autoreset_mode=mode)
    return sync, batched_env(recording, num_envs, mode, **more)


def batched_env(recording: Recording, num_envs: int, mode: AutoresetMode, **more: Any) -> MaestroVectorEnv:
    return MaestroVectorEnv(num_envs, autoreset_mode=mode, recording=recording, registry=None, **more)


@pytest.mark.parametrize("num_envs", [1, 4, 64])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rule", ["vote", "confidence", "last"])
def test_vector__equals_sync(fake: Recording, num_envs: int, mode: AutoresetMode, rule: str) -> None:
    sync, batched = both(fake, num_envs, mode, answer_rule=rule, cost_weight=0.02)
    assert_same(sync.reset(seed=3), batched.reset(seed=3))
    rng = np.random.default_rng(0)
    for _ in range(1000 // num_envs + 30):
        actions = rng.integers(len(batched.registry) + 1, size=num_envs)
        expected, got = sync.step(actions), batched.step(actions)
        assert_same(expected, got)
        ended = expected[2] | expected[3]
        if mode is AutoresetMode.DISABLED and ended.any():
            seeds = [int(rng.integers(99)) if rng.random() < 0.5 else None for _ in range(num_envs)]
            assert_same(
                sync.reset(seed=list(seeds), options={"reset_mask": ended}),
                batched.reset(seed=seeds, options={"reset_mask": ended}),
            )


def two_steps(env: Any) -> list[Any]:
    """Everything that resetting, calling the first expert and stopping return."""
    return [env.reset(seed=0), *(env.step(np.full(env.num_envs, action)) for action in (1, 0))]


@pytest.mark.parametrize("array", ["score", "confidence", "cost_usd", "latency_s", "passes", "view", "question"])
def test_vector__equality_notices_one_float(array: str) -> None:
    recording = fake_recording(num_tasks=60)
    batched = batched_env(recording, 4, AutoresetMode.NEXT_STEP)
    expected = two_steps(batched)
    first = recording.index_of(expected[0][1]["task_id"][0])
    changed = getattr(recording, array).copy()
    cell = (first, 0) if array == "question" else (first, 0, 0)
    changed[cell] = np.nextafter(changed[cell], changed.dtype.type(2))
    other = replace(recording, **{array: changed})
    sync = SyncVectorEnv([lambda: MaestroEnv(recording=other, registry=None) for _ in range(4)])
    with pytest.raises(AssertionError):
        assert_same(tuple(two_steps(sync)), tuple(expected))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("observation", ["features", "index"])
def test_vector__nothing_returned_aliases_anything(fake: Recording, mode: AutoresetMode, observation: str) -> None:
    env = batched_env(fake, 8, mode, observation=observation)
    rng = np.random.default_rng(0)
    earlier = arrays_in(env.reset(seed=0))
    inside = [value for part in (env.tables, fake) for value in arrays_in(vars_of(part))]
    for _ in range(50):
        kept = arrays_in(vars_of(env._batch))
        returned = env.step(rng.integers(len(env.registry) + 1, size=8))
        now = arrays_in(returned)
        for array in now:
            assert not any(np.shares_memory(array, other) for other in [*earlier, *inside, *kept])
            assert not any(np.shares_memory(array, other) for other in arrays_in(vars_of(env._batch)))
        earlier = now
        ended = returned[2] | returned[3]
        if mode is AutoresetMode.DISABLED and ended.any():
            earlier = arrays_in(env.reset(options={"reset_mask": ended}))


def vars_of(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, slots or not."""
    return {field.name: getattr(value, field.name) for field in fields(value)}


@pytest.mark.parametrize("mode", MODES)
def test_vector__features_follow_from_indices(fake: Recording, mode: AutoresetMode) -> None:
    features = batched_env(fake, 8, mode)
    indices = batched_env(fake, 8, mode, observation="index")
    rng = np.random.default_rng(1)
    expected, _ = features.reset(seed=2)
    observation, infos = indices.reset(seed=2)
    assert infos == {}
    for _ in range(60):
        assert indices.observation_space.contains(observation)
        assert_same(indices.features(observation), expected)
        actions = rng.integers(len(features.registry) + 1, size=8)
        expected, rewards, terminated, truncated, told = features.step(actions)
        observation, *flags, infos = indices.step(actions)
        assert_same((rewards, terminated, truncated), tuple(flags))
        ended = terminated | truncated
        if ended.any():
            np.testing.assert_array_equal(infos["_outcome"], ended)
            final = told["final_info"] if mode is AutoresetMode.SAME_STEP else told
            assert [OUTCOMES[each].value for each in infos["outcome"][ended]] == final["outcome"][ended].tolist()
        if mode is AutoresetMode.SAME_STEP and ended.any():
            rows = {name: values[ended] for name, values in infos["final_obs"].items()}
            last = indices.features(rows)
            for place, row in enumerate(np.flatnonzero(ended)):
                assert_same({name: values[place] for name, values in last.items()}, told["final_obs"][row])
        if mode is AutoresetMode.DISABLED and ended.any():
            expected, _ = features.reset(options={"reset_mask": ended})
            observation, _ = indices.reset(options={"reset_mask": ended})


def test_make_vec__under_gymnasiums_wrappers(fake_folder: str) -> None:
    env = gym.make_vec("Maestro-v0", 64, recording=fake_folder, registry=None, disable_env_checker=True)
    assert isinstance(env, MaestroVectorEnv)
    env = vector_wrappers.RecordEpisodeStatistics(env)
    env.reset(seed=0)
    lengths: list[int] = []
    for _ in range(20):
        *_, infos = env.step(env.action_space.sample())
        if "episode" in infos:
            lengths += infos["episode"]["l"][infos["_episode"]].tolist()
    assert min(lengths) >= 1
    assert max(lengths) <= 4


def test_make_vec__normalised_observations(fake_folder: str) -> None:
    env = gym.make_vec("Maestro-v0", 8, recording=fake_folder, registry=None)
    env = vector_wrappers.FlattenObservation(env)
    env = vector_wrappers.NormalizeReward(vector_wrappers.NormalizeObservation(env))
    observation, _ = env.reset(seed=0)
    for _ in range(10):
        observation, *_ = env.step(env.action_space.sample())
    assert np.isfinite(observation).all()


def test_make_vec__the_callers_options_are_left_alone(fake: Recording) -> None:
    env = batched_env(fake, 4, AutoresetMode.DISABLED)
    before, _ = env.reset(seed=0)
    options = {"reset_mask": np.array([True, False, False, True])}
    after, _ = env.reset(options=options)
    assert list(options) == ["reset_mask"]
    np.testing.assert_array_equal(before["question"][1:3], after["question"][1:3])


def test_reset__plays_a_chosen_task(fake: Recording) -> None:
    env = batched_env(fake, 3, AutoresetMode.NEXT_STEP)
    _, infos = env.reset(options={"task": env.task_ids[5]})
    assert infos["task_id"].tolist() == [env.task_ids[5]] * 3


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.zeros(3, np.int64), "expected 4 integers"),
        (np.zeros(4), "Actions of dtype float64"),
        (np.array([0, 1, 99, 0]), "Action 99 of environment 2 is outside"),
        (np.array([0, -1, 0, 0]), "Action -1 of environment 1 is outside"),
    ],
)
def test_step__refuses_what_is_no_action_and_changes_nothing(fake: Recording, actions: Any, message: str) -> None:
    env = batched_env(fake, 4, AutoresetMode.NEXT_STEP)
    env.reset(seed=0)
    before = env._batch
    with pytest.raises(ActionError, match=message):
        env.step(actions)
    assert env._batch is before


def test_step__strict_refuses_masked_actions(fake: Recording) -> None:
    env = batched_env(fake, 4, AutoresetMode.NEXT_STEP, strict=True)
    _, infos = env.reset(seed=0)
    masked = infos["action_mask"].argmin(axis=1)
    with pytest.raises(ActionError, match="are masked"):
        env.step(masked)


def test_step__disabled_refuses_ended_episodes(fake: Recording) -> None:
    env = batched_env(fake, 2, AutoresetMode.DISABLED)
    env.reset(seed=0)
    env.step(np.array([0, 1]))
    with pytest.raises(ActionError, match=r"environments \[0\] have ended"):
        env.step(np.array([1, 1]))


def test_step__before_reset(fake: Recording) -> None:
    with pytest.raises(ActionError, match="Call reset"):
        batched_env(fake, 2, AutoresetMode.NEXT_STEP).step(np.zeros(2, np.int64))


def test_vector__refuses_what_has_no_meaning(fake: Recording) -> None:
    with pytest.raises(UnknownNameError, match=r"'Features'.*Did you mean 'features'"):
        MaestroVectorEnv(2, recording=fake, registry=None, observation="Features")
    with pytest.raises(UnknownNameError, match="autoreset mode 'SameSteps'"):
        MaestroVectorEnv(2, recording=fake, registry=None, autoreset_mode="SameSteps")
    with pytest.raises(ConfigurationError, match="num_envs=0"):
        MaestroVectorEnv(0, recording=fake, registry=None)
    with pytest.raises(UnknownNameError, match="max_turn"):
        MaestroVectorEnv(2, recording=fake, registry=None, max_turn=3)


def test_reward__any_function(fake: Recording) -> None:
    def by_turns(result: EpisodeResult) -> float:
        return result.score - 0.1 * result.num_turns + (result.outcome == "unanswered")

    sync, batched = both(fake, 8, AutoresetMode.SAME_STEP, reward_fn=by_turns)
    assert_same(sync.reset(seed=1), batched.reset(seed=1))
    rng = np.random.default_rng(1)
    for _ in range(60):
        actions = rng.integers(len(batched.registry) + 1, size=8)
        assert_same(sync.step(actions), batched.step(actions))


def test_render__shows_every_episode(fake: Recording) -> None:
    sync, batched = both(fake, 3, AutoresetMode.NEXT_STEP, render_mode="ansi")
    sync.reset(seed=0)
    batched.reset(seed=0)
    for actions in ([1, 2, 3], [4, 0, 8]):
        sync.step(np.array(actions))
        batched.step(np.array(actions))
        assert batched.render() == sync.render()
