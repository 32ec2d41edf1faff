"""A ridge regression for each arm, kept up to date pull by pull. Bandits differ in what they make of it.

Axes: n observations, F features, P arms.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(kw_only=True)
class Ridges:
    """P models theta_p = A_p^-1 b_p: A_p is I + the sum of x x^T over the arm's pulls, b_p the sum of reward x."""

    inverses: NDArray[np.float64]
    """[P, F, F] A_p^-1."""
    sums: NDArray[np.float64]
    """[P, F] b_p."""

    @classmethod
    def empty(cls, *, arms: int, size: int) -> Self:
        """Return the models of arms that were never pulled."""
        return cls(inverses=np.repeat(np.eye(size)[None], arms, axis=0), sums=np.zeros((arms, size)))

    def add(self, arm: int, features: NDArray[np.float64], reward: float) -> None:
        """Learn from one pull: [F] features."""
        self.inverses[arm] = updated_inverse(self.inverses[arm], features)
        self.sums[arm] += reward * features


def updated_inverse(inverse: NDArray[np.float64], features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (A + x x^T)^-1 from A^-1, by the formula of Sherman and Morrison.

    Args:
        inverse: [F, F] the inverse of a symmetric positive definite A.
        features: [F] x.

    Source:
        J. Sherman, W. J. Morrison, Annals of Mathematical Statistics 21 (1950), 124-127.
    """
    moved = inverse @ features
    return inverse - np.outer(moved, moved) / (1.0 + features @ moved)


def estimates(
    inverses: NDArray[np.float64], sums: NDArray[np.float64], features: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return [n, P] x^T theta_p with theta_p = A_p^-1 b_p: the reward that each arm's ridge regression expects.

    Args:
        inverses: [P, F, F] A_p^-1.
        sums: [P, F] b_p, the sum of reward times features over the arm's pulls.
        features: [n, F] x.
    """
    return features @ np.einsum("pij,pj->ip", inverses, sums)


def widths(inverses: NDArray[np.float64], features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [n, P] sqrt(x^T A_p^-1 x): how unsure each arm is about a context."""
    moved = np.einsum("ni,pij->npj", features, inverses)
    return np.sqrt(np.einsum("npj,nj->np", moved, features))


def sampled_weights(
    inverses: NDArray[np.float64], sums: NDArray[np.float64], *, spread: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return [P, F] weights drawn from each arm's normal posterior: mean A_p^-1 b_p, covariance spread^2 A_p^-1."""
    means = np.einsum("pij,pj->pi", inverses, sums)
    roots = np.linalg.cholesky(inverses)  # A^-1 = L L^T
    return means + spread * np.einsum("pij,pj->pi", roots, rng.standard_normal(sums.shape))


def ridges_of(
    features: NDArray[np.float64], arms: NDArray[np.int64], rewards: NDArray[np.float64], *, num_arms: int
) -> Ridges:
    """Return the models after many pulls at once.

    Args:
        features: [E, F] x of each pull.
        arms: [E] that were pulled.
        rewards: [E]
        num_arms: P.
    """
    ridges = Ridges.empty(arms=num_arms, size=features.shape[1])
    for arm in np.unique(arms):
        pulled = features[arms == arm]
        ridges.inverses[arm] = np.linalg.inv(np.eye(features.shape[1]) + pulled.T @ pulled)
        ridges.sums[arm] = rewards[arms == arm] @ pulled
    return ridges
