"""What is seen of a batch: as indices, and as the numbers that a policy learns from.

It must agree with `dynamics.observe` bit for bit. Axes as in batch.py.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maestro_env.batch import Batch, Ints, Tables, first_cells, places
from maestro_env.dynamics import EXPERT_FEATURES, Rules
from maestro_env.recordings.recording import MISSING, STATUSES
from maestro_env.types import Status

_OK = STATUSES.index(Status.OK)


def plurality(votes: Ints) -> Ints:
    """Return [B] the most frequent vote of each episode, the latest one among equals; `MISSING` where there is none."""
    counts = np.stack([(votes == vote).sum(axis=0) for vote in votes])
    counts[votes == MISSING] = 0
    latest = len(votes) - 1 - counts[::-1].argmax(axis=0)  # argmax takes the first of equals, here the latest
    return votes[latest, np.arange(votes.shape[1])]


def votes_of(tables: Tables, task: Ints, calls: Ints) -> NDArray[np.int32]:
    """Return [T, B] the vote of each turn's call, as in `Batch`."""
    made = calls != MISSING
    reply = tables.replies.take(np.where(made, first_cells(tables, task) + calls, 0))
    return np.where(made, reply["vote"], np.int32(MISSING))


def expert_features(
    tables: Tables,
    *,
    task: Ints,
    slot: Ints,
    calls: Ints,
) -> NDArray[np.float32]:
    """Return [B, P, F] what is known of each expert's latest reply: `dynamics.EXPERT_FEATURES`.

    Args:
        tables: Whose replies.
        task: As in `Batch`, and the next two.
        slot: Of the current context.
        calls: Of each turn.
    """
    size, experts = len(task), tables.num_experts
    votes = votes_of(tables, task, calls)
    recording = tables.world.recording
    features = np.zeros((size, experts, len(EXPERT_FEATURES)), np.float32)
    # Turn by turn, so that later replies of an expert overwrite earlier ones.
    turn, row = np.nonzero(calls != MISSING)
    call, vote = calls[turn, row], votes[turn, row]
    called_in, expert = np.divmod(call, experts)
    place = places(tables, recording.status.shape[2], task[row], call)
    confidence = recording.confidence.ravel().take(place)
    stated = ~np.isnan(confidence)
    known = np.empty((len(row), len(EXPERT_FEATURES)), np.float32)
    known[:, 0] = 1.0
    known[:, 1] = vote != MISSING
    known[:, 2] = (vote == plurality(votes)[row]) & (vote != MISSING)
    known[:, 3] = np.where(stated, confidence, 0.0)
    known[:, 4] = stated
    known[:, 5] = recording.status.ravel().take(place) != _OK
    known[:, 6] = 0.0
    features[row, expert] = known
    here = called_in == slot[row]
    features[row[here], expert[here], 6] = 1.0
    return features


def indices(batch: Batch) -> dict[str, NDArray[Any]]:
    """Return where the episodes stand, as `MaestroVectorEnv` says it with `observation="index"`; views of the batch."""
    return {
        "action_mask": batch.mask,
        "calls": batch.calls.T,
        "context": batch.slot,
        "cost": batch.cost,
        "task": batch.task,
        "used": batch.used,
    }


def budget(tables: Tables, rules: Rules, *, used: Ints, cost: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return [B, 2] share of turns left; cost so far, as a share of `max_turns` of the dearest calls."""
    shares = np.zeros((len(used), 2), np.float32)
    shares[:, 0] = 1.0 - used / rules.max_turns
    most = rules.max_turns * tables.world.largest_cost
    if most:
        shares[:, 1] = np.minimum(1.0, cost / most)
    return shares
