from dataclasses import replace

import numpy as np
import pytest

from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.recordings.summary import density, expert_matrix, failures, task_counts
from maestro_env.testing import fake_recording
from maestro_env.types import Status


@pytest.fixture
def recording() -> Recording:
    """Two benchmarks of four tasks; everyone is wrong, but for what a test sets."""
    recording = fake_recording(num_tasks=8, benchmarks=("chart", "counting"))
    return replace(recording, score=np.zeros_like(recording.score), passes=np.ones_like(recording.passes))


def test_task_counts__by_benchmark_and_split(recording: Recording) -> None:
    # Of four tasks, the first is for training, the last for test, the one before for val; the second for training.
    by_split = {"train": 2, "val": 1, "test": 1}
    assert task_counts(recording) == {"chart": by_split, "counting": by_split}


def test_expert_matrix__means_over_whole_images(recording: Recording) -> None:
    # Tasks alternate between chart and counting: expert 2 is right on tasks 0 and 2, which are charts, and on task 1.
    score = recording.score.copy()
    score[[0, 1, 2], 0, 2] = 1
    score[0, 1, 2] = 1  # in a region: not counted
    status = recording.status.copy()
    status[2, 0, 2] = MISSING
    matrix = expert_matrix(replace(recording, score=score, status=status), split=None, in_regions=False)
    # Charts: right on 1 of 3 recorded calls; counting: on 1 of 4; the mean is (1/3 + 1/4) / 2.
    assert matrix.benchmarks == ("chart", "counting")
    np.testing.assert_allclose(matrix.score[2], [1 / 3, 1 / 4])
    assert matrix.mean_score[2] == pytest.approx(7 / 24)


def test_expert_matrix__of_a_split_and_in_regions(recording: Recording) -> None:
    score, passes = recording.score.copy(), recording.passes.copy()
    train = [n for n, task in enumerate(recording.tasks) if task.split == "train" and task.benchmark == "chart"]
    score[train[0], 1, 0] = 1
    passes[train[0], 1, 0] = 5
    matrix = expert_matrix(replace(recording, score=score, passes=passes), split="train", in_regions=True)
    # Two tasks x two regions are four calls; with counting eight, one of which costs 5: (7 + 5) / 8.
    assert matrix.score[0].tolist() == [0.25, 0.0]
    assert matrix.cost[0] == 1.5


def test_expert_matrix__without_calls_is_nan(recording: Recording) -> None:
    status = recording.status.copy()
    status[:, :, 3] = MISSING
    matrix = expert_matrix(replace(recording, status=status), split=None, in_regions=False)
    assert np.isnan(matrix.score[3]).all()
    assert np.isnan([matrix.mean_score[3], matrix.answered[3], matrix.cost[3]]).all()


def test_expert_matrix__answered_is_the_share_of_calls_with_an_answer(recording: Recording) -> None:
    answer = np.full_like(recording.answer, MISSING)
    answer[:2, 0, 1] = 0
    matrix = expert_matrix(replace(recording, answer=answer), split=None, in_regions=False)
    assert matrix.answered[:2].tolist() == [0.0, 0.25]


def test_density__counts_contexts_that_exist(recording: Recording) -> None:
    # 8 tasks x 3 contexts x 8 experts are 192 pairs; 48 are missing.
    status = recording.status.copy()
    status[:2] = MISSING
    assert density(replace(recording, status=status)) == 0.75


def test_failures__by_status(recording: Recording) -> None:
    status = recording.status.copy()
    status[0, 0, :3] = STATUSES.index(Status.TIMEOUT)
    status[1, 0, 0] = STATUSES.index(Status.REFUSED)
    assert failures(replace(recording, status=status)) == {Status.TIMEOUT: 3, Status.REFUSED: 1}
    assert failures(recording) == {}
