"""Routing between a weak and a strong model: how much of the strong one's lead is kept, at which share of its calls.

Source: I. Ong et al., RouteLLM (2024), https://arxiv.org/abs/2406.18665, section 2.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maestro_env.errors import ConfigurationError


def pgr(score: ArrayLike, *, weak: float, strong: float) -> NDArray[np.float64]:
    """Return the performance gap recovered: 0 as the weak model, 1 as the strong one.

    Raises:
        ConfigurationError: The strong model is not better than the weak one.
    """
    if not strong > weak:
        raise ConfigurationError(f"The strong model scores {strong}, the weak one {weak}; there is no gap to recover.")
    return (np.asarray(score, np.float64) - weak) / (strong - weak)


def apgr(share_strong: ArrayLike, score: ArrayLike, *, weak: float, strong: float) -> float:
    """Return the mean of PGR over the share of strong calls, 0 to 1, by the trapezoid rule.

    The weak model stands at share 0 and the strong one at share 1, whether they are among the settings or not.

    Args:
        share_strong: [K] share of calls to the strong model, of each setting.
        score: [K] mean score of each setting.
        weak: Score of the weak model alone.
        strong: Score of the strong model alone.
    """
    share, gap = _curve(share_strong, score, weak=weak, strong=strong)
    return float(np.trapezoid(gap, share))


def cpt(target: float, share_strong: ArrayLike, score: ArrayLike, *, weak: float, strong: float) -> float:
    """Return the call-performance threshold: the least share of strong calls at which PGR reaches a target.

    Between two settings, mixing them by lot reaches what lies on the line between them; the first crossing counts,
    also where PGR does not rise everywhere.

    Args:
        target: In [0, 1], as 0.5 for CPT(50 %).
        share_strong: As of `apgr`, and the others.
        score: [K].
        weak: Score of the weak model alone.
        strong: Score of the strong model alone.

    Raises:
        ConfigurationError: A target outside [0, 1].
    """
    if not 0 <= target <= 1:
        raise ConfigurationError(f"target={target} must be in [0, 1]; 0.5 asks for half of the gap.")
    share, gap = _curve(share_strong, score, weak=weak, strong=strong)
    place = int(np.argmax(gap >= target))  # share 1 reaches every target
    if place == 0:
        return float(share[0])
    rise = gap[place] - gap[place - 1]
    return float(share[place - 1] + (target - gap[place - 1]) / rise * (share[place] - share[place - 1]))


def _curve(
    share_strong: ArrayLike, score: ArrayLike, *, weak: float, strong: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    share, gap = np.asarray(share_strong, np.float64), pgr(score, weak=weak, strong=strong)
    if share.ndim != 1 or share.shape != gap.shape or share.min(initial=0) < 0 or share.max(initial=1) > 1:
        raise ConfigurationError(
            f"Shares {share.shape} and scores {gap.shape}; give as many of each, shares in [0, 1]."
        )
    order = np.argsort(share, kind="stable")
    return np.concatenate([[0.0], share[order], [1.0]]), np.concatenate([[0.0], gap[order], [1.0]])
