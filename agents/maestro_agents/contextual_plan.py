"""ContextualPlan: question and first view choose the whole sequence of calls, once, at the start of the episode.

It is what a closed loop must beat to show that what a call *reveals* matters, and not only what is seen at the start.
Candidates are the plans that are best on the training tasks of a benchmark, or of all, at a few prices of cost, found
by trying every plan. Small networks guess from question and first view how each candidate would end and what it would
cost; the one that is worth most is followed.

Axes: n tasks or observations, K candidates, L calls of the longest.
"""

from collections.abc import Mapping
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.batch_play import Episodes, start
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.features import Features
from maestro_agents.plan_following import action_at, as_actions, next_place
from maestro_agents.plan_search import best_plans
from maestro_agents.recorded_tasks import recorded_tasks, take, terms_of

_DEARER = (0.0, 0.01, 0.03)
"""Candidates are the best plans at the environment's own price and at prices that are higher by this much: shorter
plans lose little on tasks that need no long one."""
_NETWORKS = 2
"""Are averaged, as single ones differ by their first weights."""


@final
class ContextualPlan(Agent):
    """A choice among plans, settled by the environment's answer rule."""

    plans: NDArray[np.int64]
    """[K, L + 1] actions, filled up with STOP."""

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, seed: int = 0, max_calls: int = 4, hidden: int = 96, steps: int = 2000
    ) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the networks' first weights and of the order in which they see the tasks.
            max_calls: The longest plan tried; never more than the environment's turns.
            hidden: Hidden units of each network.
            steps: Gradient steps of each network.
        """
        super().__init__(env, seed=seed)
        self.max_calls = max_calls
        self.hidden = hidden
        self.steps = steps

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Search the candidates on the environment's own tasks, and fit the networks; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps
        recording = recorded_tasks(self.env)
        terms = terms_of(self.env)
        names = np.array(recording.task_benchmarks)
        groups = [np.arange(len(names)), *(np.flatnonzero(names == name) for name in np.unique(names))]
        candidates: set[tuple[int, ...]] = set()
        for number, group in enumerate(groups):
            found = best_plans(
                take(recording, group),
                max_calls=min(self.max_calls, terms.max_turns),
                rule=terms.answer_rule,
                cost_weights=[terms.price + dearer for dearer in _DEARER],
            )
            candidates |= {plan.experts for plan in found}
            if progress is not None:
                progress((number + 1) / (len(groups) + 1))
        beginning = start(recording, terms)
        ends = [followed(beginning, plan) for plan in sorted(candidates)]
        self.plans = as_actions(sorted(candidates))
        score = np.stack([end.score for end in ends], axis=1)
        cost = np.stack([end.cost for end in ends], axis=1)
        largest = max(float(cost.max()), 1e-9)  # so that costs are guessed as shares, in [0, 1] as chances are
        self._largest_price = terms.price * largest
        self._features = Features.fit(recording.question, recording.view[:, 0])
        inputs = self._features.network_inputs(recording.question, recording.view[:, 0])
        targets = np.concatenate([score, cost / largest], axis=1, dtype=np.float32)
        everything = np.ones(targets.shape, np.bool_)
        self._networks = [
            fit_chances(inputs, targets, everything, seed=self.seed + n, hidden=self.hidden, steps=self.steps)
            for n in range(_NETWORKS)
        ]
        if progress is not None:
            progress(1.0)
        return self

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del deterministic
        size = len(observation["budget"])
        begins = np.ones(size, np.bool_) if state is None else starts
        row, place = (np.zeros(size, np.int64), np.zeros(size, np.int64)) if state is None else state
        place = np.where(begins, 0, place)
        if begins.any():
            row = row.copy()
            row[begins] = self._chosen(observation["question"][begins], observation["view"][begins])
        plans = self.plans[row]
        place = next_place(plans, place, observation["action_mask"])
        return action_at(plans, place), (row, np.minimum(place + 1, plans.shape[1] - 1))

    def _chosen(self, question: NDArray[np.floating], view: NDArray[np.floating]) -> NDArray[np.int64]:
        inputs = self._features.network_inputs(question, view)
        guesses = np.mean([network.of(inputs) for network in self._networks], axis=0)
        score, cost = np.split(guesses, 2, axis=1)
        return (score - self._largest_price * cost).argmax(axis=1)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "max_calls": self.max_calls, "hidden": self.hidden, "steps": self.steps}

    def _learned(self) -> dict[str, NDArray[Any]]:
        arrays = {"plans": self.plans, "largest_price": np.array(self._largest_price), **self._features.arrays()}
        for number, network in enumerate(self._networks):
            arrays |= network.arrays(f"network{number}")
        return arrays

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.plans = learned["plans"]
        self._largest_price = float(learned["largest_price"])
        self._features = Features.from_arrays(learned)
        self._networks = [Chances.from_arrays(learned, f"network{number}") for number in range(_NETWORKS)]


def followed(beginning: Episodes, experts: tuple[int, ...]) -> Episodes:
    """Return where episodes stand after a sequence of calls, at most as many as their turns; masked ones do nothing."""
    episodes = beginning
    for expert in experts:
        episodes = episodes.step(np.full(len(episodes.slot), 1 + expert))
    return episodes
