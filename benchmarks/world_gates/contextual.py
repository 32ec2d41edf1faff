"""The best contextual plan: question and first view choose the whole sequence of calls, without any feedback.

It is what a closed loop must beat to show that what a call *reveals* matters, and not only what is seen at the start.
Candidates are the plans that are best on train for some benchmark, intent or kind of figure at some price, as found by
open_loop.py. From question and first view a network guesses how each of them would end and what it would cost; the one
with the highest score less price x cost is followed. Several networks are averaged.

Axes: n tasks, K candidates.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.world_gates.plan_table import Follower, Outcomes, Settled
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.features import Features
from maestro_env.recordings.recording import Recording

_NETWORKS = 2
_SPENT_UNIT = 32.0
"""Costs are guessed as a share of this many passes, so that they lie in [0, 1] as chances do."""


class ContextualPlans:
    """A choice among plans that is made once, at the start."""

    def __init__(self, candidates: Sequence[Settled]) -> None:
        """Keep the candidates.

        Args:
            candidates: K >= 1 plans.
        """
        self._candidates = tuple(candidates)
        self._networks: list[Chances] = []

    def fit(self, recording: Recording, *, seed: int, hidden: int = 96, steps: int = 2000) -> "ContextualPlans":
        """Fit the networks on what each candidate earns on every task, and return the policy."""
        outcomes = _all_outcomes(recording, self._candidates)
        self._features = Features.fit(recording.question, recording.view[:, 0])
        inputs = self._inputs(recording)
        ends = np.c_[outcomes.score.T, np.clip(outcomes.cost.T / _SPENT_UNIT, 0, 1)]
        self._networks = [
            fit_chances(inputs, ends, np.ones(ends.shape, bool), seed=seed + number, hidden=hidden, steps=steps)
            for number in range(_NETWORKS)
        ]
        return self

    def outcomes(self, recording: Recording, prices: Sequence[float]) -> list[Outcomes]:
        """Return, for each price, what comes of following the chosen plans on a recording's tasks."""
        ends = np.mean([network.of(self._inputs(recording)) for network in self._networks], axis=0)
        real = _all_outcomes(recording, self._candidates)
        count, rows = len(self._candidates), np.arange(len(recording.tasks))
        results: list[Outcomes] = []
        for price in prices:
            plan = (ends[:, :count] - price * _SPENT_UNIT * ends[:, count:]).argmax(axis=1)
            results.append(Outcomes(score=real.score[plan, rows], cost=real.cost[plan, rows]))
        return results

    def _inputs(self, recording: Recording) -> NDArray[np.float32]:
        features = self._features.of(recording.question, recording.view[:, 0])
        return features * np.sqrt(np.float32(features.shape[1] / 2))  # entries of about unit variance


def _all_outcomes(recording: Recording, plans: Sequence[Settled]) -> Outcomes:
    """Return [K, n] what comes of every plan on every task."""
    follower = Follower(recording)
    each = [follower.outcomes(plan) for plan in plans]
    return Outcomes(
        score=np.stack([outcomes.score for outcomes in each]), cost=np.stack([outcomes.cost for outcomes in each])
    )
