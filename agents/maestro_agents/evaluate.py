"""Playing episodes and noting how each came out, for any agent with Stable-Baselines3's `predict`."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium
import numpy as np

from maestro_agents.agent import BeginsEpisodes, Progress
from maestro_env.errors import ConfigurationError
from maestro_env.types import Outcome


class Predicts(Protocol):
    """All that is asked of an agent here: every agent of this package and every Stable-Baselines3 model has it."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,  # noqa: FBT001, FBT002  (Stable-Baselines3's signature)
    ) -> tuple[Any, Any]:
        """Return the action and the new state."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeRecord:
    """How one episode came out."""

    task_id: str
    benchmark: str
    outcome: Outcome
    answer: str
    """The final answer; empty if there was none."""
    gold: str
    reward: float
    """The sum over the episode: the score, less the price of its calls where the environment has one."""
    experts: tuple[str, ...]
    """Ids of the experts called, in order."""
    turns: int
    """Calls and turns lost to masked actions; STOP is none."""
    passes: float
    cost_usd: float
    latency_s: float
    """Recorded, or modelled from passes; never measured here."""

    @property
    def calls(self) -> int:
        """How many experts were called."""
        return len(self.experts)

    @property
    def correct(self) -> bool:
        """Whether the final answer was right."""
        return self.outcome is Outcome.CORRECT


def evaluate(
    agent: Predicts,
    env: gymnasium.Env[Any, Any],
    *,
    tasks: Sequence[str] | None = None,
    episodes: int | None = None,
    seed: int | None = None,
    deterministic: bool = True,
    progress: Progress | None = None,
) -> list[EpisodeRecord]:
    """Play episodes and return how each came out.

    Args:
        agent: Ours or a Stable-Baselines3 model; one whose `predict` takes `action_masks` is given them, and one with
            the hook `begin_episode` is shown each reset's `info`.
        env: A Maestro environment, wrapped or not.
        tasks: Ids of the tasks to play, each once, in this order; without `tasks` and `episodes`: all the
            environment's tasks.
        episodes: Instead of `tasks`: how many episodes of tasks that the environment draws.
        seed: For the first reset.
        deterministic: Handed to `predict`.
        progress: Is told the share of the episodes that is played.

    Raises:
        ConfigurationError: Both `tasks` and `episodes` are given.
        UnknownNameError: A task that the environment does not hold.
    """
    if tasks is not None and episodes is not None:
        raise ConfigurationError(f"Both {len(tasks)} tasks and {episodes} episodes are given; give one of them.")
    maestro: Any = env.unwrapped
    plays: Sequence[str | None] = maestro.task_ids if tasks is None else tasks
    if episodes is not None:
        plays = [None] * episodes
    masked = "action_masks" in inspect.signature(agent.predict).parameters
    records: list[EpisodeRecord] = []
    for number, task_id in enumerate(plays):
        options = None if task_id is None else {"task": task_id}
        observation, info = env.reset(seed=seed if number == 0 else None, options=options)
        records.append(_play(agent, env, observation, info, masked=masked, deterministic=deterministic))
        if progress is not None:
            progress((number + 1) / len(plays))
    return records


def _play(
    agent: Predicts,
    env: gymnasium.Env[Any, Any],
    observation: Any,
    info: Mapping[str, Any],
    *,
    masked: bool,
    deterministic: bool,
) -> EpisodeRecord:
    state = agent.begin_episode(info) if isinstance(agent, BeginsEpisodes) else None
    # An agent that was shown `info` has begun already; to others the flag says that an episode starts.
    start = np.array([state is None])
    reward, turns, passes, cost_usd, latency_s = 0.0, 0, 0.0, 0.0, 0.0
    experts: list[str] = []
    ended = False
    while not ended:
        masks = {"action_masks": info["action_mask"].astype(bool)} if masked else {}
        action, state = agent.predict(observation, state, start, deterministic=deterministic, **masks)
        observation, step_reward, terminated, truncated, info = env.step(int(action))
        ended = terminated or truncated
        start = np.array([False])
        reward += float(step_reward)
        turns += int(action) != 0
        passes += info["passes"]
        cost_usd += info["cost_usd"]
        latency_s += info["latency_s"]
        if info["expert"]:
            experts.append(info["expert"])
    return EpisodeRecord(
        task_id=info["task_id"],
        benchmark=info["benchmark"],
        outcome=Outcome(info["outcome"]),
        answer=info["answer"],
        gold=info["gold"],
        reward=reward,
        experts=tuple(experts),
        turns=turns,
        passes=passes,
        cost_usd=cost_usd,
        latency_s=latency_s,
    )
