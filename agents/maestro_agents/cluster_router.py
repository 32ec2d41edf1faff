"""ClusterRouter: asks the expert that did best on the cluster of training tasks that is nearest, and stops.

It is a OneShotRouter that forgets the tasks and keeps the means of their clusters: coarser, smaller and faster.
"""

from collections.abc import Mapping
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.features import Features
from maestro_agents.kmeans import k_means, nearest_centre
from maestro_agents.one_call import call_once
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_env.errors import ConfigurationError


@final
class ClusterRouter(Agent):
    """k-means on the embeddings of the question and of the whole image; one call."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, clusters: int = 32) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the first centres.
            clusters: How many, 1 or more.

        Raises:
            ConfigurationError: `clusters` is below 1.
        """
        super().__init__(env, seed=seed)
        if clusters < 1:
            raise ConfigurationError(f"clusters={clusters} hold no task; give clusters of 1 or more.")
        self.clusters = clusters

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Cluster the environment's own tasks, and value every expert in each cluster; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps, progress
        recording = recorded_tasks(self.env)
        view = recording.view[:, 0].astype(np.float32)
        self._features = Features.fit(recording.question, view)
        rows = self._features.of(recording.question, view)
        self._centres = k_means(rows, clusters=self.clusters, rng=self.rng)
        rewards = recording.score[:, 0] - terms_of(self.env).price * recording.cost[:, 0]
        self._rewards = cluster_means(rewards, nearest_centre(rows, self._centres), clusters=len(self._centres))
        return self

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        return call_once(self._values, observation), state

    def _values(self, observation: Observation) -> NDArray[np.float64]:
        rows = self._features.of(observation["question"], observation["view"])
        return self._rewards[nearest_centre(rows, self._centres)]

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "clusters": self.clusters}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"centres": self._centres, "rewards": self._rewards, **self._features.arrays()}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._centres, self._rewards = learned["centres"], learned["rewards"]
        self._features = Features.from_arrays(learned)


def cluster_means(rewards: NDArray[np.floating], places: NDArray[np.int64], *, clusters: int) -> NDArray[np.float64]:
    """Return [K, P] the mean reward of each expert in each cluster; over all tasks for a cluster without tasks.

    Args:
        rewards: [n, P]
        places: [n] cluster of each task.
        clusters: K.
    """
    everywhere = rewards.mean(axis=0, dtype=np.float64)
    means = np.repeat(everywhere[None], clusters, axis=0)
    for cluster in np.unique(places):
        means[cluster] = rewards[places == cluster].mean(axis=0, dtype=np.float64)
    return means
