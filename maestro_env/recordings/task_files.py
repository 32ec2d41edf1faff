"""Tasks from a file: JSON lines, Parquet, or the Parquet layout of verl, in which the reference system keeps them.

A JSON line, and a Parquet row, holds the fields of `Task`; `id`, `benchmark` and `split` may be left out: then they
are the row's number, the file's name and `test`. Paths of pictures are relative to the file.
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (pyarrow ships no types)

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from maestro_env.errors import TaskError, UnknownNameError, unknown_name
from maestro_env.scoring import SCORERS
from maestro_env.types import SPLITS, Task

_FIELDS = tuple(field.name for field in fields(Task))
_TEXTS = ("id", "benchmark", "split", "question", "gold", "scorer")
_VERL = "reward_model"
"""A column that only verl's layout has."""
_PLACEHOLDER = "<image>"
"""Where verl's prompts show a picture."""


def read_tasks(path: Path) -> tuple[Task, ...]:
    """Return the tasks of a `.jsonl` or `.parquet` file, in its order.

    Pictures that a Parquet file holds as bytes are written to the folder `<file>.images` beside it.

    Raises:
        TaskError: The file is missing or cannot be read, or a row is no task; the message names the row and the key.
    """
    if not path.is_file():
        raise TaskError(f"There is no file of tasks {path}; expected the path of a .jsonl or .parquet file.")
    if path.suffix not in (".jsonl", ".parquet"):
        raise TaskError(f"{path} ends in {path.suffix!r}; expected a file of tasks, .jsonl or .parquet.")
    rows = _json_rows(path) if path.suffix == ".jsonl" else _parquet_rows(path)
    tasks = tuple(_task(row, path, number) for number, row in rows)
    if not tasks:
        raise TaskError(f"{path} holds no tasks; expected one a row.")
    seen: dict[str, int] = {}
    for number, task in enumerate(tasks, start=1):
        if task.id in seen:
            raise TaskError(f"{path}, row {number}: id {task.id!r} is that of row {seen[task.id]} too; ids are unique.")
        seen[task.id] = number
    return tasks


def _json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row: Any = json.loads(line)
            except ValueError as error:
                raise TaskError(f"{path}, row {number}: no JSON ({error}); expected one object a line.") from error
            if not isinstance(row, dict):
                raise TaskError(f"{path}, row {number}: a {type(row).__name__}; expected an object with a task's keys.")
            yield number, cast("dict[str, Any]", row)


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in cast("Iterator[Any]", file.iter_batches(batch_size=64)):
                for row in cast("list[dict[str, Any]]", batch.to_pylist()):
                    number += 1
                    yield number, _from_verl(row, path, number) if _VERL in row else row
    except (pa.ArrowException, OSError) as error:
        raise TaskError(f"{path} cannot be read ({error}); expected a Parquet file of tasks.") from error


def _from_verl(row: Mapping[str, Any], path: Path, number: int) -> dict[str, Any]:
    """Return a row of verl's layout as one of ours: the first of its gold answers counts."""
    try:
        extra: dict[str, Any] = row.get("extra_info") or {}
        truth = row["reward_model"]["ground_truth"]
        gold = truth if isinstance(truth, str) else truth[0]
        question: str = extra.get("question") or row["prompt"][-1]["content"]
        split: str | None = extra.get("split")
        return {
            "id": f"{row['data_source']}/{number - 1:06d}",
            "benchmark": row["data_source"],
            "split": split if split in SPLITS else "test",
            "question": question.replace(_PLACEHOLDER, "").strip(),
            "images": [_picture(each, path, number, place) for place, each in enumerate(row.get("images") or [])],
            "gold": str(gold),
        }
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise TaskError(
            f"{path}, row {number}: not of verl's layout ({type(error).__name__}: {error}); expected data_source, "
            "prompt, images and reward_model.ground_truth."
        ) from error


def _picture(given: Any, path: Path, number: int, place: int) -> str:
    if isinstance(given, str):
        return given
    content: bytes | None = given.get("bytes")
    if content is None:
        return given["path"]
    folder = path.with_name(f"{path.name}.images")
    folder.mkdir(exist_ok=True)
    file = folder / f"{number - 1:06d}-{place}"  # Pillow knows the format by the content
    if not file.exists() or file.stat().st_size != len(content):
        file.write_bytes(content)
    return str(file.relative_to(path.parent))


def _task(row: Mapping[str, Any], path: Path, number: int) -> Task:
    where = f"{path}, row {number}"
    given: dict[str, Any] = {"id": f"{path.stem}/{number - 1:06d}", "benchmark": path.stem, "split": "test"}
    given |= {key: value for key, value in row.items() if value is not None}
    try:
        for key in given:
            if key not in _FIELDS:
                raise unknown_name("key", key, _FIELDS)
        if given["split"] not in SPLITS:
            raise unknown_name("split", given["split"], SPLITS)
        if given.get("scorer", "exact") not in SCORERS:
            raise unknown_name("scorer", given["scorer"], SCORERS)
    except UnknownNameError as error:
        raise TaskError(f"{where}: {error}") from error
    for key in ("question", "gold"):
        if key not in given:
            raise TaskError(f"{where}: {key!r} is missing; expected at least 'question' and 'gold'.")
    for key in _TEXTS:
        if key in given and not isinstance(given[key], str):
            raise TaskError(f"{where}: {key} = {given[key]!r}; expected text in quotes.")
    given["images"] = tuple(
        _reference(each, path) for each in _texts(given.get("images", []), where=f"{where}: images")
    )
    given["choices"] = _texts(given.get("choices", []), where=f"{where}: choices")
    return Task(**given)


def _texts(given: Any, *, where: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(each, str) for each in cast("Sequence[Any]", given)):
        raise TaskError(f"{where} = {given!r}; expected a list of texts.")
    return tuple(cast("list[str]", given))


def _reference(given: str, path: Path) -> str:
    """Return a picture's reference: a file beside the tasks by its whole path, others as they are."""
    return given if given.startswith("procedural:") else str((path.parent / given).resolve())
