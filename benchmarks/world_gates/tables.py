"""What the page tells besides the gates: who reads what how well, difficulty, guessing, bounds. Pure look-ups.

Axes: N test tasks, P experts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.bootstrap import Interval, interval, task_counts
from benchmarks.bounds import CONFIDENT, reachable
from benchmarks.world_gates.intervals import RESAMPLES
from benchmarks.world_gates.scope import benchmarks_of, readers_of
from benchmarks.world_gates.usefulness import chosen_by_task
from maestro_agents.recorded_tasks import take
from maestro_env.recordings.recording import MISSING, Recording

NUM_BINS = 3
"""Tasks are sorted by difficulty and cut into this many equal parts."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkTable:
    """Everything the page says of one benchmark's test tasks."""

    benchmark: str
    num_tasks: int
    accuracy: Mapping[str, float]
    """By expert, one call on the whole picture; locators are left out."""
    best_expert: str
    by_difficulty: tuple[float, ...]
    """[NUM_BINS] accuracy of the most able reader on the figure, from the easy tasks to the hard ones."""
    slope: Interval
    """What full difficulty costs: the slope of accuracy over difficulty in [0, 1]."""
    chosen: Mapping[str, float]
    """By expert, how often it is the best choice, or the locator that leads to it."""
    chance: float
    """The mean of 1 / number of choices; 0 where the answer is open."""
    any_right: float
    """Any expert right in any context that can be reached: mostly luck, no headroom."""
    confident_only: float
    """The same, but only replies with a confidence of at least one half count."""


def benchmark_table(recording: Recording, name: str) -> BenchmarkTable:
    """Return the table of one benchmark.

    Args:
        recording: Test tasks, the benchmark's among them.
        name: Which.
    """
    part = take(recording, np.flatnonzero(benchmarks_of(recording) == name))
    tasks = list(part.tasks)
    readers = readers_of(part)
    scores = part.score[:, 0]
    ids = part.registry.ids
    usable = reachable(part)[:, :, None] & (part.answer != MISSING)
    confident = usable & (np.nan_to_num(part.confidence, nan=0.0) >= CONFIDENT)
    difficulty = np.array([float(task.factors.get("difficulty", np.nan)) for task in tasks])
    best = able(part)
    best_expert = int(np.where(readers, scores.mean(axis=0, dtype=np.float64), -1).argmax())
    chosen = chosen_by_task(part).mean(axis=0)
    return BenchmarkTable(
        benchmark=name,
        num_tasks=len(tasks),
        accuracy={ids[i]: float(scores[:, i].mean(dtype=np.float64)) for i in np.flatnonzero(readers)},
        best_expert=ids[best_expert],
        by_difficulty=tuple(
            float(best[rows].mean()) for rows in np.array_split(np.argsort(difficulty, kind="stable"), NUM_BINS)
        ),
        slope=slope(difficulty, best),
        chosen={ids[i]: float(share) for i, share in enumerate(chosen)},
        chance=float(np.mean([1 / len(task.choices) if task.choices else 0.0 for task in tasks])),
        any_right=float(np.where(usable, part.score, 0).max(axis=(1, 2)).mean()),
        confident_only=float(np.where(confident, part.score, 0).max(axis=(1, 2)).mean()),
    )


def able(recording: Recording) -> NDArray[np.float32]:
    """Return [N] scores of the most able reader: on the whole picture, and in scenes where each figure is read best.

    For scenes that is, of all pairs of an expert and a context, the one with the highest mean over the scenes whose
    question is about the same family of figures.
    """
    rows = np.arange(len(recording.tasks))
    best = recording.score[:, 0]
    best = best[:, int(best.mean(axis=0).argmax())]
    if "target_family" not in recording.tasks[0].factors:
        return best
    families = np.array([str(task.factors.get("target_family", "")) for task in recording.tasks])
    inside = best.copy()
    for family in np.unique(families):
        mine = rows[families == family]
        means = recording.score[mine].mean(axis=0)
        slot, expert = np.unravel_index(int(means.argmax()), means.shape)
        inside[mine] = recording.score[mine, slot, expert]
    return inside


def slope(difficulty: NDArray[np.floating], score: NDArray[np.floating]) -> Interval:
    """Return the least-squares slope of score over difficulty, with its interval over resampled tasks."""
    counts = task_counts(["all"] * len(score), resamples=RESAMPLES, rng=np.random.default_rng(0)).astype(np.float64)
    size = counts.sum(axis=1)

    def of(weights: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = weights @ difficulty / total, weights @ score / total
        xy, xx = weights @ (difficulty * score) / total, weights @ difficulty**2 / total
        return (xy - x * y) / np.maximum(xx - x**2, 1e-12)

    everyone = np.ones((1, len(score)))
    return interval(float(of(everyone, everyone.sum(axis=1))[0]), of(counts, size))


def cheapest_right(recording: Recording, *, confident: bool) -> NDArray[np.float64]:
    """Return [N] the least cost at which a task can be answered right with hindsight; infinite where it cannot.

    Args:
        recording: Test tasks.
        confident: Whether only replies with a confidence of at least one half count.
    """
    usable = (recording.answer != MISSING) & (recording.score >= 1.0)
    if confident:
        usable &= np.nan_to_num(recording.confidence, nan=0.0) >= CONFIDENT
    arrive = np.full(recording.status.shape[:2], np.inf)
    arrive[:, 0] = 0.0
    slots = recording.status.shape[1]
    for _ in range(slots - 1):
        for slot in range(slots):
            leads = (recording.next_context == slot) & (recording.status != MISSING)
            through = np.where(leads, arrive[:, :, None] + recording.cost, np.inf).min(axis=(1, 2))
            arrive[:, slot] = np.minimum(arrive[:, slot], through)
    return np.where(usable, arrive[:, :, None] + recording.cost, np.inf).min(axis=(1, 2))


def hindsight_at(cheapest: NDArray[np.float64], cost: float) -> float:
    """Return an upper bound of the accuracy that any policy, open or closed loop, can have at a mean cost.

    To be right on a task, a policy must have made calls of at least the task's cheapest right path, whatever it knew.
    So no policy does better than spending on the cheapest tasks first; the last one may be a share of a task.

    Args:
        cheapest: [N] of `cheapest_right`.
        cost: Mean cost an episode.
    """
    spent = np.cumsum(np.sort(cheapest[np.isfinite(cheapest)]))
    budget = cost * len(cheapest)
    whole = int(np.searchsorted(spent, budget, side="right"))
    if whole == len(spent):
        return whole / len(cheapest)
    before = float(spent[whole - 1]) if whole else 0.0
    part = (budget - before) / max(float(spent[whole]) - before, 1e-12)
    return (whole + part) / len(cheapest)
