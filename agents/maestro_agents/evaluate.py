"""Playing episodes and noting how each came out, for any agent with Stable-Baselines3's `predict`."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    side_by_side: int = 1,
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
        side_by_side: How many episodes are played at a time, so that `predict` is asked for that many actions at once:
            many times faster for large models. Asks of the agent that its state is arrays with a leading axis of
            episodes, as ours are, and of wrappers that they remember nothing of an episode.
        progress: Is told the share of the episodes that is played.

    Raises:
        ConfigurationError: Both `tasks` and `episodes` are given, or `side_by_side` without named tasks or below 1.
        UnknownNameError: A task that the environment does not hold.
    """
    if tasks is not None and episodes is not None:
        raise ConfigurationError(f"Both {len(tasks)} tasks and {episodes} episodes are given; give one of them.")
    if side_by_side < 1 or (side_by_side > 1 and episodes is not None):
        raise ConfigurationError(
            f"side_by_side={side_by_side!r} must be at least 1, and goes with tasks, not with a number of episodes."
        )
    maestro: Any = env.unwrapped
    plays: Sequence[str | None] = maestro.task_ids if tasks is None else tasks
    if episodes is not None:
        plays = [None] * episodes
    masked = "action_masks" in inspect.signature(agent.predict).parameters
    records: list[EpisodeRecord] = []
    for first in range(0, len(plays), side_by_side):
        batch = [
            _begin(agent, env, task_id, seed=seed if first == place == 0 else None, keep=side_by_side > 1)
            for place, task_id in enumerate(plays[first : first + side_by_side])
        ]
        play = _play_one if side_by_side == 1 else _play_together
        records += play(agent, env, batch, masked=masked, deterministic=deterministic)
        if progress is not None:
            progress(len(records) / len(plays))
    return records


@dataclass(kw_only=True, slots=True)
class _Episode:
    """One that is being played."""

    observation: Any
    info: Mapping[str, Any]
    """Of the latest reset or step."""
    state: Any
    """Of the agent."""
    start: bool
    """Whether the next `predict` is told that an episode starts."""
    snapshot: Any = None
    """Of the environment, to come back to."""
    ended: bool = False
    reward: float = 0.0
    turns: int = 0
    passes: float = 0.0
    cost_usd: float = 0.0
    latency_s: float = 0.0
    experts: list[str] = field(default_factory=list[str])

    def step(self, env: gymnasium.Env[Any, Any], action: int) -> None:
        self.observation, reward, terminated, truncated, self.info = env.step(action)
        self.ended = terminated or truncated
        self.start = False
        self.reward += float(reward)
        self.turns += action != 0
        self.passes += self.info["passes"]
        self.cost_usd += self.info["cost_usd"]
        self.latency_s += self.info["latency_s"]
        if self.info["expert"]:
            self.experts.append(self.info["expert"])

    def record(self) -> EpisodeRecord:
        return EpisodeRecord(
            task_id=self.info["task_id"],
            benchmark=self.info["benchmark"],
            outcome=Outcome(self.info["outcome"]),
            answer=self.info["answer"],
            gold=self.info["gold"],
            reward=self.reward,
            experts=tuple(self.experts),
            turns=self.turns,
            passes=self.passes,
            cost_usd=self.cost_usd,
            latency_s=self.latency_s,
        )


def _begin(
    agent: Predicts, env: gymnasium.Env[Any, Any], task_id: str | None, *, seed: int | None, keep: bool
) -> _Episode:
    observation, info = env.reset(seed=seed, options=None if task_id is None else {"task": task_id})
    state = agent.begin_episode(info) if isinstance(agent, BeginsEpisodes) else None
    maestro: Any = env.unwrapped
    # An agent that was shown `info` has begun already; to others the flag says that an episode starts.
    return _Episode(
        observation=observation,
        info=info,
        state=state,
        start=state is None,
        snapshot=maestro.get_state() if keep else None,
    )


def _play_one(
    agent: Predicts, env: gymnasium.Env[Any, Any], batch: Sequence[_Episode], *, masked: bool, deterministic: bool
) -> list[EpisodeRecord]:
    (episode,) = batch
    while not episode.ended:
        masks = {"action_masks": episode.info["action_mask"].astype(bool)} if masked else {}
        action, episode.state = agent.predict(
            episode.observation, episode.state, np.array([episode.start]), deterministic=deterministic, **masks
        )
        episode.step(env, int(action))
    return [episode.record()]


def _play_together(
    agent: Predicts, env: gymnasium.Env[Any, Any], batch: Sequence[_Episode], *, masked: bool, deterministic: bool
) -> list[EpisodeRecord]:
    maestro: Any = env.unwrapped
    running = list(batch)
    while running:
        stacked = {key: np.stack([each.observation[key] for each in running]) for key in running[0].observation}
        states = [each.state for each in running]
        state = None if states[0] is None else tuple(map(np.concatenate, zip(*states, strict=True)))
        masks = {"action_masks": np.stack([each.info["action_mask"] for each in running]) != 0} if masked else {}
        starts = np.array([each.start for each in running])
        actions, state = agent.predict(stacked, state, starts, deterministic=deterministic, **masks)
        for place, (episode, action) in enumerate(zip(running, actions, strict=True)):
            maestro.set_state(episode.snapshot)
            episode.step(env, int(action))
            episode.snapshot = maestro.get_state()
            episode.state = None if state is None else tuple(part[place : place + 1] for part in state)
        running = [each for each in running if not each.ended]
    return [each.record() for each in batch]
