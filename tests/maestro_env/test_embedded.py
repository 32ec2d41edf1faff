"""The shipped world: its size, its coverage, and that the shipped networks still say what was recorded."""

from importlib import resources
from itertools import cycle

import numpy as np
import pytest

from maestro_env.backends.local import LocalBackend
from maestro_env.backends.recorded import RecordedBackend
from maestro_env.recordings.load import load_recording, recording_names
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import load_registry
from maestro_env.scoring import score
from maestro_env.tasks.benchmarks import BENCHMARKS, TRAINED
from maestro_env.tasks.procedural.generate import make_task
from maestro_env.types import SPLITS

NUM_SAMPLED_CALLS = 360
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def embedded() -> Recording:
    return load_recording("embedded")


def _folder_size(package: str, folder: str) -> int:
    files = resources.files(package).joinpath(folder).iterdir()
    return sum(len(file.read_bytes()) for file in files if file.is_file())


def test_embedded__files_stay_small() -> None:
    recordings = [_folder_size("maestro_env.recordings", name) for name in recording_names()]
    assert min(recordings) > 0
    assert sum(recordings) <= 30 * MEGABYTE
    assert 0 < _folder_size("maestro_env.experts", "weights") <= 24 * MEGABYTE


def test_embedded__no_two_experts_are_the_same_network() -> None:
    weights = [file.read_bytes() for file in resources.files("maestro_env.experts").joinpath("weights").iterdir()]
    assert len(set(weights)) == len(weights) == len(load_registry("monolith").models) + 1


@pytest.mark.parametrize("name", BENCHMARKS)
def test_embedded__holds_enough_tasks(embedded: Recording, name: str) -> None:
    plain = (1000, 250, 500) if name in TRAINED else (0, 0, 500)
    least = (10_000, 1000, 2000) if name == "scene" else plain
    cells = list(zip(embedded.task_benchmarks, embedded.task_splits, strict=True))
    for split, count in zip(SPLITS, least, strict=True):
        assert cells.count((name, split)) >= count


def test_embedded__is_dense_over_the_extended_registry(embedded: Recording) -> None:
    core, extended = load_registry("core").ids, load_registry("extended").ids
    assert embedded.registry.ids == extended
    assert extended[: len(core)] == core
    for n, contexts in enumerate(embedded.context_ids):
        assert (embedded.status[n, : len(contexts)] != MISSING).all(), embedded.tasks[n].id


def test_embedded__tasks_are_those_that_the_code_draws(embedded: Recording) -> None:
    for n in np.random.default_rng(0).choice(len(embedded.tasks), 40, replace=False):
        task = embedded.tasks[n]
        name, split, index = task.id.split("/")
        assert make_task(name, split, int(index)) == task


def test_embedded__scores_are_those_of_the_answers(embedded: Recording) -> None:
    rng = np.random.default_rng(1)
    for n in rng.choice(len(embedded.tasks), 200, replace=False):
        slot = int(rng.integers(len(embedded.context_ids[n])))
        for p in range(len(embedded.registry)):
            answer = int(embedded.answer[n, slot, p])
            text = None if answer == MISSING else embedded.answers[answer]
            assert embedded.score[n, slot, p] == score(embedded.tasks[n], text)


def test_local__says_what_was_recorded(embedded: Recording) -> None:
    """Every expert, every context and every benchmark, in turn."""
    pytest.importorskip("torch")
    local, recorded = LocalBackend(), RecordedBackend(embedded)
    rng = np.random.default_rng(2)
    of_benchmark: dict[str, list[int]] = {name: [] for name in BENCHMARKS}
    for n, name in enumerate(embedded.task_benchmarks):
        of_benchmark[name].append(n)
    experts = cycle(embedded.registry.experts)
    differing: list[str] = []
    for name, slot in zip(cycle(BENCHMARKS), rng.integers(3, size=NUM_SAMPLED_CALLS), strict=False):
        n = of_benchmark[name][int(rng.integers(len(of_benchmark[name])))]
        task, expert = embedded.tasks[n], next(experts)
        context = embedded.context(n, int(slot) % len(embedded.context_ids[n]))
        live, replayed = (backend.invoke(task, context, expert) for backend in (local, recorded))
        same = (live.answer, live.next_context.id, live.skill_tier2, live.passes, live.status) == (
            replayed.answer, replayed.next_context.id, replayed.skill_tier2, replayed.passes, replayed.status
        )  # fmt: skip
        if not same:
            differing.append(f"{task.id} {context.id} {expert.id}: {live} is not {replayed}")
        assert live.confidence == pytest.approx(replayed.confidence, abs=0.003)
    assert not differing, "\n".join(differing)
