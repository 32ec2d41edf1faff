"""Metrics against examples worked by hand."""

import numpy as np
import pytest

from benchmarks import metrics
from maestro_env.errors import ConfigurationError

COSTS, SCORES = [0.1, 0.2, 0.5, 0.6, 1.0], [0.40, 0.55, 0.50, 0.80, 0.90]
"""The third point lies under the hull."""


def test_hull__leaves_out_what_lies_under_it() -> None:
    hull = metrics.hull_of(COSTS, SCORES)
    assert hull.cost.tolist() == [0.1, 0.2, 0.6, 1.0]
    assert hull.score.tolist() == [0.40, 0.55, 0.80, 0.90]
    # Half way between the second and the third corner.
    assert hull.at(0.4) == pytest.approx(0.675)
    assert np.isnan(hull.at(0.05))
    assert hull.at(7.0) == 0.90


def test_hull__stays_level_after_its_peak() -> None:
    hull = metrics.hull_of([1, 2, 4], [0.2, 0.6, 0.5])
    assert (hull.cost.tolist(), hull.score.tolist()) == ([1, 2, 4], [0.2, 0.6, 0.6])
    # (0.2 + 0.6) / 2 + 2 x 0.6
    assert hull.area == pytest.approx(1.6)


def test_hull__takes_the_best_of_equal_costs_and_any_order() -> None:
    hull = metrics.hull_of([2, 1, 2, 1], [0.5, 0.1, 0.7, 0.3])
    assert (hull.cost.tolist(), hull.score.tolist()) == ([1, 2], [0.3, 0.7])


def test_hull__of_points_on_a_line_keeps_its_ends() -> None:
    assert metrics.hull_of([0, 1, 2], [0.0, 0.25, 0.5]).cost.tolist() == [0, 2]


def test_aiq__by_the_definition_and_as_routerbenchs_code_reads_it() -> None:
    # 0.1 x 0.475 + 0.4 x 0.675 + 0.4 x 0.85 = 0.6575, over 0.9 and over 1.0.
    assert metrics.aiq(COSTS, SCORES) == pytest.approx(0.6575 / 0.9)
    assert round(metrics.aiq(COSTS, SCORES), 4) == 0.7306
    assert metrics.aiq_routerbench_code(COSTS, SCORES) == pytest.approx(0.6575)


def test_aiq__of_one_point_is_its_score() -> None:
    assert metrics.aiq([0.3], [0.6]) == 0.6


@pytest.mark.parametrize(("costs", "scores"), [([], []), ([1, 2], [1]), ([-1], [1]), ([np.nan], [1]), ([[1]], [[1]])])
def test_hull__refuses_what_are_no_points(costs: list[float], scores: list[float]) -> None:
    with pytest.raises(ConfigurationError, match="Costs"):
        metrics.hull_of(costs, scores)


def test_pareto_frontier__keeps_equal_points() -> None:
    assert metrics.pareto_frontier([1, 2, 2, 3, 3], [0.5, 0.7, 0.7, 0.6, 0.9]).tolist() == [0, 1, 2, 4]


def test_pareto_distance__on_scaled_axes() -> None:
    # Scaled: (0, 0), (0.5, 1), (1, 0.5). The last one's nearest on the frontier is the second: (0.5^2 + 0.5^2)^0.5.
    assert metrics.pareto_distance([1, 2, 3], [0.2, 0.6, 0.4], [2]) == pytest.approx(0.5**0.5)
    assert metrics.pareto_distance([1, 2, 3], [0.2, 0.6, 0.4], [0, 1]) == 0


def test_perf_gain_and_cost_save() -> None:
    assert metrics.perf_gain([0.5, 0.66], 0.6) == pytest.approx(0.1)
    # Of the settings at 0.6 or more the cheapest costs 3 of 4.
    assert metrics.cost_save([1, 3, 5], [0.5, 0.6, 0.9], best_single_cost=4, best_single=0.6) == pytest.approx(0.25)
    assert metrics.cost_save([1], [0.5], best_single_cost=4, best_single=0.6) == 0


def test_pgr() -> None:
    assert metrics.pgr([0.5, 0.6, 0.9], weak=0.5, strong=0.9).tolist() == pytest.approx([0, 0.25, 1])
    with pytest.raises(ConfigurationError, match="no gap to recover"):
        metrics.pgr(0.5, weak=0.5, strong=0.5)


def test_apgr_and_cpt() -> None:
    shares, scores = [0.5, 0.25], [0.8, 0.6]
    # PGR 0, 0.25, 0.75, 1 at shares 0, 0.25, 0.5, 1: 0.03125 + 0.125 + 0.4375.
    assert metrics.apgr(shares, scores, weak=0.5, strong=0.9) == pytest.approx(0.59375)
    # Half way between 0.25 and 0.75.
    assert metrics.cpt(0.5, shares, scores, weak=0.5, strong=0.9) == pytest.approx(0.375)
    assert metrics.cpt(0.0, shares, scores, weak=0.5, strong=0.9) == 0.0
    assert metrics.cpt(1.0, shares, scores, weak=0.5, strong=0.9) == 1.0


def test_cpt__the_first_crossing_counts() -> None:
    # PGR 0, 0.75, 0.25, 1 at shares 0, 0.2, 0.6, 1.
    assert metrics.cpt(0.5, [0.2, 0.6], [0.8, 0.6], weak=0.5, strong=0.9) == pytest.approx(0.2 * 0.5 / 0.75)


def test_interquartile_mean() -> None:
    # Of eight values the middle four; of six, the middle two and half of their neighbours.
    assert metrics.interquartile_mean([9, 1, 2, 3, 4, 5, 6, 100]) == pytest.approx((3 + 4 + 5 + 6) / 4)
    assert metrics.interquartile_mean([[1, 2, 3], [4, 5, 60]]) == pytest.approx((0.5 * 2 + 3 + 4 + 0.5 * 5) / 3)


def test_probability_of_improvement() -> None:
    # First benchmark: 1 > 0 and 1 = 1, second: 0.2 < 0.4 twice.
    assert metrics.probability_of_improvement([[1, 0.2]], [[0, 0.4], [1, 0.4]]) == pytest.approx((1 + 0.5) / 4)


def test_usage() -> None:
    assert metrics.usage_entropy([5, 5, 5, 5]) == pytest.approx(1)
    assert metrics.usage_entropy([7, 0, 0, 0]) == 0
    # Two of four alike: ln 2 / ln 4.
    assert metrics.usage_entropy([3, 3, 0, 0]) == pytest.approx(0.5)
    assert metrics.collapse([6, 3, 1]) == 0.6


def test_model_recall__by_how_many_are_right() -> None:
    scores = [[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0], [1, 1, 1]]
    # One right: missed. Two right: hit, then missed. None and all say nothing.
    assert metrics.model_recall(scores, [1, 0, 0, 0, 0]) == {1: 0.0, 2: 0.5}


def test_cumulative_regret() -> None:
    assert metrics.cumulative_regret([1, 0, 0.5], 1.0).tolist() == [0, 1, 1.5]


def test_zero_advantage_share() -> None:
    assert metrics.zero_advantage_share([[1, 1, 1], [0, 1], [0, 0]]) == pytest.approx(2 / 3)
    with pytest.raises(ConfigurationError, match="at least one reward"):
        metrics.zero_advantage_share([[1], []])


def test_off_policy__by_hand() -> None:
    reward, logged, new = [1.0, 0.0, 1.0, 1.0], [0.5, 0.5, 0.25, 0.5], [1.0, 0.0, 0.5, 0.5]
    # Ratios 2, 0, 2, 1.
    found = metrics.ips(reward, logged, new)
    assert found.value == pytest.approx((2 + 0 + 2 + 1) / 4)
    assert found.effective_size == pytest.approx(25 / 9)
    assert metrics.snips(reward, logged, new).value == pytest.approx(1.0)
    # With guesses 0.5 everywhere: 0.5 + ratio x (reward - 0.5), ratios as above: 1.5, 0.5, 1.5, 1.
    robust = metrics.doubly_robust(reward, logged, new, guessed=[0.5] * 4, guessed_value=[0.5] * 4)
    assert robust.value == pytest.approx(4.5 / 4)


@pytest.mark.parametrize("estimator", ["ips", "snips", "doubly_robust"])
def test_off_policy__intervals_cover_the_true_value(estimator: str) -> None:
    rng = np.random.default_rng(0)
    chances = rng.random((4, 3))  # of a reward of 1, by context and action
    logging = rng.dirichlet([2, 2, 2], size=4)
    policy = rng.dirichlet([1, 1, 1], size=4)
    truth = float((policy * chances).sum(axis=1).mean())
    covered = 0
    for _ in range(200):
        context = rng.integers(4, size=800)
        action = (rng.random((800, 1)) > logging[context].cumsum(axis=1)).sum(axis=1)
        reward = (rng.random(800) < chances[context, action]).astype(float)
        logged, new = logging[context, action], policy[context, action]
        if estimator == "doubly_robust":
            guesses = chances + 0.1  # a model that is off
            value = (policy * guesses).sum(axis=1)[context]
            found = metrics.doubly_robust(reward, logged, new, guessed=guesses[context, action], guessed_value=value)
        else:
            found = getattr(metrics, estimator)(reward, logged, new)
        low, high = found.interval()
        covered += low <= truth <= high
    # Of 200 at 95 %, 180 are fewer than chance leaves out (binomial, p < 0.002).
    assert covered >= 180


def test_off_policy__refuses_chances_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="never taken is never logged"):
        metrics.ips([1, 0], [0.0, 1.0], [0.5, 0.5])
