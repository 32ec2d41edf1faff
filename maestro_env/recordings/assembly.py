"""From the columns of a recording's files to tasks, contexts and dense arrays. No Python loop runs over replies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import unknown_name
from maestro_env.recordings.coded import Coded
from maestro_env.recordings.columns import Columns
from maestro_env.recordings.recording import MISSING, REPLY_ARRAYS, STATUSES
from maestro_env.recordings.task_table import TaskColumns, TaskTable
from maestro_env.registry import Registry
from maestro_env.scoring import SCORERS
from maestro_env.types import SPLITS, WHOLE

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
    codes: NDArray[np.int32]
    """[N, C] place of each slot's id among `names`; `MISSING` in empty slots."""


def read_tasks(columns: Columns) -> TaskTable:
    """Return the tasks in the file's order. Their factors are parsed when a task is asked for.

    Raises:
        RecordingError: A value that cannot be; the message names column and row.
    """
    ids = columns.strings("id")
    if len(ids.values) < columns.num_rows:
        first_row: dict[str, int] = {}
        for row, task_id in enumerate(ids.unpacked()):
            if first_row.setdefault(task_id, row) != row:
                problem = f"{task_id!r} stands in row {first_row[task_id]} too; ids must be unique."
                raise columns.error("id", row, problem)
    splits, scorers = columns.strings("split"), columns.strings("scorer")
    columns.decode("split", splits, SPLITS, "split")
    columns.decode("scorer", scorers, tuple(SCORERS), "scorer")
    return TaskTable(
        TaskColumns(
            id=ids,
            benchmark=columns.strings("benchmark"),
            split=splits,
            question=columns.strings("question"),
            images=columns.lists("images"),
            choices=columns.lists("choices"),
            gold=columns.strings("gold"),
            scorer=scorers,
            factors=columns.strings("factors"),
        )
    )


def read_contexts(columns: Columns, task_ids: Sequence[str]) -> Contexts:
    """Return every task's contexts; a task's rows stand together, in the order of tasks, `whole` first.

    Raises:
        RecordingError: A value that cannot be; the message names column and row.
    """
    task = columns.decode("task_id", columns.strings("task_id"), task_ids, "task")
    columns.refuse("task_id", np.diff(task, prepend=0) < 0, "stands after a later task; rows follow the tasks' order.")
    rows_of_task = np.bincount(task, minlength=len(task_ids))
    if (rows_of_task == 0).any():
        lost = task_ids[int((rows_of_task == 0).argmax())]
        raise columns.error("task_id", columns.num_rows, f"task {lost!r} has no context; each task needs {WHOLE!r}.")
    first_rows = np.cumsum(rows_of_task) - rows_of_task
    slot = np.arange(columns.num_rows) - first_rows[task]

    coded = columns.strings("context")
    is_whole = np.array([value == WHOLE for value in coded.values])[coded.codes]
    columns.refuse("context", is_whole != (slot == 0), f"a task's first context, and no other, must be {WHOLE!r}.")
    keys = task.astype(np.int64) * len(coded.values) + coded.codes
    columns.refuse("context", _repeats(keys), "the task has this context already; ids must be unique in a task.")

    shape = (len(task_ids), int(rows_of_task.max(initial=1)))
    codes = np.full(shape, MISSING, np.int32)
    codes[task, slot] = coded.codes
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
        codes=codes,
    )
    _slots(columns, "parent", task, contexts, allow_none=True)
    return contexts


def _grouped(coded: Coded, first_rows: NDArray[np.int64]) -> tuple[tuple[str, ...], ...]:
    """Values by task; tasks with the same values share one tuple."""
    values = coded.unpacked()
    starts = first_rows.tolist()
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    groups = (values[start:end] for start, end in zip(starts, [*starts[1:], len(values)], strict=True))
    return tuple(shared.setdefault(group, group) for group in groups)


def _repeats(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[rows] whether a key stands in an earlier row already."""
    order = np.argsort(keys, kind="stable")
    repeats = np.zeros(len(keys), np.bool_)
    repeats[order[1:]] = keys[order[1:]] == keys[order[:-1]]
    return repeats


def read_replies(columns: Columns, task_ids: Sequence[str], contexts: Contexts, registry: Registry) -> dict[str, Any]:
    """Return the fields of `Recording` that hold replies, as dense arrays.

    Raises:
        RecordingError: A value that cannot be, or two replies to one call; the message names column and row.
    """
    columns.integers("sample", low=0, high=0)
    # As numpy's own kind of index: it would convert any other whenever it is used.
    task = columns.decode("task_id", columns.strings("task_id"), task_ids, "task").astype(np.intp)
    slot = _slots(columns, "context", task, contexts)
    next_slot = _slots(columns, "next_context", task, contexts)
    shape = (*contexts.codes.shape, len(registry))
    cell = task  # in place, because these are tens of megabytes
    cell *= shape[1]
    cell += slot
    cell *= shape[2]
    cell += columns.decode("expert", columns.strings("expert"), registry.ids, "expert")
    if (cell[1:] <= cell[:-1]).any():
        columns.refuse("expert", _repeats(cell), "this call has a reply already.")

    def dense(name: str, values: NDArray[Any]) -> NDArray[Any]:
        kind, empty = REPLY_ARRAYS[name]
        if empty == 0 and not values.any():
            return np.zeros(shape, kind)  # costs no memory as long as nobody writes to it
        array = np.full(shape, empty, kind)
        array.reshape(-1)[cell] = values
        return array

    def number(name: str, *, high: float = np.inf, nullable: bool = False) -> NDArray[np.float32]:
        return dense(name, columns.floats(name, low=0.0, high=high, nullable=nullable))

    def texts(name: str, *, nullable: bool = False) -> tuple[tuple[str, ...], NDArray[Any]]:
        coded = columns.strings(name, nullable=nullable)
        return coded.values, dense(name, coded.codes)

    answer_values, answer = texts("answer", nullable=True)
    text_values, text = texts("text")
    tier2_values, skill_tier2 = texts("skill_tier2", nullable=True)
    tokens = np.zeros((*shape, 2), np.int32)
    for i, name in enumerate(("prompt_tokens", "completion_tokens")):
        counts = columns.integers(name, low=0, high=_INT32_MAX)
        if counts.any():
            tokens.reshape(-1, 2)[cell, i] = counts
    return {
        "answers": answer_values,
        "texts": text_values,
        "tier2": tier2_values,
        "status": dense("status", columns.decode("status", columns.strings("status"), STATUSES, "status")),
        "answer": answer,
        "text": text,
        "skill_tier2": skill_tier2,
        "next_context": dense("next_context", next_slot),
        "confidence": number("confidence", high=1.0, nullable=True),
        "score": number("score", high=1.0),
        "passes": number("passes"),
        "cost_usd": number("cost_usd"),
        "latency_s": number("latency_s"),
        "tokens": tokens,
    }


def _slots(
    columns: Columns, column: str, task: NDArray[np.integer], contexts: Contexts, *, allow_none: bool = False
) -> NDArray[np.int16]:
    """[R] the slot of each row's context within its task; with `allow_none` an empty id stands for `whole`."""
    coded = columns.strings(column)
    if allow_none:
        coded = Coded(values=tuple(value or WHOLE for value in coded.values), codes=coded.codes)
    code = columns.decode(column, coded, contexts.names, "context")
    slots = np.full(len(task), MISSING, np.int16)
    for slot in range(contexts.codes.shape[1]):
        slots[contexts.codes[:, slot][task] == code] = slot
    unknown = slots == MISSING
    if unknown.any():
        row = int(unknown.argmax())
        given, known = coded[row], contexts.ids[int(task[row])]
        raise columns.error(column, row, str(unknown_name("context of the task", given, known)))
    return slots
