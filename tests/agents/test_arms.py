"""Bandits without context, worked by hand."""

import numpy as np

from maestro_agents.arms import means, ucb1_bounds

PULLS, REWARDS = np.array([4.0, 1.0, 0.0]), np.array([3.0, 0.0, 0.0])


def test_means__arms_never_pulled_come_first() -> None:
    assert means(PULLS, REWARDS).tolist() == [0.75, 0.0, np.inf]


def test_ucb1_bounds() -> None:
    # 5 pulls in all: 0.75 + sqrt(2 ln 5 / 4) and 0 + sqrt(2 ln 5 / 1).
    expected = [0.75 + np.sqrt(2 * np.log(5) / 4), np.sqrt(2 * np.log(5)), np.inf]
    assert np.allclose(ucb1_bounds(PULLS, REWARDS, alpha=1.0), expected)
    assert np.allclose(ucb1_bounds(PULLS, REWARDS, alpha=0.0)[:2], [0.75, 0.0])
