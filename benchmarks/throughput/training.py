"""Training steps a second: SB3 as it comes, on copies of the scalar environment, and through the bridge."""

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3.common.vec_env import DummyVecEnv

from benchmarks.throughput.measuring import Play
from maestro_env.sb3 import MaestroVecEnv
from maestro_env.vector import MaestroVectorEnv

COPIES = 8
"""Environments that SB3 is given in the usual way."""
WIDE = 512
"""Environments that the bridge is given."""
DEFAULTS: Mapping[str, Any] = {"n_steps": 2048 * COPIES // WIDE}
"""SB3's, with rollouts as long as those of `COPIES` environments: as many updates of as many steps."""
BRIDGED: Mapping[str, Any] = {"n_steps": 16, "batch_size": 4096, "n_epochs": 4}
"""What suits many environments: large updates, and few of them."""


def as_it_comes() -> Play:
    """MaskablePPO with SB3's defaults on `COPIES` environments, one rollout at a time."""
    envs = DummyVecEnv([lambda: gym.make("maestro_env:Maestro-v0") for _ in range(COPIES)])
    return _learner(MaskablePPO("MultiInputPolicy", envs))


def bridged_as_it_comes() -> Play:
    """The same algorithm, networks and updates through the bridge."""
    return _learner(MaskablePPO("MultiInputPolicy", _wide(), **DEFAULTS))


def bridged() -> Play:
    """The same algorithm and networks through the bridge, with settings that suit it."""
    return _learner(MaskablePPO("MultiInputPolicy", _wide(), **BRIDGED))


def _wide() -> MaestroVecEnv:
    return MaestroVecEnv(MaestroVectorEnv(WIDE, autoreset_mode="SameStep"))


def _learner(model: MaskablePPO) -> Play:
    torch.set_num_threads(1)

    def play() -> int:
        before = model.num_timesteps
        model.learn(model.n_steps * model.n_envs, reset_num_timesteps=False)
        return model.num_timesteps - before

    return play
