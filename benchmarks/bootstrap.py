"""Paired bootstrap intervals over tasks and seeds. Pure functions of arrays; nothing is read or drawn here.

Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13 (percentile intervals).
Pairing: every agent is scored on the same resampled tasks, so that a difference between two agents is not blurred by
which tasks happened to be drawn. Seeds are resampled too, independently for each agent, as seed 1 of one agent has
nothing in common with seed 1 of another.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import ConfigurationError

LEVEL = 0.95
"""Coverage of the intervals."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A mean with its percentile interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def task_counts(strata: Sequence[str], *, resamples: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """Return how often each resample holds each task; tasks are drawn anew within their own stratum.

    Args:
        strata: [N] the benchmark of each task. How many tasks a benchmark has was decided, not sampled, so it is kept.
        resamples: How many resamples, B.
        rng: The only source of randomness.

    Returns:
        [B, N] counts; the sum over a stratum is its size in every row.
    """
    names = np.asarray(strata)
    counts = np.zeros((resamples, len(names)), np.int16)
    for name in sorted(set(strata)):
        places = np.flatnonzero(names == name)
        counts[:, places] = rng.multinomial(len(places), np.full(len(places), 1 / len(places)), size=resamples)
    return counts


def equal_weights(strata: Sequence[str], *, among: Collection[str] | None = None) -> NDArray[np.float64]:
    """Return [N] weights, 1 in all, in which every task of some strata (None: of all) counts the same."""
    inside = np.isin(strata, list(set(strata) if among is None else among))
    return inside / inside.sum()


def balanced_weights(strata: Sequence[str], *, among: Collection[str] | None = None) -> NDArray[np.float64]:
    """Return [N] weights, 1 in all, in which each of some strata (None: of all) counts the same, however large."""
    names, place, sizes = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
    inside = np.isin(names, names if among is None else list(among))
    return (inside / (inside.sum() * sizes))[place]


def resampled_means(
    values: NDArray[np.floating],
    counts: NDArray[np.int16],
    *,
    weights: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the weighted mean of every resample over its tasks and over as many seeds, drawn with replacement.

    Args:
        values: [S, N] one value a seed and task.
        counts: [B, N] from `task_counts`, drawn within the strata that `weights` was made for.
        weights: [N] from `equal_weights` or `balanced_weights`.
        rng: Draws the seeds.

    Returns:
        [B] means.

    Raises:
        ConfigurationError: The shapes do not fit, or there is nothing to average.
    """
    fits = values.ndim == 2 and values.shape[1:] == counts.shape[1:] == weights.shape
    if not fits or values.size == 0:
        raise ConfigurationError(
            f"Values {values.shape}, counts {counts.shape} and weights {weights.shape} do not fit; expected values "
            "[seeds, tasks], counts [resamples, tasks] and weights [tasks], over the same tasks, at least one of each."
        )
    seeds = len(values)
    per_seed = (values * weights) @ counts.T.astype(np.float64)
    drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(counts)) / seeds
    return (per_seed * drawn.T).sum(axis=0)


def interval(mean: float, resampled: NDArray[np.float64]) -> Interval:
    """Return a mean with the percentile interval of its resamples at `LEVEL`."""
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(mean=float(mean), low=float(low), high=float(high))


def mean_interval(
    values: NDArray[np.floating],
    counts: NDArray[np.int16],
    *,
    weights: NDArray[np.float64],
    rng: np.random.Generator,
) -> Interval:
    """Return the weighted mean of [S, N] values with its interval over tasks and seeds."""
    resampled = resampled_means(values, counts, weights=weights, rng=rng)
    return interval(float((values * weights).sum(axis=1).mean()), resampled)


def difference_interval(
    better: NDArray[np.floating],
    worse: NDArray[np.floating],
    counts: NDArray[np.int16],
    *,
    weights: NDArray[np.float64],
    rng: np.random.Generator,
) -> Interval:
    """Return mean(better) - mean(worse) with its interval, paired over tasks.

    Args:
        better: [S1, N] values of one agent.
        worse: [S2, N] values of another on the same tasks.
        counts: [B, N] from `task_counts`.
        weights: [N] from `equal_weights` or `balanced_weights`.
        rng: Draws the seeds of each.
    """
    gains = resampled_means(better, counts, weights=weights, rng=rng)
    gains -= resampled_means(worse, counts, weights=weights, rng=rng)
    means = [float((values * weights).sum(axis=1).mean()) for values in (better, worse)]
    return interval(means[0] - means[1], gains)
