"""Many recorded episodes played side by side with array operations, for agents that are fitted on recordings.

It must agree with `maestro_env.dynamics` step for step, and the tests hold it to that. Evaluation uses the environment.

Axes: n episodes (one a task of the recording), T turns, C context slots, P experts, F features of an expert.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maestro_agents.recorded_tasks import Terms
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.registry import STOP
from maestro_env.scoring import normalise
from maestro_env.types import AnswerRule, Status

_OK = STATUSES.index(Status.OK)
_COLUMN = {name: place for place, name in enumerate(EXPERT_FEATURES)}


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """Where n episodes stand. `step` returns a new object, so any moment can be branched from."""

    recording: Recording
    terms: Terms
    votes: NDArray[np.int32]
    """[n, C, P] answers in which those that are the same once normalised have the same number."""
    slot: NDArray[np.int64]
    """[n] the current context's slot."""
    called: NDArray[np.bool_]
    """[n, C, P]"""
    experts: NDArray[np.float32]
    """[n, P, F] as in the observation."""
    said: NDArray[np.int32]
    """[n, T] the vote of each turn; `MISSING` where it gave none."""
    said_by: NDArray[np.int64]
    """[n, T] the expert called in each turn; `MISSING` where none was."""
    said_score: NDArray[np.float32]
    """[n, T] score of the answer of each turn."""
    said_confidence: NDArray[np.float32]
    """[n, T] its confidence; 0 where none was stated."""
    cost: NDArray[np.float32]
    """[n] spent so far."""
    used: NDArray[np.int64]
    """[n] turns used."""
    ended: NDArray[np.bool_]
    """[n]"""

    @property
    def turns_left(self) -> NDArray[np.int64]:
        """[n]."""
        return self.terms.max_turns - self.used

    @property
    def legal(self) -> NDArray[np.bool_]:
        """[n, 1 + P] the action mask."""
        rows = np.arange(len(self.slot))
        mask = np.ones((len(rows), 1 + self.called.shape[2]), bool)
        mask[:, 1:] = (self.recording.status[rows, self.slot] != MISSING) & ~self.called[rows, self.slot]
        return mask

    @property
    def score(self) -> NDArray[np.float32]:
        """[n] what the answer scores if the episode stops here; no policy may look at it."""
        winner = _winner(self.said, self.said_confidence, self.terms.answer_rule)
        return np.where(winner == MISSING, np.float32(0), self.said_score[np.arange(len(winner)), winner])

    def scores_after(self) -> NDArray[np.float32]:
        """Return [n, P] what the answer scores if one more expert is called and the episode stops then.

        A call that is masked, or comes after the end, changes nothing.
        """
        rows = np.arange(len(self.slot))
        vote = self.votes[rows, self.slot]
        standing = _strengths(self.said, self.said_confidence, self.terms.answer_rule).max(axis=1, initial=-1.0)
        match self.terms.answer_rule:
            case AnswerRule.VOTE:
                strength = 1.0 + (self.said[:, :, None] == vote[:, None, :]).sum(axis=1)
            case AnswerRule.CONFIDENCE:
                strength = np.nan_to_num(self.recording.confidence[rows, self.slot], nan=0.0)
            case AnswerRule.LAST:
                strength = np.zeros(vote.shape)
        counts = self.legal[:, 1:] & (vote != MISSING) & ~self.ended[:, None]
        # The latest wins ties, so it is enough to be as strong as the answer that stands.
        settles = counts & (strength >= standing[:, None])
        return np.where(settles, self.recording.score[rows, self.slot], self.score[:, None])

    def step(self, actions: NDArray[np.int64]) -> "Episodes":
        """Return the episodes after one action each; those that have ended stay as they are.

        Args:
            actions: [n] 0 stops, 1 + i calls expert i; a masked action spends the turn.
        """
        rows = np.arange(len(actions))
        calling = ~self.ended & (actions != STOP)
        made = np.flatnonzero(calling & self.legal[rows, actions])
        expert, turn = actions[made] - 1, self.used[made]
        cell = (made, self.slot[made], expert)
        stated = self.recording.confidence[cell]

        said, said_by = self.said.copy(), self.said_by.copy()
        said_score, said_confidence = self.said_score.copy(), self.said_confidence.copy()
        said[made, turn], said_by[made, turn] = self.votes[cell], expert
        said_score[made, turn] = self.recording.score[cell]
        said_confidence[made, turn] = np.nan_to_num(stated, nan=0.0)

        experts = self.experts.copy()
        experts[made, expert, _COLUMN["invoked"]] = 1.0
        experts[made, expert, _COLUMN["answered"]] = self.votes[cell] != MISSING
        experts[made, expert, _COLUMN["confidence"]] = np.nan_to_num(stated, nan=0.0)
        experts[made, expert, _COLUMN["has_confidence"]] = ~np.isnan(stated)
        experts[made, expert, _COLUMN["failed"]] = self.recording.status[cell] != _OK
        _mark_agreement(experts, said, said_by, made)

        called, cost, slot = self.called.copy(), self.cost.copy(), self.slot.copy()
        called[cell] = True
        cost[made] += self.recording.cost[cell]
        slot[made] = self.recording.next_context[cell]
        experts[..., _COLUMN["invoked_here"]] = called[rows, slot]
        used = self.used + calling
        return replace(
            self,
            slot=slot,
            called=called,
            experts=experts,
            said=said,
            said_by=said_by,
            said_score=said_score,
            said_confidence=said_confidence,
            cost=cost,
            used=used,
            ended=self.ended | ~calling | (used >= self.terms.max_turns),
        )


Policy = Callable[[Episodes], NDArray[np.int64]]
"""Returns [n] actions; those of ended episodes are not used."""


def start(recording: Recording, terms: Terms) -> Episodes:
    """Return an episode of every task at its start."""
    size, experts = len(recording.tasks), len(recording.registry)
    turns = (size, terms.max_turns)
    return Episodes(
        recording=recording,
        terms=terms,
        votes=as_votes(recording),
        slot=np.zeros(size, np.int64),
        called=np.zeros(recording.status.shape, bool),
        experts=np.zeros((size, experts, len(EXPERT_FEATURES)), np.float32),
        said=np.full(turns, MISSING, np.int32),
        said_by=np.full(turns, MISSING, np.int64),
        said_score=np.zeros(turns, np.float32),
        said_confidence=np.zeros(turns, np.float32),
        cost=np.zeros(size, np.float32),
        used=np.zeros(size, np.int64),
        ended=np.zeros(size, bool),
    )


def play(beginning: Episodes, policy: Policy) -> list[Episodes]:
    """Play episodes to their end.

    Args:
        beginning: Where they start.
        policy: What to do.

    Returns:
        Every moment, the beginning and the end among them.
    """
    moments = [beginning]
    while not moments[-1].ended.all():
        moments.append(moments[-1].step(policy(moments[-1])))
    return moments


def as_votes(recording: Recording) -> NDArray[np.int32]:
    """Return [N, C, P] answers in which those that are the same once normalised have the same number."""
    first_of: dict[str, int] = {}
    vote_of = [first_of.setdefault(normalise(answer), i) for i, answer in enumerate(recording.answers)]
    return np.array([*vote_of, MISSING], np.int32)[recording.answer]  # MISSING is -1: the last entry


def _mark_agreement(
    experts: NDArray[np.float32], said: NDArray[np.int32], said_by: NDArray[np.int64], made: NDArray[np.int64]
) -> None:
    """Note, of every expert called so far, whether its latest reply gives the plurality's answer."""
    winner = _winner(said[made], np.zeros((len(made), said.shape[1]), np.float32), AnswerRule.VOTE)
    plurality = np.where(winner == MISSING, MISSING, said[made, winner])
    experts[made, :, _COLUMN["agrees"]] = 0.0
    for turn in range(said.shape[1]):  # later replies of an expert overwrite earlier ones
        spoke = said_by[made, turn] != MISSING
        agrees = (said[made, turn] == plurality) & (plurality != MISSING)
        experts[made[spoke], said_by[made[spoke], turn], _COLUMN["agrees"]] = agrees[spoke]


def _strengths(said: NDArray[np.int32], confidences: NDArray[np.float32], rule: AnswerRule) -> NDArray[np.float64]:
    """[n, T] how much each turn's answer weighs under a rule; -1 without an answer."""
    match rule:
        case AnswerRule.VOTE:
            strength = (said[:, :, None] == said[:, None, :]).sum(axis=2).astype(np.float64)
        case AnswerRule.CONFIDENCE:
            strength = confidences.astype(np.float64)
        case AnswerRule.LAST:
            strength = np.zeros(said.shape)
    return np.where(said != MISSING, strength, -1.0)


def _winner(said: NDArray[np.int32], confidences: NDArray[np.float32], rule: AnswerRule) -> NDArray[np.int64]:
    """[n] the turn whose answer settles the episode; `MISSING` where nothing was answered."""
    strength = _strengths(said, confidences, rule)
    latest = said.shape[1] - 1 - strength[:, ::-1].argmax(axis=1)  # argmax takes the first of equals, here the latest
    return np.where((said != MISSING).any(axis=1), latest, MISSING)
