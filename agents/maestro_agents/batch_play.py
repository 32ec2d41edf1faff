"""Many recorded episodes played side by side, for agents that are fitted on recordings: a view of `maestro_env.batch`.

Axes: n episodes (one a task of the recording), P experts, F features of an expert.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from maestro_agents.recorded_tasks import Terms
from maestro_env import batch, batch_features
from maestro_env.batch import Batch, Tables, make_tables
from maestro_env.dynamics import Rules, make_world
from maestro_env.recordings.recording import Recording


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """Where n episodes stand. `step` returns a new object, so any moment can be branched from."""

    recording: Recording
    terms: Terms
    tables: Tables
    batch: Batch

    @property
    def slot(self) -> NDArray[np.int32]:
        """[n] the current context's slot."""
        return self.batch.slot

    @property
    def cost(self) -> NDArray[np.float64]:
        """[n] spent so far."""
        return self.batch.cost

    @property
    def ended(self) -> NDArray[np.bool_]:
        """[n]."""
        return self.batch.ended

    @property
    def turns_left(self) -> NDArray[np.int32]:
        """[n]."""
        return self.terms.max_turns - self.batch.used

    @property
    def legal(self) -> NDArray[np.bool_]:
        """[n, 1 + P] the action mask."""
        return self.batch.mask.astype(np.bool_)

    @cached_property
    def experts(self) -> NDArray[np.float32]:
        """[n, P, F] as in the observation."""
        now = self.batch
        return batch_features.expert_features(self.tables, task=now.task, slot=now.slot, calls=now.calls)

    @cached_property
    def score(self) -> NDArray[np.float64]:
        """[n] what the answer scores if the episode stops here; no policy may look at it."""
        return batch.settle(self.tables, self.batch).score

    def scores_after(self) -> NDArray[np.float64]:
        """Return [n, P] what the answer scores if one more expert is called and the episode stops then.

        A call that is masked, or comes after the end, changes nothing.
        """
        rows = np.arange(len(self.slot))
        settles = batch.would_settle(self.tables, self._rules, self.batch) & self.legal[:, 1:] & ~self.ended[:, None]
        return np.where(settles, self.recording.score[rows, self.slot], self.score[:, None])

    def step(self, actions: NDArray[np.int64]) -> "Episodes":
        """Return the episodes after one action each; those that have ended stay as they are.

        Args:
            actions: [n] 0 stops, 1 + i calls expert i; a masked action spends the turn.
        """
        after = batch.step(self.tables, self._rules, self.batch, actions)
        return replace(self, batch=after)

    @property
    def _rules(self) -> Rules:
        return Rules(max_turns=self.terms.max_turns, answer_rule=self.terms.answer_rule)


Policy = Callable[[Episodes], NDArray[np.int64]]
"""Returns [n] actions; those of ended episodes are not used."""


def start(recording: Recording, terms: Terms) -> Episodes:
    """Return an episode of every task at its start."""
    tables = make_tables(make_world(recording, recording.registry))
    rules = Rules(max_turns=terms.max_turns, answer_rule=terms.answer_rule)
    beginning = batch.reset(tables, rules, np.arange(len(recording.tasks)))
    return Episodes(recording=recording, terms=terms, tables=tables, batch=beginning)


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
