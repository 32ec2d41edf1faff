"""Following fixed sequences of calls."""

import numpy as np

from maestro_agents.plan_following import action_at, as_actions, next_place


def test_as_actions__fills_up_with_stop() -> None:
    # Expert 0 is action 1; every row ends with STOP, even the longest and the empty one.
    assert as_actions([(0, 2), (1,), ()]).tolist() == [[1, 3, 0], [2, 0, 0], [0, 0, 0]]


def test_next_place__passes_over_what_is_masked() -> None:
    plans = np.array([[1, 2, 0], [1, 2, 0], [1, 2, 0], [2, 0, 0]])
    mask = np.array([[1, 1, 1], [1, 0, 1], [1, 0, 0], [1, 1, 0]], np.int8)
    # Nothing masked; the first call; both calls, so STOP; a call that is masked is passed over from its own place on.
    place = next_place(plans, np.array([0, 0, 0, 0]), mask)
    assert place.tolist() == [0, 1, 2, 1]
    assert action_at(plans, place).tolist() == [1, 2, 0, 0]


def test_next_place__never_goes_back() -> None:
    plans, mask = np.array([[1, 2, 0]]), np.ones((1, 3), np.int8)
    assert next_place(plans, np.array([1]), mask).tolist() == [1]
    assert next_place(plans, np.array([2]), mask).tolist() == [2]
