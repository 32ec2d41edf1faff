"""Other splits for the tasks of a recording: what was answered stays, so that nothing is paid for twice."""

from dataclasses import replace

import numpy as np

from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.types import SPLITS


def with_splits(recording: Recording, *, train: float = 0.6, val: float = 0.15, seed: int = 0) -> Recording:
    """Return a recording whose tasks are dealt to the splits anew, those of each benchmark in the same shares.

    Args:
        recording: N tasks; it is not changed.
        train: Share of train tasks, in (0, 1).
        val: Share of val tasks, in (0, 1); the rest are test tasks.
        seed: Of who is dealt where.

    Raises:
        ConfigurationError: The shares leave a split empty: nothing is left for test, or a benchmark has too few tasks.
    """
    if not (train > 0 and val > 0 and train + val < 1):
        raise ConfigurationError(f"train={train} and val={val} must be above 0, and leave something for test.")
    rng = np.random.default_rng(seed)
    names = np.array(recording.task_benchmarks)
    splits = np.full(len(names), "test", dtype=object)
    for benchmark in sorted(set(recording.task_benchmarks)):
        rows = rng.permutation(np.flatnonzero(names == benchmark))
        num_train, num_val = round(train * len(rows)), round(val * len(rows))
        if not (num_train and num_val and num_train + num_val < len(rows)):
            raise ConfigurationError(
                f"{len(rows)} tasks of benchmark {benchmark!r} are too few for {train:g} train, {val:g} val and a test "
                f"split; each of {list(SPLITS)} needs one. Give other shares, or record more tasks."
            )
        splits[rows[:num_train]] = "train"
        splits[rows[num_train : num_train + num_val]] = "val"
    tasks = tuple(replace(task, split=split) for task, split in zip(recording.tasks, splits, strict=True))
    return replace(recording, tasks=tasks)
