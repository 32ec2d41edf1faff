"""The bandit's mathematics, worked by hand."""

import numpy as np

from maestro_agents.ridge import estimates, sampled_weights, updated_inverse, widths


def test_updated_inverse__one_dimension() -> None:
    # A = 2, so A^-1 = 0.5; x = 3: A + x^2 = 11.
    assert np.allclose(updated_inverse(np.array([[0.5]]), np.array([3.0])), 1 / 11)


def test_updated_inverse__two_dimensions() -> None:
    # A = I, x = (1, 2): A + x x^T = [[2, 2], [2, 5]], determinant 6, inverse [[5, -2], [-2, 2]] / 6.
    found = updated_inverse(np.eye(2), np.array([1.0, 2.0]))
    assert np.allclose(found, np.array([[5, -2], [-2, 2]]) / 6)


def test_estimates__are_ridge_regressions() -> None:
    # Arm 0 saw x = (1, 2) once with reward 1: A^-1 as above, b = (1, 2), theta = A^-1 b = (1, 2) / 6.
    # At x = (1, 1) that is 3/6. Arm 1 saw nothing: 0.
    inverses = np.stack([np.array([[5, -2], [-2, 2]]) / 6, np.eye(2)])
    sums = np.array([[1.0, 2.0], [0.0, 0.0]])
    assert np.allclose(estimates(inverses, sums, np.array([[1.0, 1.0]])), [[0.5, 0.0]])


def test_widths__shrink_where_an_arm_has_been_pulled() -> None:
    # x = (1, 1): x^T A^-1 x = (5 - 2 - 2 + 2) / 6 = 0.5 for arm 0, and |x|^2 = 2 for arm 1.
    inverses = np.stack([np.array([[5, -2], [-2, 2]]) / 6, np.eye(2)])
    assert np.allclose(widths(inverses, np.array([[1.0, 1.0]])), [[np.sqrt(0.5), np.sqrt(2.0)]])


def test_sampled_weights__have_the_posteriors_mean_and_covariance() -> None:
    inverses = np.stack([np.array([[5, -2], [-2, 2]]) / 6, np.eye(2)])
    sums = np.array([[1.0, 2.0], [0.0, 0.0]])
    rng = np.random.default_rng(0)
    drawn = np.stack([sampled_weights(inverses, sums, spread=0.5, rng=rng) for _ in range(20_000)])
    # Means A^-1 b = (1, 2) / 6 and 0; covariances 0.25 A^-1.
    assert np.allclose(drawn.mean(axis=0), [[1 / 6, 2 / 6], [0, 0]], atol=0.02)
    assert np.allclose(np.cov(drawn[:, 0].T), 0.25 * inverses[0], atol=0.02)
    assert np.allclose(np.cov(drawn[:, 1].T), 0.25 * inverses[1], atol=0.02)
