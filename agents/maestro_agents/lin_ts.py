"""LinTS: Thompson sampling with linear models: calls the expert that is best under weights drawn from what is known.

Source: S. Agrawal, N. Goyal, Thompson Sampling for Contextual Bandits with Linear Payoffs (ICML 2013),
https://arxiv.org/abs/1209.3352, algorithm 1. How we differ: models are disjoint, one an arm, and `spread` is a setting
instead of the bound that their proof needs, which explores far too much.
"""

from collections.abc import Mapping
from typing import Any, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.bandit import Bandit
from maestro_agents.ridge import Ridges, estimates, sampled_weights


@final
class LinTS(Bandit):
    """One linear model of the reward for each expert, drawn anew for each episode."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, spread: float = 0.2) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the order in which the environment deals its tasks, and of the drawn weights.
            spread: Standard deviation of a reward that the posterior assumes; 0 never explores.
        """
        super().__init__(env, seed=seed)
        self.spread = spread

    def _begin(self, *, arms: int, size: int) -> None:
        self._ridges = Ridges.empty(arms=arms, size=size)

    def _expected(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return estimates(self._ridges.inverses, self._ridges.sums, features)

    def _tempting(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = sampled_weights(self._ridges.inverses, self._ridges.sums, spread=self.spread, rng=self.rng)
        return features @ drawn.T

    def _update(self, arm: int, features: NDArray[np.float64], reward: float) -> None:
        self._ridges.add(arm, features, reward)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "spread": self.spread}

    def _known(self) -> dict[str, NDArray[Any]]:
        return {"inverses": self._ridges.inverses, "sums": self._ridges.sums}

    def _know(self, known: Mapping[str, NDArray[Any]]) -> None:
        self._ridges = Ridges(inverses=known["inverses"], sums=known["sums"])
