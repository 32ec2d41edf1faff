"""The tasks of a recording as columns: a sequence that builds a `Task` when it is asked for one.

Tens of thousands of tasks, each with its factors and choices, take longer to build than all replies to read, and an
episode needs one. Reading the columns is assembly.py's job.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import RecordingError
from maestro_env.recordings.coded import Coded, CodedLists
from maestro_env.recordings.manifest import TASKS
from maestro_env.types import Task

TextField = Literal["id", "benchmark", "split", "gold"]
"""What is asked of all tasks at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskColumns:
    """The fields of R tasks."""

    id: Coded
    benchmark: Coded
    split: Coded
    question: Coded
    images: CodedLists
    choices: CodedLists
    gold: Coded
    scorer: Coded
    factors: Coded
    """As JSON objects."""

    def task(self, row: int) -> Task:
        """Build a task.

        Raises:
            RecordingError: Its factors are not a JSON object.
        """
        return Task(
            id=self.id[row],
            benchmark=self.benchmark[row],
            split=self.split[row],
            question=self.question[row],
            images=self.images[row],
            choices=self.choices[row],
            gold=self.gold[row],
            scorer=self.scorer[row],
            factors=self._parsed_factors(row),
        )

    def _parsed_factors(self, row: int) -> dict[str, float | int | str]:
        text = self.factors[row]
        where = f"{TASKS}, column 'factors', row {row}: {text!r}"
        try:
            factors: Any = json.loads(text)
        except ValueError as error:
            raise RecordingError(f"{where} is not JSON ({error}).") from error
        if not isinstance(factors, dict):
            raise RecordingError(f"{where} is not a JSON object.")
        return cast(dict[str, float | int | str], factors)


class TaskTable(Sequence[Task]):
    """Some rows of task columns, each built when it is first asked for; equal to any sequence of equal tasks."""

    __hash__ = None  # type: ignore[assignment] - equality goes by what it holds

    def __init__(self, columns: TaskColumns) -> None:
        """Take all rows, in their order; `at` takes some."""
        self._columns = columns
        self._rows: Sequence[int] = range(len(columns.id.codes))
        self._built: dict[int, Task] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Task, ...]: ...
    def __getitem__(self, index: int | slice) -> Task | tuple[Task, ...]:
        if isinstance(index, slice):
            return tuple(self._task(row) for row in self._rows[index])
        return self._task(self._rows[index])

    def __iter__(self) -> Iterator[Task]:
        return map(self._task, self._rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, tuple | TaskTable):
            return NotImplemented
        return tuple(self) == tuple(cast(Sequence[Task], other))

    def text(self, name: TextField) -> tuple[str, ...]:
        """Return a field of every task without building any."""
        column: Coded = getattr(self._columns, name)
        values = column.unpacked()
        return tuple(values[row] for row in self._rows)

    def at(self, places: Sequence[int]) -> "TaskTable":
        """Return the tasks of some places, in that order, without building any."""
        chosen = TaskTable(self._columns)
        chosen._rows = [self._rows[place] for place in places]
        chosen._built = self._built
        return chosen

    def _task(self, row: int) -> Task:
        task = self._built.get(row)
        if task is None:
            task = self._built[row] = self._columns.task(row)
        return task


def text_of(tasks: Sequence[Task], name: TextField) -> tuple[str, ...]:
    """Return a field of every task; those of a `TaskTable` are not built for it."""
    if isinstance(tasks, TaskTable):
        return tasks.text(name)
    return tuple(getattr(task, name) for task in tasks)


def tasks_at(tasks: Sequence[Task], places: NDArray[np.integer[Any]]) -> Sequence[Task]:
    """Return the tasks of some places, in that order; those of a `TaskTable` are not built for it."""
    order: list[int] = places.tolist()
    return tasks.at(order) if isinstance(tasks, TaskTable) else tuple(tasks[place] for place in order)
