"""Making the runs of a comparison, here or in processes side by side; each is written down as it is done."""

import multiprocessing
import os
import queue
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from math import inf
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.contenders import contender
from benchmarks.episodes import write_run
from benchmarks.playing import run
from benchmarks.results import Folder
from benchmarks.settings import Job, world_of
from maestro_agents.agent import Progress as Report


def make_runs(jobs: Sequence[Job], folder: Folder, console: Console) -> None:
    """Make runs and write each into the folder.

    Args:
        jobs: Which.
        folder: Of the comparison.
        console: Shows the progress.
    """
    with _progress_bars(console) as bars:
        overall = bars.add_task("all runs", total=len(jobs))
        if folder.settings.processes == 1:
            for job in jobs:
                bar = bars.add_task(job.label, total=1.0)

                def report(share: float, bar: TaskID = bar) -> None:
                    bars.update(bar, completed=share)

                _make(job, folder, report)
                bars.remove_task(bar)
                bars.advance(overall)
        elif jobs:
            _side_by_side(jobs, folder, bars, overall)


def _side_by_side(jobs: Sequence[Job], folder: Folder, bars: Progress, overall: TaskID) -> None:
    # Spawned, not forked: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    shares: Any = context.Queue()
    # The processes share the cores already; threads inside each would only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(folder.settings.processes, context, initializer=_remember, initargs=(shares,)) as pool:
        # The longest first, so that no process is left alone with one at the end.
        order = sorted(jobs, key=_expected_s, reverse=True)
        futures = [pool.submit(_make_in_worker, job, folder) for job in order]
        _follow(futures, shares, bars, overall)
        for future in futures:
            future.result()


def _expected_s(job: Job) -> float:
    """Return how long a run takes, as it was measured; endlessly where it never was."""
    seconds = contender(job.agent).seconds
    return inf if seconds is None else seconds


def _follow(futures: Sequence[Future[None]], shares: Any, bars: Progress, overall: TaskID) -> None:
    """Show how far the jobs are until all are done or one has failed."""
    running: dict[Job, TaskID] = {}
    while not all(future.done() for future in futures):
        failed = [future for future in futures if future.done() and future.exception() is not None]
        if failed:
            for future in futures:
                future.cancel()
            failed[0].result()
        try:
            job, share = shares.get(timeout=0.2)
        except queue.Empty:
            continue
        if job not in running:
            running[job] = bars.add_task(job.label, total=1.0)
        bars.update(running[job], completed=share, visible=share < 1.0)
        bars.update(overall, completed=sum(future.done() for future in futures))
    bars.update(overall, completed=len(futures))


_shares: Any = None
"""In a worker: the queue of (job, share done) that the main process follows."""


def _remember(shares: Any) -> None:
    global _shares  # noqa: PLW0603  (the pool's initializer has no other way to hand something to later calls)
    _shares = shares


def _make_in_worker(job: Job, folder: Folder) -> None:
    reported = -1.0

    def report(share: float) -> None:
        nonlocal reported
        if share - reported >= 0.01 or share >= 1.0:  # a bar shows no finer steps, and every message costs
            reported = share
            _shares.put((job, share))

    _make(job, folder, report)


def _make(job: Job, folder: Folder, report: Report) -> None:
    settings = folder.settings
    world = replace(world_of(settings), cost_weight=job.cost_weight)
    made = run(job.agent, seed=job.seed, world=world, quick=settings.quick, progress=report)
    write_run(folder.file_of(job), made)


def _progress_bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:24}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), MofNCompleteColumn(),
        TimeElapsedColumn(), console=console, transient=True,
    )  # fmt: skip
