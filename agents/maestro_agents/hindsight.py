"""What would have been best, had one known every reply: an exact search on a recording. No policy can play it.

Axes: n episodes, N tasks, C context slots, P experts, T turns.
"""

import numpy as np
from numpy.typing import NDArray

from maestro_agents.batch_play import Episodes
from maestro_env import batch
from maestro_env.batch import Batch
from maestro_env.dynamics import Rules
from maestro_env.recordings.recording import Recording

_THRIFT = 2e-3
"""Reward given up for what the dearest call costs beyond its price, so that of two ways to be right the cheaper is the
better one, be it a pass or a millionth of a dollar; too little to give up a right answer for it."""
_TIE = 1e-7
"""Worths closer than this are the same up to rounding."""


def best_actions(episodes: Episodes) -> NDArray[np.bool_]:
    """Return [n, 1 + P] which actions begin a best way to go on: one that ends with the most score less cost.

    Every sequence of legal calls that the turns allow is searched, but those that cannot be better than one that was
    found. Where no sequence earns more than stopping, stopping is the only best action; so it is in episodes that have
    ended.

    Args:
        episodes: Where they stand.
    """
    worth = _Search(episodes).worths(episodes.batch)
    return worth >= worth.max(axis=1, keepdims=True) - _TIE


class _Search:
    """Best-first search in many episodes at once."""

    def __init__(self, episodes: Episodes) -> None:
        terms = episodes.terms
        self._recording = episodes.recording
        self._tables = episodes.tables
        self._rules = Rules(max_turns=terms.max_turns, answer_rule=terms.answer_rule)
        dearest = float(episodes.recording.cost.max(initial=0.0))
        self._price = terms.price + (_THRIFT / dearest if dearest else 0.0)
        self._hopes = _hopes(episodes.recording, self._price, terms.max_turns)

    def worths(self, now: Batch) -> NDArray[np.float64]:
        """Return [n, 1 + P] score less cost of the best way to go on that begins with each action.

        It is exact for the best actions; others may be worth more than is said, but never as much as the best.
        """
        here = (now.task, now.slot)
        legal = now.mask[:, 1:].astype(bool) & ~now.ended[:, None]
        stopping = batch.settle(self._tables, now).score[:, None]
        cost = now.cost[:, None] + self._recording.cost[here]
        settles = batch.would_settle(self._tables, self._rules, now)
        calling = np.where(settles, self._recording.score[here], stopping) - self._price * cost
        worth = np.c_[stopping - self._price * now.cost[:, None], np.where(legal, calling, -np.inf)]
        best = worth.max(axis=1)
        left = self._rules.max_turns - 1 - now.used[:, None]  # calls after the next one
        to_come = self._hopes[np.maximum(left, 0), now.task[:, None], self._recording.next_context[here]]
        hope = np.where(legal & (left > 0), np.maximum(to_come, stopping) - self._price * cost, -np.inf)
        while True:
            expert = hope.argmax(axis=1)
            rows = np.flatnonzero(hope.max(axis=1) >= best - _TIE)
            if not len(rows):
                return worth
            chosen = 1 + expert[rows]
            after = batch.step(self._tables, self._rules, batch.take(now, rows), chosen)
            worth[rows, chosen] = self.worths(after).max(axis=1)
            best = worth.max(axis=1)
            hope[rows, expert[rows]] = -np.inf


def _hopes(recording: Recording, price: float, turns: int) -> NDArray[np.float64]:
    """Return [T, N, C] what 0 to T - 1 calls from a context could earn at best: if any one answer settled the episode.

    A call that was not recorded costs nothing and leads to the last slot: that hopes too much, which does no harm.
    """
    tasks = np.arange(len(recording.tasks))[:, None, None]
    hopes = [np.zeros(recording.score.shape[:2])]
    for _ in range(turns - 1):
        then = np.maximum(recording.score, hopes[-1][tasks, recording.next_context]) - price * recording.cost
        hopes.append(np.maximum(then.max(axis=2), 0.0))
    return np.stack(hopes)
