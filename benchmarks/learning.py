"""Learning curves: what an agent earned while it learned, in blocks of episodes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from benchmarks.bootstrap import LEVEL, Interval

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


def blocks_of(earned: ArrayLike) -> tuple[Block, ...]:
    """Return the blocks of a run.

    Args:
        earned: [E] reward of each episode that was learned from, in order; none gives no block.
    """
    rewards = np.asarray(earned, np.float64)
    number = min(MOST_BLOCKS, max(1, len(rewards) // FEWEST_EPISODES))
    parts = np.array_split(rewards, number) if len(rewards) else []
    return tuple(Block(num_episodes=len(part), mean=float(part.mean()), variance=float(part.var())) for part in parts)


def curve_of(runs: Sequence[Sequence[Block]]) -> tuple[CurvePoint, ...]:
    """Return the curve of an agent: the episodes of all its runs together, with a normal interval of each mean.

    Args:
        runs: [S] the blocks of each run; a curve is as long as the shortest of them.
    """
    ends = [list(accumulate(block.num_episodes for block in blocks)) for blocks in runs]
    return tuple(
        CurvePoint(num_episodes=max(end[number] for end in ends), reward=_pooled([run[number] for run in runs]))
        for number in range(min(map(len, runs), default=0))
    )


def _pooled(blocks: Sequence[Block]) -> Interval:
    sizes = np.array([block.num_episodes for block in blocks], np.float64)
    means = np.array([block.mean for block in blocks])
    total = sizes.sum()
    mean = float(sizes @ means / total)
    variance = float(sizes @ [block.variance for block in blocks] + sizes @ (means - mean) ** 2) / total
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) * float(np.sqrt(variance / total))
    return Interval(mean=mean, low=mean - reach, high=mean + reach)
