"""What agents around a Stable-Baselines3 algorithm share: the copies they play, the scaling of what they see, saving.

Which algorithm, and how it is set up, says each agent's own file.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self, cast

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Progress
from maestro_agents.features import Features
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.env import MaestroEnv
from maestro_env.errors import MissingExtraError
from maestro_env.vector import MaestroVectorEnv

try:
    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    from maestro_env.sb3 import MaestroVecEnv
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.sb3_agent needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error


class ScaledFeatures(BaseFeaturesExtractor):
    """All parts of the observation in a row; question and view with a variance of about 1 an entry."""

    def __init__(self, observation_space: gymnasium.spaces.Dict) -> None:
        """Start with no scaling.

        Args:
            observation_space: The environment's.
        """
        sizes = {name: int(np.prod(space.shape or ())) for name, space in observation_space.spaces.items()}
        super().__init__(observation_space, features_dim=sum(sizes.values()))
        for name in ("question", "view"):
            self.register_buffer(f"{name}_mean", torch.zeros(sizes[name]))
            self.register_buffer(f"{name}_size", torch.ones(()))

    def set_scaling(self, features: Features) -> None:
        """Take over the scaling of the training tasks."""
        for name, scaling in (("question", features.question), ("view", features.view)):
            spread = scaling.size / np.sqrt(len(scaling.mean))
            getattr(self, f"{name}_mean").copy_(torch.from_numpy(scaling.mean))
            getattr(self, f"{name}_size").fill_(spread)

    def forward(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return [n, features_dim]."""
        parts = dict(observations)
        for name in ("question", "view"):
            parts[name] = (parts[name] - getattr(self, f"{name}_mean")) / getattr(self, f"{name}_size")
        return torch.cat([part.flatten(start_dim=1) for part in parts.values()], dim=1)


class Sb3Agent(Agent):
    """An agent whose `model` is a Stable-Baselines3 algorithm with `ScaledFeatures`; saved without a pickle."""

    model: BaseAlgorithm
    num_envs: int

    @abstractmethod
    def _build(self, envs: MaestroVecEnv) -> BaseAlgorithm:
        """Return the algorithm before it has learned anything."""

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Play `total_timesteps` steps (rounded up to whole rollouts) and learn from them, with one torch thread.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        recording = recorded_tasks(self.env)
        torch.set_num_threads(1)  # the networks are too small to gain from more, and seeds are run side by side
        self.model = self._build(many(self.env, self.num_envs))
        features = Features.fit(recording.question, recording.view.reshape(-1, recording.view.shape[2]))
        for module in self.model.policy.modules():
            if isinstance(module, ScaledFeatures):
                module.set_scaling(features)
        self.model.learn(total_timesteps, callback=Report(progress, total_timesteps))
        return self

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {name: value.cpu().numpy() for name, value in self.model.policy.state_dict().items()}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.model = self._build(many(self.env, 1))
        self.model.policy.load_state_dict({name: torch.from_numpy(value) for name, value in learned.items()})


def many(env: gymnasium.Env[Any, Any], num_envs: int) -> MaestroVecEnv:
    """Return copies of an environment, played side by side."""
    copies = MaestroVectorEnv.like(cast("MaestroEnv", env.unwrapped), num_envs, autoreset_mode="SameStep")
    return MaestroVecEnv(copies)


class Report(BaseCallback):
    """Tells how far the learning is."""

    def __init__(self, progress: Progress | None, total_timesteps: int) -> None:
        super().__init__()
        self._progress = progress
        self._total_timesteps = total_timesteps

    def _on_step(self) -> bool:
        if self._progress is not None:
            self._progress(min(1.0, self.num_timesteps / self._total_timesteps))
        return True
