"""What is in a recording, in numbers. Showing them is the command line's job."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.recordings.tables import used_slots
from maestro_env.types import SPLITS, Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Means over some tasks and contexts, for each expert (P) and benchmark (B)."""

    benchmarks: tuple[str, ...]
    """[B]"""
    score: NDArray[np.float64]
    """[P, B] mean score over recorded calls; NaN where there are none."""
    mean_score: NDArray[np.float64]
    """[P] the mean over benchmarks that have any."""
    answered: NDArray[np.float64]
    """[P] share of recorded calls that gave an answer."""
    cost: NDArray[np.float64]
    """[P] mean cost of a recorded call, in the recording's cost unit."""


def benchmarks_of(recording: Recording) -> tuple[str, ...]:
    """Return the benchmarks, in order of first appearance."""
    return tuple(dict.fromkeys(recording.task_benchmarks))


def task_counts(recording: Recording) -> dict[str, dict[str, int]]:
    """Return benchmark -> split -> number of tasks."""
    counts: dict[str, dict[str, int]] = {benchmark: dict.fromkeys(SPLITS, 0) for benchmark in benchmarks_of(recording)}
    for benchmark, task_split in zip(recording.task_benchmarks, recording.task_splits, strict=True):
        counts[benchmark][task_split] += 1
    return counts


def expert_matrix(recording: Recording, *, split: str | None, in_regions: bool) -> Matrix:
    """Return how every expert does on every benchmark.

    Args:
        recording: The recording.
        split: Only the tasks of this split; None takes all.
        in_regions: Over calls in regions that were found; otherwise over calls on whole images.
    """
    benchmarks = benchmarks_of(recording)
    benchmark_of = np.array([benchmarks.index(benchmark) for benchmark in recording.task_benchmarks])
    in_split = np.array([split in (None, task_split) for task_split in recording.task_splits])
    slots = slice(1, None) if in_regions else slice(0, 1)
    recorded = (recording.status[:, slots] != MISSING) & in_split[:, None, None]
    by_benchmark = np.stack([recorded & (benchmark_of == b)[:, None, None] for b in range(len(benchmarks))])
    with_score = np.where(by_benchmark, recording.score[:, slots], 0.0)
    score = _ratio(with_score.sum(axis=(1, 2)), by_benchmark.sum(axis=(1, 2))).T
    num_calls = recorded.sum(axis=(0, 1))
    has_score = ~np.isnan(score)
    return Matrix(
        benchmarks=benchmarks,
        score=score,
        mean_score=_ratio(np.where(has_score, score, 0.0).sum(axis=1), has_score.sum(axis=1)),
        answered=_ratio((recorded & (recording.answer[:, slots] != MISSING)).sum(axis=(0, 1)), num_calls),
        cost=_ratio(np.where(recorded, recording.cost[:, slots], 0.0).sum(axis=(0, 1)), num_calls),
    )


def density(recording: Recording) -> float:
    """Return the share of (context, expert) pairs that were recorded."""
    possible = used_slots(recording).sum() * len(recording.registry)
    return float((recording.status != MISSING).sum() / possible)


def failures(recording: Recording) -> dict[Status, int]:
    """Return how many calls failed, by status; statuses that never occurred are left out."""
    counts = {status: int((recording.status == code).sum()) for code, status in enumerate(STATUSES)}
    return {status: count for status, count in counts.items() if count and status is not Status.OK}


def _ratio(above: NDArray[np.number], below: NDArray[np.number]) -> NDArray[np.float64]:
    """Divide; NaN where there is nothing to divide by."""
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0)
