"""LinUCB: calls the expert with the highest upper confidence bound on its reward, and stops.

Source: L. Li, W. Chu, J. Langford, R. E. Schapire, A Contextual-Bandit Approach to Personalized News Article
Recommendation (WWW 2010), https://arxiv.org/abs/1003.0146, algorithm 1 (disjoint linear models). How we differ: the
inverse is kept up to date instead of being solved anew, and arms that may not be called are left out.
"""

from collections.abc import Mapping
from typing import Any, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.bandit import Bandit
from maestro_agents.ridge import Ridges, estimates, widths


@final
class LinUCB(Bandit):
    """One linear model of the reward for each expert, on a constant, the question and the view."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, alpha: float = 0.5) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the order in which the environment deals its tasks.
            alpha: How many widths are added to an estimate when exploring; 0 never explores.
        """
        super().__init__(env, seed=seed)
        self.alpha = alpha

    def _begin(self, *, arms: int, size: int) -> None:
        self._ridges = Ridges.empty(arms=arms, size=size)

    def _expected(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return estimates(self._ridges.inverses, self._ridges.sums, features)

    def _tempting(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._expected(features) + self.alpha * widths(self._ridges.inverses, features)

    def _update(self, arm: int, features: NDArray[np.float64], reward: float) -> None:
        self._ridges.add(arm, features, reward)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "alpha": self.alpha}

    def _known(self) -> dict[str, NDArray[Any]]:
        return {"inverses": self._ridges.inverses, "sums": self._ridges.sums}

    def _know(self, known: Mapping[str, NDArray[Any]]) -> None:
        self._ridges = Ridges(inverses=known["inverses"], sums=known["sums"])
