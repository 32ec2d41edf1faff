"""Live play: the same dynamics over replies that are made when they are asked for."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gymnasium.spaces import Discrete
from PIL import Image

from maestro_env import MaestroEnv
from maestro_env.backends.recorded import RecordedBackend
from maestro_env.encoders import NETWORK_VIEWS, GridView
from maestro_env.errors import ConfigurationError, TaskError, UnknownNameError
from maestro_env.recordings.recording import Recording
from maestro_env.testing import FakeBackend, fake_recording, fake_region, fake_registry, fake_reply
from maestro_env.types import Reply, Status


@pytest.fixture
def recording() -> Recording:
    return fake_recording(num_tasks=80, seed=2, failing=0.1)


def test_live__a_backend_that_replays_gives_the_recorded_episodes(recording: Recording) -> None:
    recorded = MaestroEnv(recording=recording, registry=None, cost_weight=0.1)
    live = MaestroEnv(recording=recording, registry=None, cost_weight=0.1, backend=RecordedBackend(recording))
    rng = np.random.default_rng(0)
    for seed in range(60):
        one, other = recorded.reset(seed=seed), live.reset(seed=seed)
        ended = False
        while True:
            assert one[-1].keys() == other[-1].keys()
            for key in one[0]:
                np.testing.assert_array_equal(one[0][key], other[0][key])
            for key in one[-1]:
                np.testing.assert_array_equal(one[-1][key], other[-1][key])
            assert one[1:-1] == other[1:-1]
            if ended:
                break
            action = int(rng.integers(9))
            one, other = recorded.step(action), live.step(action)
            ended = one[2] or one[3]


def test_live__nothing_is_asked_for_stop_or_masked_actions(recording: Recording) -> None:
    backend = FakeBackend({"chart/Direct": fake_reply("4")})
    env = MaestroEnv(recording=recording, registry=None, backend=backend)
    _, info = env.reset(seed=0)
    env.step(3)
    env.step(3)
    env.step(0)
    assert backend.calls == [(info["task_id"], "whole", "chart/Direct")]


def test_live__every_expert_is_legal_until_it_was_called(recording: Recording) -> None:
    env = MaestroEnv(recording=recording, registry=None, backend=FakeBackend({"chart/Direct": fake_reply("4")}))
    assert env.reset(seed=0)[1]["action_mask"].tolist() == [1] * 9
    assert env.step(3)[-1]["action_mask"].tolist() == [1, 1, 1, 0, 1, 1, 1, 1, 1]


def test_live__the_answer_is_scored_by_the_task(recording: Recording) -> None:
    gold = {task.id: task.gold for task in recording.tasks}
    task_id = next(task.id for task in recording.tasks if task.split == "train")
    for answer, outcome in ((gold[task_id], "correct"), ("x" + gold[task_id], "wrong")):
        backend = FakeBackend({"chart/Direct": fake_reply(answer)})
        env = MaestroEnv(recording=recording, registry=None, backend=backend)
        env.reset(options={"task": task_id})
        env.step(3)
        info = env.step(0)[-1]
        assert (info["outcome"], info["answer"]) == (outcome, answer)


def test_live__a_failing_expert_is_a_status(recording: Recording) -> None:
    refused = replace(fake_reply(None, confidence=None), text="refused", status=Status.REFUSED)
    env = MaestroEnv(recording=recording, registry=None, backend=FakeBackend({"chart/Direct": refused}))
    env.reset(seed=0)
    info = env.step(3)[-1]
    assert (info["status"], info["reply"]) == ("refused", "refused")
    assert env.step(0)[3]


def test_live__replies_may_differ_from_task_to_task(recording: Recording) -> None:
    backend = FakeBackend({"chart/Direct": [fake_reply("4"), fake_reply("5")]})
    env = MaestroEnv(recording=recording, registry=None, backend=backend)
    replies = []
    for seed in range(2):
        env.reset(seed=seed)
        replies.append(env.step(3)[-1]["reply"])
    assert replies == ["4", "5"]


def with_pictures(recording: Recording, path: Path) -> Recording:
    # A red quarter on the left, blue for the rest: a region's margin stays in the blue.
    picture = Image.new("RGB", (200, 200), (255, 0, 0))
    picture.paste((0, 0, 255), (50, 0, 200, 200))
    picture.save(path)
    tasks = tuple(replace(task, images=(str(path),)) for task in recording.tasks)
    view = np.zeros((*recording.view.shape[:2], 32), np.float16)
    return replace(recording, tasks=tasks, view=view, view_encoder="grid-32")


def test_live__a_region_that_was_not_recorded_is_encoded(recording: Recording, tmp_path: Path) -> None:
    backend = FakeBackend(
        {
            "locator-a/Perception_Problem_Solver": fake_reply(None, context=fake_region("locator-a", left=100, top=0)),
            "chart/Direct": fake_reply("4", context=fake_region("locator-a", left=100, top=0)),
        }
    )
    env = MaestroEnv(recording=with_pictures(recording, tmp_path / "p.png"), registry=None, backend=backend)
    env.reset(seed=0)
    observation, _, _, _, info = env.step(7)
    assert info["context"] == "region:locator-a"
    # The region is all blue: nine cells of (0, 0, 1).
    np.testing.assert_allclose(observation["view"][:27], [0, 0, 1] * 9)
    assert env.step(3)[-1]["context"] == "region:locator-a"
    assert [call[1] for call in backend.calls] == ["whole", "region:locator-a"]


def test_live__a_region_that_was_recorded_keeps_its_view(recording: Recording) -> None:
    task_id = next(task.id for task in recording.tasks if task.split == "train")
    index = recording.index_of(task_id)
    found = fake_reply(None, context=recording.context(index, 1))
    backend = FakeBackend({"locator-a/Perception_Problem_Solver": found})
    env = MaestroEnv(recording=recording, registry=None, backend=backend)
    env.reset(options={"task": task_id})
    np.testing.assert_array_equal(env.step(7)[0]["view"], recording.view[index, 1].astype(np.float32))


def test_live__a_new_region_without_an_encoder_is_refused(recording: Recording, tmp_path: Path) -> None:
    found = fake_reply(None, context=fake_region("locator-a"))
    source = replace(with_pictures(recording, tmp_path / "p.png"), view_encoder="grid-23")
    backend = FakeBackend({"locator-a/Perception_Problem_Solver": found})
    env = MaestroEnv(recording=source, registry=None, backend=backend)
    env.reset(seed=0)
    with pytest.raises(UnknownNameError, match=r"Unknown view encoder 'grid-23'\. Did you mean 'grid-32'"):
        env.step(7)


def test_live__a_new_region_of_a_picture_that_is_gone_is_refused(recording: Recording) -> None:
    backend = FakeBackend({"locator-a/Perception_Problem_Solver": fake_reply(None, context=fake_region("locator-a"))})
    env = MaestroEnv(recording=replace(recording, view_encoder="grid-32"), registry=None, backend=backend)
    env.reset(seed=0)
    with pytest.raises(TaskError, match="cannot be read"):
        env.step(7)


def test_live__an_unknown_expert_is_refused(recording: Recording) -> None:
    env = MaestroEnv(recording=recording, registry=None, backend=FakeBackend({"chart/Direct": fake_reply("4")}))
    env.reset(seed=0)
    with pytest.raises(UnknownNameError, match=r"Unknown expert 'chart-rival/Direct'"):
        env.step(4)


def test_live__experts_that_were_never_recorded_can_be_called(recording: Recording) -> None:
    renamed = fake_registry().experts[2]
    new = replace(renamed, model=replace(renamed.model, name="qwen"))
    registry = replace(fake_registry(), name="mine", experts=(new,))
    env = MaestroEnv(recording=recording, registry=registry, backend=FakeBackend({"qwen/Direct": fake_reply("4")}))
    env.reset(seed=0)
    assert env.action_space == Discrete(2)
    assert env.step(1)[-1]["expert"] == "qwen/Direct"


def test_live__a_snapshot_keeps_what_was_replied(recording: Recording) -> None:
    backend = FakeBackend({"chart/Direct": [fake_reply("4"), fake_reply("5")]})
    env = MaestroEnv(recording=recording, registry=None, backend=backend, answer_rule="last")
    env.reset(seed=0)
    env.step(3)
    here = pickle.loads(pickle.dumps(env.get_state()))
    env.reset(seed=1)
    env.step(3)
    assert env.step(0)[-1]["answer"] == "5"
    env.set_state(here)
    assert env.step(0)[-1]["answer"] == "4"
    assert len(backend.calls) == 2


def test_live__a_snapshot_is_of_its_kind_of_backend(recording: Recording) -> None:
    live = MaestroEnv(recording=recording, registry=None, backend=FakeBackend({}))
    with pytest.raises(ConfigurationError, match="the kind of backend, must be the same"):
        MaestroEnv(recording=recording, registry=None).set_state(live.get_state())


def test_fake_reply__is_an_ordinary_reply() -> None:
    assert isinstance(fake_reply(), Reply)


def test_live__a_new_region_can_be_encoded_by_the_shipped_network(
    recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maestro_env.backends.local.load_shipped_view_encoder", GridView)
    found = fake_reply(None, context=fake_region("locator-a", left=100, top=0))
    source = replace(with_pictures(recording, tmp_path / "p.png"), view_encoder=NETWORK_VIEWS)
    env = MaestroEnv(
        recording=source, registry=None, backend=FakeBackend({"locator-a/Perception_Problem_Solver": found})
    )
    env.reset(seed=0)
    np.testing.assert_allclose(env.step(7)[0]["view"][:27], [0, 0, 1] * 9)
