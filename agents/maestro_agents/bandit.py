"""What all bandits share: episodes of one call and one STOP, learned from one after another. Choosing is their own.

Axes: n observations, F features (a constant, the question, the view), P experts (arms).
"""

from abc import abstractmethod
from typing import Any, Self

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.features import Features
from maestro_agents.one_call import call_best, nothing_called
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.registry import STOP


class Bandit(Agent):
    """An agent that learns which one expert to call from the rewards of its own calls alone."""

    earned: NDArray[np.float64]
    """[E] reward of each episode that was learned from, in order; regret curves are made of it."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0) -> None:
        """Keep the environment to learn in.

        Args:
            env: The environment to learn in.
            seed: Of the order in which the environment deals its tasks, and of what the bandit draws.
        """
        super().__init__(env, seed=seed)

    @abstractmethod
    def _begin(self, *, arms: int, size: int) -> None:
        """Know nothing of P arms and F features."""

    @abstractmethod
    def _expected(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return [n, P] the reward that is expected of each arm."""

    @abstractmethod
    def _tempting(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return [n, P] the same, changed so that following it explores."""

    @abstractmethod
    def _update(self, arm: int, features: NDArray[np.float64], reward: float) -> None:
        """Learn from one pull: [F] features."""

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Play episodes of one call and one STOP, and learn from each.

        Args:
            total_timesteps: Environment steps; an episode takes two (one, where a single turn is allowed).
            progress: Is told how far the learning is.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        recording = recorded_tasks(self.env)
        self._scalings = Features.fit(recording.question, recording.view[:, 0])
        size = 1 + recording.question.shape[1] + recording.view.shape[2]
        self._begin(arms=len(recording.registry), size=size)
        steps, earned = 0, list[float]()
        while steps < total_timesteps:
            observation, _ = self.env.reset(seed=self.seed if steps == 0 else None)
            batch = {name: value[None] for name, value in observation.items()}
            features = self._features(batch)
            action = int(call_best(self._tempting(features), batch)[0])
            if action == STOP:  # no expert can be called, so there is nothing to learn
                steps += 1
                continue
            _, reward, terminated, truncated, _ = self.env.step(action)
            steps += 1
            if not (terminated or truncated):
                _, reward, _, _, _ = self.env.step(STOP)
                steps += 1
            self._update(action - 1, features[0], float(reward))
            earned.append(float(reward))
            if progress is not None:
                progress(min(1.0, steps / total_timesteps))
        self.earned = np.array(earned)
        return self

    def _features(self, observation: Observation) -> NDArray[np.float64]:
        parts = self._scalings.of(observation["question"], observation["view"])
        return np.concatenate([np.ones((len(parts), 1)), parts], axis=1, dtype=np.float64)

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts
        first = nothing_called(observation)
        if not first.any():
            return np.full(len(first), STOP, np.int64), state
        features = self._features(observation)
        values = self._expected(features) if deterministic else self._tempting(features)
        return np.where(first, call_best(values, observation), STOP), state

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"earned": self.earned, **self._scalings.arrays(), **self._known()}

    def _restore(self, learned: Any) -> None:
        self.earned = learned["earned"]
        self._scalings = Features.from_arrays(learned)
        self._know(learned)

    @abstractmethod
    def _known(self) -> dict[str, NDArray[Any]]:
        """Return what is known of the arms, as plain arrays."""

    @abstractmethod
    def _know(self, known: Any) -> None:
        """Take over what `_known` returned."""
