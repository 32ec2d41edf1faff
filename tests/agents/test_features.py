"""Features and nearest neighbours."""

import numpy as np
import pytest

from maestro_agents.features import Features, fit_scaling
from maestro_agents.neighbours import nearest
from maestro_env.errors import ConfigurationError


def test_fit_scaling__centres_and_divides_by_one_number() -> None:
    # Rows (0, 0) and (6, 8): mean (3, 4), both at distance 5 from it.
    scaling = fit_scaling(np.array([[0.0, 0.0], [6.0, 8.0]]))
    assert scaling.mean.tolist() == [3.0, 4.0]
    assert scaling.size == 5.0
    assert np.allclose(scaling.apply(np.array([[6.0, 8.0]])), [[0.6, 0.8]])


def test_fit_scaling__rows_that_are_all_the_same_stay_finite() -> None:
    assert fit_scaling(np.ones((3, 2))).size == 1.0


def test_features__view_weight_multiplies_the_squared_distance() -> None:
    rows = np.array([[0.0], [2.0]])  # mean 1, size 1
    features = Features.fit(rows, rows)
    apart = np.diff(features.of(rows, rows, view_weight=4.0), axis=0)[0]
    assert (apart**2).tolist() == [4.0, 16.0]


def test_nearest__finds_the_closest_rows() -> None:
    remembered = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 2.0]], np.float32)
    # From (1, 0): distances 1, 4, sqrt(5).
    assert set(nearest(np.array([[1.0, 0.0]], np.float32), remembered, k=2)[0].tolist()) == {0, 2}


def test_nearest__returns_all_rows_if_there_are_fewer_than_k() -> None:
    assert nearest(np.zeros((4, 2), np.float32), np.zeros((3, 2), np.float32), k=9).shape == (4, 3)


def test_nearest__no_neighbours_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"k=0 neighbours.*1 or more"):
        nearest(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32), k=0)


def test_network_inputs__have_a_variance_of_one_an_entry() -> None:
    # Questions of two entries and views of one. A question's squared length has a mean of 1, so its two entries have a
    # variance of 1/2 each, and are multiplied by sqrt(2); the view's entry is left as it is.
    question = np.array([[1.0, 0.0], [-1.0, 0.0]], np.float32)
    view = np.array([[3.0], [1.0]], np.float32)
    found = Features.fit(question, view).network_inputs(question, view)
    assert np.allclose(found, [[np.sqrt(2), 0, 1], [-np.sqrt(2), 0, -1]])
