"""What the keyword arguments of `Maestro-v0` refuse, and what they take."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from maestro_env import MaestroEnv, MaestroTextEnv, load_registry
from maestro_env.arguments import embedding_bound, select_tasks, to_backend, to_recording, to_reward_fn
from maestro_env.backends.local import LocalBackend
from maestro_env.errors import ConfigurationError, RegistryError, UnknownNameError
from maestro_env.recordings.load import load_recording
from maestro_env.recordings.recording import Recording
from maestro_env.rewards import CostAwareReward, OutcomeReward
from maestro_env.testing import FakeBackend
from maestro_env.vector import MaestroVectorEnv


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"max_turn": 3}, UnknownNameError, r"Unknown argument 'max_turn'\. Did you mean 'max_turns'"),
        ({"split": "tain"}, UnknownNameError, r"Unknown split 'tain'\. Did you mean 'train'"),
        ({"benchmarks": ["scen"]}, UnknownNameError, r"Unknown benchmark 'scen'\. Did you mean 'scene'"),
        ({"benchmarks": "scene"}, ConfigurationError, r"benchmarks='scene' must be a list of names"),
        ({"benchmarks": []}, ConfigurationError, r"holds no task of split 'train' and benchmarks \[\]"),
        ({"backend": "recordd"}, UnknownNameError, r"Unknown backend 'recordd'\. Did you mean 'recorded'"),
        ({"backend": object()}, ConfigurationError, r"has no method invoke\(task, context, expert\)"),
        ({"answer_rule": "votes"}, UnknownNameError, r"Unknown answer rule 'votes'\. Did you mean 'vote'"),
        ({"max_turns": 0}, ConfigurationError, r"max_turns=0 must be an integer of at least 1"),
        ({"max_turns": 2.5}, ConfigurationError, r"max_turns=2\.5 must be an integer"),
        ({"cost_weight": -1.0}, ConfigurationError, r"cost weight -1\.0 must be a finite number"),
        ({"cost_weight": 0.5, "reward_fn": CostAwareReward(0.1)}, ConfigurationError, r"is not used when reward_fn"),
        ({"registry": "cor"}, UnknownNameError, r"Unknown registry 'cor'\. Did you mean 'core'"),
        ({"registry": "core"}, RegistryError, r"'core' names experts that recording 'fake' does not hold"),
        ({"recording": "embeded"}, UnknownNameError, r"Unknown recording 'embeded'"),
        ({"render_mode": "human"}, UnknownNameError, r"Unknown render mode 'human'"),
    ],
)
def test_arguments__without_meaning_are_refused(
    fake: Recording, wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    sound: dict[str, Any] = {"recording": fake, "registry": None}
    with pytest.raises(error, match=message):
        MaestroEnv(**sound | wrong)


def test_to_recording__takes_one_as_it_is(fake: Recording) -> None:
    assert to_recording(fake) is fake


def test_to_recording__reads_a_folder_once(fake_folder: str) -> None:
    assert to_recording(fake_folder) is to_recording(fake_folder)


def test_registry__by_default_is_core_where_that_was_recorded_and_else_the_recordings_own(
    fake: Recording, fake_folder: str
) -> None:
    assert MaestroEnv().registry == load_registry("core")
    assert MaestroEnv(recording=load_recording("embedded")).registry == load_registry("core")
    assert len(MaestroEnv(registry=None).registry) > len(load_registry("core"))
    assert MaestroEnv(recording=fake_folder).registry == fake.registry
    assert MaestroVectorEnv(2, recording=fake_folder).registry == fake.registry
    assert MaestroTextEnv(recording=fake_folder).registry == fake.registry
    assert MaestroEnv(recording=fake, backend=FakeBackend({})).registry == fake.registry


def test_to_backend__by_name_and_by_object() -> None:
    backend = FakeBackend({})
    assert to_backend("recorded") is None
    assert isinstance(to_backend("local"), LocalBackend)
    assert to_backend(backend) is backend


def test_to_reward_fn__a_weight_makes_costs_count() -> None:
    assert to_reward_fn(None, cost_weight=0.0) == OutcomeReward()
    assert to_reward_fn(None, cost_weight=0.25) == CostAwareReward(0.25)
    assert to_reward_fn(CostAwareReward(2.0), cost_weight=0.0) == CostAwareReward(2.0)


def test_select_tasks__keeps_the_order_of_the_recording(fake: Recording) -> None:
    indices = select_tasks(fake, split="val", benchmarks=("scene", "chart"))
    assert np.all(np.diff(indices) > 0)
    assert {(fake.tasks[i].split, fake.tasks[i].benchmark) for i in indices} == {("val", "scene"), ("val", "chart")}


def test_embedding_bound__is_a_whole_number_that_nothing_exceeds() -> None:
    assert embedding_bound(np.array([[0.5, -0.25]])) == 1.0
    assert embedding_bound(np.array([[0.5, -2.25]], np.float16)) == 3.0


def test_select_tasks__none_takes_the_benchmarks_with_training_tasks() -> None:
    recording: Any = SimpleNamespace(
        name="x", task_benchmarks=("chart", "chart", "ocr", "scene"), task_splits=("train", "test", "test", "val")
    )
    assert select_tasks(recording, split="test", benchmarks=None).tolist() == [1]
    assert select_tasks(recording, split="test", benchmarks=["ocr"]).tolist() == [2]
    recording.task_splits = ("test", "test", "test", "val")  # nothing to train on
    assert select_tasks(recording, split="test", benchmarks=None).tolist() == [0, 1, 2]
