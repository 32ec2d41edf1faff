"""Bandits that look at no context: `EpsilonGreedy` and `UCB1`. They are what contexts have to beat.

Axes: n observations, P experts (arms).
"""

from collections.abc import Mapping
from typing import Any, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.bandit import Bandit


def means(pulls: NDArray[np.float64], rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [P] the mean reward of each arm; infinite for arms that were never pulled, so that each is tried once."""
    return np.where(pulls > 0, rewards / np.maximum(pulls, 1), np.inf)


def ucb1_bounds(pulls: NDArray[np.float64], rewards: NDArray[np.float64], *, alpha: float) -> NDArray[np.float64]:
    """Return [P] mean + alpha sqrt(2 ln N / N_p), with N pulls in all; infinite for arms that were never pulled.

    Source: P. Auer, N. Cesa-Bianchi, P. Fischer, Finite-time Analysis of the Multiarmed Bandit Problem (2002), with
    alpha = 1.
    """
    reach = np.sqrt(2 * np.log(max(1.0, float(pulls.sum()))) / np.maximum(pulls, 1))
    return means(pulls, rewards) + alpha * reach


class _Arms(Bandit):
    """Counts pulls and adds up rewards."""

    def _begin(self, *, arms: int, size: int) -> None:
        del size
        self._pulls, self._rewards = np.zeros(arms), np.zeros(arms)

    def _expected(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.where(self._pulls > 0, means(self._pulls, self._rewards), -np.inf)
        return np.broadcast_to(known if self._pulls.any() else np.zeros_like(known), (len(features), len(known)))

    def _update(self, arm: int, features: NDArray[np.float64], reward: float) -> None:
        del features
        self._pulls[arm] += 1
        self._rewards[arm] += reward

    def _known(self) -> dict[str, NDArray[Any]]:
        return {"pulls": self._pulls, "rewards": self._rewards}

    def _know(self, known: Mapping[str, NDArray[Any]]) -> None:
        self._pulls, self._rewards = known["pulls"], known["rewards"]


@final
class EpsilonGreedy(_Arms):
    """Calls the expert with the highest mean reward so far, and now and then any."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, epsilon: float = 0.1) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the order in which the environment deals its tasks, and of the random calls.
            epsilon: Share of random calls when exploring, in [0, 1].
        """
        super().__init__(env, seed=seed)
        self.epsilon = epsilon

    def _tempting(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.broadcast_to(means(self._pulls, self._rewards), (len(features), len(self._pulls)))
        any_call = self.rng.random(len(features)) < self.epsilon
        return np.where(any_call[:, None], self.rng.random(values.shape), values)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "epsilon": self.epsilon}


@final
class UCB1(_Arms):
    """Calls the expert with the highest upper confidence bound on its mean reward."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, alpha: float = 1.0) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the order in which the environment deals its tasks.
            alpha: Factor of the bound's width; 1 is the original's.
        """
        super().__init__(env, seed=seed)
        self.alpha = alpha

    def _tempting(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        bounds = ucb1_bounds(self._pulls, self._rewards, alpha=self.alpha)
        return np.broadcast_to(bounds, (len(features), len(bounds)))

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "alpha": self.alpha}
