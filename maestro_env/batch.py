"""The MDP of dynamics.py for many episodes at once: the same rules as index arrays, a few array operations a step.

It must agree with dynamics.py bit for bit, and the tests hold it to that. A `Batch` is never written to, so any moment
can be branched from. All that is known of replies stays in `Tables`; a batch holds indices.

Axes: B episodes, T turns, C context slots, P experts of the registry in action order, F features of an expert.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maestro_env.dynamics import EXPERT_FEATURES, Rules, State, World
from maestro_env.recordings.recording import MISSING, STATUSES
from maestro_env.registry import STOP
from maestro_env.types import OUTCOMES, AnswerRule, Outcome, Status

_OK = STATUSES.index(Status.OK)
Ints = NDArray[np.integer[Any]]
REPLY = np.dtype(
    [
        ("vote", np.int32),
        ("slot", np.int16),
        ("stated", np.bool_),
        ("failed", np.bool_),
        ("cost", np.float32),
        ("confidence", np.float32),
    ]
)
"""A reply: its vote, the slot of the context it leads to, whether a confidence was stated and whether the call failed,
its cost in the recording's unit, its confidence or 0. Sixteen bytes, so that it fits a line of the cache.
"""
_NO_CALL, _NO_COST = np.int32(MISSING), np.float32(0)
LOST = MISSING - 1
"""In place of a call: the turn was lost to a masked action."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tables:
    """A world's replies laid out flat, so that a call is one look-up.

    A call's cell is `(task * C + slot) * P + expert`. Arrays are read-only.
    """

    world: World
    num_slots: int
    num_experts: int
    replies: NDArray[np.void]
    """[cells] of `REPLY`: what a step needs of a reply lies together, as memory is what a look-up waits for."""
    columns: NDArray[np.int64]
    """[P] of the recording."""
    recorded: NDArray[np.int8]
    """[N * C, 1 + P] 1 for STOP and for each call that can be made."""


_TASK, _SLOT, _USED, _LATEST, _WINNER, _ENDED, _TURNS = range(7)
"""Rows of `Batch.numbers`; from `_TURNS` on, T of calls and T of votes."""
_COST, _STRENGTH = range(2)
"""Rows of `Batch.amounts`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Where B episodes stand: in three arrays, as moving a dozen would cost more than the step."""

    numbers: NDArray[np.int32]
    """[6 + 2 T, B]"""
    amounts: NDArray[np.float64]
    """[2, B]"""
    mask: NDArray[np.int8]
    """[B, 1 + P] 1 where an action is legal; STOP always is."""

    @property
    def task(self) -> NDArray[np.int32]:
        """[B] index into `recording.tasks`."""
        return self.numbers[_TASK]

    @property
    def slot(self) -> NDArray[np.int32]:
        """[B] of the current context."""
        return self.numbers[_SLOT]

    @property
    def used(self) -> NDArray[np.int32]:
        """[B] turns used."""
        return self.numbers[_USED]

    @property
    def latest(self) -> NDArray[np.int32]:
        """[B] the call of the latest action, as in `calls`; `LOST` if that was masked, `MISSING` if it was no call."""
        return self.numbers[_LATEST]

    @property
    def winner(self) -> NDArray[np.int32]:
        """[B] the call whose answer settles the episode if it ends here, as in `calls`; `MISSING` without an answer."""
        return self.numbers[_WINNER]

    @property
    def ended(self) -> NDArray[np.bool_]:
        """[B] whether nothing more happens."""
        return self.numbers[_ENDED] != 0

    @property
    def calls(self) -> NDArray[np.int32]:
        """[T, B] `slot * P + expert`; `MISSING` for a turn that was lost to a masked action, or is still to come."""
        return self.numbers[_TURNS : (_TURNS + len(self.numbers)) // 2]

    @property
    def votes(self) -> NDArray[np.int32]:
        """[T, B] equal for answers that are the same once normalised; `MISSING` where there is none."""
        return self.numbers[(_TURNS + len(self.numbers)) // 2 :]

    @property
    def cost(self) -> NDArray[np.float64]:
        """[B] spent so far, in the recording's cost unit."""
        return self.amounts[_COST]

    @property
    def strength(self) -> NDArray[np.float64]:
        """[B] what a new answer must reach to settle it: votes, or confidence; 0 before any answer."""
        return self.amounts[_STRENGTH]

    def copy(self) -> "Batch":
        """Return the same in arrays of its own."""
        return Batch(numbers=self.numbers.copy(), amounts=self.amounts.copy(), mask=self.mask.copy())


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
    vote_of = np.array([*world.vote_of, MISSING], np.int32)  # MISSING is -1: the last entry
    num_tasks, num_slots, _ = recording.status.shape
    replies = np.empty((num_tasks, num_slots, len(columns)), REPLY)
    replies["vote"] = vote_of[recording.answer[..., columns]]
    replies["slot"] = recording.next_context[..., columns]
    replies["cost"] = world.cost[..., columns]
    replies["stated"] = ~np.isnan(recording.confidence[..., columns])
    replies["failed"] = recording.status[..., columns] != _OK
    replies["confidence"] = np.nan_to_num(recording.confidence[..., columns], nan=0.0)
    tables = Tables(
        world=world,
        num_slots=num_slots,
        num_experts=len(columns),
        replies=replies.reshape(-1),
        columns=np.array(columns),
        recorded=world.recorded.reshape(num_tasks * num_slots, -1),
    )
    for array in (tables.replies, tables.columns, tables.recorded):
        array.setflags(write=False)
    return tables


def reset(tables: Tables, rules: Rules, task: Ints) -> Batch:
    """Return the episodes of some tasks at their start.

    Args:
        tables: Whose tasks.
        rules: How long episodes are.
        task: [B] indices into `recording.tasks`.
    """
    size = len(task)
    numbers = np.full((_TURNS + 2 * rules.max_turns, size), MISSING, np.int32)
    numbers[_TASK] = task
    numbers[[_SLOT, _USED, _ENDED]] = 0
    return Batch(
        numbers=numbers,
        amounts=np.zeros((2, size)),
        mask=tables.recorded.take(task * tables.num_slots, axis=0),
    )


def step(tables: Tables, rules: Rules, batch: Batch, action: Ints) -> Batch:
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


def _step(tables: Tables, rules: Rules, batch: Batch, action: Ints) -> Batch:
    size, experts = len(action), tables.num_experts
    rows = np.arange(size)
    place = rows * (1 + experts) + action
    calling = action != STOP
    made = calling & (batch.mask.ravel().take(place) != 0)
    call = batch.slot * experts + (action - 1).astype(np.int32)
    # A row that makes no call looks up the first cell, and makes nothing of it.
    reply = tables.replies.take(np.where(made, _first_cells(tables, batch.task) + call, 0))
    vote = np.where(made, reply["vote"], _NO_CALL)
    made_call = np.where(made, call, _NO_CALL)

    after = batch.copy()
    turn = batch.used * size + rows
    after.calls.ravel()[turn] = made_call
    after.votes.ravel()[turn] = vote
    weight = _weight(rules, after.votes, vote, reply["confidence"])
    settles = (vote != MISSING) & (weight >= batch.strength)  # reaching is enough: the latest wins ties
    after.winner[:] = np.where(settles, call, batch.winner)
    after.strength[:] = np.where(settles, weight, batch.strength)
    after.slot[:] = np.where(made, reply["slot"], batch.slot)
    after.cost[:] += np.where(made, reply["cost"], _NO_COST)
    after.used[:] += calling
    after.latest[:] = np.where(made == calling, made_call, LOST)
    after.numbers[_ENDED] = ~calling | (after.used >= rules.max_turns)

    after.mask.ravel()[place] = (~calling).view(np.int8)  # STOP stays legal; a masked action stays masked
    moved = np.flatnonzero(after.slot != batch.slot)
    if len(moved):
        after.mask[moved] = _mask(tables, take(after, moved))
    return after


def _weight(rules: Rules, votes: Ints, vote: Ints, confidence: NDArray[np.float32]) -> NDArray[Any]:
    """[B] what the newest answer weighs. An answer's votes only grow by being given again: then it is the newest."""
    if rules.answer_rule is AnswerRule.VOTE:
        return np.add.reduce((votes == vote).view(np.int8), axis=0, dtype=np.int32)
    if rules.answer_rule is AnswerRule.CONFIDENCE:
        return confidence
    return np.ones(len(vote))


def would_settle(tables: Tables, rules: Rules, batch: Batch) -> NDArray[np.bool_]:
    """Return [B, P] whose answer would settle the episode if the expert were called now and the episode ended then."""
    calls = batch.slot[:, None] * tables.num_experts + np.arange(tables.num_experts)
    reply = tables.replies.take(_first_cells(tables, batch.task)[:, None] + calls)
    vote = reply["vote"]
    if rules.answer_rule is AnswerRule.VOTE:
        weight = 1.0 + (batch.votes[:, :, None] == vote).sum(axis=0)
    elif rules.answer_rule is AnswerRule.CONFIDENCE:
        weight = reply["confidence"]
    else:
        weight = np.ones(vote.shape)
    return (vote != MISSING) & (weight >= batch.strength[:, None])


def _mask(tables: Tables, batch: Batch) -> NDArray[np.int8]:
    """[B, 1 + P] what is legal in the contexts: STOP, and each recorded expert that was not called there yet."""
    mask = tables.recorded.take(batch.task * tables.num_slots + batch.slot, axis=0)
    slot, expert = np.divmod(batch.calls, tables.num_experts)
    turn, here = np.nonzero((slot == batch.slot) & (batch.calls != MISSING))
    mask[here, 1 + expert[turn, here]] = 0
    return mask


def settle(tables: Tables, batch: Batch) -> Endings:
    """Return how episodes come out that end where they stand."""
    recording, winner = tables.world.recording, batch.winner
    answered = winner != MISSING
    place = places(tables, recording.score.shape[2], batch.task, winner)
    score = np.where(answered, recording.score.ravel().take(place), 0.0)
    outcome = np.where(score == 1.0, OUTCOMES.index(Outcome.CORRECT), OUTCOMES.index(Outcome.WRONG))
    silent = np.flatnonzero(~answered)
    outcome[silent] = OUTCOMES.index(Outcome.UNANSWERED)
    row, _, reply = made_calls(tables, batch.task[silent], batch.calls[:, silent])
    outcome[silent[row[reply["failed"]]]] = OUTCOMES.index(Outcome.EXPERT_ERROR)
    answer = np.where(answered, recording.answer.ravel().take(place), MISSING)
    return Endings(outcome=outcome, answer=answer, score=score)


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


def take(batch: Batch, rows: Ints) -> Batch:
    """Return some of the episodes."""
    return Batch(
        numbers=batch.numbers.take(rows, axis=1),
        amounts=batch.amounts.take(rows, axis=1),
        mask=batch.mask.take(rows, axis=0),
    )


def put(batch: Batch, rows: Ints, others: Batch) -> Batch:
    """Return the episodes with others in some places."""
    after = batch.copy()
    overwrite(after, rows, others)
    return after


def placed(batch: Batch, rows: Ints, size: int) -> Batch:
    """Return the episodes at some of `size` places, with 0 everywhere else."""
    spread = Batch(
        numbers=np.zeros((len(batch.numbers), size), np.int32),
        amounts=np.zeros((len(batch.amounts), size)),
        mask=np.zeros((size, batch.mask.shape[1]), np.int8),
    )
    overwrite(spread, rows, batch)
    return spread


def overwrite(batch: Batch, rows: Ints, others: Batch) -> None:
    """Write episodes into some places of a batch that `step` or `put` returned and nobody else has."""
    for old, new in ((batch.numbers, others.numbers), (batch.amounts, others.amounts)):
        for row, values in zip(old, new, strict=True):  # faster than one assignment of both axes
            row[rows] = values
    batch.mask[rows] = others.mask


def made_calls(tables: Tables, task: Ints, calls: Ints) -> tuple[NDArray[np.int64], Ints, NDArray[np.void]]:
    """Return the row [K] of each call that was made, the call [K] and its reply [K], turn by turn.

    Args:
        tables: Whose replies.
        task: [B] as in `Batch`.
        calls: [T, B] as in `Batch`.
    """
    turn, row = np.nonzero(calls != MISSING)
    call = calls[turn, row]
    return row, call, tables.replies.take(_first_cells(tables, task[row]) + call)


def _first_cells(tables: Tables, task: Ints) -> NDArray[np.int64]:
    """Return the cell of each task's first expert in its first context."""
    return task.astype(np.int64) * (tables.num_slots * tables.num_experts)


def places(tables: Tables, columns: int, task: Ints, calls: Ints) -> NDArray[np.int64]:
    """Return where calls of tasks lie in the recording's arrays [N, C, columns], laid out flat.

    `MISSING` and `LOST` lie somewhere too.
    """
    slot, expert = np.divmod(calls, tables.num_experts)
    return (task.astype(np.int64) * tables.num_slots + slot) * columns + tables.columns[expert]
