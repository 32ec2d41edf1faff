"""What is seen of a batch: as indices, and as the numbers that a policy learns from.

It must agree with `dynamics.observe` bit for bit. Axes as in batch.py.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maestro_env.batch import Batch, Ints, Tables, made_calls
from maestro_env.dynamics import EXPERT_FEATURES, Rules
from maestro_env.recordings.recording import MISSING


def plurality(votes: Ints) -> Ints:
    """Return [B] the most frequent vote of each episode, the latest one among equals; `MISSING` where there is none."""
    counts = np.stack([(votes == vote).sum(axis=0) for vote in votes])
    counts[votes == MISSING] = 0
    latest = len(votes) - 1 - counts[::-1].argmax(axis=0)  # argmax takes the first of equals, here the latest
    return votes[latest, np.arange(votes.shape[1])]


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
    row, call, reply = made_calls(tables, task, calls)
    called_in, expert = np.divmod(call, experts)
    answered = reply["vote"] != MISSING
    votes = np.full(calls.shape, MISSING, np.int32)
    votes[calls != MISSING] = reply["vote"]
    known = np.empty((len(row), len(EXPERT_FEATURES)), np.float32)
    known[:, 0] = 1.0
    known[:, 1] = answered
    known[:, 2] = answered & (reply["vote"] == plurality(votes)[row])
    known[:, 3] = reply["confidence"]
    known[:, 4] = reply["stated"]
    known[:, 5] = reply["failed"]
    known[:, 6] = 0.0
    features = np.zeros((size * experts, len(EXPERT_FEATURES)), np.float32)
    place = row * experts + expert
    features[place] = known  # turn by turn, so that later replies of an expert overwrite earlier ones
    features[place[called_in == slot[row]], 6] = 1.0
    return features.reshape(size, experts, -1)


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
