import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import MultiDiscrete

from maestro_env import FactoredActions
from maestro_env.errors import ActionError
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording


@pytest.fixture
def env() -> FactoredActions:
    return FactoredActions(gym.make("Maestro-v0", recording=fake_recording(num_tasks=40), registry=None))


# Models: generalist, chart, chart-rival, counting, radiology, locator-a, locator-b. Skills: Direct, Perception.


def test_factored__space_is_stop_model_skill(env: FactoredActions) -> None:
    assert env.action_space == MultiDiscrete([2, 7, 2])


@pytest.mark.parametrize(
    ("action", "expert"),
    [
        ([1, 0, 0], "generalist/Direct"),
        ([1, 0, 1], "generalist/Perception_Problem_Solver"),
        ([1, 4, 0], "radiology/Direct"),
        ([1, 6, 1], "locator-b/Perception_Problem_Solver"),
    ],
)
def test_factored__a_pair_invokes_its_expert(env: FactoredActions, action: list[int], expert: str) -> None:
    env.reset(seed=0)
    assert env.step(np.array(action))[-1]["expert"] == expert


def test_factored__stop_looks_at_nothing_else(env: FactoredActions) -> None:
    env.reset(seed=0)
    _, _, terminated, _, info = env.step(np.array([0, 6, 0]))
    assert terminated
    assert not info["invalid_action"]


def test_factored__a_pair_that_is_no_expert_counts_as_masked(env: FactoredActions) -> None:
    _, info = env.reset(seed=0)
    for turn in range(4):
        observation, _, terminated, _, info = env.step(np.array([1, 6, 0]))
        assert info["invalid_action"]
        assert not observation["experts"].any()
        assert observation["budget"][1] == 0.0
        assert info["expert"] == ""
        assert terminated == (turn == 3)
    assert info["outcome"] == "unanswered"


def test_factored__a_pair_that_is_no_expert_raises_where_it_is_strict(fake: Recording) -> None:
    env = FactoredActions(gym.make("Maestro-v0", recording=fake, registry=None, strict=True))
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"No expert has this model and skill\. Legal actions: \[0, "):
        env.step(np.array([1, 6, 0]))


@pytest.mark.parametrize("action", [[1, 0], [2, 0, 0], [1, 7, 0], [1, 0, -1], [1.0, 0.0, 0.0], 1])
def test_factored__outside_the_space_raises(env: FactoredActions, action: object) -> None:
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"outside the action space; expected three integers.*below \(2, 7, 2\)"):
        env.step(action)


def test_factored__masks_hold_what_has_a_legal_expert(env: FactoredActions) -> None:
    env.reset(seed=0)
    assert env.action_masks().tolist() == [True] * 11
    env.step(np.array([1, 1, 0]))  # chart has one skill
    assert env.action_masks().tolist() == [True, True, True, False, *[True] * 7]


def test_factored__wraps_a_maestro_env_only() -> None:
    with pytest.raises(ActionError, match="wraps a MaestroEnv, not a CartPoleEnv"):
        FactoredActions(gym.make("CartPole-v1"))
