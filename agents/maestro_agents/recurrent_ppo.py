"""PPO with a memory: a thin shell around sb3-contrib's RecurrentPPO, whose LSTM carries over from call to call.

The observation holds each expert's latest reply only, and no order; a memory can keep what was seen in earlier
contexts.

How we differ from a plain `RecurrentPPO("MultiInputLstmPolicy", env)`, which knows no masks: the logits of masked
actions are lowered until nobody draws them. Features, discount, step size and saving are as for PPO.

Source: S. Hochreiter, J. Schmidhuber, Long Short-Term Memory (1997), https://doi.org/10.1162/neco.1997.9.8.1735;
M. Pleines et al., Generalization, Mayhems and Limits in Recurrent Proximal Policy Optimization (2022),
https://arxiv.org/abs/2205.11104.
"""

from collections.abc import Mapping
from typing import Any, cast, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Observation, State
from maestro_agents.ppo_settings import arguments_of, settings_of
from maestro_env.errors import MissingExtraError

try:
    import sb3_contrib
    import torch
    from sb3_contrib.ppo_recurrent.policies import MultiInputLstmPolicy
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.distributions import CategoricalDistribution, Distribution

    from maestro_agents.sb3_agent import Sb3Agent, ScaledFeatures
    from maestro_env.sb3 import MaestroVecEnv
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.recurrent_ppo needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error

_NEVER = -1e8
"""Logit of a masked action: its probability is 0 in single precision, and its logarithm finite."""


@final
class RecurrentPPO(Sb3Agent):
    """RecurrentPPO with masked actions; its state within an episode is the LSTM's."""

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
        memory: int = 128,
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
            memory: Units of the LSTM, and of the layer after it, of the policy and of the value network each.
        """
        super().__init__(env, seed=seed)
        self.num_envs = num_envs
        self.rollout_steps = rollout_steps
        self.batch_size = batch_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.entropy_weight = entropy_weight
        self.memory = memory

    def _build(self, envs: MaestroVecEnv) -> BaseAlgorithm:
        return sb3_contrib.RecurrentPPO(
            _MaskedPolicy,
            envs,
            **arguments_of(self),
            policy_kwargs={
                "features_extractor_class": _RememberingMasks,
                "net_arch": [self.memory],
                "lstm_hidden_size": self.memory,
                "activation_fn": torch.nn.ReLU,
            },
        )

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        # Stable-Baselines3 has the LSTM's layers first and the batch second; our states have the batch first.
        before = None if state is None else tuple(part.swapaxes(0, 1) for part in state)
        actions, after = self.model.predict(
            dict(observation), state=before, episode_start=starts, deterministic=deterministic
        )
        return actions.astype(np.int64), tuple(part.swapaxes(0, 1) for part in cast("State", after))

    def _settings(self) -> dict[str, Any]:
        return {**settings_of(self), "memory": self.memory}


class _RememberingMasks(ScaledFeatures):
    """Keeps the masks of the latest observations for the policy, which is given features only."""

    mask: torch.Tensor

    def forward(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        self.mask = observations["action_mask"] > 0
        return super().forward(observations)


class _MaskedPolicy(MultiInputLstmPolicy):
    def _get_action_dist_from_latent(self, latent_pi: torch.Tensor) -> Distribution:
        mask = cast("_RememberingMasks", self.features_extractor).mask
        logits = torch.where(mask, self.action_net(latent_pi), _NEVER)
        return cast("CategoricalDistribution", self.action_dist).proba_distribution(action_logits=logits)
