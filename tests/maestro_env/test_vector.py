"""`MaestroVectorEnv` is the same MDP as as many `MaestroEnv`s: bit for bit, in every mode."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from maestro_env import MaestroEnv
from maestro_env.recordings.recording import Recording
from maestro_env.vector import MaestroVectorEnv

MODES = tuple(AutoresetMode)


def assert_same(first: Any, second: Any) -> None:
    """Assert that two nested values are equal, dtypes included."""
    if isinstance(first, dict):
        assert sorted(first) == sorted(second)
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif isinstance(first, np.ndarray):
        assert first.dtype == second.dtype
        assert first.shape == second.shape
        if first.dtype == object:
            for one, other in zip(first, second, strict=True):
                assert_same(one, other)
        else:
            np.testing.assert_array_equal(first, second)
    else:
        assert first == second


def both(
    recording: Recording, num_envs: int, mode: AutoresetMode, **more: Any
) -> tuple[SyncVectorEnv, MaestroVectorEnv]:
    kwargs = {"recording": recording, "registry": None, **more}
    sync = SyncVectorEnv([lambda: MaestroEnv(**kwargs) for _ in range(num_envs)], autoreset_mode=mode)
    return sync, MaestroVectorEnv(num_envs, autoreset_mode=mode, **kwargs)


@pytest.mark.parametrize("num_envs", [1, 4, 64])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rule", ["vote", "confidence", "last"])
def test_vector__equals_sync(fake: Recording, num_envs: int, mode: AutoresetMode, rule: str) -> None:
    sync, batched = both(fake, num_envs, mode, answer_rule=rule, cost_weight=0.02)
    assert_same(sync.reset(seed=3), batched.reset(seed=3))
    rng = np.random.default_rng(0)
    for _ in range(1000 // num_envs + 30):
        actions = rng.integers(sync.single_action_space.n, size=num_envs)
        expected, got = sync.step(actions), batched.step(actions)
        assert_same(expected, got)
        ended = expected[2] | expected[3]
        if mode is AutoresetMode.DISABLED and ended.any():
            seeds = [int(rng.integers(99)) if rng.random() < 0.5 else None for _ in range(num_envs)]
            assert_same(
                sync.reset(seed=list(seeds), options={"reset_mask": ended}),
                batched.reset(seed=seeds, options={"reset_mask": ended}),
            )
