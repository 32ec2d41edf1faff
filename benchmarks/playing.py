"""One run: an agent learns on train, its settings are chosen on val, and it is played once on test."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contenders import contender
from benchmarks.learning import Block, blocks_of
from benchmarks.own_agent import build, teach
from maestro_agents.agent import Progress
from maestro_agents.evaluate import EpisodeRecord, Predicts, evaluate
from maestro_agents.recorded_tasks import take
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.tasks.benchmarks import EXTENDED
from maestro_env.types import SPLITS, AnswerRule


@dataclass(frozen=True, kw_only=True)
class World:
    """What all agents are compared in."""

    recording: Recording
    registry: str | None = None
    """Whose experts can be called; None: all that were recorded."""
    max_turns: int = 4
    cost_weight: float = 0.0
    answer_rule: AnswerRule = AnswerRule.VOTE

    @property
    def unseen(self) -> tuple[str, ...]:
        """The benchmarks that are met on test only; those whose experts the core registry lacks are left out of it."""
        cells = set(zip(self.recording.task_benchmarks, self.recording.task_splits, strict=True))
        left_out = EXTENDED if self.registry == "core" else ()
        names = dict.fromkeys(self.recording.task_benchmarks)
        return tuple(name for name in names if (name, "train") not in cells and name not in left_out)

    def check(self) -> None:
        """Refuse a recording in which a split is missing, before anyone has learned for nothing.

        Raises:
            ConfigurationError: No benchmark is trained on, or none of those is in val, or in test.
        """
        cells = set(zip(self.recording.task_benchmarks, self.recording.task_splits, strict=True))
        trained = {name for name, split in cells if split == "train"}
        missing = [each for each in SPLITS if not any((name, each) in cells for name in trained)]
        if missing:
            where = f" of the benchmarks with train tasks, {sorted(trained)}" if trained else ""
            raise ConfigurationError(
                f"Recording {self.recording.name!r} holds no {missing[0]} tasks{where}; agents learn on train, are "
                f"chosen on val and compared on test. It holds {sorted(cells)}. `with_splits` of "
                "maestro_env.recordings.splits gives its tasks other splits; no call is made again."
            )

    def env(self, split: str) -> MaestroEnv:
        """Return a new environment on one split: of the benchmarks to train on, for test with the unseen ones."""
        cells = set(zip(self.recording.task_benchmarks, self.recording.task_splits, strict=True))
        trained = [name for name in dict.fromkeys(self.recording.task_benchmarks) if (name, "train") in cells]
        return MaestroEnv(
            recording=self.recording,
            registry=self.registry,
            split=split,
            benchmarks=[*trained, *self.unseen] if split == "test" else trained,
            max_turns=self.max_turns,
            cost_weight=self.cost_weight,
            answer_rule=self.answer_rule,
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    """How one agent with one seed did."""

    agent: str
    seed: int
    settings: Mapping[str, Any]
    """The candidate that was best on val."""
    val_reward: float
    """Mean reward on val."""
    seconds: float
    """Wall time of learning all candidates, choosing and testing."""
    episodes: tuple[EpisodeRecord, ...]
    """On test: one a task, in the order of the recording."""
    cost_weight: float = 0.0
    """Price of a unit of cost, at which it learned."""
    learning: tuple[Block, ...] = ()
    """Rewards while it learned; empty for an agent without `earned`."""


def run(name: str, *, seed: int, world: World, quick: bool, progress: Progress) -> Run:
    """Learn, choose and test.

    Args:
        name: Of a contender, or the place of anyone's own.
        seed: Of the agent and of its episodes.
        world: What it plays in.
        quick: Tiny settings, for smoke tests.
        progress: Is told the share of the run that is done.

    Raises:
        UnknownNameError: No such agent.
        ConfigurationError: Someone's own that cannot be found, or is no agent.
    """
    started = time.perf_counter()
    entry = contender(name)
    candidates = (entry.quick or entry.candidates[0],) if quick else entry.candidates
    steps = entry.quick_timesteps if quick else entry.total_timesteps
    parts = len(candidates) + 1
    best: Predicts | None = None
    best_reward, best_settings = -np.inf, candidates[0]
    for number, settings in enumerate(candidates):

        def report(share: float, done: int = number) -> None:
            progress((done + share) / parts)

        agent = build(entry.agent, world.env("train"), seed=seed, settings=settings)
        if entry.learns:
            teach(agent, steps, report)
        episodes = evaluate(agent, world.env("val"), seed=seed, side_by_side=entry.side_by_side)
        reward = float(np.mean([episode.reward for episode in episodes]))
        if reward > best_reward:
            best, best_reward, best_settings = agent, reward, settings
    assert best is not None
    tested = evaluate(
        best,
        world.env("test"),
        seed=seed,
        side_by_side=entry.side_by_side,
        progress=lambda share: progress((parts - 1 + share) / parts),
    )
    return Run(
        agent=entry.name,
        seed=seed,
        cost_weight=world.cost_weight,
        settings=best_settings,
        val_reward=best_reward,
        seconds=time.perf_counter() - started,
        episodes=tuple(tested),
        learning=blocks_of(getattr(best, "earned", ())),
    )


def first_tasks(recording: Recording, *, each: int) -> Recording:
    """Return the recording of the first `each` tasks of every benchmark and split."""
    seen: dict[tuple[str, str], int] = {}
    rows: list[int] = []
    for row, group in enumerate(zip(recording.task_benchmarks, recording.task_splits, strict=True)):
        seen[group] = seen.get(group, 0) + 1
        if seen[group] <= each:
            rows.append(row)
    return take(recording, rows)
