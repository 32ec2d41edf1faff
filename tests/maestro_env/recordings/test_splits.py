"""Dealing the tasks of a recording to other splits."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maestro_env import MaestroEnv
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.format import read_recording, write_recording
from maestro_env.recordings.recording import Recording
from maestro_env.recordings.splits import with_splits
from maestro_env.testing import fake_recording


@pytest.fixture
def all_test() -> Recording:
    """40 tasks of two benchmarks, 20 each, all of split test."""
    made = fake_recording(num_tasks=40, benchmarks=["chart", "counting"])
    return replace(made, tasks=tuple(replace(task, split="test") for task in made.tasks))


def test_with_splits__each_benchmark_in_the_same_shares(all_test: Recording, tmp_path: Path) -> None:
    write_recording(tmp_path / "dealt", with_splits(all_test, train=0.5, val=0.25))
    dealt = read_recording(tmp_path / "dealt")
    # 20 tasks each: 10 train, 5 val, 5 test.
    counts = Counter((task.benchmark, task.split) for task in dealt.tasks)
    assert counts == {(b, s): n for b in ("chart", "counting") for s, n in (("train", 10), ("val", 5), ("test", 5))}
    assert dealt.task_ids == all_test.task_ids
    np.testing.assert_array_equal(dealt.score, all_test.score)
    assert len(MaestroEnv(recording=tmp_path / "dealt").task_ids) == 20


def test_with_splits__the_seed_decides(all_test: Recording) -> None:
    first, again, other = (with_splits(all_test, seed=seed).task_splits for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("train", "val", "says"),
    [(0.8, 0.2, "leave something for test"), (0.0, 0.2, "must be above 0"), (0.5, 0.01, "20 tasks.*are too few")],
)
def test_with_splits__a_split_that_would_be_empty(all_test: Recording, train: float, val: float, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        with_splits(all_test, train=train, val=val)
