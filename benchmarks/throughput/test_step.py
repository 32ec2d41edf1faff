"""Steps a second of the scalar environment, as a ratio to CartPole's in the same process.

Both are played through `gym.make` with its default wrappers, by turns, and timed in CPU seconds, so that what else the
machine does falls on both alike.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

_STEPS = 4000
_ROUNDS = 9


def _player(env: gym.Env[Any, Any]) -> Callable[[], float]:
    """Return a function that plays `_STEPS` steps of actions drawn beforehand and returns the CPU seconds it took."""
    space = env.action_space
    assert isinstance(space, gym.spaces.Discrete)
    actions = np.random.default_rng(0).integers(0, int(space.n), size=_STEPS).tolist()

    def play() -> float:
        env.reset(seed=0)
        started = time.process_time()
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return time.process_time() - started

    return play


def test_step__ratio_to_cartpole(benchmark: BenchmarkFixture) -> None:
    """Report the steps of a CPU second, ours, CartPole's, and their ratio."""
    ours, cartpole = _player(gym.make("maestro_env:Maestro-v0")), _player(gym.make("CartPole-v1"))
    for play in (ours, cartpole):
        play()  # the first steps pay for checks and caches
    pairs = [(ours(), cartpole()) for _ in range(_ROUNDS)]
    benchmark.extra_info["steps_per_cpu_second"] = round(_STEPS / median(pair[0] for pair in pairs))
    benchmark.extra_info["cartpole_steps_per_cpu_second"] = round(_STEPS / median(pair[1] for pair in pairs))
    benchmark.extra_info["ratio_to_cartpole"] = round(median(theirs / mine for mine, theirs in pairs), 3)
    benchmark.pedantic(ours, rounds=3, iterations=1)
