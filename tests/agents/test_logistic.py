"""Logistic regression, worked by hand."""

import numpy as np
import pytest

from maestro_agents.logistic import fit_logistic, sigmoid


def test_sigmoid__is_safe_at_both_ends() -> None:
    # 1 / (1 + e^-ln 3) = 1 / (1 + 1/3) = 3/4.
    assert sigmoid(np.array([-1e4, 0.0, np.log(3.0), 1e4])) == pytest.approx([0.0, 0.5, 0.75, 1.0])


def test_fit_logistic__of_a_constant_is_the_log_odds() -> None:
    # The first is right on 3 of 4: ln(3/1). The second is right on 1 of the 2 that are known: ln(1/1).
    right = np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    known = np.array([[True, True], [True, True], [True, False], [True, False]])
    weights = fit_logistic(np.ones((4, 1)), right, known, ridge=0.0)
    assert weights == pytest.approx(np.array([[np.log(3.0), 0.0]]), abs=1e-6)


def test_fit_logistic__separates_by_a_feature() -> None:
    # A constant and a feature of -1 or 1. At 1 right on 3 of 4, at -1 on 1 of 4: logits ln 3 and -ln 3, w = (0, ln 3).
    sign = np.array([1, 1, 1, 1, -1, -1, -1, -1.0])
    right = np.array([[1], [1], [1], [0], [1], [0], [0], [0.0]])
    features = np.stack([np.ones(8), sign], axis=1)
    weights = fit_logistic(features, right, np.ones((8, 1), bool), ridge=0.0)
    assert weights == pytest.approx(np.array([[0.0], [np.log(3.0)]]), abs=1e-6)


def test_fit_logistic__ridge_balances_what_was_missed() -> None:
    # Right on all 2 rows of x = 1. At the minimum 2 (1 - p) = ridge w; for w = ln 3, p = 3/4: ridge = 0.5 / ln 3.
    weights = fit_logistic(np.ones((2, 1)), np.ones((2, 1)), np.ones((2, 1), bool), ridge=0.5 / np.log(3.0))
    assert weights == pytest.approx(np.array([[np.log(3.0)]]), abs=1e-6)
