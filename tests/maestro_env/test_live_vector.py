"""Live environments side by side: the same episodes, and calls that wait together."""

from threading import Barrier
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from maestro_env import MaestroEnv
from maestro_env.backends.recorded import RecordedBackend
from maestro_env.errors import ConfigurationError
from maestro_env.live_vector import ConcurrentVectorEnv
from maestro_env.recordings.recording import Recording
from maestro_env.testing import FakeBackend, assert_same, fake_recording, fake_reply
from maestro_env.types import Context, Expert, Reply, Task


@pytest.fixture(scope="module")
def recording() -> Recording:
    return fake_recording(num_tasks=80, seed=2, failing=0.1)


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_concurrent__equals_one_after_the_other(recording: Recording, mode: AutoresetMode) -> None:
    kwargs: dict[str, Any] = {
        "recording": recording,
        "registry": None,
        "backend": RecordedBackend(recording),
        "cost_weight": 0.1,
    }
    one_by_one = SyncVectorEnv([lambda: MaestroEnv(**kwargs) for _ in range(4)], autoreset_mode=mode)
    together = ConcurrentVectorEnv(4, autoreset_mode=mode, **kwargs)
    expected, got = one_by_one.reset(seed=3), together.reset(seed=3)
    rng = np.random.default_rng(0)
    for _ in range(40):
        assert_same(got, expected)
        actions = rng.integers(9, size=4)
        expected, got = one_by_one.step(actions), together.step(actions)
        ended = expected[2] | expected[3]
        if mode is AutoresetMode.DISABLED and ended.any():
            one_by_one.reset(options={"reset_mask": ended})
            together.reset(options={"reset_mask": ended})
    together.close()


class Waiting(FakeBackend):
    """Answers only when as many calls wait as there are environments."""

    def __init__(self, num_envs: int) -> None:
        super().__init__({"chart/Direct": fake_reply("4")})
        self._barrier = Barrier(num_envs, timeout=20)

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        self._barrier.wait()
        return super().invoke(task, context, expert)


def test_concurrent__calls_of_a_step_wait_together(recording: Recording) -> None:
    env = ConcurrentVectorEnv(5, recording=recording, registry=None, backend=Waiting(5))
    env.reset(seed=0)
    *_, infos = env.step(np.full(5, 3))
    assert infos["reply"].tolist() == ["4"] * 5
    env.close()


class Broken(FakeBackend):
    """Fails once, at the second task it sees."""

    failed = False

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        reply = super().invoke(task, context, expert)
        if len({call[0] for call in self.calls}) == 2 and not self.failed:
            self.failed = True
            raise ConnectionError("no route")
        return reply


def test_concurrent__an_error_loses_no_other_reply(recording: Recording) -> None:
    backend = Broken({"chart/Direct": fake_reply("4")})
    env = ConcurrentVectorEnv(4, recording=recording, registry=None, backend=backend)
    env.reset(seed=0)
    with pytest.raises(ConnectionError, match="no route"):
        env.step(np.full(4, 3))
    assert len(backend.calls) == 4
    *_, infos = env.step(np.full(4, 3))
    assert infos["reply"].tolist() == ["4"] * 4
    assert len(backend.calls) == 5
    env.close()


def test_make_vec__with_a_live_backend(recording: Recording) -> None:
    env = gym.make_vec("Maestro-v0", 2, recording=recording, registry=None, backend=RecordedBackend(recording))
    assert isinstance(env, ConcurrentVectorEnv)
    env.reset(seed=0)
    env.step(np.array([1, 2]))
    env.close()


def test_concurrent__needs_an_environment(recording: Recording) -> None:
    with pytest.raises(ConfigurationError, match="num_envs=0"):
        ConcurrentVectorEnv(0, recording=recording, registry=None)
