"""The fakes behave as real recordings and backends do, and the contract checks find what breaks a contract."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maestro_env.backends.recorded import RecordedBackend
from maestro_env.errors import UnknownNameError
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.scoring import score
from maestro_env.testing import (
    FAKE_BENCHMARKS,
    FakeBackend,
    arrays_in,
    assert_same,
    check_backend,
    fake_recording,
    fake_registry,
    fake_reply,
)
from maestro_env.types import SPLITS, Context, Expert, Reply, Status, Task


def test_fake_recording__is_the_same_for_the_same_seed() -> None:
    first, again, other = (fake_recording(num_tasks=40, seed=seed, failing=0.1, missing=0.1) for seed in (3, 3, 4))
    assert first.tasks == again.tasks
    for name, value in vars(first).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(again, name))
    assert not np.array_equal(first.answer, other.answer)


@pytest.mark.parametrize("num_tasks", [12, 13, 50, 400])
def test_fake_recording__every_benchmark_has_every_split(num_tasks: int) -> None:
    recording = fake_recording(num_tasks=num_tasks)
    cells = Counter((task.benchmark, task.split) for task in recording.tasks)
    assert set(cells) == {(benchmark, split) for benchmark in FAKE_BENCHMARKS for split in SPLITS}
    assert len({task.id for task in recording.tasks}) == num_tasks


def test_fake_recording__scores_are_those_of_the_answers() -> None:
    recording = fake_recording(num_tasks=60, failing=0.1, missing=0.1)
    for (n, c, p), answer in np.ndenumerate(recording.answer):
        given = None if answer == MISSING else recording.answers[answer]
        assert recording.score[n, c, p] == score(recording.tasks[n], given)


def test_fake_recording__missing_calls_hold_nothing() -> None:
    recording = fake_recording(num_tasks=60, missing=0.2)
    missing = recording.status == MISSING
    assert 0.1 < missing.mean() < 0.3
    for array in (recording.answer, recording.text, recording.next_context, recording.skill_tier2):
        assert (array[missing] == MISSING).all()
    assert not recording.cost[missing].any()


def test_fake_recording__failed_calls_have_no_answer_and_stay() -> None:
    recording = fake_recording(num_tasks=60, failing=0.2)
    failed = recording.status == STATUSES.index(Status.TIMEOUT)
    assert 0.1 < failed.mean() < 0.3
    assert (recording.answer[failed] == MISSING).all()
    assert (recording.next_context[failed] == np.nonzero(failed)[1]).all()


def test_fake_recording__locating_and_then_reading_pays_in_scenes() -> None:
    recording = fake_recording(num_tasks=2000)
    scenes = np.array([task.benchmark == "scene" for task in recording.tasks])
    kinds = np.array([task.factors["kind"] for task in recording.tasks])
    charts = scenes & (kinds == "chart")
    chart, radiology = (recording.registry.index_of(f"{name}/Direct") for name in ("chart", "radiology"))
    assert recording.score[scenes, 0].mean(axis=0).max() < 0.25
    assert recording.score[charts, 0, chart].mean() < 0.25
    assert recording.score[charts, 1, chart].mean() > 0.7
    assert recording.score[charts, 1, radiology].mean() < 0.3


def test_fake_recording__too_few_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="num_tasks=11 is too few; give at least 12"):
        fake_recording(num_tasks=11)


def test_fake_recording__unknown_benchmark_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown fake benchmark 'scenes'\. Did you mean 'scene'"):
        fake_recording(benchmarks=["scenes"])


def test_fake_recording__cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        fake_recording(num_tasks=12).answer[0] = 1


def ask(backend: Any, expert_id: str) -> Reply:
    recording = fake_recording(num_tasks=12)
    return backend.invoke(recording.tasks[0], Context(id="whole"), recording.registry.expert(expert_id))


def test_fake_backend__replies_in_turn_and_repeats_the_last() -> None:
    backend = FakeBackend({"chart/Direct": [fake_reply("1"), fake_reply("2")], "counting/Direct": fake_reply("3")})
    order = ["chart/Direct", "counting/Direct", "chart/Direct", "chart/Direct"]
    assert [ask(backend, expert_id).answer for expert_id in order] == ["1", "3", "2", "2"]
    assert [call[2] for call in backend.calls] == order


def test_fake_backend__an_unknown_expert_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown expert 'radiology/Direct'"):
        ask(FakeBackend({"chart/Direct": fake_reply()}), "radiology/Direct")


class Broken:
    """A backend that replays a recording, but for what one test breaks."""

    def __init__(self, recording: Recording, *, unknown: bool = False, **broken: Any) -> None:
        self._sound = RecordedBackend(recording)
        self._unknown = unknown
        self._broken = broken

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        if self._unknown and expert.id not in fake_registry().ids:
            return fake_reply()
        return replace(self._sound.invoke(task, context, expert), **self._broken)


def test_check_backend__passes_a_sound_one() -> None:
    recording = fake_recording(num_tasks=12, failing=0.2)
    check_backend(RecordedBackend(recording), tasks=recording.tasks, registry=recording.registry)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"confidence": 1.5}, r"generalist/Direct on chart/train/000000: confidence 1\.5 is not in \[0, 1\]"),
        ({"status": "fine"}, "status 'fine' is not a Status"),
        ({"status": Status.TIMEOUT, "answer": "7"}, "a failed call answered '7'"),
        ({"cost_usd": -1.0}, r"cost_usd=-1\.0 is not a finite number of at least 0"),
        ({"passes": float("nan")}, "passes=nan is not a finite number"),
        ({"latency_s": float("inf")}, "latency_s=inf is not a finite number"),
        ({"next_context": Context(id="elsewhere")}, "the new context 'elsewhere' names no parent"),
        ({"unknown": True}, "answered for the unknown expert 'nobody/Direct'"),
    ],
)
def test_check_backend__finds_each_breach(broken: dict[str, Any], message: str) -> None:
    recording = fake_recording(num_tasks=12)
    with pytest.raises(AssertionError, match=message):
        check_backend(Broken(recording, **broken), tasks=recording.tasks, registry=recording.registry)


def test_check_backend__wants_a_backend_and_a_task() -> None:
    recording = fake_recording(num_tasks=12)
    with pytest.raises(AssertionError, match=r"object has no method invoke"):
        check_backend(object(), tasks=recording.tasks, registry=recording.registry)
    with pytest.raises(AssertionError, match="was given no task"):
        check_backend(RecordedBackend(recording), tasks=(), registry=recording.registry)


ONE = ({"a": np.zeros(3, np.float32), "b": np.array([None, {"c": np.ones(2)}], object)}, 1.0, False)


def test_assert_same__of_equal_values() -> None:
    assert_same(ONE, ({"b": ONE[0]["b"].copy(), "a": np.zeros(3, np.float32)}, 1.0, False))


@pytest.mark.parametrize(
    "other",
    [
        ({"a": np.array([0, 0, 1e-9], np.float32), "b": ONE[0]["b"]}, 1.0, False),
        ({"a": np.zeros(3), "b": ONE[0]["b"]}, 1.0, False),
        ({"a": np.zeros(4, np.float32), "b": ONE[0]["b"]}, 1.0, False),
        ({"a": ONE[0]["a"], "b": np.array([{"c": np.ones(2)}, None], object)}, 1.0, False),
        ({"a": ONE[0]["a"]}, 1.0, False),
        (ONE[0], np.float64(1.0), False),
        (ONE[0], 1.0, True),
        (ONE[0], 1.0),
    ],
    ids=["value", "dtype", "shape", "order", "key", "type", "flag", "length"],
)
def test_assert_same__notices_any_difference(other: Any) -> None:
    with pytest.raises(AssertionError):
        assert_same(ONE, other)


def test_arrays_in__finds_those_of_numbers() -> None:
    found = arrays_in(ONE)
    assert [array.tolist() for array in found] == [[0, 0, 0], [1, 1]]
