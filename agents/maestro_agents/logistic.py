"""Logistic regression as a free function of arrays, without a step size. Who asks, and what for, is elsewhere.

Source: D. Böhning, B. Lindsay, Monotonicity of Quadratic-Approximation Algorithms (1988): the curvature of the loss is
never more than X^T X / 4, so that a Newton step with this in place of it always improves.

Axes: m rows, F features, P experts.
"""

import numpy as np
from numpy.typing import NDArray


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + e^-x) of any shape."""
    return 0.5 * (1 + np.tanh(0.5 * logits))  # e^-x overflows, tanh does not


def fit_logistic(
    features: NDArray[np.float64],
    right: NDArray[np.floating],
    known: NDArray[np.bool_],
    *,
    ridge: float,
    rounds: int = 100,
) -> NDArray[np.float64]:
    """Return [F, P] weights w that minimise, for each expert, the cross-entropy of sigmoid(X w) + ridge |w|^2 / 2.

    Args:
        features: [m, F] X.
        right: [m, P] scores in [0, 1].
        known: [m, P] False where there is no score to learn from.
        ridge: Above 0 where X^T X cannot be inverted.
        rounds: Steps.
    """
    step = np.linalg.inv(features.T @ features / 4 + ridge * np.eye(features.shape[1]))
    weights = np.zeros((features.shape[1], right.shape[1]))
    for _ in range(rounds):
        missed = np.where(known, right - sigmoid(features @ weights), 0.0)
        weights += step @ (features.T @ missed - ridge * weights)
    return weights
