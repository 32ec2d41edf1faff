"""Oracle bounds: what the best choice with hindsight would score. Computed from a recording, never played.

The first two are no headroom: with many experts and small sets of answers, some expert is right by luck.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maestro_agents.plan_search import extensions
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.types import AnswerRule

CONFIDENT = 0.5
"""A reply counts as confident from here on: the expert holds its answer more likely than all others together."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Scores that no policy on these recorded replies exceeds, one a task."""

    any_right: NDArray[np.float32]
    """[N] the best reply of any expert in any context that can be reached, however many calls it takes."""
    within_turns: NDArray[np.float32]
    """[N] the best sequence of calls within the turns, its answer settled by the rule: exact, the true ceiling."""
    confident_only: NDArray[np.float32]
    """[N] like `any_right`, but only replies with a confidence of at least `CONFIDENT` count."""


def oracle_bounds(recording: Recording, *, max_turns: int, rule: AnswerRule) -> Bounds:
    """Return the bounds of every task.

    Args:
        recording: N tasks.
        max_turns: Calls an episode may hold, 1 or more.
        rule: How the episode's answer is settled.

    Raises:
        ConfigurationError: `max_turns` is below 1.
    """
    usable = reachable(recording)[:, :, None] & (recording.answer != MISSING)
    confident = usable & (np.nan_to_num(recording.confidence, nan=0.0) >= CONFIDENT)
    within = np.zeros(len(recording.tasks), np.float32)
    for extension in extensions(recording, max_calls=max_turns, rule=rule):
        np.maximum(within, extension.score.max(axis=0), out=within)
    return Bounds(
        any_right=np.where(usable, recording.score, 0).max(axis=(1, 2)).astype(np.float32),
        within_turns=within,
        confident_only=np.where(confident, recording.score, 0).max(axis=(1, 2)).astype(np.float32),
    )


def reachable(recording: Recording) -> NDArray[np.bool_]:
    """Return [N, C] whether a context can be reached from the whole image by any number of calls."""
    _, slots, _ = recording.status.shape
    seen = np.zeros((len(recording.tasks), slots), bool)
    seen[:, 0] = True
    for _ in range(slots):
        for slot in range(slots):
            steps = (recording.next_context == slot) & (recording.status != MISSING)
            seen[:, slot] |= (steps & seen[:, :, None]).any(axis=(1, 2))
    return seen
