"""OneShotRouter: asks the expert that did best on the nearest training tasks, by question and view, and stops."""

from collections.abc import Mapping
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.features import Features
from maestro_agents.neighbours import nearest
from maestro_agents.one_call import call_once
from maestro_agents.recorded_tasks import recorded_tasks, terms_of


@final
class OneShotRouter(Agent):
    """k nearest neighbours on the embeddings of the question and of the whole image; one call."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, k: int = 40, view_weight: float = 1.0) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Unused: nothing is drawn.
            k: How many neighbours are averaged, 1 or more.
            view_weight: Weight of the view's squared distance against the question's.
        """
        super().__init__(env, seed=seed)
        self.k = k
        self.view_weight = view_weight

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Remember the environment's own tasks, and what each expert earned on them; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps, progress
        recording = recorded_tasks(self.env)
        price = terms_of(self.env).price
        view = recording.view[:, 0].astype(np.float32)
        self._features = Features.fit(recording.question, view)
        self._remembered = self._features.of(recording.question, view, view_weight=self.view_weight)
        self._rewards = (recording.score[:, 0] - price * recording.cost[:, 0]).astype(np.float32)
        return self

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        return call_once(self._values, observation), state

    def _values(self, observation: Observation) -> NDArray[np.float32]:
        features = self._features.of(observation["question"], observation["view"], view_weight=self.view_weight)
        return self._rewards[nearest(features, self._remembered, k=self.k)].mean(axis=1)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "k": self.k, "view_weight": self.view_weight}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"remembered": self._remembered, "rewards": self._rewards, **self._features.arrays()}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._remembered = learned["remembered"]
        self._rewards = learned["rewards"]
        self._features = Features.from_arrays(learned)
