"""Hand trained agents experts that they never saw. `python -m benchmarks.transfer --help`.

Each agent learns on the train tasks with the experts of the core registry. Then it plays the test tasks of the extended
benchmarks twice, as it is: with those experts, and with those of the extended registry. What it gains is what it makes
of strangers from their descriptions and replies alone.
"""

import argparse
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.bootstrap import Interval, difference_interval, equal_weights, mean_interval, task_counts
from benchmarks.contenders import contender
from benchmarks.playing import World, first_tasks
from benchmarks.provenance import Provenance, provenance
from benchmarks.results import new_folder, write_json
from benchmarks.settings import QUICK_TASKS
from benchmarks.summary import RESAMPLES
from benchmarks.table import percent, points
from maestro_agents.evaluate import evaluate
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError, MaestroError
from maestro_env.recordings.load import load_recording
from maestro_env.recordings.recording import Recording
from maestro_env.tasks.benchmarks import EXTENDED
from maestro_env.types import AnswerRule

REGISTRIES = ("core", "extended")
"""Of the experts that agents learn with, and of those that they are handed."""

AGENTS = ("PointerPPO", "DescriptorRouter")
"""Agents with `at(env)`, whose weights do not depend on the registry."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One agent to be handed strangers."""

    agent: str
    seed: int
    recording: str = "embedded"
    answer_rule: str = AnswerRule.VOTE
    quick: bool = False


@dataclass(frozen=True, kw_only=True)
class Played:
    """How an agent did on the extended benchmarks with either registry."""

    correct: NDArray[np.float64]
    """[2, N] with the core experts, and with the extended ones; 1 where right."""
    calls: NDArray[np.float64]
    """[2, N]"""


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What an agent makes of strangers, over all seeds."""

    agent: str
    seeds: int
    without: Interval
    with_strangers: Interval
    gain: Interval
    """Paired over tasks."""
    gain_by_benchmark: dict[str, Interval]
    calls: tuple[float, float]
    """Mean of an episode, without and with strangers."""


@lru_cache(maxsize=1)
def recording_of(name: str, *, quick: bool) -> Recording:
    """Return a recording; each process loads it once."""
    recording = load_recording(name)
    return first_tasks(recording, each=QUICK_TASKS) if quick else recording


def play(trial: Trial) -> Played:
    """Let an agent learn with the core experts, and play the extended benchmarks with either registry.

    Raises:
        ConfigurationError: The agent's weights depend on its registry.
    """
    entry = contender(trial.agent)
    if not callable(getattr(entry.agent, "at", None)):
        raise ConfigurationError(
            f"{trial.agent} cannot be handed other experts: it has no at(env). Give some of {AGENTS}."
        )
    recording, rule = recording_of(trial.recording, quick=trial.quick), AnswerRule(trial.answer_rule)
    train = World(recording=recording, registry=REGISTRIES[0], answer_rule=rule).env("train")
    settings = (entry.quick if trial.quick else None) or entry.candidates[0]
    agent = entry.agent(train, seed=trial.seed, **settings)
    agent.learn(entry.quick_timesteps if trial.quick else entry.total_timesteps)
    played = [
        evaluate(agent.at(there), there, seed=trial.seed)
        for there in (
            MaestroEnv(recording=recording, registry=name, split="test", benchmarks=EXTENDED, answer_rule=rule)
            for name in REGISTRIES
        )
    ]
    return Played(
        correct=np.array([[float(episode.correct) for episode in episodes] for episodes in played]),
        calls=np.array([[float(episode.calls) for episode in episodes] for episodes in played]),
    )


def transfer_of(agent: str, played: Sequence[Played], benchmarks: Sequence[str]) -> Transfer:
    """Return what an agent gains.

    Args:
        agent: Its name.
        played: [S] by seed.
        benchmarks: [N] of each task.
    """
    rng = np.random.default_rng(0)
    names = list(benchmarks)
    counts = task_counts(names, resamples=RESAMPLES, rng=rng)
    without, strangers = np.stack([one.correct for one in played], axis=1)
    equal = equal_weights(names)
    return Transfer(
        agent=agent,
        seeds=len(played),
        without=mean_interval(without, counts, weights=equal, rng=rng),
        with_strangers=mean_interval(strangers, counts, weights=equal, rng=rng),
        gain=difference_interval(strangers, without, counts, weights=equal, rng=rng),
        gain_by_benchmark={
            name: difference_interval(strangers, without, counts, weights=equal_weights(names, among=[name]), rng=rng)
            for name in dict.fromkeys(names)
        },
        calls=(
            float(np.mean([one.calls[0] for one in played])),
            float(np.mean([one.calls[1] for one in played])),
        ),
    )


def measure(trials: Sequence[Trial], *, processes: int) -> list[Transfer]:
    """Play all trials, some side by side, and return what each agent gains."""
    if processes == 1:
        played = [play(trial) for trial in trials]
    else:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
            played = list(pool.map(play, trials))
    recording = recording_of(trials[0].recording, quick=trials[0].quick)
    env = MaestroEnv(recording=recording, registry=REGISTRIES[0], split="test", benchmarks=EXTENDED)
    names = [recording.task_benchmarks[recording.index_of(task_id)] for task_id in env.task_ids]
    agents = dict.fromkeys(trial.agent for trial in trials)
    return [
        transfer_of(agent, [one for trial, one in zip(trials, played, strict=True) if trial.agent == agent], names)
        for agent in agents
    ]


def listing(found: Sequence[Transfer]) -> Table:
    """Return the table for the terminal: a column an agent."""
    table = Table(title="Test tasks of the extended benchmarks: accuracy in %, gain in points (95 % intervals)")
    table.add_column("")
    for one in found:
        table.add_column(f"{one.agent}, {one.seeds} seeds", justify="right")
    table.add_row("core experts", *(percent(one.without) for one in found))
    table.add_row("with strangers", *(percent(one.with_strangers) for one in found))
    table.add_row("gain", *(points(one.gain) for one in found), style="bold")
    for name in EXTENDED:
        table.add_row(f"  {name}", *(points(one.gain_by_benchmark[name]) for one in found))
    table.add_row("calls", *(f"{one.calls[0]:.2f} to {one.calls[1]:.2f}" for one in found))
    return table


def document(found: Sequence[Transfer], trials: Sequence[Trial], source: Provenance) -> dict[str, object]:
    """Return what transfer.json holds; intervals are `mean`, `low` and `high`."""
    return {
        "source": asdict(source),
        "trials": [asdict(trial) for trial in trials],
        "agents": [asdict(one) for one in found],
    }


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transfer", description=__doc__)
    parser.add_argument("--agents", nargs="+", default=list(AGENTS), metavar="AGENT", help="who is handed strangers")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each agent")
    parser.add_argument("--answer-rule", default=Trial.answer_rule, choices=[rule.value for rule in AnswerRule])
    parser.add_argument("--processes", type=int, default=2, help="runs side by side")
    parser.add_argument("--out", type=Path, default=Path("results"), help="where the new folder is made")
    parser.add_argument("--quick", action="store_true", help="few tasks and tiny training: a smoke test, no result")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    given = parse(arguments)
    trials = [
        Trial(agent=agent, seed=seed, answer_rule=given.answer_rule, quick=given.quick)
        for agent in given.agents
        for seed in range(given.seeds)
    ]
    try:
        found = measure(trials, processes=given.processes)
    except MaestroError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False)
        return 2
    folder = new_folder(given.out, "transfer", now=datetime.now())
    write_json(folder / "transfer.json", document(found, trials, provenance()))
    Console().print(listing(found), f"\nNumbers: {folder / 'transfer.json'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
