"""Paired bootstrap intervals over one set of test tasks, drawn once so that every figure on them is paired."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.bootstrap import Interval, difference_interval, equal_weights, mean_interval, task_counts

RESAMPLES = 2000
"""Enough for the ends of a 95 % interval to move by less than a tenth of its width from draw to draw."""


class Intervals:
    """Intervals of means over the same tasks. Every task weighs the same; resamples keep each benchmark's size."""

    def __init__(self, strata: Sequence[str], *, resamples: int = RESAMPLES) -> None:
        """Draw the resamples.

        Args:
            strata: [N] the benchmark of each task, N >= 1.
            resamples: How many.
        """
        self._counts = task_counts(strata, resamples=resamples, rng=np.random.default_rng(0))
        self._weights = equal_weights(strata)

    def mean(self, values: NDArray[np.floating]) -> Interval:
        """Return the mean of [N] or [S, N] values, S seeds, with its interval over tasks and seeds."""
        return mean_interval(np.atleast_2d(values), self._counts, weights=self._weights, rng=np.random.default_rng(1))

    def gain(self, better: NDArray[np.floating], worse: NDArray[np.floating]) -> Interval:
        """Return the mean of one less the mean of the other, each [N] or [S, N], paired over tasks."""
        return difference_interval(
            np.atleast_2d(better), np.atleast_2d(worse), self._counts, weights=self._weights,
            rng=np.random.default_rng(1),
        )  # fmt: skip
