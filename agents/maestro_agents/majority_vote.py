"""MajorityVote: asks the same k experts on every task, and leaves the answer to the environment's answer rule.

The k are chosen greedily: first the expert with the highest mean reward, then each time the expert with which the
settled answer earns most. Locators answer nothing and are left out, so all votes are on the whole image.

Axes: n tasks or observations, P experts, F features of an expert.
"""

from collections.abc import Mapping
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.batch_play import Episodes, start
from maestro_agents.recorded_tasks import locators_in, recorded_tasks, terms_of
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.errors import ConfigurationError
from maestro_env.registry import STOP

_INVOKED = EXPERT_FEATURES.index("invoked")


@final
class MajorityVote(Agent):
    """A fixed committee of k experts."""

    committee: NDArray[np.int64]
    """[k or fewer] places in the registry, in the order of the calls."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, k: int = 3) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Unused: nothing is drawn.
            k: How many experts vote, 1 or more; never more than the environment's turns.

        Raises:
            ConfigurationError: `k` is below 1.
        """
        super().__init__(env, seed=seed)
        if k < 1:
            raise ConfigurationError(f"k={k} experts make no vote; give k of 1 or more.")
        self.k = k

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Choose the committee on the environment's own tasks; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps, progress
        recording = recorded_tasks(self.env)
        terms = terms_of(self.env)
        seats = min(self.k, terms.max_turns)
        self.committee = greedy_committee(start(recording, terms), seats=seats, readers=~locators_in(recording))
        return self

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        size = len(observation["budget"])
        invoked = observation["experts"].reshape(size, -1, len(EXPERT_FEATURES))[:, self.committee, _INVOKED] > 0
        wanted = observation["action_mask"][:, 1 + self.committee].astype(bool) & ~invoked
        actions = np.where(wanted.any(axis=1), 1 + self.committee[wanted.argmax(axis=1)], STOP)
        return actions.astype(np.int64), state

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "k": self.k}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"committee": self.committee}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.committee = learned["committee"]


def greedy_committee(beginning: Episodes, *, seats: int, readers: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the experts of a committee, in the order in which they were chosen; the first of the registry wins ties.

    Args:
        beginning: The episodes at their start.
        seats: How many are chosen, 1 or more, and at most the episodes' turns; fewer where there are fewer readers.
        readers: [P] who may be chosen.
    """
    episodes, free, chosen = beginning, readers.copy(), list[int]()
    rows = np.arange(len(episodes.slot))
    for _ in range(min(seats, int(readers.sum()))):
        spent = episodes.legal[:, 1:] * episodes.recording.cost[rows, episodes.slot]
        rewards = (episodes.scores_after() - episodes.terms.price * spent).mean(axis=0)
        best = int(np.where(free, rewards, -np.inf).argmax())
        free[best] = False
        chosen.append(best)
        episodes = episodes.step(np.full(len(rows), 1 + best))
    return np.array(chosen, np.int64)
