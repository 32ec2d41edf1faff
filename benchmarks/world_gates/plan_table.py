"""Every open-loop plan of at most four calls under every answer rule, scored exactly on groups of tasks.

One enumeration serves all groups, seeds and prices: a plan's outcome on a task depends on none of them, so that the
table keeps sums over groups, and the best plan at any price is a look-up. Nothing is sampled or pruned.

Axes: K plans, R answer rules, G groups, n tasks, P experts.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maestro_agents.plan_search import as_votes, extensions
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.types import AnswerRule

RULES = tuple(AnswerRule)


@dataclass(frozen=True, kw_only=True, order=True)
class Settled:
    """A plan with the rule that settles its answer."""

    experts: tuple[int, ...]
    """Places in the registry, in the order of the calls; empty: stop at once."""
    rule: AnswerRule


@dataclass(frozen=True, kw_only=True)
class PlanTable:
    """What every plan earns on every group. Shorter plans come first, and of those the first in registry order."""

    num_experts: int
    score: NDArray[np.float32]
    """[R, K, G] mean scores; -inf for plans that are a shorter one in disguise, as a call is masked everywhere."""
    cost: NDArray[np.float32]
    """[K, G] mean costs."""

    def plan(self, number: int) -> tuple[int, ...]:
        """Return the calls of a plan by its number, 0 to K - 1; number 0 is the empty plan."""
        length = 0
        while number >= self.num_experts**length:
            number -= self.num_experts**length
            length += 1
        digits: list[int] = []
        for _ in range(length):
            number, digit = divmod(number, self.num_experts)
            digits.append(digit)
        return tuple(reversed(digits))

    def best(self, group: int, *, price: float) -> Settled:
        """Return the plan and rule with the highest mean score less price x mean cost; the shortest of equals."""
        values = self.score[:, :, group].astype(np.float64) - price * self.cost[:, group]
        number = int(values.max(axis=0).argmax())
        return Settled(experts=self.plan(number), rule=RULES[int(values[:, number].argmax())])


def plan_table(
    recording: Recording, groups: NDArray[np.bool_], *, max_calls: int, advance: Callable[[], None] = lambda: None
) -> PlanTable:
    """Score every plan.

    Args:
        recording: n tasks.
        groups: [n, G] which tasks are in each group; no group is empty.
        max_calls: The longest plan, 1 or more.
        advance: Is told after each answer rule.
    """
    experts = len(recording.registry)
    offsets = np.concatenate([[0], np.cumsum([experts**length for length in range(max_calls + 1)])])
    members = groups.astype(np.float32)
    sizes = members.sum(axis=0)
    score = np.full((len(RULES), offsets[-1], groups.shape[1]), -np.inf, np.float32)
    cost = np.zeros(score.shape[1:], np.float32)
    score[:, 0] = 0.0
    for place, rule in enumerate(RULES):
        for extension in extensions(recording, max_calls=max_calls, rule=rule):
            code = 0
            for expert in extension.prefix:
                code = code * experts + expert
            first = int(offsets[len(extension.prefix) + 1]) + code * experts
            score[place, first : first + experts] = extension.score @ members / sizes
            if place == 0:  # what a plan costs does not depend on how its answer is settled
                cost[first : first + experts] = extension.cost @ members / sizes
        advance()
    return PlanTable(num_experts=experts, score=score, cost=cost)


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What came of a policy, task by task."""

    score: NDArray[np.float32]
    """[..., n]"""
    cost: NDArray[np.float32]
    """[..., n]"""


class Follower:
    """Follows plans on a recording's tasks, exactly as the enumeration scores them."""

    def __init__(self, recording: Recording) -> None:
        """Number the answers once for all plans.

        Args:
            recording: n tasks.
        """
        self._recording = recording
        self._votes = as_votes(recording)

    def outcomes(self, settled: Settled) -> Outcomes:
        """Return what comes of one plan on every task; calls that are masked are passed over."""
        recording, size = self._recording, len(self._recording.tasks)
        rows, slot = np.arange(size), np.zeros(size, np.int64)
        score, cost = np.zeros(size, np.float32), np.zeros(size, np.float32)
        strongest = np.zeros(size, np.float32)
        made: list[tuple[int, NDArray[np.int64], NDArray[np.int32]]] = []
        for expert in settled.experts:
            cell = (rows, slot, expert)
            legal = recording.status[cell] != MISSING
            for earlier, where, _ in made:
                if earlier == expert:
                    legal &= where != slot
            said = np.where(legal, self._votes[cell], np.int32(MISSING))
            match settled.rule:
                case AnswerRule.VOTE:
                    strength = 1 + sum((before == said for *_, before in made), np.zeros(size, np.float32))
                case AnswerRule.CONFIDENCE:
                    strength = np.nan_to_num(recording.confidence[cell], nan=0.0)
                case AnswerRule.LAST:
                    strength = np.ones(size, np.float32)
            settles = (said != MISSING) & (strength >= strongest)
            strongest = np.where(settles, strength, strongest)
            score = np.where(settles, recording.score[cell], score)
            cost = cost + np.where(legal, recording.cost[cell], np.float32(0))
            made.append((expert, slot, said))
            slot = np.where(legal, recording.next_context[cell], slot)
        return Outcomes(score=score, cost=cost)
