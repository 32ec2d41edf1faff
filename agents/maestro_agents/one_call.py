"""What all one-call agents share: call the most valued legal expert, then stop. How experts are valued is their own."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Observation
from maestro_env.registry import STOP


def nothing_called(observation: Observation) -> NDArray[np.bool_]:
    """Return [n] whether an episode has all its turns left."""
    return observation["budget"][:, 0] >= 1.0


def call_best(values: NDArray[np.floating], observation: Observation) -> NDArray[np.int64]:
    """Return [n] actions that call the most valued expert, or stop where no expert may be called.

    Args:
        values: [n, P] what calling each expert is thought to be worth; the first wins ties.
        observation: A batch of n.
    """
    legal = observation["action_mask"][:, 1:].astype(bool)
    best = 1 + np.where(legal, values, -np.inf).argmax(axis=1)
    return np.where(legal.any(axis=1), best, STOP).astype(np.int64)


def call_once(valued: Callable[[Observation], NDArray[np.floating]], observation: Observation) -> NDArray[np.int64]:
    """Return [n] actions that call the most valued expert where nothing was called yet, and stop elsewhere.

    Args:
        valued: Returns [m, P] what calling each expert is thought to be worth; it is only asked where it matters.
        observation: A batch of n.
    """
    first = nothing_called(observation)
    actions = np.full(len(first), STOP, np.int64)
    if first.any():
        asked = {name: value[first] for name, value in observation.items()}
        actions[first] = call_best(valued(asked), asked)
    return actions
