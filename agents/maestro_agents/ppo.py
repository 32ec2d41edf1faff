"""PPO on the Dict observation, with masked actions or without: thin shells around Stable-Baselines3's algorithms.

How we differ from a plain `MaskablePPO("MultiInputPolicy", env)`: the embeddings of question and view are scaled by
their spread over the training tasks, rewards are not discounted (episodes hold a handful of calls), the step size
falls linearly to 0, and what is saved are plain arrays instead of pickles.

Source: J. Schulman et al., Proximal Policy Optimization Algorithms (2017), https://arxiv.org/abs/1707.06347;
S. Huang, S. Ontañón, A Closer Look at Invalid Action Masking (2022), https://arxiv.org/abs/2006.14171.
"""

from typing import Any, cast, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Observation, State
from maestro_agents.ppo_settings import arguments_of, settings_of
from maestro_env.errors import MissingExtraError

try:
    import sb3_contrib
    import stable_baselines3
    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm

    from maestro_agents.sb3_agent import Sb3Agent, ScaledFeatures
    from maestro_env.sb3 import MaestroVecEnv
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.ppo needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error


class _PPO(Sb3Agent):
    """Settings that suit short episodes, embeddings and two cores."""

    _algorithm: type[sb3_contrib.MaskablePPO] | type[stable_baselines3.PPO]

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

    def _build(self, envs: MaestroVecEnv) -> BaseAlgorithm:
        return self._algorithm(
            "MultiInputPolicy",
            envs,
            **arguments_of(self),
            policy_kwargs={
                "features_extractor_class": ScaledFeatures,
                "net_arch": list(self.hidden),
                "activation_fn": torch.nn.ReLU,
            },
        )

    def _settings(self) -> dict[str, Any]:
        return {**settings_of(self), "hidden": list(self.hidden)}


@final
class MaskablePPO(_PPO):
    """PPO that only ever draws legal actions."""

    _algorithm = sb3_contrib.MaskablePPO

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts
        masks = observation["action_mask"].astype(bool)
        model = cast("sb3_contrib.MaskablePPO", self.model)
        actions, _ = model.predict(dict(observation), action_masks=masks, deterministic=deterministic)
        return actions.astype(np.int64), state


@final
class PPO(_PPO):
    """PPO that has to find out by itself what is legal: a masked action loses a turn, as the environment rules."""

    _algorithm = stable_baselines3.PPO

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts
        actions, _ = self.model.predict(dict(observation), deterministic=deterministic)
        return actions.astype(np.int64), state
