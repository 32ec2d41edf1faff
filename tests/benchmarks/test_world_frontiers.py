"""Frontiers, mixtures and the exact table of plans, on numbers and recordings worked by hand."""

import numpy as np
import pytest

from benchmarks.world_gates.frontiers import Step, at_cost, chosen, hull, merged
from benchmarks.world_gates.plan_table import RULES, Follower, Outcomes, Settled, plan_table
from maestro_agents.plan_search import extensions
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from maestro_env.types import AnswerRule
from tests.agents import conftest as by_hand

hand_made = by_hand.hand_made


def outcomes(score: list[list[float]], cost: list[list[float]]) -> Outcomes:
    return Outcomes(score=np.array(score, np.float32), cost=np.array(cost, np.float32))


def test_hull__leaves_out_what_a_mixture_beats() -> None:
    # From (1, 0.5) to (3, 0.9) the segment passes (2, 0.7), above 0.6; (4, 0.8) is dearer and worse than (3, 0.9).
    cost = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    assert hull(cost, np.array([0.0, 0.5, 0.6, 0.9, 0.8])).tolist() == [0, 1, 3]


def test_hull__points_that_do_not_exist_are_left_out() -> None:
    assert hull(np.array([0.0, 1.0, 2.0]), np.array([0.0, -np.inf, 0.5])).tolist() == [0, 2]


def test_merged__takes_the_steepest_edge_first() -> None:
    # Slopes: 0.6 and 0.2 / 2 = 0.1 in the first group, 0.6 / 2 = 0.3 in the second.
    hulls = [(np.array([0.0, 1.0, 3.0]), np.array([0.0, 0.6, 0.8])), (np.array([0.0, 2.0]), np.array([0.0, 0.6]))]
    assert merged(hulls) == [Step(group=0, place=1), Step(group=1, place=1), Step(group=0, place=2)]


def test_at_cost__mixes_the_neighbours() -> None:
    points = outcomes([[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [3, 3]])
    assert at_cost(points, 1.5).tolist() == [1.0, 0.25]  # a quarter of the way from 1 to 3
    assert at_cost(points, 0.5).tolist() == [0.5, 0.0]
    assert at_cost(points, 9.0).tolist() == [1.0, 1.0]  # the rest is not spent


def test_chosen__the_hull_is_that_of_val() -> None:
    # On val the second policy is dearer and no better, so it is left out, though it would be right on test.
    on_val = [outcomes([[1, 0]], [[1, 1]]), outcomes([[1, 0]], [[2, 2]])]
    on_test = [outcomes([[0, 0]], [[1, 1]]), outcomes([[1, 1]], [[2, 2]])]
    flat = [[Outcomes(score=o.score[0], cost=o.cost[0]) for o in side] for side in (on_val, on_test)]
    assert chosen(*flat).score.tolist() == [[0, 0], [0, 0]]
    assert chosen(*flat).cost.tolist() == [[0, 0], [1, 1]]


@pytest.fixture
def located(hand_made: by_hand.HandMade) -> Recording:
    """Expert 0 locates; in the region expert 1 is right on all three tasks, on the whole picture on the last one."""
    return hand_made([["1xy", "1ry"], ["1xy", "1ry"], ["1ry", "1ry"]])


def test_plan_table__numbers_plans_by_length_and_order(located: Recording) -> None:
    table = plan_table(located, np.ones((3, 1), bool), max_calls=2)
    # 0 is the empty plan, 1 to 3 are single calls, then pairs.
    assert [table.plan(number) for number in (0, 1, 3, 4, 5, 12)] == [(), (0,), (2,), (0, 0), (0, 1), (2, 2)]


def test_plan_table__best_plan_by_group_and_price(located: Recording) -> None:
    groups = np.array([[True, False], [True, False], [True, True]])
    table = plan_table(located, groups, max_calls=2)
    assert table.best(0, price=0.0).experts == (0, 1)
    assert table.best(1, price=0.0).experts == (1,)  # the shortest of equals: the last task needs no region
    # Locating and reading earns 1 - 2 x 0.3 = 0.4; reading at once 1 / 3 - 0.3 = 0.03.
    assert table.best(0, price=0.3).experts == (0, 1)
    # 1 - 2 x 0.6 < 0 and 1 / 3 - 0.6 < 0: better to do nothing.
    assert table.best(0, price=0.6).experts == ()


def test_plan_table__means_are_over_the_group(located: Recording) -> None:
    table = plan_table(located, np.array([[True], [False], [True]]), max_calls=2)
    assert table.score[:, 2, 0].tolist() == [0.5, 0.5, 0.5]  # expert 1 alone: right on one of the two tasks
    assert table.cost[:6, 0].tolist() == [0.0, 1.0, 1.0, 1.0, 2.0, 2.0]
    assert table.plan(8) == (1, 1)
    assert table.cost[8, 0] == 1.0  # the second call is masked: it was made in this context before


@pytest.mark.parametrize("rule", RULES)
def test_follower__agrees_with_the_enumeration(rule: AnswerRule) -> None:
    recording = fake_recording(num_tasks=60, failing=0.1, missing=0.1)
    follower = Follower(recording)
    rng = np.random.default_rng(0)
    for extension in extensions(recording, max_calls=3, rule=rule):
        if rng.random() < 0.3:
            last = int(rng.integers(len(recording.registry)))
            followed = follower.outcomes(Settled(experts=(*extension.prefix, last), rule=rule))
            assert followed.score.tolist() == extension.score[last].tolist()
            assert np.allclose(followed.cost, extension.cost[last])
