"""NeuralLinear: Thompson sampling with linear models, on features that a network learns from the bandit's own pulls.

Source: C. Riquelme, G. Tucker, J. Snoek, Deep Bayesian Bandits Showdown (ICLR 2018), https://arxiv.org/abs/1802.09127,
"Neural Linear". How we differ: the noise of a reward is a setting instead of having a prior of its own; the network is
fitted anew each time instead of going on from before, by cross-entropy to rewards brought to [0, 1], and has one hidden
layer; what it returns is centred and brought to a mean squared length of 1.

Axes: n observations, F features of bandit.py, H hidden units, P experts (arms), E pulls so far.
"""

from collections.abc import Mapping
from typing import Any, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.bandit import Bandit
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.features import Scaling, fit_scaling
from maestro_agents.ridge import Ridges, estimates, ridges_of, sampled_weights


@final
class NeuralLinear(Bandit):
    """One linear model of the reward for each expert, on the hidden layer of a network."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        seed: int = 0,
        spread: float = 0.2,
        hidden: int = 64,
        every: int = 500,
        steps: int = 300,
    ) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the order in which the environment deals its tasks, of the drawn weights and of the networks.
            spread: Standard deviation of a reward that the posterior assumes; 0 never explores.
            hidden: Hidden units of the network.
            every: Pulls between two fits of the network, 1 or more.
            steps: Gradient steps of each fit.
        """
        super().__init__(env, seed=seed)
        self.spread = spread
        self.hidden = hidden
        self.every = every
        self.steps = steps

    def _begin(self, *, arms: int, size: int) -> None:
        self._arms = list[int]()
        self._inputs = list[NDArray[np.float32]]()
        self._rewards = list[float]()
        self._network = random_network(size - 1, hidden=self.hidden, arms=arms, rng=self.rng)
        # A unit's mean square is about 1 under these weights.
        self._scaling = Scaling(mean=np.zeros(self.hidden, np.float32), size=float(np.sqrt(self.hidden)))
        self._ridges = Ridges.empty(arms=arms, size=1 + self.hidden)

    def _expected(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return estimates(self._ridges.inverses, self._ridges.sums, self._represented(network_inputs(features)))

    def _tempting(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = sampled_weights(self._ridges.inverses, self._ridges.sums, spread=self.spread, rng=self.rng)
        return self._represented(network_inputs(features)) @ drawn.T

    def _update(self, arm: int, features: NDArray[np.float64], reward: float) -> None:
        inputs = network_inputs(features)
        self._arms.append(arm)
        self._inputs.append(inputs)
        self._rewards.append(reward)
        if len(self._rewards) % self.every:
            self._ridges.add(arm, self._represented(inputs[None])[0], reward)
        else:
            self._learn_features()

    def _learn_features(self) -> None:
        """Fit the network on all pulls, and the linear models on what it makes of them."""
        arms, inputs, rewards = np.array(self._arms), np.stack(self._inputs), np.array(self._rewards)
        count = len(self._ridges.sums)
        pulled = arms[:, None] == np.arange(count)
        targets = np.where(pulled, unit_range(rewards)[:, None], 0.0).astype(np.float32)
        seed = self.seed + len(rewards)
        self._network = fit_chances(inputs, targets, pulled, seed=seed, hidden=self.hidden, steps=self.steps)
        self._scaling = fit_scaling(self._network.hidden(inputs))
        self._ridges = ridges_of(self._represented(inputs), arms, rewards, num_arms=count)

    def _represented(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """[n, 1 + H] a constant and the scaled hidden layer."""
        hidden = self._scaling.apply(self._network.hidden(inputs))
        return np.concatenate([np.ones((len(hidden), 1)), hidden], axis=1, dtype=np.float64)

    def _settings(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "spread": self.spread,
            "hidden": self.hidden,
            "every": self.every,
            "steps": self.steps,
        }

    def _known(self) -> dict[str, NDArray[Any]]:
        return {
            "inverses": self._ridges.inverses,
            "sums": self._ridges.sums,
            "hidden_mean": self._scaling.mean,
            "hidden_size": np.array(self._scaling.size),
            **self._network.arrays("network"),
        }

    def _know(self, known: Mapping[str, NDArray[Any]]) -> None:
        self._ridges = Ridges(inverses=known["inverses"], sums=known["sums"])
        self._scaling = Scaling(mean=known["hidden_mean"], size=float(known["hidden_size"]))
        self._network = Chances.from_arrays(known, "network")


def network_inputs(features: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return [..., F - 1] entries of about unit variance from [..., F] a constant, a question and a view."""
    # Question and view have a mean squared length of 1 each, so that both together have one of 2.
    return (features[..., 1:] * np.sqrt((features.shape[-1] - 1) / 2)).astype(np.float32)


def unit_range(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [E] rewards brought to [0, 1], the least to 0 and the largest to 1; all 0 where they are the same."""
    least, most = rewards.min(), rewards.max()
    return (rewards - least) / (most - least if most > least else 1.0)


def random_network(size: int, *, hidden: int, arms: int, rng: np.random.Generator) -> Chances:
    """Return a network that knows nothing: `size` inputs of about unit variance, `arms` outputs."""
    return Chances(
        first_weight=(rng.standard_normal((size, hidden)) * np.sqrt(2 / size)).astype(np.float32),
        first_bias=np.zeros(hidden, np.float32),
        last_weight=np.zeros((hidden, arms), np.float32),
        last_bias=np.zeros(arms, np.float32),
    )
