"""Random: the floor. It picks every legal action, STOP among them, with equal chance."""

from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State


@final
class Random(Agent):
    """Picks uniformly among the legal actions, whether `deterministic` or not; it learns nothing."""

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Return the agent as it is."""
        del total_timesteps, progress
        return self

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        legal = observation["action_mask"].astype(bool)
        lots = np.where(legal, self.rng.random(legal.shape), -1.0)
        return lots.argmax(axis=1), state

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        del learned
