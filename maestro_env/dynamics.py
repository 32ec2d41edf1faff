"""The MDP as pure functions: reset, step, mask, observe, settle. Seeds, spaces and infos are the shells' job.

A `State` is never changed: `step` returns a new one. All that is known of experts stays in the arrays of a
`Recording`; a call is a look-up there, so a shell that plays many episodes at once can gather the same rules' inputs
with index arrays. This scalar form avoids arrays wherever a few Python numbers do, because it is called once a step.

Axes: P experts of the registry in action order, F features of an expert, D and V embedding lengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import RegistryError
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.registry import STOP, Registry
from maestro_env.scoring import normalise
from maestro_env.types import AnswerRule, Outcome, Status

EXPERT_FEATURES = ("invoked", "answered", "agrees", "confidence", "has_confidence", "failed", "invoked_here")
"""Columns of `State.experts`. They tell of an expert's latest reply: `agrees` with the plurality of the answers so
far; `confidence` is 0 where none was stated; `invoked_here` means in the current context."""

_AGREES = EXPERT_FEATURES.index("agrees")
_INVOKED_HERE = EXPERT_FEATURES.index("invoked_here")
_OK = STATUSES.index(Status.OK)


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What a registry's experts replied, with what `step` looks up again and again worked out beforehand."""

    recording: Recording
    registry: Registry
    column_of: tuple[int, ...]
    """[P] where the recording keeps each expert."""
    recorded: NDArray[np.int8]
    """[N, C, 1 + P] 1 for STOP and for each call that can be made."""
    cost: NDArray[np.float32]
    """[N, C, P of the recording] in the recording's cost unit."""
    largest_cost: float
    """Of any one call; what budgets are scaled by."""
    vote_of: tuple[int, ...]
    """By index into `recording.answers`: equal for answers that are the same once normalised."""

    def __deepcopy__(self, memo: object) -> "World":
        return self  # never changes, so copies of an environment share it


def make_world(recording: Recording, registry: Registry, *, lazy: bool = False, largest_cost: float = 0.0) -> World:
    """Return the world of some or all of a recording's experts.

    Args:
        recording: Must hold every expert of the registry.
        registry: What the actions name; any part of the recording's experts, in any order.
        lazy: Whether calls are recorded when they are made; then a missing one can be made.
        largest_cost: What budgets are scaled by if it is more than any cost in the recording.

    Raises:
        RegistryError: The registry names an expert that the recording does not hold.
    """
    recorded = recording.registry.ids
    unrecorded = [expert_id for expert_id in registry.ids if expert_id not in recorded]
    if unrecorded:
        raise RegistryError(
            f"Registry {registry.name!r} names experts that recording {recording.name!r} does not hold: {unrecorded}. "
            f"Recorded are {list(recorded)}. Give another recording, or registry=None for all that it holds."
        )
    column_of = tuple(recorded.index(expert_id) for expert_id in registry.ids)
    first_of: dict[str, int] = {}
    return World(
        recording=recording,
        registry=registry,
        column_of=column_of,
        recorded=_recorded(recording, column_of, lazy=lazy),
        cost=recording.cost,
        largest_cost=max(largest_cost, float(recording.cost.max(initial=0.0))),
        vote_of=tuple(first_of.setdefault(normalise(answer), i) for i, answer in enumerate(recording.answers)),
    )


def _recorded(recording: Recording, column_of: Sequence[int], *, lazy: bool) -> NDArray[np.int8]:
    num_tasks, num_slots, _ = recording.status.shape
    recorded = np.ones((num_tasks, num_slots, 1 + len(column_of)), np.int8)
    if not lazy:
        recorded[..., 1:] = recording.status[..., list(column_of)] != MISSING
    recorded.setflags(write=False)
    return recorded


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What may differ between two environments over one world."""

    max_turns: int
    """An episode ends with this many turns at the latest; at least 1. A turn lost to a masked action counts."""
    answer_rule: AnswerRule


@dataclass(kw_only=True, slots=True)
class State:
    """Where an episode stands. Never written to, nor are its arrays.

    Not frozen all the same: that would cost a tenth of a step.
    """

    task: int
    """Index into `recording.tasks`."""
    slot: int
    """Of the current context."""
    calls: tuple[int, ...]
    """One a turn: `slot * P + expert`; `MISSING` for a turn that was lost to a masked action."""
    votes: tuple[int, ...]
    """One a turn: what `World.vote_of` says of the answer; `MISSING` where there is none."""
    cost: float
    """Spent so far, in the recording's cost unit."""
    mask: NDArray[np.int8]
    """[1 + P] 1 where an action is legal; STOP always is."""
    experts: NDArray[np.float32]
    """[P, F] `EXPERT_FEATURES`, in [0, 1]."""
    ended: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """How an episode came out."""

    outcome: Outcome
    answer: str
    """The final answer; empty if there is none."""
    score: float
    """The task's score of it, in [0, 1]; 0 without an answer."""


def reset(world: World, task: int) -> State:
    """Return the state in which the episode of a task starts."""
    num_experts = len(world.column_of)
    return State(
        task=task,
        slot=0,
        calls=(),
        votes=(),
        cost=0.0,
        mask=action_mask(world, task, 0, ()),
        experts=np.zeros((num_experts, len(EXPERT_FEATURES)), np.float32),
        ended=False,
    )


def action_mask(world: World, task: int, slot: int, calls: Sequence[int]) -> NDArray[np.int8]:
    """Return which actions are legal in a context: STOP, and each recorded expert that was not called there yet.

    Args:
        world: Whose calls.
        task: Index of the task.
        slot: Of the context.
        calls: As in `State.calls`.

    Returns:
        [1 + P] int8, 1 for legal.
    """
    num_experts = len(world.column_of)
    mask = world.recorded[task, slot].copy()
    for call in calls:
        if call != MISSING and call // num_experts == slot:
            mask[1 + call % num_experts] = 0
    return mask


def step(world: World, rules: Rules, state: State, action: int) -> State:
    """Return the state after an action of a state that has not ended.

    A masked action spends the turn and nothing else.

    Args:
        world: Whose calls.
        rules: When the episode ends.
        state: Where it stands.
        action: 0 to P, or `MISSING` for a turn that names no expert: that is masked everywhere.
    """
    turns = len(state.calls) + 1
    if action <= STOP or not state.mask[action]:
        lost = action != STOP
        return State(
            task=state.task,
            slot=state.slot,
            calls=(*state.calls, MISSING) if lost else state.calls,
            votes=(*state.votes, MISSING) if lost else state.votes,
            cost=state.cost,
            mask=state.mask,
            experts=state.experts,
            ended=not lost or turns >= rules.max_turns,
        )
    recording = world.recording
    num_experts = len(world.column_of)
    expert = action - 1
    task, slot, column = state.task, state.slot, world.column_of[expert]
    answer = recording.answer.item(task, slot, column)
    vote = MISSING if answer == MISSING else world.vote_of[answer]
    calls = (*state.calls, slot * num_experts + expert)
    votes = (*state.votes, vote)

    confidence = recording.confidence.item(task, slot, column)
    stated = not isnan(confidence)
    experts = state.experts.copy()
    experts[expert] = (
        1.0,
        answer != MISSING,
        0.0,
        confidence if stated else 0.0,
        stated,
        recording.status.item(task, slot, column) != _OK,
        1.0,
    )
    if vote != MISSING:  # otherwise the plurality is what it was
        plurality = votes[_plurality(votes)]
        for call, said in zip(calls, votes, strict=True):  # later replies of an expert overwrite earlier ones
            if call != MISSING:
                experts[call % num_experts, _AGREES] = said == plurality

    next_slot = recording.next_context.item(task, slot, column)
    if next_slot == slot:
        mask = state.mask.copy()
        mask[action] = 0
    else:
        mask = action_mask(world, task, next_slot, calls)
        experts[:, _INVOKED_HERE] = 0.0
        for call in calls:
            if call != MISSING and call // num_experts == next_slot:
                experts[call % num_experts, _INVOKED_HERE] = 1.0
    return State(
        task=task,
        slot=next_slot,
        calls=calls,
        votes=votes,
        cost=state.cost + world.cost.item(task, slot, column),
        mask=mask,
        experts=experts,
        ended=turns >= rules.max_turns,
    )


def observe(world: World, rules: Rules, state: State) -> dict[str, NDArray[np.float32] | NDArray[np.int8]]:
    """Return the observation of a state, in arrays of its own.

    Returns:
        `question` [D], `view` [V], `experts` [P * F] row by row, `budget` [2] (share of turns left; share spent of
        what `max_turns` of the dearest calls would cost, at most 1), all float32; `action_mask` [1 + P] int8.
    """
    budget = np.empty(2, np.float32)
    budget[0] = 1.0 - len(state.calls) / rules.max_turns
    most = rules.max_turns * world.largest_cost
    budget[1] = min(1.0, state.cost / most) if most else 0.0
    return {
        "action_mask": state.mask.copy(),
        "budget": budget,
        "experts": state.experts.flatten(),
        "question": world.recording.question[state.task].copy(),
        "view": world.recording.view[state.task, state.slot].astype(np.float32),
    }


def settle(world: World, rules: Rules, state: State) -> Settlement:
    """Return how an episode comes out that ends in a state: its answer by the rule, scored."""
    recording = world.recording
    num_experts = len(world.column_of)
    turn = _winning_turn(world, rules, state)
    if turn == MISSING:
        cells = [_cell(world, state, call, num_experts) for call in state.calls if call != MISSING]
        failed = any(recording.status.item(cell) != _OK for cell in cells)
        return Settlement(outcome=Outcome.EXPERT_ERROR if failed else Outcome.UNANSWERED, answer="", score=0.0)
    cell = _cell(world, state, state.calls[turn], num_experts)
    score = recording.score.item(cell)
    return Settlement(
        outcome=Outcome.CORRECT if score == 1.0 else Outcome.WRONG,
        answer=recording.answers[recording.answer.item(cell)],
        score=score,
    )


def _cell(world: World, state: State, call: int, num_experts: int) -> tuple[int, int, int]:
    slot, expert = divmod(call, num_experts)
    return state.task, slot, world.column_of[expert]


def _winning_turn(world: World, rules: Rules, state: State) -> int:
    if rules.answer_rule is AnswerRule.VOTE:
        return _plurality(state.votes)
    answered = [turn for turn, vote in enumerate(state.votes) if vote != MISSING]
    if not answered:
        return MISSING
    if rules.answer_rule is AnswerRule.LAST:
        return answered[-1]
    num_experts = len(world.column_of)

    def confidence(turn: int) -> float:
        stated = world.recording.confidence.item(_cell(world, state, state.calls[turn], num_experts))
        return 0.0 if isnan(stated) else stated

    return max(answered, key=lambda turn: (confidence(turn), turn))


def _plurality(votes: Sequence[int]) -> int:
    """Return the latest turn that gave the most frequent answer, the latest one among equals; MISSING if none did."""
    best, best_count = MISSING, 0
    for turn in range(len(votes) - 1, -1, -1):
        if votes[turn] != MISSING and (count := votes.count(votes[turn])) > best_count:
            best, best_count = turn, count
    return best
