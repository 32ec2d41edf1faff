"""BestPerBenchmark: asks the expert that is best on the task's benchmark, and stops.

It reads the benchmark's name from `info`, as OpenLoopPlan does. So it is the best that a route from benchmarks to
experts can do with one call. Where nobody tells it the benchmark, or the benchmark is unknown, it asks the expert that
is best on all tasks together.
"""

from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.one_call import call_best, nothing_called
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_env.registry import STOP

_UNKNOWN = 0
"""Row of the values on all tasks; the benchmarks' values follow it."""


@final
class BestPerBenchmark(Agent):
    """The best single expert of each benchmark, by mean reward of one call on the whole image."""

    benchmarks: tuple[str, ...]
    """The benchmarks with values of their own: row 1 and up of `values`."""
    values: NDArray[np.float64]
    """[1 + benchmarks, P] mean reward of each expert; row 0 is over all tasks."""

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Value every expert on the environment's own tasks, for each benchmark and for all; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps, progress
        recording = recorded_tasks(self.env)
        rewards = recording.score[:, 0] - terms_of(self.env).price * recording.cost[:, 0]
        names = np.array(recording.task_benchmarks)
        self.benchmarks = tuple(sorted(set(names.tolist())))
        self.values = group_means(rewards, [names == name for name in self.benchmarks])
        return self

    def begin_episode(self, info: Mapping[str, Any]) -> State:
        """Return the state of one episode: the row of its benchmark's values."""
        name = str(info["benchmark"])
        return (np.array([1 + self.benchmarks.index(name) if name in self.benchmarks else _UNKNOWN]),)

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del deterministic
        (row,) = (np.full(len(starts), _UNKNOWN),) if state is None else state
        # An episode that starts in mid-rollout comes without its info: nobody called `begin_episode` for it.
        row = np.where(starts, _UNKNOWN, row)
        best = call_best(self.values[row], observation)
        return np.where(nothing_called(observation), best, STOP), (row,)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"benchmarks": np.array(self.benchmarks, np.str_), "values": self.values}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.benchmarks = tuple(str(name) for name in learned["benchmarks"])
        self.values = learned["values"]


def group_means(values: NDArray[np.floating], groups: list[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Return [1 + G, P] the mean over all rows, then the mean over each group's rows.

    Args:
        values: [n, P]
        groups: G of [n], which rows are in each group; none is empty.
    """
    return np.stack(
        [values.mean(axis=0, dtype=np.float64), *(values[g].mean(axis=0, dtype=np.float64) for g in groups)]
    )
