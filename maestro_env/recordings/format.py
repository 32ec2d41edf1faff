"""Recordings on disk: a folder of `manifest.json` and three Parquet files. Which columns they have: tables.py."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maestro_env.errors import RecordingError
from maestro_env.recordings.assembly import read_contexts, read_replies, read_tasks
from maestro_env.recordings.columns import Columns
from maestro_env.recordings.manifest import (
    CONTEXTS,
    REPLIES,
    TASKS,
    FileEntry,
    Manifest,
    file_entry,
    read_manifest,
    verified_bytes,
    write_manifest,
)
from maestro_env.recordings.recording import REPLY_ARRAYS, Recording
from maestro_env.recordings.tables import (
    CONTEXT_COLUMNS,
    REPLY_COLUMNS,
    TASK_COLUMNS,
    context_table,
    reply_table,
    task_table,
)
from maestro_env.types import SPLITS


def write_recording(
    folder: Path,
    recording: Recording,
    *,
    seeds: Mapping[str, int] | None = None,
    made: Mapping[str, str] | None = None,
) -> Manifest:
    """Write a recording and read it back; the folder appears whole, or not at all.

    Args:
        folder: Where it goes; must not exist.
        recording: What to write.
        seeds: Seeds that it depends on.
        made: How it was made, in words: the command, versions, hashes of weights.

    Raises:
        RecordingError: The folder exists, an array has another shape than the rest, or the recording breaks a rule
            that its readers check.
    """
    if folder.exists():
        raise RecordingError(f"{folder} exists already; remove it, or write the recording elsewhere.")
    _check_shapes(recording)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        tables = {TASKS: task_table(recording), CONTEXTS: context_table(recording), REPLIES: reply_table(recording)}
        manifest = Manifest(
            name=recording.name,
            registry=recording.registry,
            cost_unit=recording.cost_unit,
            benchmarks=_counts(recording),
            question_encoder=recording.question_encoder,
            view_encoder=recording.view_encoder,
            seeds=dict(seeds or {}),
            made=dict(made or {}),
            files={name: _write_table(scratch / name, table) for name, table in tables.items()},
        )
        write_manifest(scratch, manifest)
        read_recording(scratch)
        scratch.chmod(0o755)  # mkdtemp lets nobody else in
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def _check_shapes(recording: Recording) -> None:
    shape = (len(recording.tasks), max(map(len, recording.context_ids), default=1), len(recording.registry))
    for name in REPLY_ARRAYS:
        expected = (*shape, 2) if name == "tokens" else shape
        given = getattr(recording, name).shape
        if given != expected:
            raise RecordingError(f"Recording {recording.name!r}: {name!r} has shape {given}; expected {expected}.")


def _write_table(path: Path, table: pa.Table) -> FileEntry:
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=9,
        row_group_size=max(1, table.num_rows),
        dictionary_pagesize_limit=16 * 2**20,
    )
    return file_entry(path, num_rows=table.num_rows)


def _counts(recording: Recording) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for benchmark, split in zip(recording.task_benchmarks, recording.task_splits, strict=True):
        of_benchmark = counts.setdefault(benchmark, dict.fromkeys(SPLITS, 0))
        of_benchmark[split] = of_benchmark.get(split, 0) + 1
    return counts


def read_recording(folder: Path) -> Recording:
    """Read a recording: hashes verified, every value checked, arrays read-only.

    Only the factors of a task are not looked at before somebody asks for that task.

    Raises:
        RecordingError: It is incomplete, damaged, or of another schema version; the message names file, column and row.
    """
    manifest = read_manifest(folder)

    def columns(name: str, expected: tuple[str, ...]) -> Columns:
        return Columns(name, verified_bytes(folder, name, manifest.files[name]), expected)

    task_columns = columns(TASKS, TASK_COLUMNS)
    tasks = read_tasks(task_columns)
    task_ids = tasks.text("id")
    contexts = read_contexts(columns(CONTEXTS, CONTEXT_COLUMNS), task_ids)
    replies = read_replies(columns(REPLIES, REPLY_COLUMNS), task_ids, contexts, manifest.registry)
    question = task_columns.vectors("question_embedding").astype(np.float32, copy=False)
    recording = Recording(
        name=manifest.name,
        registry=manifest.registry,
        cost_unit=manifest.cost_unit,
        tasks=tasks,
        question=question,
        question_encoder=manifest.question_encoder,
        view_encoder=manifest.view_encoder,
        context_ids=contexts.ids,
        context_parents=contexts.parents,
        context_texts=contexts.texts,
        boxes=contexts.boxes,
        view=contexts.view,
        **replies,
    )
    for value in vars(recording).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    pa.default_memory_pool().release_unused()  # a fifth of what the process holds now, and of no more use
    return recording
