"""Memory that an environment takes, in bytes, as Python and numpy allocate it."""

import tracemalloc
from collections.abc import Callable
from typing import Any

from maestro_env import MaestroEnv
from maestro_env.vector import MaestroVectorEnv


def bytes_of_scalars(count: int) -> float:
    """Memory that one more scalar environment takes, its recording shared with the others."""
    return _traced(lambda: [_begun(MaestroEnv()) for _ in range(count)]) / count


def bytes_of_batch(count: int) -> float:
    """Memory of a batch for each of its environments, its look-up tables included."""
    return _traced(lambda: _begun(MaestroVectorEnv(count))) / count


def _begun(env: Any) -> Any:
    env.reset(seed=0)
    return env


def _traced(make: Callable[[], object]) -> float:
    make()  # loads what all share
    tracemalloc.start()
    kept = make()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return float(size)
