"""The rules of FittedRules as pure functions of what is known and what it is thought to be worth. Fitting is elsewhere.

Axes: n observations, P experts, F features of an expert.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.registry import STOP

_COLUMN = {name: place for place, name in enumerate(EXPERT_FEATURES)}


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """By how much more than stopping a macro-action must be worth, once there is an answer."""

    again: float
    elsewhere: float


@dataclass(frozen=True, kw_only=True)
class Situation:
    """All that the rules look at."""

    question: NDArray[np.floating]
    """[n, D]"""
    view: NDArray[np.floating]
    """[n, V] of the current context."""
    experts: NDArray[np.float32]
    """[n, P, F] as in the observation."""
    legal: NDArray[np.bool_]
    """[n, P]"""
    last_turn: NDArray[np.bool_]
    """[n]"""


def evidence(experts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return [n, 5] a digest of what the experts said.

    Whether there is an answer; the highest confidence among those who agree with the plurality, and among all who were
    asked here; how many agree; how many gave another answer.

    Args:
        experts: [n, P, F] as in the observation.
    """
    agrees = experts[:, :, _COLUMN["agrees"]] > 0
    answers = experts[:, :, _COLUMN["answered"]] > 0
    here = experts[:, :, _COLUMN["invoked_here"]] > 0
    confidence = experts[:, :, _COLUMN["confidence"]]
    return np.stack(
        [
            answers.any(axis=1),
            np.where(agrees, confidence, 0).max(axis=1),
            np.where(here, confidence, 0).max(axis=1),
            agrees.sum(axis=1),
            (answers & ~agrees).sum(axis=1),
        ],
        axis=1,
    ).astype(np.float32)


def useful(situation: Situation, locators: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return [n, P] which calls can be worth anything: legal readers, and locators whose region is new and can be read.

    A locator finds the same region wherever it is called, so a second call is wasted; so is locating on before the
    region that was found last has been read, and locating in the last turn.

    Args:
        situation: What is known.
        locators: [P] which experts locate.
    """
    invoked = situation.experts[:, :, _COLUMN["invoked"]] > 0
    settled_in = read_here(situation, locators) | ~(invoked & locators).any(axis=1)
    finds = ~invoked & (settled_in & ~situation.last_turn)[:, None]
    return situation.legal & (~locators | finds)


def read_here(situation: Situation, locators: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return [n] whether a reader was asked in the current context."""
    here = situation.experts[:, :, _COLUMN["invoked_here"]] > 0
    return np.asarray((here & ~locators).any(axis=1))


def decide(
    situation: Situation,
    *,
    worth: NDArray[np.floating],
    stopping: NDArray[np.floating],
    thresholds: Thresholds,
    locators: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return [n] actions by the rules above.

    Args:
        situation: What is known.
        worth: [n, P] of calling each expert, less its price.
        stopping: [n] worth of stopping.
        thresholds: The numbers in the rules.
        locators: [P] which experts locate.
    """
    has_answer = (situation.experts[:, :, _COLUMN["answered"]] > 0).any(axis=1, keepdims=True)
    reread = has_answer & read_here(situation, locators)[:, None]
    needed = np.where(locators, thresholds.elsewhere * has_answer, thresholds.again * reread)
    gain = np.where(useful(situation, locators), worth - needed - stopping[:, None], -np.inf)
    return np.where(gain.max(axis=1) > 0, 1 + gain.argmax(axis=1), STOP).astype(np.int64)
