"""Aggregates that few runs do not fool.

Source: R. Agarwal et al., Deep RL at the Edge of the Statistical Precipice (2021), https://arxiv.org/abs/2108.13264.
"""

import numpy as np
from numpy.typing import ArrayLike

from maestro_env.errors import ConfigurationError


def interquartile_mean(values: ArrayLike) -> float:
    """Return the mean of the middle half of all values; values that lie across a quartile count in part.

    Raises:
        ConfigurationError: No values.
    """
    ordered = np.sort(np.asarray(values, np.float64).ravel())
    if not len(ordered):
        raise ConfigurationError("There is no mean of no values; give at least one.")
    # Each value covers 1/n of [0, 1]; its weight is what of that lies in [1/4, 3/4].
    edges = np.linspace(0, 1, len(ordered) + 1)
    inside = np.clip(np.minimum(edges[1:], 0.75) - np.maximum(edges[:-1], 0.25), 0, None)
    return float((ordered * inside).sum() / inside.sum())


def probability_of_improvement(ours: ArrayLike, theirs: ArrayLike) -> float:
    """Return the chance that a run of ours beats a run of theirs on a random benchmark; ties count one half.

    Args:
        ours: [S1, B] score of each run on each benchmark.
        theirs: [S2, B] on the same benchmarks.

    Raises:
        ConfigurationError: Other shapes, or no runs.
    """
    x, y = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or 0 in (*x.shape, *y.shape):
        raise ConfigurationError(f"Scores {x.shape} and {y.shape}; expected [runs, benchmarks] over the same ones.")
    difference = x[:, None] - y[None]
    return float(((difference > 0) + 0.5 * (difference == 0)).mean())
