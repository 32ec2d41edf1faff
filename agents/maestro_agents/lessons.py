"""Lessons in meeting strangers: tasks are forgotten, and experts count as never seen. Pure functions.

What an expert is worth whom nobody ever saw, on tasks unlike all that are remembered, can be learned by pretending that
this is so. Which lessons an agent makes, and what it learns from them, is its own file's business.

Axes: N tasks of a recording, n of them, C contexts, P experts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.types import Expert, Role


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Places of tasks in the recording; no task is both asked and remembered."""

    asked: NDArray[np.int64]
    """[n] those of the lesson."""
    remembered: NDArray[np.int64]
    """[m] those at which experts were seen at work."""


def forgetting(
    benchmarks: NDArray[np.str_], forgotten: Sequence[str], *, size: int, memory: int, rng: np.random.Generator
) -> Rows:
    """Ask tasks of the first forgotten benchmark, and remember tasks of those that are not forgotten.

    Args:
        benchmarks: [N] of each task.
        forgotten: At least one, and not all.
        size: Tasks that are asked, at most.
        memory: Tasks that are remembered, at most.
        rng: Draws both.
    """
    order = rng.permutation(len(benchmarks))
    asked = order[benchmarks[order] == forgotten[0]]
    remembered = order[~np.isin(benchmarks[order], list(forgotten))]
    return Rows(asked=asked[:size], remembered=remembered[:memory])


def familiar(num_tasks: int, *, size: int, memory: int, rng: np.random.Generator) -> Rows:
    """Ask tasks of every kind, and remember others of every kind.

    Args:
        num_tasks: N.
        size: Tasks that are asked, at most; never more than half.
        memory: Tasks that are remembered, at most.
        rng: Draws both.
    """
    asked, remembered = np.split(rng.permutation(num_tasks), [min(size, num_tasks // 2)])
    return Rows(asked=asked, remembered=remembered[:memory])


def readers(experts: Sequence[Expert]) -> NDArray[np.bool_]:
    """Return [P] who reads and does not locate."""
    return np.array([expert.model.role != Role.LOCATOR for expert in experts])


def specialists(experts: Sequence[Expert], scores: NDArray[np.floating], *, share: float) -> NDArray[np.bool_]:
    """Return [P] the best readers of some tasks.

    Args:
        experts: P of them.
        scores: [n, P] on the tasks.
        share: How good a reader must be, relative to the best one.
    """
    level = scores.mean(axis=0)
    return readers(experts) & (level >= share * level.max())


def of_same_models(experts: Sequence[Expert], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return [P] all experts whose model is that of a chosen one."""
    models = np.array([expert.model.name for expert in experts])
    return np.isin(models, models[chosen])


def usefulness(recording: Recording, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return [n, C, P] how good it is to ask each expert in each context.

    A reader's is its score, a locator's the share of readers that are right where it leads.

    Args:
        recording: N tasks.
        rows: [n] places in [0, N).
    """
    useful = recording.score[rows].astype(np.float32)
    reads = readers(recording.registry.experts)
    for locator in np.flatnonzero(~reads):
        led_to = recording.next_context[rows, :, locator]
        right_there = recording.score[rows[:, None], led_to][:, :, reads].mean(axis=2)
        useful[:, :, locator] = np.where(recording.status[rows, :, locator] == MISSING, 0.0, right_there)
    return useful
