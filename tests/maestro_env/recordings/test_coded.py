import numpy as np

from maestro_env.recordings.coded import NULL, by_sorted_values


def test_by_sorted_values__drops_unused_values_and_keeps_nulls() -> None:
    # b, null, a, b; nobody says c.
    coded = by_sorted_values(["c", "b", "a"], np.array([1, NULL, 2, 1], np.int32))
    assert coded.values == ("a", "b")
    assert coded.codes.tolist() == [1, NULL, 0, 1]


def test_by_sorted_values__finds_a_value_that_turns_up_late() -> None:
    codes = np.zeros(200_000, np.int32)
    codes[-1] = 2
    coded = by_sorted_values(["a", "b", "c"], codes)
    assert coded.values == ("a", "c")
    assert coded.codes[[0, -1]].tolist() == [0, 1]
