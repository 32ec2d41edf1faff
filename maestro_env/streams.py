"""Random integers from many generators, drawn in blocks: the numbers that each would give if asked one at a time."""

import numpy as np
from gymnasium.utils import seeding
from numpy.typing import NDArray

BLOCK = 512
"""Numbers drawn at once: refilling costs as much as a dozen draws, so it has to be rare, yet all blocks are kept."""


class Streams:
    """One generator a stream, each giving integers from 0 to `high - 1`.

    A `Generator` gives the same integers in a block as one by one, so a stream is the one of a scalar environment with
    the same seed.
    """

    def __init__(self, count: int, *, high: int) -> None:
        """Leave every stream unseeded: the first number that is drawn from it seeds it from the system.

        Args:
            count: How many streams.
            high: One more than the largest integer.
        """
        self._high = high
        self._generators: list[np.random.Generator | None] = [None] * count
        self._blocks = np.empty((count, BLOCK), np.int32)
        self._next = np.full(count, BLOCK)

    def seed(self, stream: int, seed: int | None) -> None:
        """Start a stream anew; with None, go on with it.

        Raises:
            gymnasium.error.Error: The seed is no integer, or negative.
        """
        if seed is None:
            return
        self._generators[stream] = seeding.np_random(seed)[0]
        self._next[stream] = BLOCK

    def draw(self, streams: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the next integer of each of some streams; no stream may be named twice."""
        for stream in streams[self._next[streams] == BLOCK].tolist():
            self._refill(stream)
        places = self._next[streams]
        self._next[streams] = places + 1
        return self._blocks[streams, places]

    def _refill(self, stream: int) -> None:
        generator = self._generators[stream]
        if generator is None:
            generator = self._generators[stream] = seeding.np_random()[0]
        self._blocks[stream] = generator.integers(self._high, size=BLOCK)
        self._next[stream] = 0
