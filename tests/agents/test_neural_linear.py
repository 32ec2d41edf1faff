"""The parts of NeuralLinear, worked by hand, and what it learns."""

import numpy as np
import pytest

from maestro_agents.evaluate import evaluate
from maestro_agents.fixed_expert import FixedExpert
from maestro_agents.neural_linear import NeuralLinear, network_inputs, random_network, unit_range
from maestro_agents.ridge import Ridges, ridges_of
from maestro_env.env import MaestroEnv


def test_network_inputs__drops_the_constant_and_widens_the_rest() -> None:
    # Four entries besides the constant, so they are multiplied by sqrt(4 / 2).
    found = network_inputs(np.array([[1.0, 1.0, 0.0, -1.0, 2.0]]))
    assert found == pytest.approx(np.sqrt(2) * np.array([[1.0, 0.0, -1.0, 2.0]]))


def test_unit_range() -> None:
    assert unit_range(np.array([-0.5, 0.0, 1.5])).tolist() == [0.0, 0.25, 1.0]
    assert unit_range(np.array([0.3, 0.3])).tolist() == [0.0, 0.0]


def test_random_network__keeps_the_size_of_its_inputs() -> None:
    rng = np.random.default_rng(0)
    network = random_network(200, hidden=300, arms=2, rng=rng)
    hidden = network.hidden(rng.standard_normal((500, 200)).astype(np.float32))
    assert (hidden**2).mean() == pytest.approx(1.0, abs=0.1)


def test_ridges_of__is_what_adding_one_by_one_gives() -> None:
    # Arm 0 saw x = (1, 2) once with reward 1: inverse [[5, -2], [-2, 2]] / 6 and sum (1, 2). Arm 1 saw nothing.
    # Arm 2 saw (1, 0) with 1 and (1, 1) with 0.5: A = [[3, 1], [1, 2]], determinant 5; sum (1.5, 0.5).
    features = np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 1.0]])
    found = ridges_of(features, np.array([2, 0, 2]), np.array([1.0, 1.0, 0.5]), num_arms=3)
    assert np.allclose(found.inverses[0], np.array([[5, -2], [-2, 2]]) / 6)
    assert np.allclose(found.inverses[1], np.eye(2))
    assert np.allclose(found.inverses[2], np.array([[2, -1], [-1, 3]]) / 5)
    assert np.allclose(found.sums, [[1, 2], [0, 0], [1.5, 0.5]])
    stepwise = Ridges.empty(arms=3, size=2)
    for arm, x, reward in ((2, features[0], 1.0), (0, features[1], 1.0), (2, features[2], 0.5)):
        stepwise.add(arm, x, reward)
    assert np.allclose(found.inverses, stepwise.inverses)


def test_neural_linear__learns_to_route(train_env: MaestroEnv, test_env: MaestroEnv) -> None:
    best_single = evaluate(FixedExpert(train_env).learn(0), test_env)
    agent = NeuralLinear(train_env, hidden=32, every=250, steps=150).learn(3000)
    routed = evaluate(agent, test_env)
    assert sum(r.correct for r in routed) > sum(r.correct for r in best_single)
    assert {record.calls for record in routed} == {1}
    assert len(agent.earned) == 1500  # an episode is a call and STOP


def test_neural_linear__fits_its_network_every_so_many_pulls(train_env: MaestroEnv) -> None:
    def first_weights(pulls: int) -> np.ndarray:
        return NeuralLinear(train_env, hidden=8, every=10, steps=5).learn(2 * pulls)._learned()["network_first_weight"]

    assert (first_weights(9) == first_weights(1)).all()
    assert (first_weights(10) != first_weights(9)).any()
    assert (first_weights(19) == first_weights(10)).all()
