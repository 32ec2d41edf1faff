"""Nearest neighbours among remembered rows, as a free function of arrays. Who asks, and what for, is elsewhere."""

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import ConfigurationError


def nearest(queries: NDArray[np.float32], remembered: NDArray[np.float32], *, k: int) -> NDArray[np.int64]:
    """Return [n, k] places of the k rows with the least Euclidean distance, in no order.

    Args:
        queries: [n, F].
        remembered: [m, F] with m >= 1; where m < k, all rows are returned.
        k: At least 1.

    Raises:
        ConfigurationError: `k` is below 1.
    """
    if k < 1:
        raise ConfigurationError(f"k={k} neighbours make no estimate; give k of 1 or more.")
    # |q - r|^2 = |q|^2 - 2 q.r + |r|^2, and |q|^2 does not change the order.
    distance = (remembered**2).sum(axis=1) - 2 * (queries @ remembered.T)
    count = min(k, len(remembered))
    return np.argpartition(distance, count - 1, axis=1)[:, :count]
