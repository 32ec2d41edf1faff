"""Compare agents: train on train, choose settings on val, report on test. `python -m benchmarks.compare --help`.

The headline is the mean accuracy over test tasks. Every agent is played on every test task, so that all comparisons are
paired; learned and random agents are run with several seeds.
"""

import argparse
import multiprocessing
import os
import queue
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.bounds import oracle_bounds
from benchmarks.contenders import STANDARD, contender
from benchmarks.playing import Run, World, first_tasks, run
from benchmarks.plots import accuracy_against_cost
from benchmarks.provenance import provenance
from benchmarks.results import document, new_folder, write_json
from benchmarks.summary import summarise
from benchmarks.table import tables
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.errors import ConfigurationError, MaestroError
from maestro_env.recordings.load import load_recording
from maestro_env.types import AnswerRule

QUICK_TASKS = 12
"""Tasks of each benchmark and split in a smoke test."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is compared, and in what."""

    recording: str = "embedded"
    """Name or folder."""
    registry: str | None = None
    """Name or file of the experts that take part; None: `core` for the embedded recording, else all recorded ones."""
    agents: tuple[str, ...] = STANDARD
    seeds: int = 3
    """Runs of each agent whose results depend on its seed; the others are run once."""
    max_turns: int = 4
    cost_weight: float = 0.0
    answer_rule: str = "vote"
    processes: int = 2
    """1 runs everything in this process."""
    quick: bool = False


@lru_cache(maxsize=1)
def world_of(settings: Settings) -> World:
    """Return the world of a comparison; each process loads it once."""
    recording = load_recording(settings.recording)
    return World(
        recording=first_tasks(recording, each=QUICK_TASKS) if settings.quick else recording,
        registry=settings.registry or ("core" if settings.recording == "embedded" else None),
        max_turns=settings.max_turns,
        cost_weight=settings.cost_weight,
        answer_rule=AnswerRule(settings.answer_rule),
    )


def compare(settings: Settings, *, out: Path, console: Console) -> Path:
    """Run a comparison and write its folder.

    Args:
        settings: What is compared.
        out: Parent of the new folder.
        console: Shows the progress and the tables.

    Returns:
        The new folder, with `compare.json` and `compare.png`.

    Raises:
        UnknownNameError: An agent, recording or answer rule that does not exist.
        ConfigurationError: No agent or no seed.
    """
    if not settings.agents or settings.seeds < 1 or settings.processes < 1:
        raise ConfigurationError(
            f"{len(settings.agents)} agents, {settings.seeds} seeds, {settings.processes} processes; give at least "
            "one of each."
        )
    source = provenance()  # before the runs: the clone may change while they last
    world = world_of(settings)
    jobs = [(name, seed) for name in settings.agents for seed in range(settings.seeds if contender(name).varies else 1)]
    with _progress_bars(console) as bars:
        runs = _run_all(jobs, settings, bars)
        waiting = bars.add_task("oracle bounds", total=None)
        test = recorded_tasks(world.env("test"))
        bounds = oracle_bounds(test, max_turns=settings.max_turns, rule=world.answer_rule)
        bars.update(waiting, total=1, completed=1)
    summary = summarise(runs, test=test, bounds=bounds, unseen=world.unseen)
    folder = new_folder(out, now=datetime.now())
    content = document(
        summary=summary, runs=runs, test=test, bounds=bounds, source=source, settings=vars(settings),
    )  # fmt: skip
    write_json(folder / "compare.json", content)
    footer = f"{source.command}   commit {source.commit[:10] or 'unknown'}   {source.cores} cores, {source.processor}"
    accuracy_against_cost(summary, source=footer).savefig(folder / "compare.png")
    console.print(tables(summary))
    console.print(f"\nEvery episode: {folder / 'compare.json'}\nFigure: {folder / 'compare.png'}")
    return folder


def _run_all(jobs: Sequence[tuple[str, int]], settings: Settings, bars: Progress) -> list[Run]:
    """Return the runs in the order of the jobs."""
    overall = bars.add_task("all runs", total=len(jobs))
    if settings.processes == 1:
        runs: list[Run] = []
        for name, seed in jobs:
            bar = bars.add_task(f"{name}, seed {seed}", total=1.0)

            def report(share: float, bar: TaskID = bar) -> None:
                bars.update(bar, completed=share)

            runs.append(run(name, seed=seed, world=world_of(settings), quick=settings.quick, progress=report))
            bars.remove_task(bar)
            bars.advance(overall)
        return runs
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    shares: Any = context.Queue()
    # The processes share the cores already; threads inside each would only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(settings.processes, context, initializer=_remember, initargs=(shares,)) as pool:
        # The longest first, so that no process is left alone with one at the end.
        order = sorted(range(len(jobs)), key=lambda job: -contender(jobs[job][0]).total_timesteps)
        futures: dict[int, Future[Run]] = {job: pool.submit(_run_job, job, *jobs[job], settings) for job in order}
        _follow(jobs, list(futures.values()), shares, bars, overall)
        return [futures[job].result() for job in range(len(jobs))]


def _follow(
    jobs: Sequence[tuple[str, int]], futures: Sequence[Future[Run]], shares: Any, bars: Progress, overall: TaskID
) -> None:
    """Show how far the jobs are until all are done or one has failed."""
    running: dict[int, TaskID] = {}
    while not all(future.done() for future in futures):
        failed = [future for future in futures if future.done() and future.exception() is not None]
        if failed:
            for future in futures:
                future.cancel()
            return
        try:
            job, share = shares.get(timeout=0.2)
        except queue.Empty:
            continue
        name, seed = jobs[job]
        if job not in running:
            running[job] = bars.add_task(f"{name}, seed {seed}", total=1.0)
        bars.update(running[job], completed=share, visible=share < 1.0)
        bars.update(overall, completed=sum(future.done() for future in futures))
    bars.update(overall, completed=len(futures))


_shares: Any = None
"""In a worker: the queue of (job, share done) that the main process follows."""


def _remember(shares: Any) -> None:
    global _shares  # noqa: PLW0603  (the pool's initializer has no other way to hand something to later calls)
    _shares = shares


def _run_job(job: int, name: str, seed: int, settings: Settings) -> Run:
    reported = -1.0

    def report(share: float) -> None:
        nonlocal reported
        if share - reported >= 0.01 or share >= 1.0:  # a bar shows no finer steps, and every message costs
            reported = share
            _shares.put((job, share))

    return run(name, seed=seed, world=world_of(settings), quick=settings.quick, progress=report)


def _progress_bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:24}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), MofNCompleteColumn(),
        TimeElapsedColumn(), console=console, transient=True,
    )  # fmt: skip


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command's arguments."""
    default = Settings()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--recording", default=default.recording, help="name or folder of a recording")
    parser.add_argument("--registry", help="name or file of the experts (default: core, or all of one's own recording)")
    parser.add_argument("--out", type=Path, default=Path("results"), help="where the new folder is made")
    parser.add_argument("--agents", nargs="+", default=list(default.agents), metavar="AGENT", help="who takes part")
    parser.add_argument("--seeds", type=int, default=default.seeds, help="runs of each agent that depends on its seed")
    parser.add_argument("--max-turns", type=int, default=default.max_turns)
    parser.add_argument("--cost-weight", type=float, default=default.cost_weight, help="reward lost per unit of cost")
    parser.add_argument("--answer-rule", default=default.answer_rule, choices=[rule.value for rule in AnswerRule])
    parser.add_argument("--processes", type=int, default=default.processes, help="runs side by side")
    parser.add_argument("--quick", action="store_true", help="few tasks and tiny training: a smoke test, no result")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    given = parse(arguments)
    settings = Settings(
        recording=given.recording,
        registry=given.registry,
        agents=tuple(given.agents),
        seeds=given.seeds,
        max_turns=given.max_turns,
        cost_weight=given.cost_weight,
        answer_rule=given.answer_rule,
        processes=given.processes,
        quick=given.quick,
    )
    console = Console()
    try:
        for name in settings.agents:
            contender(name)
        compare(settings, out=given.out, console=console)
    except MaestroError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
