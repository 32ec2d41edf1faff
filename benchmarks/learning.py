"""Learning and regret curves: what an agent earned while it learned, in blocks of episodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.bootstrap import LEVEL, Interval
from maestro_env.recordings.recording import Recording

MOST_BLOCKS = 40
"""Points of a curve: enough to see its shape."""

FEWEST_EPISODES = 25
"""In a block: with fewer the interval of its mean says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Neighbouring episodes that one run learned from."""

    num_episodes: int
    mean: float
    """Reward."""
    variance: float
    """Of the reward, over the block's episodes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """The mean reward of one block, over all seeds."""

    num_episodes: int
    """Learned from up to the block's end, by the run that learned from most."""
    reward: Interval
    regret: Interval
    """By a run up to the block's end: what always knowing the best single call would have earned more, added up."""


def blocks_of(earned: ArrayLike) -> tuple[Block, ...]:
    """Return the blocks of a run.

    Args:
        earned: [E] reward of each episode that was learned from, in order; none gives no block.
    """
    rewards = np.asarray(earned, np.float64)
    number = min(MOST_BLOCKS, max(1, len(rewards) // FEWEST_EPISODES))
    parts = np.array_split(rewards, number) if len(rewards) else []
    return tuple(Block(num_episodes=len(part), mean=float(part.mean()), variance=float(part.var())) for part in parts)


def best_call(train: Recording, *, cost_weight: float) -> float:
    """Return the mean over tasks of what the best single call on the whole image earns: what regret is counted from.

    It chooses with hindsight, so that no agent of one call can reach it. One that calls again can pass it.

    Args:
        train: The tasks that agents learn from.
        cost_weight: Reward lost per unit of cost.
    """
    return float((train.score[:, 0] - cost_weight * train.cost[:, 0]).max(axis=1).mean())


def curve_of(runs: Sequence[Sequence[Block]], *, best: float) -> tuple[CurvePoint, ...]:
    """Return the curve of an agent: the episodes of all its runs together, with normal intervals.

    Args:
        runs: [S] the blocks of each run; a curve is as long as the shortest of them.
        best: Reward an episode that regret is counted from.
    """
    ends = [list(accumulate(block.num_episodes for block in blocks)) for blocks in runs]
    points: list[CurvePoint] = []
    regret, variance = 0.0, 0.0
    for number in range(min(map(len, runs), default=0)):
        blocks = [run[number] for run in runs]
        reward = _pooled(blocks)
        episodes = sum(block.num_episodes for block in blocks) / len(blocks)
        regret += episodes * (best - reward.mean)
        variance += (episodes * (reward.high - reward.mean)) ** 2
        reach = float(np.sqrt(variance))
        points.append(
            CurvePoint(
                num_episodes=max(end[number] for end in ends),
                reward=reward,
                regret=Interval(mean=regret, low=regret - reach, high=regret + reach),
            )
        )
    return tuple(points)


def _pooled(blocks: Sequence[Block]) -> Interval:
    sizes = np.array([block.num_episodes for block in blocks], np.float64)
    means = np.array([block.mean for block in blocks])
    total = sizes.sum()
    mean = float(sizes @ means / total)
    variance = float(sizes @ [block.variance for block in blocks] + sizes @ (means - mean) ** 2) / total
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * float(np.sqrt(variance / total))
    return Interval(mean=mean, low=mean - reach, high=mean + reach)
