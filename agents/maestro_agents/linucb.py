"""LinUCB as a one-call bandit: in each episode it calls one expert, chosen by an upper confidence bound, and stops.

Source: L. Li, W. Chu, J. Langford, R. E. Schapire, A Contextual-Bandit Approach to Personalized News Article
Recommendation (WWW 2010), https://arxiv.org/abs/1003.0146, algorithm 1 (disjoint linear models). How we differ: the
inverse is kept up to date instead of being solved anew, and arms that may not be called are left out.

Axes: n observations, F features, P experts (arms).
"""

from collections.abc import Mapping
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.features import Features
from maestro_agents.one_call import call_best, nothing_called
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.registry import STOP


def updated_inverse(inverse: NDArray[np.float64], features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (A + x x^T)^-1 from A^-1, by the formula of Sherman and Morrison.

    Args:
        inverse: [F, F] the inverse of a symmetric positive definite A.
        features: [F] x.

    Source:
        J. Sherman, W. J. Morrison, Annals of Mathematical Statistics 21 (1950), 124-127.
    """
    moved = inverse @ features
    return inverse - np.outer(moved, moved) / (1.0 + features @ moved)


def estimates(
    inverses: NDArray[np.float64], sums: NDArray[np.float64], features: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return [n, P] x^T theta_p with theta_p = A_p^-1 b_p: the reward that each arm's ridge regression expects.

    Args:
        inverses: [P, F, F] A_p^-1.
        sums: [P, F] b_p, the sum of reward times features over the arm's pulls.
        features: [n, F] x.
    """
    return features @ np.einsum("pij,pj->ip", inverses, sums)


def widths(inverses: NDArray[np.float64], features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [n, P] sqrt(x^T A_p^-1 x): how unsure each arm is about a context."""
    moved = np.einsum("ni,pij->npj", features, inverses)
    return np.sqrt(np.einsum("npj,nj->np", moved, features))


@final
class LinUCB(Agent):
    """One linear model of the reward for each expert, on a constant, the question and the view."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, alpha: float = 0.3) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the order in which the environment deals its tasks.
            alpha: How many widths are added to an estimate when exploring; 0 never explores.
        """
        super().__init__(env, seed=seed)
        self.alpha = alpha

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Play episodes of one call and one STOP, updating the called expert's model after each.

        Args:
            total_timesteps: Environment steps; an episode takes two (one, where a single turn is allowed).
            progress: Is told how far the learning is.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        recording = recorded_tasks(self.env)
        self._scalings = Features.fit(recording.question, recording.view[:, 0])
        size, arms = 1 + recording.question.shape[1] + recording.view.shape[2], len(recording.registry)
        self._inverses = np.repeat(np.eye(size)[None], arms, axis=0)
        self._sums = np.zeros((arms, size))
        steps, seed = 0, self.seed
        while steps < total_timesteps:
            observation, _ = self.env.reset(seed=seed if steps == 0 else None)
            batch = {name: value[None] for name, value in observation.items()}
            features = self._features(batch)
            action = int(call_best(self._values(features, alpha=self.alpha), batch)[0])
            if action == STOP:  # no expert can be called, so there is nothing to learn
                steps += 1
                continue
            _, reward, terminated, truncated, _ = self.env.step(action)
            steps += 1
            if not (terminated or truncated):
                _, reward, _, _, _ = self.env.step(STOP)
                steps += 1
            arm = action - 1
            self._inverses[arm] = updated_inverse(self._inverses[arm], features[0])
            self._sums[arm] += float(reward) * features[0]
            if progress is not None:
                progress(min(1.0, steps / total_timesteps))
        return self

    def _features(self, observation: Observation) -> NDArray[np.float64]:
        parts = self._scalings.of(observation["question"], observation["view"])
        return np.concatenate([np.ones((len(parts), 1)), parts], axis=1, dtype=np.float64)

    def _values(self, features: NDArray[np.float64], *, alpha: float) -> NDArray[np.float64]:
        values = estimates(self._inverses, self._sums, features)
        return values + alpha * widths(self._inverses, features) if alpha > 0 else values

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts
        first = nothing_called(observation)
        if not first.any():
            return np.full(len(first), STOP, np.int64), state
        values = self._values(self._features(observation), alpha=0.0 if deterministic else self.alpha)
        return np.where(first, call_best(values, observation), STOP), state

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "alpha": self.alpha}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"inverses": self._inverses, "sums": self._sums, **self._scalings.arrays()}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._inverses = learned["inverses"]
        self._sums = learned["sums"]
        self._scalings = Features.from_arrays(learned)
