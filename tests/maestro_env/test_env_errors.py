"""What `Maestro-v0` refuses while it is played, and what it says. Keyword arguments: test_arguments.py."""

from typing import Any

import numpy as np
import pytest

from maestro_env import MaestroEnv, Registry
from maestro_env.errors import ActionError, ConfigurationError, UnknownNameError
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_registry


@pytest.fixture
def env(fake: Recording) -> MaestroEnv:
    return MaestroEnv(recording=fake, registry=None)


@pytest.mark.parametrize("action", [-1, 9, 10**9, np.int64(9)])
def test_step__outside_the_space_raises(env: MaestroEnv, action: Any) -> None:
    env.reset(seed=0)
    with pytest.raises(ActionError, match=rf"Action {action} is outside the action space; expected 0 \(STOP\) to 8"):
        env.step(action)


@pytest.mark.parametrize("action", [1.0, "1", None, np.array([1, 2]), np.float64(1)])
def test_step__no_integer_raises(env: MaestroEnv, action: Any) -> None:
    env.reset(seed=0)
    with pytest.raises(ActionError, match=r"is no integer; expected 0 \(STOP\) to 8"):
        env.step(action)


@pytest.mark.parametrize("action", [1, np.int64(1), np.array(1), np.uint8(1)])
def test_step__takes_every_integer(env: MaestroEnv, action: Any) -> None:
    env.reset(seed=0)
    assert env.step(action)[-1]["expert"] == "generalist/Direct"


def test_step__before_reset_and_after_the_end_raises(env: MaestroEnv) -> None:
    with pytest.raises(ActionError, match=r"No episode is running.*Call reset\(\)"):
        env.step(0)
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(ActionError, match=r"No episode is running.*Call reset\(\)"):
        env.step(0)


def test_step__a_refused_action_leaves_the_episode_as_it_was(env: MaestroEnv) -> None:
    env.reset(seed=0)
    before = env.get_state().state
    with pytest.raises(ActionError):
        env.step(99)
    assert env.get_state().state is before


def test_strict__a_masked_action_raises_and_names_the_legal_ones(fake: Recording) -> None:
    env = MaestroEnv(recording=fake, registry=None, strict=True, benchmarks=["chart"])
    env.reset(seed=0)
    env.step(1)
    legal = np.flatnonzero(env.action_masks()).tolist()
    with pytest.raises(
        ActionError, match=r"Action 1 \('generalist/Direct'\) is masked.*Legal actions: \[0, "
    ) as raised:
        env.step(1)
    assert str(legal) in str(raised.value)


def test_reset__unknown_option_names_the_known_ones(env: MaestroEnv) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown reset option 'tsak'\. Did you mean 'task'"):
        env.reset(options={"tsak": "chart/train/000000"})


@pytest.mark.parametrize("task", ["chart/train/00000x", 3, None, ["chart"]])
def test_reset__unknown_task_is_refused(env: MaestroEnv, task: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown task of this environment's split and benchmarks"):
        env.reset(options={"task": task})


def test_reset__a_task_of_another_split_is_refused(fake: Recording) -> None:
    test_task = next(task.id for task in fake.tasks if task.split == "test")
    with pytest.raises(UnknownNameError, match=r"Unknown task of this environment's split"):
        MaestroEnv(recording=fake, registry=None).reset(options={"task": test_task})


def test_set_state__of_another_registry_is_refused(fake: Recording, env: MaestroEnv) -> None:
    some = Registry(name="some", experts=fake_registry().experts[:3])
    snapshot = MaestroEnv(recording=fake, registry=some).get_state()
    with pytest.raises(ConfigurationError, match=r"'fake' with 3 experts.*plays 'fake' with 8"):
        env.set_state(snapshot)


def test_action_masks__before_reset_raises(env: MaestroEnv) -> None:
    with pytest.raises(ActionError, match=r"Call reset\(\) before action_masks"):
        env.action_masks()
