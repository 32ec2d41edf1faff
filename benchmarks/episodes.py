"""Runs on disk: one Parquet file each, a row an episode. The files of a comparison read as one table.

What belongs to the run and not to an episode (settings, reward on val, times, the learning curve) stands as JSON in the
file's metadata.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bounds import Bounds
from benchmarks.learning import Block
from benchmarks.playing import Run
from maestro_agents.evaluate import EpisodeRecord
from maestro_env.recordings.recording import Recording
from maestro_env.types import Outcome

_ABOUT = b"maestro_run"
_EPISODE = {
    "task_id": pa.string(),
    "benchmark": pa.string(),
    "outcome": pa.string(),
    "answer": pa.string(),
    "gold": pa.string(),
    "reward": pa.float64(),
    "experts": pa.list_(pa.string()),
    "turns": pa.int32(),
    "passes": pa.float64(),
    "cost_usd": pa.float64(),
    "latency_s": pa.float64(),
}
_SCHEMA = pa.schema({"agent": pa.string(), "seed": pa.int32(), "cost_weight": pa.float64(), **_EPISODE})


def write_run(path: Path, run: Run) -> None:
    """Write a run; the file is there whole or not at all.

    Args:
        path: Of the file; its folder exists.
        run: Any.
    """
    columns: dict[str, Sequence[Any]] = {
        "agent": [run.agent] * len(run.episodes),
        "seed": [run.seed] * len(run.episodes),
        "cost_weight": [run.cost_weight] * len(run.episodes),
        **{name: [getattr(episode, name) for episode in run.episodes] for name in _EPISODE},
    }
    about = {
        "agent": run.agent,
        "seed": run.seed,
        "cost_weight": run.cost_weight,
        "settings": dict(run.settings),
        "val_reward": run.val_reward,
        "seconds": run.seconds,
        "learning": [asdict(block) for block in run.learning],
    }
    table = pa.table(columns, schema=_SCHEMA).replace_schema_metadata({_ABOUT: json.dumps(about)})
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(table, unfinished, compression="zstd")
    os.replace(unfinished, path)


def read_run(path: Path) -> Run:
    """Return what `write_run` wrote."""
    table = pq.ParquetFile(path).read()
    about = json.loads(table.schema.metadata[_ABOUT])
    learning = tuple(Block(**block) for block in about.pop("learning"))
    rows = table.select(list(_EPISODE)).to_pylist()
    return Run(episodes=tuple(_episode(row) for row in rows), learning=learning, **about)


def _episode(row: dict[str, Any]) -> EpisodeRecord:
    row["outcome"] = Outcome(row["outcome"])
    row["experts"] = tuple(row["experts"])
    return EpisodeRecord(**row)


def duration_of(path: Path) -> tuple[str, float]:
    """Return the agent of a written run and how many seconds it took, without reading its episodes."""
    about = json.loads(pq.read_schema(path).metadata[_ABOUT])
    return about["agent"], float(about["seconds"])


def write_tasks(path: Path, test: Recording, bounds: Bounds) -> None:
    """Write a row for each test task: what was asked, how hard it is, and what hindsight would score.

    Args:
        path: Of the file.
        test: N tasks.
        bounds: Of the same tasks.
    """
    tasks = list(test.tasks)
    difficulty = [task.factors.get("difficulty") for task in tasks]
    table = pa.table(
        {
            **{name: [getattr(task, name) for task in tasks] for name in ("id", "benchmark", "question", "gold")},
            "difficulty": pa.array([None if value is None else float(value) for value in difficulty], pa.float64()),
            **vars(bounds),
        }
    )
    pq.write_table(table, path, compression="zstd")
