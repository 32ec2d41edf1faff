"""PPO on the Dict observation with masked actions: a thin shell around sb3-contrib's MaskablePPO.

How we differ from a plain `MaskablePPO("MultiInputPolicy", env)`: the embeddings of question and view are scaled by
their spread over the training tasks, rewards are not discounted (episodes hold a handful of calls), the step size
falls linearly to 0, and what is saved are plain arrays instead of pickles.

Source: J. Schulman et al., Proximal Policy Optimization Algorithms (2017), https://arxiv.org/abs/1707.06347;
S. Huang, S. Ontañón, A Closer Look at Invalid Action Masking (2022), https://arxiv.org/abs/2006.14171.
"""

from collections.abc import Mapping
from typing import Any, Self, cast, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.features import Features
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.env import MaestroEnv
from maestro_env.errors import MissingExtraError
from maestro_env.vector import MaestroVectorEnv

try:
    import torch
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    from maestro_env.sb3 import MaestroVecEnv
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.ppo needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
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


@final
class PPO(Agent):
    """MaskablePPO with settings that suit short episodes, embeddings and two cores."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        seed: int = 0,
        num_envs: int = 64,
        rollout_steps: int = 128,
        batch_size: int = 2048,
        epochs: int = 6,
        learning_rate: float = 3e-3,
        entropy_weight: float = 0.01,
        hidden: tuple[int, ...] = (128, 128),
    ) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in; many of it are played side by side.
            seed: Of the networks, the sampled actions and the tasks.
            num_envs: How many are played side by side.
            rollout_steps: Steps of each between two updates.
            batch_size: Steps in a gradient step.
            epochs: How often each step is learned from.
            learning_rate: At the start; it falls linearly to 0.
            entropy_weight: Weight of the entropy bonus.
            hidden: Widths of the layers, of the policy and of the value network each.
        """
        super().__init__(env, seed=seed)
        self.num_envs = num_envs
        self.rollout_steps = rollout_steps
        self.batch_size = batch_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.entropy_weight = entropy_weight
        self.hidden = tuple(hidden)

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Play `total_timesteps` steps (rounded up to whole rollouts) and learn from them, with one torch thread.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        recording = recorded_tasks(self.env)
        torch.set_num_threads(1)  # the networks are too small to gain from more, and seeds are run side by side
        self.model = self._build(self.num_envs)
        features = Features.fit(recording.question, recording.view.reshape(-1, recording.view.shape[2]))
        for extractor in (self.model.policy.pi_features_extractor, self.model.policy.vf_features_extractor):
            cast("ScaledFeatures", extractor).set_scaling(features)
        self.model.learn(total_timesteps, callback=_Report(progress, total_timesteps))
        return self

    def _build(self, num_envs: int) -> MaskablePPO:
        many = MaestroVectorEnv.like(cast("MaestroEnv", self.env.unwrapped), num_envs, autoreset_mode="SameStep")
        rate = self.learning_rate
        return MaskablePPO(
            "MultiInputPolicy",
            MaestroVecEnv(many),
            seed=self.seed,
            n_steps=self.rollout_steps,
            batch_size=self.batch_size,
            n_epochs=self.epochs,
            learning_rate=lambda share_left: rate * share_left,
            ent_coef=self.entropy_weight,
            gamma=1.0,  # an answer is worth the same however many calls it took; their price is the reward's matter
            gae_lambda=0.95,
            policy_kwargs={
                "features_extractor_class": ScaledFeatures,
                "net_arch": list(self.hidden),
                "activation_fn": torch.nn.ReLU,
            },
            device="cpu",
        )

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts
        masks = observation["action_mask"].astype(bool)
        actions, _ = self.model.predict(dict(observation), action_masks=masks, deterministic=deterministic)
        return actions.astype(np.int64), state

    def _settings(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "num_envs": self.num_envs,
            "rollout_steps": self.rollout_steps,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "entropy_weight": self.entropy_weight,
            "hidden": list(self.hidden),
        }

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {name: value.cpu().numpy() for name, value in self.model.policy.state_dict().items()}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.model = self._build(num_envs=1)
        self.model.policy.load_state_dict({name: torch.from_numpy(value) for name, value in learned.items()})


class _Report(BaseCallback):
    """Tells how far the learning is."""

    def __init__(self, progress: Progress | None, total_timesteps: int) -> None:
        super().__init__()
        self._progress = progress
        self._total_timesteps = total_timesteps

    def _on_step(self) -> bool:
        if self._progress is not None:
            self._progress(min(1.0, self.num_timesteps / self._total_timesteps))
        return True
