"""k-means as free functions of arrays. What the clusters are for is elsewhere.

Source: S. Lloyd, Least Squares Quantization in PCM (1982); D. Arthur, S. Vassilvitskii, k-means++: The Advantages of
Careful Seeding (2007) for the first centres.

Axes: n rows, F features, K centres.
"""

import numpy as np
from numpy.typing import NDArray

from maestro_agents.neighbours import nearest


def first_centres(rows: NDArray[np.float32], *, clusters: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return [K, F] rows drawn as centres: each with a chance in proportion to its squared distance from the others.

    Args:
        rows: [n, F] with n >= 1.
        clusters: At least 1; there are fewer centres where there are fewer different rows.
        rng: Draws.
    """
    centres = [rows[rng.integers(len(rows))]]
    distance = ((rows - centres[0]) ** 2).sum(axis=1, dtype=np.float64)
    while len(centres) < clusters and distance.any():
        centres.append(rows[rng.choice(len(rows), p=distance / distance.sum())])
        distance = np.minimum(distance, ((rows - centres[-1]) ** 2).sum(axis=1, dtype=np.float64))
    return np.stack(centres)


def nearest_centre(rows: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return [n] the place of each row's nearest centre."""
    return nearest(rows, centres, k=1)[:, 0]


def moved_centres(
    rows: NDArray[np.float32], places: NDArray[np.int64], centres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return [K, F] the mean of each centre's rows; a centre without rows stays where it is.

    Args:
        rows: [n, F]
        places: [n] of each row's centre.
        centres: [K, F] before.
    """
    member = (places == np.arange(len(centres))[:, None]).astype(np.float32)
    counts = member.sum(axis=1, keepdims=True)
    return np.where(counts > 0, member @ rows / np.maximum(counts, 1), centres)


def k_means(
    rows: NDArray[np.float32], *, clusters: int, rng: np.random.Generator, rounds: int = 100
) -> NDArray[np.float32]:
    """Return [K, F] centres: moved to the mean of their rows until no row changes its centre.

    Args:
        rows: [n, F] with n >= 1.
        clusters: At least 1.
        rng: Draws the first centres.
        rounds: The most moves.
    """
    centres = first_centres(rows, clusters=clusters, rng=rng)
    places = nearest_centre(rows, centres)
    for _ in range(rounds):
        centres = moved_centres(rows, places, centres)
        before, places = places, nearest_centre(rows, centres)
        if (places == before).all():
            break
    return centres
