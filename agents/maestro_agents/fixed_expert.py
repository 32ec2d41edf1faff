"""FixedExpert: asks the expert that is best on the training tasks, always the same one, and stops."""

from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.one_call import call_best, nothing_called
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_env.registry import STOP


@final
class FixedExpert(Agent):
    """The best single expert, by mean reward of one call on the whole image."""

    values: NDArray[np.float64]
    """[P] mean reward of each expert on the tasks it learned from."""

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Value every expert on the environment's own tasks; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps, progress
        recording = recorded_tasks(self.env)
        price = terms_of(self.env).price
        rewards = recording.score[:, 0] - price * recording.cost[:, 0]
        self.values = rewards.mean(axis=0, dtype=np.float64)
        return self

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        size = len(observation["budget"])
        best = call_best(np.broadcast_to(self.values, (size, len(self.values))), observation)
        return np.where(nothing_called(observation), best, STOP), state

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"values": self.values}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.values = learned["values"]
