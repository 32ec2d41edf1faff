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
BRIDGED: Mapping[str, Any] = {"num_envs": 512, "n_steps": 16, "batch_size": 4096, "n_epochs": 4}
"""Settings through the bridge: as many environments as one look-up takes, and updates of as many steps."""


def as_it_comes(**kwargs: Any) -> Play:
    """MaskablePPO with SB3's defaults on `COPIES` environments, one rollout at a time."""
    envs = DummyVecEnv([lambda: gym.make("maestro_env:Maestro-v0", **kwargs) for _ in range(COPIES)])
    return _learner(MaskablePPO("MultiInputPolicy", envs))


def bridged(**kwargs: Any) -> Play:
    """The same algorithm and networks through the bridge."""
    settings = dict(BRIDGED)
    env = MaestroVectorEnv(settings.pop("num_envs"), autoreset_mode="SameStep", **kwargs)
    return _learner(MaskablePPO("MultiInputPolicy", MaestroVecEnv(env), **settings))


def _learner(model: MaskablePPO) -> Play:
    torch.set_num_threads(1)

    def play() -> int:
        before = model.num_timesteps
        model.learn(model.n_steps * model.n_envs, reset_num_timesteps=False)
        return model.num_timesteps - before

    return play
