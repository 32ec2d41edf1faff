"""How a set of episodes came out: accuracy with its interval, format, calls, cost, and signs of collapse. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

import numpy as np

from maestro_agents.llm.rollout import Rollout
from maestro_env.types import Outcome

_Z = 1.959964
"""Of a two-sided 95 % interval of a normal variable."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A share of a number of trials, with Wilson's 95 % interval."""

    value: float
    low: float
    high: float


def share(successes: int, trials: int) -> Share:
    """Return a share with its interval.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    if trials == 0:
        return Share(value=float("nan"), low=0.0, high=1.0)
    value = successes / trials
    centre = (value + _Z**2 / (2 * trials)) / (1 + _Z**2 / trials)
    half = _Z * sqrt(value * (1 - value) / trials + _Z**2 / (4 * trials**2)) / (1 + _Z**2 / trials)
    return Share(value=value, low=max(0.0, centre - half), high=min(1.0, centre + half))


def summary(rollouts: Sequence[Rollout]) -> dict[str, Any]:
    """Return what a set of episodes says, as JSON holds it.

    The reward is the mean over episodes that have one: those that ended with a failure of an expert have none, and are
    counted as `expert_errors`.
    `first_call_entropy` (in nats) and `commonest_first_call` tell of a policy that has come to call one expert always.
    """
    size = len(rollouts)
    accuracy, formed = share(sum(r.correct for r in rollouts), size), share(sum(r.well_formed for r in rollouts), size)
    first = Counter(rollout.experts[0] if rollout.experts else "" for rollout in rollouts)
    shares = [count / size for count in first.values()]
    rewards = _rewards(rollouts)
    policy_tokens, seconds = sum(r.num_policy_tokens for r in rollouts), sum(r.generation_s for r in rollouts)
    return {
        "num_episodes": size,
        "accuracy": accuracy.value,
        "accuracy_low": accuracy.low,
        "accuracy_high": accuracy.high,
        "well_formed": formed.value,
        "well_formed_low": formed.low,
        "well_formed_high": formed.high,
        "reward": float(np.mean(rewards)) if rewards else float("nan"),
        "expert_errors": sum(rollout.outcome == "expert_error" for rollout in rollouts),
        "calls": float(np.mean([len(rollout.experts) for rollout in rollouts])),
        "direct_answers": first.get("", 0) / size,
        "cost": float(np.mean([rollout.cost for rollout in rollouts])),
        "policy_tokens": policy_tokens / size,
        "tokens_per_second": policy_tokens / seconds if seconds else 0.0,
        "cut_turns": sum(rollout.num_cut for rollout in rollouts),
        "faults": dict(Counter(fault for rollout in rollouts for fault in rollout.faults)),
        "first_call_entropy": -sum(part * log(part) for part in shares),
        "commonest_first_call": max(shares),
        "accuracy_by_benchmark": _by_benchmark(rollouts),
    }


def group_figures(rollouts: Sequence[Rollout], group_size: int) -> Mapping[str, float]:
    """Return what groups of episodes of one question each say about training.

    `zero_advantage`: the share of groups that teach nothing, all of whose rewards are the same (those of episodes that
    an expert's failure ended do not count). `one_policy`: the share in which all did the same, word for word.
    """
    groups = [rollouts[first : first + group_size] for first in range(0, len(rollouts), group_size)]
    return {
        "zero_advantage": float(np.mean([len(set(_rewards(group))) < 2 for group in groups])),
        "one_policy": float(np.mean([len({each.completion_ids for each in group}) == 1 for group in groups])),
    }


def _rewards(rollouts: Sequence[Rollout]) -> list[float]:
    """Return the rewards of the episodes that have one."""
    return [rollout.reward for rollout in rollouts if rollout.outcome is not Outcome.EXPERT_ERROR]


def _by_benchmark(rollouts: Sequence[Rollout]) -> dict[str, float]:
    names = sorted({rollout.benchmark for rollout in rollouts})
    return {name: float(np.mean([r.correct for r in rollouts if r.benchmark == name])) for name in names}
