"""The leak probe on planted leaks, the monolith's choice of skills, and what training is said to have cost."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.world_gates.leaks import ProbeJob, guess, leak_probe, named
from benchmarks.world_gates.monolith import compute_note, compute_share, monolith_scores, training_compute
from benchmarks.world_gates.scope import Roles, Scope, part, scope_of
from maestro_agents.recorded_tasks import take
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry
from maestro_env.testing import fake_recording
from maestro_env.types import Expert, Model, Skill, Task
from tests.agents import conftest as by_hand

hand_made = by_hand.hand_made


def task(number: int, gold: str) -> Task:
    return Task(
        id=f"b/test/{number}", benchmark="b", split="test", question="?", images=(), gold=gold,
        factors={"intent": "count"},
    )  # fmt: skip


def surfaces(golds: str, *, leaking: bool, seed: int) -> list[tuple[Task, np.ndarray]]:
    rng = np.random.default_rng(seed)
    rows = [np.array([float(gold) if leaking else rng.normal(), rng.normal()], np.float32) for gold in golds]
    return [(task(number, gold), row) for number, (gold, row) in enumerate(zip(golds, rows, strict=True))]


def test_guess__finds_a_leak_and_the_most_usual_answer() -> None:
    # Answers 0, 1, 1, 2 in turn, and the first feature gives them away: the probe is right, always saying 1 is not.
    golds = "0112" * 30
    probe, usual = guess(surfaces(golds, leaking=True, seed=0), surfaces(golds, leaking=True, seed=1), steps=300)
    assert np.mean(probe == np.array(list(golds))) > 0.95
    assert set(usual.tolist()) == {"1"}


def test_guess__stays_at_chance_without_a_leak() -> None:
    golds = "0112" * 30
    probe, _ = guess(surfaces(golds, leaking=False, seed=0), surfaces(golds, leaking=False, seed=1), steps=300)
    assert np.mean(probe == np.array(list(golds))) < 0.65  # always saying 1 is right for half


def test_leak_probe__tests_other_tasks_than_it_fits() -> None:
    probed = leak_probe(ProbeJob(benchmark="counting", fitted=4, tested=3, split="test", steps=5))
    assert probed.rendered == {"counting": 7}
    assert probed.strata == ("counting",) * 3
    assert probed.probe.shape == probed.constant.shape == (3,)


def weights(folder: Path, name: str, metadata: dict[str, str]) -> None:
    header = json.dumps({"__metadata__": metadata}).encode()
    (folder / f"{name}.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)


def registry(*networks: str) -> Registry:
    direct = Skill(name="Direct", description="Asks once.")
    models = [Model(name=name, description="By hand.", network=name) for name in networks]
    return Registry(name="pool", experts=tuple(Expert(model=model, skill=direct) for model in models))


def test_training_compute__reads_what_the_weights_state(tmp_path: Path) -> None:
    weights(tmp_path, "a", {"multiply_adds": "30"})
    weights(tmp_path, "b", {"multiply_adds": "12"})
    weights(tmp_path, "monolith", {"multiply_adds": "63"})
    weights(tmp_path, "c", {"seed": "1"})
    compute = training_compute(tmp_path)
    assert compute == {"a": 30, "b": 12, "monolith": 63}
    assert compute_share(registry("a", "b"), compute) == 1.5  # 63 / (30 + 12)
    assert "1.50 times" in compute_note(registry("a", "b"), compute)


def test_compute_share__is_unknown_where_weights_are_silent(tmp_path: Path) -> None:
    weights(tmp_path, "a", {"multiply_adds": "30"})
    compute = training_compute(tmp_path)
    assert compute_share(registry("a", "c"), compute) is None
    assert compute_note(registry("a", "c"), compute) == (
        "Compute of training is not stated in the weights of c, monolith."
    )


def scope_on(recording: Recording, test_rows: list[int]) -> Scope:
    test, nothing = take(recording, test_rows), take(recording, [])
    roles = Roles(trained=("b",), unseen=(), extended=())
    return Scope(roles=roles, pooled=nothing, test=test, unseen=nothing, extended=nothing, partitions=())


def in_splits(recording: Recording, splits: list[str]) -> Recording:
    tasks = [replace(one, split=split) for one, split in zip(recording.tasks, splits, strict=True)]
    return replace(recording, tasks=tuple(tasks))


def test_monolith_scores__chooses_on_val_and_not_on_test(hand_made: by_hand.HandMade) -> None:
    # Expert 1 is right on val, expert 0 on test.
    recording = in_splits(hand_made([["xr"], ["xr"], ["rx"], ["rx"]]), ["val", "val", "test", "test"])
    found = monolith_scores(scope_on(recording, [2, 3]), recording)
    assert found.best_skill.tolist() == [0.0, 0.0]


def test_monolith_scores__behind_a_locator(hand_made: by_hand.HandMade) -> None:
    # Expert 0 locates; in its region expert 1 is right, in the whole picture only on the first task.
    tasks = [["1r", "1r"], ["1x", "1r"], ["1x", "1r"]]
    recording = in_splits(hand_made(tasks), ["val", "val", "test"])
    found = monolith_scores(scope_on(recording, [2]), recording)
    assert found.best_skill.tolist() == [0.0]
    assert found.behind_locators.tolist() == [1.0]


def test_monolith_scores__needs_val(hand_made: by_hand.HandMade) -> None:
    recording = in_splits(hand_made([["xr"]]), ["test"])
    with pytest.raises(ConfigurationError, match="holds no val tasks"):
        monolith_scores(scope_on(recording, [0]), recording)


def test_part__keeps_the_size_of_val_in_every_benchmark() -> None:
    names, splits = (
        np.array(["a"] * 5 + ["b"] * 4),
        np.array(["train", "val", "train", "val", "train"] + ["val"] + ["train"] * 3),
    )
    partition = part(names, splits, seed=0)
    assert sorted([*partition.fit, *partition.val]) == list(range(9))
    assert [int((names[partition.val] == name).sum()) for name in ("a", "b")] == [2, 1]
    assert len({tuple(part(names, splits, seed=seed).val.tolist()) for seed in range(8)}) > 1


def test_scope_of__test_stays_test() -> None:
    recording = fake_recording(num_tasks=80)
    roles = Roles(trained=("chart", "scene"), unseen=("radiology",), extended=())
    scope = scope_of(recording, roles=roles, core=recording.registry, seeds=2)
    assert set(scope.test.task_benchmarks) == {"chart", "scene"}
    assert set(scope.test.task_splits) == set(scope.unseen.task_splits) == {"test"}
    assert set(scope.pooled.task_splits) == {"train", "val"}
    assert set(scope.unseen.task_benchmarks) == {"radiology"}
    assert not scope.extended.tasks


def test_scope_of__a_benchmark_without_a_split_is_an_error() -> None:
    recording = fake_recording(num_tasks=80)
    rows = [row for row, split in enumerate(recording.task_splits) if split != "val"]
    roles = Roles(trained=("chart",), unseen=(), extended=())
    with pytest.raises(ConfigurationError, match="Benchmark 'chart' has no val tasks"):
        scope_of(take(recording, rows), roles=roles, core=recording.registry, seeds=1)


def test_named__the_class_that_the_inputs_tell() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((400, 5)).astype(np.float32)
    labels = (rows[:, 2] > 0).astype(np.int64) + (rows[:, 4] > 0)
    found = named(rows[:300], labels[:300], rows[300:], steps=300, weight_decay=0.03)
    assert (found == labels[300:]).mean() > 0.85
    blind = np.where([True, True, False, True, False], rows, np.float32(0))
    blind = named(blind[:300], labels[:300], blind[300:], steps=300, weight_decay=0.03)
    assert (blind == labels[300:]).mean() < 0.7
