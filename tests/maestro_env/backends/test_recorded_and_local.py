from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from maestro_env.backends.local import KEPT_IMAGES, LocalBackend
from maestro_env.backends.recorded import RecordedBackend
from maestro_env.errors import ConfigurationError, RecordingError, UnknownNameError
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.recordings.shard import ShardRecorder
from maestro_env.testing import check_backend
from maestro_env.types import WHOLE, Context, Expert, Model, Skill
from tests.maestro_env.recordings.fake_bench import fake_bench, load_image, load_network, small_plan


@pytest.fixture(scope="module")
def recording() -> Recording:
    return ShardRecorder(small_plan(shard_tasks=24), fake_bench()).record(0)


def local() -> LocalBackend:
    return LocalBackend(load_network=load_network, load_image=load_image)


def test_recorded__gives_what_local_gives(recording: Recording) -> None:
    replayed, live = RecordedBackend(recording), local()
    rng = np.random.default_rng(0)
    tier2: set[str] = set()
    for _ in range(150):
        n, slot, p = (int(rng.integers(size)) for size in recording.status.shape)
        call = (recording.tasks[n], recording.context(n, slot), recording.registry.experts[p])
        reply = live.invoke(*call)
        assert replayed.invoke(*call) == reply
        tier2.add(reply.skill_tier2)
    assert tier2 == {"", "Locate", "Zoom", "Tile_Sum", "Region_Count", "Look"}


def test_recorded__keeps_the_contract_of_backends(recording: Recording) -> None:
    check_backend(RecordedBackend(recording), tasks=recording.tasks, registry=recording.registry)


def test_local__keeps_the_contract_of_backends(recording: Recording) -> None:
    check_backend(local(), tasks=recording.tasks[:3], registry=recording.registry)


def test_recorded__an_unknown_task_is_an_error(recording: Recording) -> None:
    task = replace(recording.tasks[0], id="counting/train/000099")
    with pytest.raises(UnknownNameError, match=r"Unknown task 'counting/train/000099'. Did you mean"):
        RecordedBackend(recording).invoke(task, Context(id=WHOLE), recording.registry.experts[0])


def test_recorded__an_unknown_context_is_an_error(recording: Recording) -> None:
    context = Context(id="region:locator-c", parent=WHOLE)
    with pytest.raises(UnknownNameError, match="Unknown context of task 'counting/train/000000' 'region:locator-c'"):
        RecordedBackend(recording).invoke(recording.tasks[0], context, recording.registry.experts[0])


def test_recorded__a_call_that_was_not_recorded_is_an_error(recording: Recording) -> None:
    status = recording.status.copy()
    status[0, 0, 0] = MISSING
    message = "holds no reply of expert 'reader-a/Direct' to task 'counting/train/000000' in context 'whole'"
    with pytest.raises(RecordingError, match=message):
        RecordedBackend(replace(recording, status=status)).invoke(
            recording.tasks[0], Context(id=WHOLE), recording.registry.experts[0]
        )


def test_local__keeps_the_last_pictures(recording: Recording) -> None:
    loaded: list[str] = []

    def load(reference: str) -> Image.Image:
        loaded.append(reference)
        return load_image(reference)

    backend = LocalBackend(load_network=load_network, load_image=load)
    expert = recording.registry.experts[0]
    for task in (
        recording.tasks[0],
        *recording.tasks[: KEPT_IMAGES + 1],
        recording.tasks[1],
        recording.tasks[0],
        recording.tasks[1],
    ):
        backend.invoke(task, Context(id=WHOLE), expert)
    # Task 0 was loaded, kept, pushed out by the ninth picture, and loaded again. That pushed out task 2: task 1 was
    # the oldest, but it had just been used.
    assert loaded == [task.images[0] for task in (*recording.tasks[: KEPT_IMAGES + 1], recording.tasks[0])]


def test_local__loads_each_network_once(recording: Recording) -> None:
    names: list[str] = []

    def load(name: str):
        names.append(name)
        return load_network(name)

    backend = LocalBackend(load_network=load, load_image=load_image)
    for expert in (*recording.registry.experts, *recording.registry.experts):
        backend.invoke(recording.tasks[0], Context(id=WHOLE), expert)
    assert names == ["reader-a", "reader-b", "locator-a", "locator-b"]


def test_local__a_model_without_a_network_is_an_error(recording: Recording) -> None:
    endpoint = Expert(model=Model(name="gpt", description=""), skill=Skill(name="Direct", description=""))
    with pytest.raises(UnknownNameError, match=r"Model 'gpt' names no network.*use the backend of its endpoint"):
        local().invoke(recording.tasks[0], Context(id=WHOLE), endpoint)


def test_local__a_task_without_a_picture_is_an_error(recording: Recording) -> None:
    task = replace(recording.tasks[0], images=())
    with pytest.raises(ConfigurationError, match="Task 'counting/train/000000' has no picture"):
        local().invoke(task, Context(id=WHOLE), recording.registry.experts[0])
