"""Paired bootstrap intervals, on values whose resamples can be reasoned about."""

import numpy as np
import pytest

from benchmarks.bootstrap import (
    balanced_weights,
    difference_interval,
    equal_weights,
    interval,
    mean_interval,
    resampled_means,
    task_counts,
)
from maestro_env.errors import ConfigurationError

STRATA = ["a"] * 3 + ["b"] * 5


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_task_counts__keep_the_size_of_every_stratum() -> None:
    counts = task_counts(STRATA, resamples=50, rng=rng())
    assert (counts[:, :3].sum(axis=1) == 3).all()
    assert (counts[:, 3:].sum(axis=1) == 5).all()
    assert len(np.unique(counts, axis=0)) > 30  # and draw anew each time


def test_weights__equal_and_balanced() -> None:
    assert equal_weights(STRATA).tolist() == [1 / 8] * 8
    # Two strata, half the weight each: 1/2 over 3 tasks, and 1/2 over 5.
    assert np.allclose(balanced_weights(STRATA), [1 / 6] * 3 + [1 / 10] * 5)


def test_resampled_means__follow_the_counts() -> None:
    values = np.array([[1.0, 0.0, 4.0]])
    counts = np.array([[1, 1, 1], [3, 0, 0], [0, 1, 2]], np.int16)
    # (1 + 0 + 4) / 3, 3 x 1 / 3, 2 x 4 / 3.
    assert np.allclose(
        resampled_means(values, counts, weights=equal_weights(list("aaa")), rng=rng()), [5 / 3, 1.0, 8 / 3]
    )


def test_resampled_means__draw_seeds_too() -> None:
    # Every task is the same, so all the spread is between seeds: the mean of two draws of {0, 1} is 0, 1/2 or 1.
    counts = np.ones((400, 2), np.int16)
    values = np.array([[0.0, 0.0], [1.0, 1.0]])
    means = resampled_means(values, counts, weights=equal_weights(list("aa")), rng=rng())
    assert set(means.tolist()) == {0.0, 0.5, 1.0}
    assert np.mean(means == 0.5) == pytest.approx(0.5, abs=0.1)


def test_interval__takes_the_percentiles() -> None:
    # 0, 1, ..., 200: 2.5 % of the way is 5, 97.5 % is 195.
    found = interval(7.0, np.arange(201.0))
    assert (found.mean, found.low, found.high) == pytest.approx((7.0, 5.0, 195.0))


def test_mean_interval__covers_about_as_a_normal_interval_does() -> None:
    # 400 coin throws: the standard error is 0.5 / 20 = 0.025, and 1.96 of it 0.049.
    values = np.tile([0.0, 1.0], 200)[None]
    strata = ["a"] * 400
    found = mean_interval(
        values, task_counts(strata, resamples=4000, rng=rng()), weights=equal_weights(strata), rng=rng()
    )
    assert found.mean == pytest.approx(0.5)
    assert found.low == pytest.approx(0.451, abs=0.006)
    assert found.high == pytest.approx(0.549, abs=0.006)


def test_mean_interval__balanced_weights_lift_the_small_stratum() -> None:
    # Right on all 3 of a, wrong on all 5 of b: 3/8 over tasks, 1/2 over strata; no resample within strata changes it.
    values = np.array([[1.0] * 3 + [0.0] * 5])
    counts = task_counts(STRATA, resamples=20, rng=rng())
    for weights, expected in ((equal_weights(STRATA), 3 / 8), (balanced_weights(STRATA), 1 / 2)):
        found = mean_interval(values, counts, weights=weights, rng=rng())
        assert (found.mean, found.low, found.high) == pytest.approx((expected,) * 3)


def test_difference_interval__is_paired() -> None:
    # One agent is right wherever the other is, and on every fourth task besides: in each resample the difference is
    # the share of those tasks, whatever the hard ones are. Unpaired, the interval would be about twice as wide.
    worse = np.tile([1.0, 0.0, 1.0, 0.0], 50)[None]
    better = np.tile([1.0, 1.0, 1.0, 0.0], 50)[None]
    strata = ["a"] * 200
    counts = task_counts(strata, resamples=2000, rng=rng())
    found = difference_interval(better, worse, counts, weights=equal_weights(strata), rng=rng())
    assert found.mean == pytest.approx(0.25)
    # sqrt(0.25 x 0.75 / 200) = 0.0306, times 1.96 = 0.060.
    assert found.high - found.low == pytest.approx(0.120, abs=0.012)
    assert found.excludes_zero


def test_difference_interval__of_an_agent_with_itself_is_zero() -> None:
    values = np.array([[1.0, 0.0, 1.0, 1.0]])
    counts = task_counts(list("aaaa"), resamples=100, rng=rng())
    found = difference_interval(values, values, counts, weights=equal_weights(list("aaaa")), rng=rng())
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.excludes_zero


def test_resampled_means__shapes_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"Values \(1, 3\).*counts \(2, 4\).*do not fit"):
        resampled_means(np.ones((1, 3)), np.ones((2, 4), np.int16), weights=np.ones(3), rng=rng())
