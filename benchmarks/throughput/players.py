"""What is played for the throughput table: environments, scalar and batched, under random actions drawn beforehand.

Useful steps are counted: where an environment spends a step on starting the next episode, that one is not.
"""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from benchmarks.throughput.measuring import Play

_SCALAR_STEPS = 500
_BATCHED_STEPS = 20
_DRAWN = 32
"""Batches of actions drawn beforehand."""


def scalar(env: gym.Env[Any, Any]) -> Play:
    """Play one environment."""
    space = env.action_space
    assert isinstance(space, gym.spaces.Discrete)
    actions = np.random.default_rng(0).integers(0, int(space.n), size=_SCALAR_STEPS).tolist()
    env.reset(seed=0)

    def play() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return _SCALAR_STEPS

    return play


def batched(env: VectorEnv[Any, Any, Any]) -> Play:
    """Play a vector environment in its autoreset mode; with DISABLED, those that ended are reset after the step."""
    space = env.single_action_space
    assert isinstance(space, gym.spaces.Discrete)
    drawn = np.random.default_rng(0).integers(0, int(space.n), size=(_DRAWN, env.num_envs))
    mode = env.metadata["autoreset_mode"]
    env.reset(seed=0)
    ended = np.zeros(env.num_envs, np.bool_)

    def play() -> int:
        nonlocal ended
        steps = 0
        for number in range(_BATCHED_STEPS):
            _, _, terminated, truncated, _ = env.step(drawn[number % _DRAWN])
            steps += env.num_envs - (int(ended.sum()) if mode is AutoresetMode.NEXT_STEP else 0)
            ended = terminated | truncated
            if mode is AutoresetMode.DISABLED and ended.any():
                env.reset(options={"reset_mask": ended})
        return steps

    return play
