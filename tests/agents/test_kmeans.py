"""k-means on rows of one or two numbers, worked by hand."""

import numpy as np
import pytest

from maestro_agents.kmeans import first_centres, k_means, moved_centres, nearest_centre

ROWS = np.array([[0.0], [1.0], [10.0], [11.0]], np.float32)


def test_nearest_centre() -> None:
    assert nearest_centre(ROWS, np.array([[2.0], [9.0]], np.float32)).tolist() == [0, 0, 1, 1]


def test_moved_centres__are_means_and_stay_where_nobody_is() -> None:
    # (0 + 1 + 10) / 3, then nobody, then 11 alone.
    centres = np.array([[2.0], [5.0], [12.0]], np.float32)
    assert moved_centres(ROWS, np.array([0, 0, 0, 2]), centres).ravel() == pytest.approx([11 / 3, 5, 11])


@pytest.mark.parametrize("seed", range(5))
def test_k_means__finds_two_groups_from_any_start(seed: int) -> None:
    centres = k_means(ROWS, clusters=2, rng=np.random.default_rng(seed))
    assert sorted(centres.ravel().tolist()) == [0.5, 10.5]


def test_k_means__one_cluster_is_the_mean() -> None:
    assert k_means(ROWS, clusters=1, rng=np.random.default_rng(0)).tolist() == [[5.5]]


@pytest.mark.parametrize("seed", range(5))
def test_first_centres__never_draws_the_same_row_twice(seed: int) -> None:
    centres = first_centres(ROWS, clusters=4, rng=np.random.default_rng(seed))
    assert sorted(centres.ravel().tolist()) == [0, 1, 10, 11]


def test_first_centres__there_are_no_more_than_different_rows() -> None:
    same = np.ones((5, 2), np.float32)
    assert first_centres(same, clusters=3, rng=np.random.default_rng(0)).tolist() == [[1.0, 1.0]]


def test_first_centres__far_rows_are_drawn_in_proportion_to_squared_distance() -> None:
    # From 0, the rows at 1 and 3 have squared distances 1 and 9; from 1: 1 and 4; from 3: 9 and 4.
    # So the second centre is 3 with a chance of (9/10 + 4/5) / 3 = 17/30, as each row is first as often.
    rows = np.array([[0.0], [1.0], [3.0]], np.float32)
    rng = np.random.default_rng(0)
    seconds = [float(first_centres(rows, clusters=2, rng=rng)[1, 0]) for _ in range(6000)]
    assert np.mean(np.array(seconds) == 3.0) == pytest.approx(17 / 30, abs=0.02)
