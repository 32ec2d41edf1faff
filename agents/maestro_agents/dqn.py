"""DQN on the Dict observation with masked actions: a thin shell around Stable-Baselines3's DQN.

How we differ from a plain `DQN("MultiInputPolicy", env)`, which knows no masks: masked actions have the lowest value
there is, so that neither the greedy action nor the target is ever one of them, and exploration draws legal actions
only, for each environment by itself. Features, discount and saving are as for PPO.

Source: V. Mnih et al., Human-level control through deep reinforcement learning (2015),
https://doi.org/10.1038/nature14236.
"""

from typing import Any, cast, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Observation, State
from maestro_env.errors import MissingExtraError

try:
    import stable_baselines3
    import torch
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.noise import ActionNoise
    from stable_baselines3.dqn.policies import MultiInputPolicy, QNetwork

    from maestro_agents.sb3_agent import Sb3Agent, ScaledFeatures
    from maestro_env.sb3 import MaestroVecEnv
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.dqn needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error


@final
class DQN(Sb3Agent):
    """Values of actions, learned off-policy from a buffer of past steps."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        seed: int = 0,
        num_envs: int = 64,
        buffer_size: int = 50_000,
        batch_size: int = 512,
        gradient_steps: int = 4,
        learning_rate: float = 1e-3,
        exploration_share: float = 0.5,
        hidden: tuple[int, ...] = (128, 128),
    ) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in; many of it are played side by side.
            seed: Of the networks, the explored actions and the tasks.
            num_envs: How many are played side by side.
            buffer_size: Steps that are remembered.
            batch_size: Steps in a gradient step.
            gradient_steps: Gradient steps after one step of every environment.
            learning_rate: At the start; it falls linearly to 0.
            exploration_share: Share of the learning in which the share of random actions falls from 1 to 0.05.
            hidden: Widths of the layers.
        """
        super().__init__(env, seed=seed)
        self.num_envs = num_envs
        self.buffer_size = buffer_size
        self.batch_size = batch_size
        self.gradient_steps = gradient_steps
        self.learning_rate = learning_rate
        self.exploration_share = exploration_share
        self.hidden = tuple(hidden)

    def _build(self, envs: MaestroVecEnv) -> BaseAlgorithm:
        rate = self.learning_rate
        return _MaskedDQN(
            _MaskedPolicy,
            envs,
            seed=self.seed,
            buffer_size=self.buffer_size,
            batch_size=self.batch_size,
            train_freq=1,
            gradient_steps=self.gradient_steps,
            learning_starts=self.batch_size,
            learning_rate=lambda share_left: rate * share_left,
            target_update_interval=_TARGET_STEPS,
            exploration_fraction=self.exploration_share,
            gamma=1.0,  # an answer is worth the same however many calls it took; their price is the reward's matter
            policy_kwargs={"features_extractor_class": ScaledFeatures, "net_arch": list(self.hidden)},
            device="cpu",
        )

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        actions, _ = self.model.policy.predict(dict(observation), deterministic=True)
        return actions.astype(np.int64), state

    def _settings(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "num_envs": self.num_envs,
            "buffer_size": self.buffer_size,
            "batch_size": self.batch_size,
            "gradient_steps": self.gradient_steps,
            "learning_rate": self.learning_rate,
            "exploration_share": self.exploration_share,
            "hidden": list(self.hidden),
        }


_TARGET_STEPS = 2000
"""Steps between two copies of the network into the target: some five hundred episodes."""


class _MaskedNetwork(QNetwork):
    """Values of actions; masked ones have the lowest there is."""

    def forward(self, obs: Any) -> torch.Tensor:
        values = super().forward(obs)
        return torch.where(obs["action_mask"] > 0, values, torch.finfo(values.dtype).min)


class _MaskedPolicy(MultiInputPolicy):
    def make_q_net(self) -> QNetwork:
        settings = self._update_features_extractor(cast("dict[str, Any]", self.net_args), features_extractor=None)
        return _MaskedNetwork(**settings).to(self.device)


class _MaskedDQN(stable_baselines3.DQN):
    """Explores among legal actions."""

    def _sample_action(
        self, learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return [n_envs] actions, twice: as played and as remembered."""
        del action_noise
        observation = cast("dict[str, NDArray[Any]]", self._last_obs)
        greedy, _ = self.policy.predict(observation, deterministic=True)
        rate = 1.0 if self.num_timesteps < learning_starts else self.exploration_rate
        lots = np.where(observation["action_mask"], self._draws(observation["action_mask"].shape), -1.0)
        actions = np.where(self._draws((n_envs,)) < rate, lots.argmax(axis=1), greedy)
        return actions, actions

    def _draws(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return self.action_space.np_random.random(shape)  # the generator that the algorithm seeds
