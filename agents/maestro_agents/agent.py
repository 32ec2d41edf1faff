"""What an agent is: Stable-Baselines3's `learn`, `predict`, `save` and `load`. Playing is evaluate.py's job.

Axes: n observations in a batch, P experts.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self, cast, runtime_checkable

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import ConfigurationError

Observation = Mapping[str, NDArray[Any]]
"""The environment's Dict observation; its arrays have a leading axis n where it is a batch."""

State = tuple[NDArray[Any], ...]
"""What an agent remembers within episodes: arrays whose first axis is n. Most agents remember nothing."""

Progress = Callable[[float], None]
"""Is told the share of the learning that is done, in [0, 1]."""

FORMAT = 1
"""Version of the folder that `save` writes."""


@runtime_checkable
class BeginsEpisodes(Protocol):
    """An optional hook: an agent that may read the `info` of `reset`, which is no part of the observation."""

    def begin_episode(self, info: Mapping[str, Any]) -> State:
        """Return the state with which a single episode starts.

        `evaluate` calls this after every reset and hands the state to the first `predict`. Whoever plays an agent
        without calling it (Stable-Baselines3's `evaluate_policy`, say) gets the agent's behaviour without `info`.
        """
        ...


class Agent(ABC):
    """An agent of one environment; final subclasses say how it learns and acts."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0) -> None:
        """Keep the environment to learn in.

        Args:
            env: A Maestro environment, wrapped or not.
            seed: Of the agent's own generator; the environment has its own.
        """
        self.env = env
        self.seed = seed
        self.rng = np.random.default_rng(seed)

    @abstractmethod
    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Learn in the agent's environment, and return the agent.

        Args:
            total_timesteps: Environment steps that may be played; agents that fit the recorded replies of their
                environment's own tasks play none.
            progress: Is told how far the learning is.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """

    @abstractmethod
    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        """Return [n] actions for a batch, and the new state."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return the keyword arguments that build this agent again, as JSON holds them."""

    @abstractmethod
    def _learned(self) -> dict[str, NDArray[Any]]:
        """Return what was learned, as plain arrays."""

    @abstractmethod
    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `_learned` returned."""

    def predict(
        self,
        observation: Observation,
        state: State | None = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,  # noqa: FBT001, FBT002  (Stable-Baselines3's signature)
    ) -> tuple[NDArray[np.int64], State | None]:
        """Choose actions for one observation or for a batch, as Stable-Baselines3's models do.

        Args:
            observation: The environment's observation, or a batch of n of them.
            state: What the previous call returned; None at the start of a rollout.
            episode_start: [n] True where an episode begins, so that its part of the state is forgotten.
            deterministic: False lets agents explore that know how.

        Returns:
            The action, or [n] actions, int64; and the state to hand to the next call.
        """
        batched = observation["budget"].ndim == 2
        batch = observation if batched else {name: value[None] for name, value in observation.items()}
        starts = np.zeros(len(batch["budget"]), bool) if episode_start is None else np.asarray(episode_start, bool)
        actions, state = self._act(batch, state, starts=np.atleast_1d(starts), deterministic=deterministic)
        return (actions if batched else actions[0]), state

    def save(self, path: str | Path) -> None:
        """Write the agent into a folder: `agent.json` and `arrays.npz`, never a pickle.

        Args:
            path: The folder; made if needed, its two files are replaced.
        """
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        document = {
            "format": FORMAT,
            "agent": type(self).__name__,
            "experts": list(registry_of(self.env)),
            "settings": self._settings(),
        }
        (folder / "agent.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        with (folder / "arrays.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **self._learned())

    @classmethod
    def load(cls, path: str | Path, env: gymnasium.Env[Any, Any]) -> Self:
        """Read an agent that `save` wrote.

        Args:
            path: The folder.
            env: The environment to act in; its registry must be the one the agent learned with.

        Raises:
            ConfigurationError: No such folder, another kind of agent, another format, or another registry.
        """
        folder = Path(path)
        if not (folder / "agent.json").is_file():
            raise ConfigurationError(f"There is no agent in {str(path)!r}; expected a folder that `save` wrote.")
        document = json.loads((folder / "agent.json").read_text("utf-8"))
        if document["agent"] != cls.__name__ or document["format"] != FORMAT:
            raise ConfigurationError(
                f"{str(path)!r} holds a {document['agent']!r} in format {document['format']}; expected "
                f"{cls.__name__!r} in format {FORMAT}. Load it with the class, and the version, that saved it."
            )
        if document["experts"] != list(registry_of(env)):
            raise ConfigurationError(
                f"The agent in {str(path)!r} acts on the experts {document['experts']}, but the environment's are "
                f"{list(registry_of(env))}; give an environment with the same registry."
            )
        agent = cls(env, **document["settings"])
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            agent._restore(dict(arrays))
        return agent


def registry_of(env: gymnasium.Env[Any, Any]) -> tuple[str, ...]:
    """Return the ids of an environment's experts, in the order of its actions."""
    return tuple(cast(Any, env.unwrapped).registry.ids)
