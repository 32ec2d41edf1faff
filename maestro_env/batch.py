"""The MDP of dynamics.py for many episodes at once: the same rules as index arrays, a few array operations a step.

It must agree with dynamics.py bit for bit, and the tests hold it to that. A `Batch` is never written to, so any moment
can be branched from. All that is known of replies stays in `Tables`; a batch holds indices.

Axes: B episodes, T turns, C context slots, P experts of the registry in action order, F features of an expert.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maestro_env.dynamics import EXPERT_FEATURES, Rules, State, World
from maestro_env.recordings.recording import MISSING, STATUSES
from maestro_env.registry import STOP
from maestro_env.types import OUTCOMES, AnswerRule, Outcome, Status

_OK = STATUSES.index(Status.OK)
_SLOT_BITS = 16
_SLOT_MASK = (1 << _SLOT_BITS) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """A world's replies laid out flat, so that a call is one look-up.

    A call's cell is `(task * C + slot) * P + expert`. Arrays are read-only.
    """

    world: World
    num_slots: int
    num_experts: int
    effect: NDArray[np.int64]
    """[cells] vote and next slot in one number, as a gather costs more than a shift."""
    cost: NDArray[np.float32]
    """[cells] in the recording's cost unit."""
    confidence: NDArray[np.float32]
    """[cells] 0 where none was stated."""
    recorded: NDArray[np.int8]
    """[N * C, 1 + P] 1 for STOP and for each call that can be made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Where B episodes stand."""

    task: NDArray[np.int64]
    """[B] index into `recording.tasks`."""
    slot: NDArray[np.int64]
    """[B] of the current context."""
    used: NDArray[np.int64]
    """[B] turns used."""
    calls: NDArray[np.int64]
    """[T, B] `slot * P + expert`; `MISSING` for a turn that was lost to a masked action, or is still to come."""
    votes: NDArray[np.int64]
    """[T, B] equal for answers that are the same once normalised; `MISSING` where there is none."""
    latest: NDArray[np.int64]
    """[B] the call of the latest turn, as in `calls`; `MISSING` if that made none."""
    lost: NDArray[np.bool_]
    """[B] whether the latest turn was lost to a masked action."""
    cost: NDArray[np.float64]
    """[B] spent so far, in the recording's cost unit."""
    mask: NDArray[np.int8]
    """[B, 1 + P] 1 where an action is legal; STOP always is."""
    winner: NDArray[np.int64]
    """[B] the call whose answer settles the episode if it ends here, as in `calls`; `MISSING` without an answer."""
    strength: NDArray[np.float32]
    """[B] what a new answer must reach to settle it: votes, or confidence; 0 before any answer."""
    ended: NDArray[np.bool_]
    """[B]"""


_NAMES = tuple(field.name for field in fields(Batch))


@dataclass(frozen=True, kw_only=True, slots=True)
class Endings:
    """How episodes came out."""

    outcome: NDArray[np.int64]
    """[B] index into `OUTCOMES`."""
    answer: NDArray[np.int64]
    """[B] index into `recording.answers`; `MISSING` if there is none."""
    score: NDArray[np.float64]
    """[B] the task's score of it, in [0, 1]; 0 without an answer."""


def make_tables(world: World) -> Tables:
    """Lay out a world; costs time and memory once, in the size of the recording."""
    recording, columns = world.recording, list(world.column_of)
    vote_of = np.array([*world.vote_of, MISSING], np.int64)  # MISSING is -1: the last entry
    votes = vote_of[recording.answer[..., columns]]
    next_slot = recording.next_context[..., columns].astype(np.int64) & _SLOT_MASK
    effect = (votes << _SLOT_BITS) | next_slot
    num_tasks, num_slots, _ = recording.status.shape
    tables = Tables(
        world=world,
        num_slots=num_slots,
        num_experts=len(columns),
        effect=effect.reshape(-1),
        cost=np.ascontiguousarray(world.cost[..., columns]).reshape(-1),
        confidence=np.nan_to_num(recording.confidence[..., columns], nan=0.0).reshape(-1),
        recorded=world.recorded.reshape(num_tasks * num_slots, -1),
    )
    for array in (tables.effect, tables.cost, tables.confidence, tables.recorded):
        array.setflags(write=False)
    return tables


def reset(tables: Tables, rules: Rules, task: NDArray[np.int64]) -> Batch:
    """Return the episodes of some tasks at their start.

    Args:
        tables: Whose tasks.
        rules: How long episodes are.
        task: [B] indices into `recording.tasks`.
    """
    size = len(task)
    return Batch(
        task=task,
        slot=np.zeros(size, np.int64),
        used=np.zeros(size, np.int64),
        calls=np.full((rules.max_turns, size), MISSING, np.int64),
        votes=np.full((rules.max_turns, size), MISSING, np.int64),
        latest=np.full(size, MISSING, np.int64),
        lost=np.zeros(size, np.bool_),
        cost=np.zeros(size),
        mask=tables.recorded.take(task * tables.num_slots, axis=0),
        winner=np.full(size, MISSING, np.int64),
        strength=np.zeros(size, np.float32),
        ended=np.zeros(size, np.bool_),
    )


def step(tables: Tables, rules: Rules, batch: Batch, action: NDArray[np.int64]) -> Batch:
    """Return the episodes after one action each; those that have ended stay as they are.

    A masked action spends the turn and nothing else.

    Args:
        tables: Whose calls.
        rules: When episodes end.
        batch: Where they stand.
        action: [B] 0 to P.
    """
    if batch.ended.any():
        running = np.flatnonzero(~batch.ended)
        return put(batch, running, _step(tables, rules, take(batch, running), action[running]))
    return _step(tables, rules, batch, action)


def _step(tables: Tables, rules: Rules, batch: Batch, action: NDArray[np.int64]) -> Batch:
    size, experts, slots = len(action), tables.num_experts, tables.num_slots
    rows = np.arange(size)
    place = rows * (1 + experts) + action
    calling = action != STOP
    made = calling & (batch.mask.ravel().take(place) != 0)
    call = batch.slot * experts + action - 1
    # A row that makes no call looks up the first cell, and makes nothing of it.
    cell = np.where(made, batch.task * (slots * experts) + call, 0)
    effect = tables.effect.take(cell)

    turn = batch.used * size + rows
    calls, votes = batch.calls.copy(), batch.votes.copy()
    latest = np.where(made, call, MISSING)
    calls.ravel()[turn] = latest
    vote = np.where(made, effect >> _SLOT_BITS, MISSING)
    votes.ravel()[turn] = vote
    weight = _weight(tables, rules, votes, vote, cell)
    settles = (vote != MISSING) & (weight >= batch.strength)  # reaching is enough: the latest wins ties
    slot = np.where(made, effect & _SLOT_MASK, batch.slot)
    used = batch.used + calling

    mask = batch.mask.copy()
    mask.ravel()[place] = ~calling  # STOP stays legal; a masked action stays masked
    moved = np.flatnonzero(slot != batch.slot)
    if len(moved):
        mask[moved] = _mask(tables, batch.task[moved], slot[moved], calls[:, moved])
    return Batch(
        task=batch.task,
        slot=slot,
        used=used,
        calls=calls,
        votes=votes,
        latest=latest,
        lost=calling & ~made,
        cost=batch.cost + np.where(made, tables.cost.take(cell), np.float32(0)),
        mask=mask,
        winner=np.where(settles, call, batch.winner),
        strength=np.where(settles, weight, batch.strength),
        ended=~calling | (used >= rules.max_turns),
    )


def _weight(
    tables: Tables, rules: Rules, votes: NDArray[np.int64], vote: NDArray[np.int64], cell: NDArray[np.int64]
) -> NDArray[np.float32]:
    """[B] what the newest answer weighs. An answer's votes only grow by being given again: then it is the newest."""
    if rules.answer_rule is AnswerRule.VOTE:
        return (votes == vote).sum(axis=0, dtype=np.float32)
    if rules.answer_rule is AnswerRule.CONFIDENCE:
        return tables.confidence.take(cell)
    return np.ones(len(vote), np.float32)


def would_settle(tables: Tables, rules: Rules, batch: Batch) -> NDArray[np.bool_]:
    """Return [B, P] whose answer would settle the episode if the expert were called now and the episode ended then."""
    calls = batch.slot[:, None] * tables.num_experts + np.arange(tables.num_experts)
    cell = batch.task[:, None] * (tables.num_slots * tables.num_experts) + calls
    vote = tables.effect.take(cell) >> _SLOT_BITS
    if rules.answer_rule is AnswerRule.VOTE:
        weight = 1.0 + (batch.votes[:, :, None] == vote).sum(axis=0)
    elif rules.answer_rule is AnswerRule.CONFIDENCE:
        weight = tables.confidence.take(cell)
    else:
        weight = np.ones(vote.shape)
    return (vote != MISSING) & (weight >= batch.strength[:, None])


def _mask(
    tables: Tables, task: NDArray[np.int64], slot: NDArray[np.int64], calls: NDArray[np.int64]
) -> NDArray[np.int8]:
    """[B, 1 + P] what is legal in contexts: STOP, and each recorded expert that was not called there yet."""
    mask = tables.recorded.take(task * tables.num_slots + slot, axis=0)
    turn, here = np.nonzero((calls // tables.num_experts == slot) & (calls != MISSING))
    mask[here, 1 + calls[turn, here] % tables.num_experts] = 0
    return mask


def settle(tables: Tables, batch: Batch) -> Endings:
    """Return how episodes come out that end where they stand."""
    recording, winner = tables.world.recording, batch.winner
    outcome = np.full(len(winner), OUTCOMES.index(Outcome.WRONG))
    answer = np.full(len(winner), MISSING)
    score = np.zeros(len(winner))
    answered = np.flatnonzero(winner != MISSING)
    cell = _cells(tables, batch.task[answered], winner[answered])
    answer[answered], score[answered] = recording.answer[cell], recording.score[cell]
    outcome[score == 1.0] = OUTCOMES.index(Outcome.CORRECT)
    silent = np.flatnonzero(winner == MISSING)
    outcome[silent] = OUTCOMES.index(Outcome.UNANSWERED)
    turn, made = np.nonzero(batch.calls[:, silent] != MISSING)
    cell = _cells(tables, batch.task[silent[made]], batch.calls[turn, silent[made]])
    outcome[silent[made[recording.status[cell] != _OK]]] = OUTCOMES.index(Outcome.EXPERT_ERROR)
    return Endings(outcome=outcome, answer=answer, score=score)


def plurality(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return [B] the most frequent vote of each episode, the latest one among equals; `MISSING` where there is none."""
    counts = np.stack([(votes == vote).sum(axis=0) for vote in votes])
    counts[votes == MISSING] = 0
    latest = len(votes) - 1 - counts[::-1].argmax(axis=0)  # argmax takes the first of equals, here the latest
    return votes[latest, np.arange(votes.shape[1])]


def votes_of(tables: Tables, task: NDArray[np.int64], calls: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return [T, B] the vote of each turn's call, as in `Batch`."""
    made = calls != MISSING
    cell = task * (tables.num_slots * tables.num_experts) + calls
    return np.where(made, tables.effect.take(np.where(made, cell, 0)) >> _SLOT_BITS, MISSING)


def expert_features(
    tables: Tables,
    *,
    task: NDArray[np.int64],
    slot: NDArray[np.int64],
    calls: NDArray[np.int64],
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
    cell = _cells(tables, task[row], call)
    called_in, expert = cell[1], call % experts
    confidence = recording.confidence[cell]
    stated = ~np.isnan(confidence)
    known = np.empty((len(row), len(EXPERT_FEATURES)), np.float32)
    known[:, 0] = 1.0
    known[:, 1] = vote != MISSING
    known[:, 2] = (vote == plurality(votes)[row]) & (vote != MISSING)
    known[:, 3] = np.where(stated, confidence, 0.0)
    known[:, 4] = stated
    known[:, 5] = recording.status[cell] != _OK
    known[:, 6] = 0.0
    features[row, expert] = known
    here = called_in == slot[row]
    features[row[here], expert[here], 6] = 1.0
    return features


def budget(tables: Tables, rules: Rules, *, used: NDArray[np.int64], cost: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return [B, 2] share of turns left; cost so far, as a share of `max_turns` of the dearest calls."""
    shares = np.zeros((len(used), 2), np.float32)
    shares[:, 0] = 1.0 - used / rules.max_turns
    most = rules.max_turns * tables.world.largest_cost
    if most:
        shares[:, 1] = np.minimum(1.0, cost / most)
    return shares


def state_of(batch: Batch, row: int) -> State:
    """Return one of the episodes as dynamics.py knows it; its expert features are left empty."""
    used = int(batch.used[row])
    return State(
        task=int(batch.task[row]),
        slot=int(batch.slot[row]),
        calls=tuple(batch.calls[:used, row].tolist()),
        votes=tuple(batch.votes[:used, row].tolist()),
        cost=float(batch.cost[row]),
        mask=batch.mask[row],
        experts=np.zeros((0, len(EXPERT_FEATURES)), np.float32),
        ended=bool(batch.ended[row]),
    )


def take(batch: Batch, rows: NDArray[np.int64]) -> Batch:
    """Return some of the episodes."""
    taken = {name: getattr(batch, name)[..., rows] for name in _NAMES if name != "mask"}
    return Batch(**taken, mask=batch.mask[rows])


def restart(tables: Tables, rules: Rules, batch: Batch, rows: NDArray[np.int64], task: NDArray[np.int64]) -> Batch:
    """Start the episodes of tasks in some places of a batch that `step` returned and nobody else has: it is used up."""
    tasks = batch.task.copy()
    tasks[rows] = task
    batch.slot[rows] = 0
    batch.used[rows] = 0
    batch.calls[:, rows] = MISSING
    batch.votes[:, rows] = MISSING
    batch.latest[rows] = MISSING
    batch.lost[rows] = False
    batch.cost[rows] = 0.0
    batch.winner[rows] = MISSING
    batch.strength[rows] = 0.0
    batch.mask[rows] = tables.recorded.take(task * tables.num_slots, axis=0)
    batch.ended[rows] = False
    return replace(batch, task=tasks)


def put(batch: Batch, rows: NDArray[np.int64], others: Batch) -> Batch:
    """Return the episodes with others in some places."""
    changed = {name: getattr(batch, name).copy() for name in _NAMES}
    for name, values in changed.items():
        if name == "mask":
            values[rows] = others.mask
        else:
            values[..., rows] = getattr(others, name)
    return replace(batch, **changed)


def _cells(tables: Tables, task: Any, calls: NDArray[np.int64]) -> tuple[Any, NDArray[np.int64], NDArray[np.int64]]:
    """Return where the recording keeps calls of tasks."""
    slot, expert = np.divmod(calls, tables.num_experts)
    return task, slot, np.array(tables.world.column_of)[expert]
