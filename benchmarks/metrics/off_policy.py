"""What a policy would have earned, from what another one earned: estimates from logs that hold propensities.

N logged decisions: a context, the action that was taken, the chance with which it was, and its reward. `ratio` is the
chance with which the new policy takes the logged action, divided by the logged chance.
Sources: D. Horvitz and D. Thompson, A Generalization of Sampling Without Replacement (1952); A. Swaminathan and T.
Joachims, The Self-Normalized Estimator for Counterfactual Learning (2015); M. Dudik et al., Doubly Robust Policy
Evaluation and Learning (2011), https://arxiv.org/abs/1103.4601; L. Kish, Survey Sampling (1965).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maestro_env.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A value with its standard error, and how many decisions the logs are worth for it."""

    value: float
    standard_error: float
    effective_size: float
    """Kish's (sum of ratios)^2 / sum of squared ratios: N where both policies are the same, 1 where one ratio rules."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the normal interval at a level."""
        reach = NormalDist().inv_cdf((1 + level) / 2) * self.standard_error
        return self.value - reach, self.value + reach


def ips(reward: ArrayLike, logged: ArrayLike, new: ArrayLike) -> Estimate:
    """Return the inverse-propensity estimate: unbiased, and wide where the policies differ.

    Args:
        reward: [N].
        logged: [N] chance with which the logging policy took the logged action; above 0.
        new: [N] chance with which the new policy takes it.
    """
    r, ratio = _checked(reward, logged, new)
    return _estimate(ratio * r, ratio)


def snips(reward: ArrayLike, logged: ArrayLike, new: ArrayLike) -> Estimate:
    """Return the self-normalised estimate: a little biased, much narrower; never outside the rewards' range.

    Raises:
        ConfigurationError: The new policy takes none of the logged actions.
    """
    r, ratio = _checked(reward, logged, new)
    if ratio.sum() == 0:
        raise ConfigurationError("The new policy takes none of the logged actions; these logs say nothing about it.")
    value = float((ratio * r).sum() / ratio.sum())
    # Of a ratio of means, to first order.
    return Estimate(
        value=value,
        standard_error=float(np.sqrt(np.square(ratio * (r - value)).sum()) / ratio.sum()),
        effective_size=_effective_size(ratio),
    )


def doubly_robust(
    reward: ArrayLike, logged: ArrayLike, new: ArrayLike, *, guessed: ArrayLike, guessed_value: ArrayLike
) -> Estimate:
    """Return the doubly robust estimate: a model's guess, corrected where the logs know better.

    Unbiased if the chances are right, whatever the model; and narrow if the model is good.

    Args:
        reward: [N].
        logged: [N] as of `ips`.
        new: [N].
        guessed: [N] the model's guess of the logged action's reward.
        guessed_value: [N] the mean of its guesses over the new policy's actions.
    """
    r, ratio = _checked(reward, logged, new)
    guess, value = (np.asarray(each, np.float64) for each in (guessed, guessed_value))
    if guess.shape != r.shape or value.shape != r.shape:
        raise ConfigurationError(f"Guesses {guess.shape} and {value.shape} for {r.shape} rewards; give one each.")
    return _estimate(value + ratio * (r - guess), ratio)


def _checked(reward: ArrayLike, logged: ArrayLike, new: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r, p, q = (np.asarray(each, np.float64) for each in (reward, logged, new))
    if r.ndim != 1 or not r.shape == p.shape == q.shape or len(r) < 2:
        raise ConfigurationError(
            f"Rewards {r.shape}, chances {p.shape} and {q.shape}; give as many of each, two or more."
        )
    if p.min() <= 0 or p.max() > 1 or q.min() < 0 or q.max() > 1:
        raise ConfigurationError(
            "Logged chances must be in (0, 1], new ones in [0, 1]; what is never taken is never logged."
        )
    return r, q / p


def _estimate(terms: NDArray[np.float64], ratio: NDArray[np.float64]) -> Estimate:
    return Estimate(
        value=float(terms.mean()),
        standard_error=float(terms.std(ddof=1) / np.sqrt(len(terms))),
        effective_size=_effective_size(ratio),
    )


def _effective_size(ratio: NDArray[np.float64]) -> float:
    squares = float(np.square(ratio).sum())
    return float(ratio.sum() ** 2 / squares) if squares else 0.0
