"""From the columns of a recording's files to tasks, contexts and dense arrays. No Python loop runs over replies."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import unknown_name
from maestro_env.recordings.columns import Coded, Columns
from maestro_env.recordings.recording import MISSING, STATUSES
from maestro_env.registry import Registry
from maestro_env.scoring import SCORERS
from maestro_env.types import SPLITS, WHOLE, Task

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Contexts:
    """Every task's contexts; the fields are those of `Recording`."""

    ids: tuple[tuple[str, ...], ...]
    parents: tuple[tuple[str, ...], ...]
    texts: tuple[tuple[str, ...], ...]
    boxes: NDArray[np.float32]
    view: NDArray[np.float16]
    names: tuple[str, ...]
    """[K] every distinct id."""
    keys: NDArray[np.int64]
    """[rows] task x K + place of the id among `names`, ascending."""
    slots: NDArray[np.int64]
    """[rows] the slot of each key."""


def read_tasks(columns: Columns) -> tuple[Task, ...]:
    """Return the tasks in the file's order.

    Raises:
        RecordingError: A value that cannot be; the message names column and row.
    """
    ids = _unpacked(columns.strings("id"))
    first_row: dict[str, int] = {}
    for row, task_id in enumerate(ids):
        if first_row.setdefault(task_id, row) != row:
            raise columns.error("id", row, f"{task_id!r} stands in row {first_row[task_id]} too; ids must be unique.")
    splits, scorers = columns.strings("split"), columns.strings("scorer")
    columns.decode("split", splits, SPLITS, "split")
    columns.decode("scorer", scorers, tuple(SCORERS), "scorer")
    rows = zip(
        ids,
        _unpacked(columns.strings("benchmark")),
        _unpacked(splits),
        _unpacked(columns.strings("question")),
        columns.lists("images"),
        columns.lists("choices"),
        _unpacked(columns.strings("gold")),
        _unpacked(scorers),
        _factors(columns),
        strict=True,
    )
    return tuple(
        Task(
            id=task_id, benchmark=benchmark, split=split, question=question, images=tuple(images),
            choices=tuple(choices), gold=gold, scorer=scorer, factors=factors,
        )
        for task_id, benchmark, split, question, images, choices, gold, scorer, factors in rows
    )  # fmt: skip


def _factors(columns: Columns) -> list[dict[str, float | int | str]]:
    texts = _unpacked(columns.strings("factors"))
    try:
        # One document parses several times faster than thousands.
        values: list[Any] = json.loads(f"[{','.join(texts)}]")
    except ValueError:
        values = []
    if len(values) != len(texts):
        values = [_json(columns, row, text) for row, text in enumerate(texts)]
    for row, value in enumerate(values):
        if not isinstance(value, dict):
            raise columns.error("factors", row, f"{texts[row]!r} is not a JSON object.")
    return cast(list[dict[str, float | int | str]], values)


def _json(columns: Columns, row: int, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise columns.error("factors", row, f"{text!r} is not JSON ({error}).") from error


def _unpacked(coded: Coded) -> list[str]:
    return [coded.values[code] for code in coded.codes.tolist()]


def read_contexts(columns: Columns, tasks: Sequence[Task]) -> Contexts:
    """Return every task's contexts; a task's rows stand together, in the order of tasks, `whole` first.

    Raises:
        RecordingError: A value that cannot be; the message names column and row.
    """
    task = columns.decode("task_id", columns.strings("task_id"), [task.id for task in tasks], "task")
    columns.refuse("task_id", np.diff(task, prepend=0) < 0, "stands after a later task; rows follow the tasks' order.")
    rows_of_task = np.bincount(task, minlength=len(tasks))
    if (rows_of_task == 0).any():
        lost = tasks[int((rows_of_task == 0).argmax())].id
        raise columns.error("task_id", columns.num_rows, f"task {lost!r} has no context; each task needs {WHOLE!r}.")
    first_rows = np.cumsum(rows_of_task) - rows_of_task
    slot = np.arange(columns.num_rows) - first_rows[task]

    coded = columns.strings("context")
    is_whole = np.array([value == WHOLE for value in coded.values])[coded.codes]
    columns.refuse("context", is_whole != (slot == 0), f"a task's first context, and no other, must be {WHOLE!r}.")
    keys = task.astype(np.int64) * len(coded.values) + coded.codes
    order = np.argsort(keys, kind="stable")
    columns.refuse("context", _repeats(keys, order), "the task has this context already; ids must be unique in a task.")

    shape = (len(tasks), int(rows_of_task.max(initial=1)))
    boxes = np.full((*shape, 4), np.nan, np.float32)
    for i, side in enumerate(("left", "top", "right", "bottom")):
        boxes[task, slot, i] = columns.floats(side, nullable=True)
    in_rows = boxes[task, slot]
    columns.refuse("left", np.isnan(in_rows).any(axis=1) != np.isnan(in_rows).all(axis=1), "the box is half null.")
    columns.refuse("right", in_rows[:, 2] <= in_rows[:, 0], "is not beyond the box's left.")
    columns.refuse("bottom", in_rows[:, 3] <= in_rows[:, 1], "is not below the box's top.")
    embeddings = columns.vectors("view_embedding").astype(np.float16, copy=False)
    view = np.zeros((*shape, embeddings.shape[1]), np.float16)
    view[task, slot] = embeddings

    parent, text = columns.strings("parent"), columns.strings("text")
    parents = np.array(parent.values)[parent.codes]
    columns.refuse("parent", (parents == "") != (slot == 0), f"every context but {WHOLE!r} needs a parent.")
    all_in_whole = (parents == np.where(slot == 0, "", WHOLE)).all()
    contexts = Contexts(
        ids=_grouped(coded, first_rows),
        parents=() if all_in_whole else _grouped(parent, first_rows),
        texts=() if text.values == ("",) else _grouped(text, first_rows),
        boxes=boxes,
        view=view,
        names=coded.values,
        keys=keys[order],
        slots=slot[order],
    )
    _slots(columns, "parent", task, contexts, allow_none=True)
    return contexts


def _grouped(coded: Coded, first_rows: NDArray[np.int64]) -> tuple[tuple[str, ...], ...]:
    """Values by task; tasks with the same values share one tuple."""
    values = _unpacked(coded)
    starts = first_rows.tolist()
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    groups = (tuple(values[start:end]) for start, end in zip(starts, [*starts[1:], len(values)], strict=True))
    return tuple(shared.setdefault(group, group) for group in groups)


def _repeats(keys: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[rows] whether a key stands in an earlier row already; `order` sorts the keys stably."""
    repeats = np.zeros(len(keys), np.bool_)
    repeats[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return repeats


def read_replies(columns: Columns, tasks: Sequence[Task], contexts: Contexts, registry: Registry) -> dict[str, Any]:
    """Return the fields of `Recording` that hold replies, as dense arrays.

    Raises:
        RecordingError: A value that cannot be, or two replies to one call; the message names column and row.
    """
    columns.integers("sample", low=0, high=0)
    task = columns.decode("task_id", columns.strings("task_id"), [task.id for task in tasks], "task")
    slot = _slots(columns, "context", task, contexts)
    expert = columns.decode("expert", columns.strings("expert"), registry.ids, "expert")
    shape = (*contexts.boxes.shape[:2], len(registry))
    cell = (task.astype(np.int64) * shape[1] + slot) * shape[2] + expert
    if (np.diff(cell) <= 0).any():
        columns.refuse("expert", _repeats(cell, np.argsort(cell, kind="stable")), "this call has a reply already.")

    def dense(values: NDArray[Any], kind: type[np.generic], empty: float) -> NDArray[Any]:
        array = np.full(shape, empty, kind)
        array.reshape(-1)[cell] = values
        return array

    def number(name: str, *, high: float = np.inf, nullable: bool = False) -> NDArray[np.float32]:
        values = columns.floats(name, low=0.0, high=high, nullable=nullable)
        return dense(values, np.float32, np.nan if nullable else 0.0)

    status = columns.strings("status")
    answer, text = columns.strings("answer", nullable=True), columns.strings("text")
    tier2 = columns.strings("skill_tier2", nullable=True)
    tokens = [columns.integers(name, low=0, high=_INT32_MAX) for name in ("prompt_tokens", "completion_tokens")]
    return {
        "answers": answer.values,
        "texts": text.values,
        "tier2": tier2.values,
        "status": dense(columns.decode("status", status, STATUSES, "status"), np.int8, MISSING),
        "answer": dense(answer.codes, np.int32, MISSING),
        "text": dense(text.codes, np.int32, MISSING),
        "skill_tier2": dense(tier2.codes, np.int16, MISSING),
        "next_context": dense(_slots(columns, "next_context", task, contexts), np.int16, MISSING),
        "confidence": number("confidence", high=1.0, nullable=True),
        "score": number("score", high=1.0),
        "passes": number("passes"),
        "cost_usd": number("cost_usd"),
        "latency_s": number("latency_s"),
        "tokens": np.stack([dense(values, np.int32, 0) for values in tokens], axis=-1),
    }


def _slots(
    columns: Columns, column: str, task: NDArray[np.int32], contexts: Contexts, *, allow_none: bool = False
) -> NDArray[np.int64]:
    """[R] the slot of each row's context within its task; with `allow_none` an empty id stands for `whole`."""
    coded = columns.strings(column)
    if allow_none:
        coded = Coded(values=tuple(value or WHOLE for value in coded.values), codes=coded.codes)
    code = columns.decode(column, coded, contexts.names, "context")
    keys = task.astype(np.int64) * len(contexts.names) + code
    place = np.minimum(np.searchsorted(contexts.keys, keys), len(contexts.keys) - 1)
    unknown = contexts.keys[place] != keys
    if unknown.any():
        row = int(unknown.argmax())
        given, known = coded.values[int(coded.codes[row])], contexts.ids[int(task[row])]
        raise columns.error(column, row, str(unknown_name("context of the task", given, known)))
    return contexts.slots[place]
