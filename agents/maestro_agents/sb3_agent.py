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
    earned: NDArray[np.float64]
    """[E] reward of each episode that was learned from, in the order in which they ended."""
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
        report = Report(progress, total_timesteps)
        self.model.learn(total_timesteps, callback=report)
        self.earned = np.array(report.earned)
        return self

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"earned": self.earned, **arrays_of(self.model.policy)}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.earned = learned["earned"]
        self.model = self._build(many(self.env, 1))
        fill(self.model.policy, learned)


def arrays_of(policy: torch.nn.Module) -> dict[str, NDArray[Any]]:
    """Return a network's weights as plain arrays."""
    return {f"policy.{name}": value.cpu().numpy() for name, value in policy.state_dict().items()}


def fill(policy: torch.nn.Module, learned: Mapping[str, NDArray[Any]]) -> None:
    """Put the weights that `arrays_of` returned, among other arrays, back into a network."""
    weights = {name: value for name, value in learned.items() if name.startswith("policy.")}
    policy.load_state_dict({name.removeprefix("policy."): torch.from_numpy(value) for name, value in weights.items()})


def many(env: gymnasium.Env[Any, Any], num_envs: int) -> MaestroVecEnv:
    """Return copies of an environment, played side by side."""
    copies = MaestroVectorEnv.like(cast("MaestroEnv", env.unwrapped), num_envs, autoreset_mode="SameStep")
    return MaestroVecEnv(copies)


class Report(BaseCallback):
    """Tells how far the learning is, and notes what each episode earned."""

    def __init__(self, progress: Progress | None, total_timesteps: int) -> None:
        super().__init__()
        self.earned: list[float] = []
        self._progress = progress
        self._total_timesteps = total_timesteps

    def _on_training_start(self) -> None:
        self._returns = np.zeros(self.training_env.num_envs)

    def _on_step(self) -> bool:
        self._returns += self.locals["rewards"]
        ended = np.asarray(self.locals["dones"], bool)
        self.earned.extend(self._returns[ended].tolist())
        self._returns[ended] = 0.0
        if self._progress is not None:
            self._progress(min(1.0, self.num_timesteps / self._total_timesteps))
        return True
