"""Many recorded episodes played side by side with array operations, for agents that are fitted on recordings.

It must agree with `maestro_env.dynamics` step for step, and the tests hold it to that. Evaluation uses the environment.

Axes: n episodes (one a task of the recording), T turns, C context slots, P experts, F features of an expert.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maestro_agents.recorded_tasks import Terms
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.registry import STOP
from maestro_env.scoring import normalise
from maestro_env.types import AnswerRule, Status

_OK = STATUSES.index(Status.OK)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where every episode stands."""

    slot: NDArray[np.int64]
    """[n] the current context's slot."""
    experts: NDArray[np.float32]
    """[n, P, F] as in the observation."""
    legal: NDArray[np.bool_]
    """[n, 1 + P]"""
    turns_left: NDArray[np.int64]
    """[n]"""
    score: NDArray[np.float32]
    """[n] what the answer would score if the episode stopped here; no policy may look at it."""
    cost: NDArray[np.float32]
    """[n] spent so far."""
    ended: NDArray[np.bool_]
    """[n]"""


Policy = Callable[[Moment], NDArray[np.int64]]
"""Returns [n] actions; those of ended episodes are not used."""


def as_votes(recording: Recording) -> NDArray[np.int32]:
    """Return [N, C, P] answers in which those that are the same once normalised have the same number."""
    first_of: dict[str, int] = {}
    vote_of = [first_of.setdefault(normalise(answer), i) for i, answer in enumerate(recording.answers)]
    return np.array([*vote_of, MISSING], np.int32)[recording.answer]  # MISSING is -1: the last entry


def play(recording: Recording, terms: Terms, policy: Policy) -> list[Moment]:
    """Play every task once and return all moments, from the start to the end.

    Args:
        recording: n tasks.
        terms: When episodes end and how their answers are settled.
        policy: What to do.
    """
    size, _, experts = recording.status.shape
    rows = np.arange(int(size))
    cost_of, answers = recording.cost, as_votes(recording)
    slot = np.zeros(size, np.int64)
    called = np.zeros(recording.status.shape, bool)
    features = np.zeros((size, experts, len(EXPERT_FEATURES)), np.float32)
    votes = np.full((size, terms.max_turns), MISSING, np.int32)
    said_by = np.full((size, terms.max_turns), MISSING)
    scores = np.zeros((size, terms.max_turns), np.float32)
    confidences = np.zeros((size, terms.max_turns), np.float32)
    cost = np.zeros(size, np.float32)
    ended = np.zeros(size, bool)
    used = np.zeros(size, np.int64)
    moments: list[Moment] = []
    for turn in range(terms.max_turns + 1):
        legal = np.ones((size, 1 + experts), bool)
        legal[:, 1:] = (recording.status[rows, slot] != MISSING) & ~called[rows, slot]
        features[..., 6] = called[rows, slot]
        winner = _winner(votes, confidences, terms.answer_rule)
        moments.append(
            Moment(
                slot=slot.copy(),
                experts=features.copy(),
                legal=legal,
                turns_left=terms.max_turns - used,
                score=np.where(winner == MISSING, np.float32(0), scores[rows, winner]),
                cost=cost.copy(),
                ended=ended.copy(),
            )
        )
        if turn == terms.max_turns or ended.all():
            break
        actions = policy(moments[-1])
        calling = ~ended & (actions != STOP)
        made = np.flatnonzero(calling & legal[rows, actions])
        here, expert = slot[made], actions[made] - 1
        cell = (made, here, expert)
        votes[made, turn], scores[made, turn] = answers[cell], recording.score[cell]
        said_by[made, turn] = expert
        stated = recording.confidence[cell]
        confidences[made, turn] = np.nan_to_num(stated, nan=0.0)
        cost[made] += cost_of[cell]
        called[cell] = True
        features[made, expert, 0] = 1.0
        features[made, expert, 1] = answers[cell] != MISSING
        features[made, expert, 3] = np.nan_to_num(stated, nan=0.0)
        features[made, expert, 4] = ~np.isnan(stated)
        features[made, expert, 5] = recording.status[cell] != _OK
        _mark_agreement(features, votes, said_by, made)
        slot[made] = recording.next_context[cell]
        used += calling
        ended |= ~calling
        ended |= used >= terms.max_turns
    return moments


def _mark_agreement(
    features: NDArray[np.float32], votes: NDArray[np.int32], said_by: NDArray[np.int64], made: NDArray[np.int64]
) -> None:
    """Note, of every expert called so far, whether its latest reply gives the plurality's answer."""
    winner = _winner(votes[made], np.zeros((len(made), votes.shape[1]), np.float32), AnswerRule.VOTE)
    plurality = np.where(winner == MISSING, MISSING, votes[made, winner])
    features[made, :, 2] = 0.0
    for turn in range(votes.shape[1]):  # later replies of an expert overwrite earlier ones
        spoke = made[said_by[made, turn] != MISSING]
        agrees = (votes[made, turn] == plurality) & (plurality != MISSING)
        features[spoke, said_by[spoke, turn], 2] = agrees[said_by[made, turn] != MISSING]


def _winner(votes: NDArray[np.int32], confidences: NDArray[np.float32], rule: AnswerRule) -> NDArray[np.int64]:
    """[n] the turn whose answer settles the episode; `MISSING` where nothing was answered."""
    turns = votes.shape[1]
    answered = votes != MISSING
    match rule:
        case AnswerRule.VOTE:
            strength = (votes[:, :, None] == votes[:, None, :]).sum(axis=2).astype(np.float64)
        case AnswerRule.CONFIDENCE:
            strength = confidences.astype(np.float64)
        case AnswerRule.LAST:
            strength = np.zeros(votes.shape)
    strength = np.where(answered, strength, -1.0)
    latest = turns - 1 - strength[:, ::-1].argmax(axis=1)  # argmax takes the first of equals, here the latest
    return np.where(answered.any(axis=1), latest, MISSING)
