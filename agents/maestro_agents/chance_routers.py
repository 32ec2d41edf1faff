"""Routers that guess each expert's chance of being right, ask the one that is worth most, and stop.

`LogisticRouter` guesses with one logistic regression an expert, `MLPRouter` with a small network for all experts. Both
look at the question and the whole image. Worth is the chance less the price of the expert's mean cost.

Axes: n observations, m tasks, F features of question and view, P experts.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.features import Features
from maestro_agents.logistic import fit_logistic, sigmoid
from maestro_agents.one_call import call_once
from maestro_agents.recorded_tasks import mean_costs, recorded_tasks, terms_of
from maestro_env.recordings.recording import MISSING


class _ChanceRouter(Agent):
    """Fits chances on recorded replies; how is its own."""

    @abstractmethod
    def _fit(self, inputs: NDArray[np.float32], right: NDArray[np.float32], known: NDArray[np.bool_]) -> None:
        """Learn [m, P] scores from [m, F] inputs, where they are known."""

    @abstractmethod
    def _chances(self, inputs: NDArray[np.float32]) -> NDArray[np.floating]:
        """Return [n, P] chances."""

    @abstractmethod
    def _known(self) -> dict[str, NDArray[Any]]:
        """Return what was fitted, as plain arrays."""

    @abstractmethod
    def _know(self, known: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `_known` returned."""

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Fit the chances on the environment's own tasks; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps, progress
        recording = recorded_tasks(self.env)
        view = recording.view[:, 0].astype(np.float32)
        self._features = Features.fit(recording.question, view)
        self._prices = terms_of(self.env).price * mean_costs(recording)
        inputs = self._features.network_inputs(recording.question, view)
        self._fit(inputs, recording.score[:, 0], recording.status[:, 0] != MISSING)
        return self

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        return call_once(self._values, observation), state

    def _values(self, observation: Observation) -> NDArray[np.floating]:
        inputs = self._features.network_inputs(observation["question"], observation["view"])
        return self._chances(inputs) - self._prices

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"prices": self._prices, **self._features.arrays(), **self._known()}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._prices = learned["prices"]
        self._features = Features.from_arrays(learned)
        self._know(learned)


@final
class LogisticRouter(_ChanceRouter):
    """One logistic regression for each expert, on a constant, the question and the view."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, ridge: float = 10.0) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Unused: nothing is drawn.
            ridge: Weight of the penalty on large weights, above 0; the data weighs as much as there are tasks.
        """
        super().__init__(env, seed=seed)
        self.ridge = ridge

    def _fit(self, inputs: NDArray[np.float32], right: NDArray[np.float32], known: NDArray[np.bool_]) -> None:
        self._weights = fit_logistic(_with_constant(inputs), right, known, ridge=self.ridge)

    def _chances(self, inputs: NDArray[np.float32]) -> NDArray[np.floating]:
        return sigmoid(_with_constant(inputs) @ self._weights)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "ridge": self.ridge}

    def _known(self) -> dict[str, NDArray[Any]]:
        return {"weights": self._weights}

    def _know(self, known: Mapping[str, NDArray[Any]]) -> None:
        self._weights = known["weights"]


@final
class MLPRouter(_ChanceRouter):
    """One network of one hidden layer for all experts."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, hidden: int = 64, steps: int = 1500) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the network's first weights and of the order in which it sees the tasks.
            hidden: Hidden units.
            steps: Gradient steps.
        """
        super().__init__(env, seed=seed)
        self.hidden = hidden
        self.steps = steps

    def _fit(self, inputs: NDArray[np.float32], right: NDArray[np.float32], known: NDArray[np.bool_]) -> None:
        self._network = fit_chances(inputs, right, known, seed=self.seed, hidden=self.hidden, steps=self.steps)

    def _chances(self, inputs: NDArray[np.float32]) -> NDArray[np.floating]:
        return self._network.of(inputs)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "hidden": self.hidden, "steps": self.steps}

    def _known(self) -> dict[str, NDArray[Any]]:
        return self._network.arrays("network")

    def _know(self, known: Mapping[str, NDArray[Any]]) -> None:
        self._network = Chances.from_arrays(known, "network")


def _with_constant(inputs: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.concatenate([np.ones((len(inputs), 1)), inputs], axis=1, dtype=np.float64)
