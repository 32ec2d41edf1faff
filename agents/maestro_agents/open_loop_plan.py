"""OpenLoopPlan: the best fixed sequence of calls for each benchmark, found by trying all of them on the training tasks.

It reads the benchmark's name from `info`, which few agents do: this is the strongest form of a plan that does not
react to what its calls reveal. Where nobody tells it the benchmark, it follows the best plan for all tasks together.
"""

from collections.abc import Mapping
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.plan_following import action_at, next_place
from maestro_agents.plan_search import best_plan
from maestro_agents.recorded_tasks import recorded_tasks, take, terms_of
from maestro_env.registry import STOP

_UNKNOWN = 0
"""Row of the plan for all tasks; the benchmarks' plans follow it."""


@final
class OpenLoopPlan(Agent):
    """Exhaustive search over every sequence of at most `max_calls` calls, settled by the environment's answer rule."""

    benchmarks: tuple[str, ...]
    """The benchmarks with a plan of their own: row 1 and up of `plans`."""
    plans: NDArray[np.int64]
    """[1 + benchmarks, max_calls + 1] actions, filled up with STOP; row 0 is the plan for all tasks together."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, max_calls: int = 4) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Unused: nothing is drawn.
            max_calls: The longest plan tried; never more than the environment's turns.
        """
        super().__init__(env, seed=seed)
        self.max_calls = max_calls

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Search the best plan on the environment's own tasks, for each benchmark and for all; no step is played.

        The search is exact: it maximises the mean reward, and masked calls are passed over as `predict` passes them.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps
        recording = recorded_tasks(self.env)
        terms = terms_of(self.env)
        calls = min(self.max_calls, terms.max_turns)
        names = np.array(recording.task_benchmarks)
        self.benchmarks = tuple(sorted(set(names.tolist())))
        self.plans = np.full((1 + len(self.benchmarks), calls + 1), STOP, np.int64)
        groups = [np.arange(len(names)), *(np.flatnonzero(names == name) for name in self.benchmarks)]
        for row, group in enumerate(groups):
            part = take(recording, group)
            plan = best_plan(part, max_calls=calls, rule=terms.answer_rule, cost_weight=terms.price)
            self.plans[row, : len(plan.experts)] = 1 + np.array(plan.experts, np.int64)
            if progress is not None:
                progress((row + 1) / len(groups))
        return self

    def begin_episode(self, info: Mapping[str, Any]) -> State:
        """Return the state of one episode: the row of its benchmark's plan, and place 0 in it."""
        name = str(info["benchmark"])
        row = 1 + self.benchmarks.index(name) if name in self.benchmarks else _UNKNOWN
        return np.array([row]), np.array([0])

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del deterministic
        size = len(observation["budget"])
        row, place = (np.full(size, _UNKNOWN), np.zeros(size, np.int64)) if state is None else state
        # An episode that starts in mid-rollout comes without its info: nobody called `begin_episode` for it.
        row = np.where(starts, _UNKNOWN, row)
        place = np.where(starts, 0, place)
        plans = self.plans[row]
        place = next_place(plans, place, observation["action_mask"])
        return action_at(plans, place), (row, np.minimum(place + 1, plans.shape[1] - 1))

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "max_calls": self.max_calls}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"benchmarks": np.array(self.benchmarks, np.str_), "plans": self.plans}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.benchmarks = tuple(str(name) for name in learned["benchmarks"])
        self.plans = learned["plans"]
