"""Every fixed sequence of calls, scored exactly on recorded replies. Following one is open_loop_plan.py's job.

Axes: n tasks, C context slots a task, P experts. A plan is a tuple of places in the registry. A call that is masked
when its turn comes (not recorded, or already made in the same context) is passed over: it costs and changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.scoring import normalise
from maestro_env.types import AnswerRule


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A fixed sequence of calls and what it earned on the tasks it was searched on."""

    experts: tuple[int, ...]
    """Places in the registry, in the order of the calls."""
    score: float
    """Mean score of the settled answer, in [0, 1]."""
    cost: float
    """Mean cost, in the recording's unit."""


@dataclass(frozen=True, kw_only=True)
class Extensions:
    """What becomes of a sequence of calls when each expert in turn is called after it."""

    prefix: tuple[int, ...]
    """The calls made before."""
    score: NDArray[np.float32]
    """[P, n] score of the settled answer after `prefix` and the call of each expert."""
    cost: NDArray[np.float32]
    """[P, n] cost of all those calls together."""


@dataclass(frozen=True, kw_only=True)
class _View:
    """Replies in each task's current context, and the context itself."""

    context: NDArray[np.int16]
    """[n]"""
    legal: NDArray[np.bool_]
    """[P, n]"""
    answer: NDArray[np.int32]
    """[P, n]"""
    score: NDArray[np.float32]
    """[P, n]"""
    confidence: NDArray[np.float32]
    """[P, n] with 0 where none was stated."""
    cost: NDArray[np.float32]
    """[P, n]"""
    next_context: NDArray[np.int16]
    """[P, n]"""


@dataclass(frozen=True, kw_only=True)
class _Played:
    """The state of every task after a sequence of calls."""

    prefix: tuple[int, ...]
    contexts: tuple[NDArray[np.int16], ...]
    """For each call, [n] the context it was made in."""
    answers: tuple[NDArray[np.int32], ...]
    """For each call, [n] its answer; `MISSING` where it gave none."""
    strength: NDArray[np.float32]
    """[n] what a new answer must reach to become the settled one: votes, or confidence; 0 before any answer."""
    score: NDArray[np.float32]
    """[n] score of the settled answer."""
    cost: NDArray[np.float32]
    """[n]"""


def extensions(recording: Recording, *, max_calls: int, rule: AnswerRule) -> Iterator[Extensions]:
    """Yield every sequence of at most `max_calls` calls with its score on every task, all last calls at once.

    Nothing is pruned but calls that are masked in every task: up to P + P^2 + ... + P^max_calls sequences are scored.

    Args:
        recording: Replies to the tasks to plan for.
        max_calls: At least 1.
        rule: How the episode's answer is settled.

    Raises:
        ConfigurationError: `max_calls` is below 1.
    """
    if max_calls < 1:
        raise ConfigurationError(f"A plan of {max_calls} calls is no plan; expected max_calls of 1 or more.")
    size = len(recording.tasks)
    recording = replace(recording, answer=as_votes(recording))
    view = _look(recording, np.zeros(size, np.int16))
    none = np.zeros(size, np.float32)
    start = _Played(prefix=(), contexts=(), answers=(), strength=none, score=none, cost=none)
    yield from _extend(recording, start, view, max_calls, AnswerRule(rule))


def best_plan(recording: Recording, *, max_calls: int, rule: AnswerRule, cost_weight: float = 0.0) -> Plan:
    """Return the plan with the highest mean score minus `cost_weight` x mean cost; exact, by exhaustion.

    Of plans that are equally good the shortest is taken, and of those the first in the order of the registry.

    Args:
        recording: Replies to the tasks to plan for; at least one task.
        max_calls: The most calls a plan may hold, 1 or more.
        rule: How the episode's answer is settled.
        cost_weight: Reward given up for one unit of cost.

    Raises:
        ConfigurationError: No tasks, or `max_calls` is below 1.
    """
    (plan,) = best_plans(recording, max_calls=max_calls, rule=rule, cost_weights=(cost_weight,))
    return plan


def best_plans(
    recording: Recording, *, max_calls: int, rule: AnswerRule, cost_weights: Sequence[float]
) -> tuple[Plan, ...]:
    """Return the best plan at each of several cost weights, as `best_plan` does, in one search for all of them.

    Raises:
        ConfigurationError: No tasks, or `max_calls` is below 1.
    """
    if not recording.tasks:
        raise ConfigurationError("Cannot search a plan on no tasks; give a recording that holds at least one.")
    best = [Plan(experts=(), score=0.0, cost=0.0)] * len(cost_weights)
    best_values = [0.0] * len(cost_weights)
    for extension in extensions(recording, max_calls=max_calls, rule=rule):
        score = extension.score.mean(axis=1, dtype=np.float64)
        cost = extension.cost.mean(axis=1, dtype=np.float64)
        for place, cost_weight in enumerate(cost_weights):
            value = score - cost_weight * cost
            last = int(value.argmax())
            experts = (*extension.prefix, last)
            gain = float(value[last]) - best_values[place]
            if gain > _TIE or (gain > -_TIE and len(experts) < len(best[place].experts)):
                best_values[place] = float(value[last])
                best[place] = Plan(experts=experts, score=float(score[last]), cost=float(cost[last]))
    return tuple(best)


_TIE = 1e-9
"""Mean scores closer than this are the same up to rounding; one task more of a million is 1e-6."""


def as_votes(recording: Recording) -> NDArray[np.int32]:
    """Return [N, C, P] answers in which those that are the same once normalised have the same number."""
    first_of: dict[str, int] = {}
    vote_of = [first_of.setdefault(normalise(answer), i) for i, answer in enumerate(recording.answers)]
    return np.array([*vote_of, MISSING], np.int32)[recording.answer]  # MISSING is -1: the last entry


def _look(recording: Recording, context: NDArray[np.int16]) -> _View:
    rows = np.arange(len(context))

    def here(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return np.ascontiguousarray(values[rows, context].T)

    return _View(
        context=context,
        legal=here(recording.status) != MISSING,
        answer=here(recording.answer).astype(np.int32),
        score=here(recording.score).astype(np.float32),
        confidence=np.nan_to_num(here(recording.confidence).astype(np.float32), nan=0.0),
        cost=here(recording.cost).astype(np.float32),
        next_context=here(recording.next_context).astype(np.int16),
    )


def _extend(
    recording: Recording, played: _Played, view: _View, calls_left: int, rule: AnswerRule
) -> Iterator[Extensions]:
    legal = _unmasked(played, view)
    answered = legal & (view.answer != MISSING)
    strength = _strength(played, view, rule)
    settles = answered & (strength >= played.strength)
    score = np.where(settles, view.score, played.score)
    cost = played.cost + np.where(legal, view.cost, np.float32(0))
    yield Extensions(prefix=played.prefix, score=score, cost=cost)
    if calls_left == 1:
        return
    for expert in range(len(score)):
        if not legal[expert].any():
            continue
        after = _Played(
            prefix=(*played.prefix, expert),
            contexts=(*played.contexts, view.context),
            answers=(*played.answers, np.where(answered[expert], view.answer[expert], np.int32(MISSING))),
            strength=np.where(settles[expert], strength[expert], played.strength),
            score=score[expert],
            cost=cost[expert],
        )
        context = np.where(legal[expert], view.next_context[expert], view.context)
        moved = bool((context != view.context).any())
        yield from _extend(recording, after, _look(recording, context) if moved else view, calls_left - 1, rule)


def _unmasked(played: _Played, view: _View) -> NDArray[np.bool_]:
    """[P, n] whether a call is recorded and was not made in this context before."""
    legal = view.legal.copy()
    for expert, context in zip(played.prefix, played.contexts, strict=True):
        legal[expert] &= context != view.context
    return legal


def _strength(played: _Played, view: _View, rule: AnswerRule) -> NDArray[np.float32]:
    """[P, n] what each call's answer would weigh; it settles the episode if it reaches the strongest so far.

    Reaching is enough because the latest wins ties. For votes this is the whole plurality rule: an answer's count
    only grows by being given again, so only the newest answer can overtake.
    """
    match rule:
        case AnswerRule.VOTE:
            votes = np.ones(view.answer.shape, np.float32)
            for answer in played.answers:
                votes += answer == view.answer
            return votes
        case AnswerRule.CONFIDENCE:
            return view.confidence
        case AnswerRule.LAST:
            return np.ones(view.answer.shape, np.float32)
