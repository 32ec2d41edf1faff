import pickle
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from maestro_env.recordings.coded import Coded, CodedLists
from maestro_env.recordings.task_table import TaskColumns, TaskTable, tasks_at, text_of
from maestro_env.types import Task


def coded(*rows: str) -> Coded:
    values = tuple(sorted(set(rows)))
    return Coded(values=values, codes=np.array([values.index(row) for row in rows], np.int32))


def columns() -> TaskColumns:
    return TaskColumns(
        id=coded("chart/train/0", "scene/test/0", "scene/test/1"),
        benchmark=coded("chart", "scene", "scene"),
        split=coded("train", "test", "test"),
        question=coded("How many?", "Which one?", "How many?"),
        # None; b and a; a.
        images=CodedLists(elements=coded("b.png", "a.png", "a.png"), offsets=np.array([0, 0, 2, 3], np.int32)),
        # 0 and 1; none; none.
        choices=CodedLists(elements=coded("0", "1"), offsets=np.array([0, 2, 2, 2], np.int32)),
        gold=coded("1", "red", "2"),
        scorer=coded("exact", "exact", "number"),
        factors=coded('{"bars":3}', "{}", '{"hue":"red","size":0.5}'),
    )


TASKS = (
    Task(
        id="chart/train/0", benchmark="chart", split="train", question="How many?", images=(), choices=("0", "1"),
        gold="1", factors={"bars": 3},
    ),
    Task(
        id="scene/test/0", benchmark="scene", split="test", question="Which one?", images=("b.png", "a.png"),
        gold="red",
    ),
    Task(
        id="scene/test/1", benchmark="scene", split="test", question="How many?", images=("a.png",), gold="2",
        scorer="number", factors={"hue": "red", "size": 0.5},
    ),
)  # fmt: skip


@pytest.fixture
def table() -> TaskTable:
    return TaskTable(columns())


def test_task_table__builds_the_tasks_of_its_columns(table: TaskTable) -> None:
    assert tuple(table) == TASKS
    assert len(table) == 3


def test_task_table__takes_the_indices_of_a_sequence(table: TaskTable) -> None:
    assert (table[1], table[-1], table[1:], table[::-2]) == (TASKS[1], TASKS[2], TASKS[1:], (TASKS[2], TASKS[0]))
    with pytest.raises(IndexError):
        table[3]


def test_task_table__builds_a_task_once(table: TaskTable) -> None:
    assert table[1] is table[1]
    assert table.at([2, 1])[1] is table[1]


def test_task_table__equals_sequences_of_equal_tasks(table: TaskTable) -> None:
    assert table == TASKS
    assert TASKS.__eq__(table) is NotImplemented  # so that `TASKS == table` asks the table
    assert table == TaskTable(columns())
    assert table != (*TASKS[:2], replace(TASKS[2], gold="3"))
    assert table != TASKS[:2]
    assert table != "tasks"


def test_task_table__at_chooses_and_orders(table: TaskTable) -> None:
    chosen = table.at([2, 0])
    assert tuple(chosen) == (TASKS[2], TASKS[0])
    assert tuple(chosen.at([1])) == (TASKS[0],)
    assert chosen.text("id") == ("scene/test/1", "chart/train/0")


def test_task_table__survives_pickling(table: TaskTable) -> None:
    chosen = table.at([2, 0])
    assert pickle.loads(pickle.dumps(chosen)) == (TASKS[2], TASKS[0])


@pytest.mark.parametrize("tasks", [TASKS, TaskTable(columns())], ids=["tuple", "table"])
def test_tasks__are_chosen_and_asked_for_texts_alike(tasks: Sequence[Task]) -> None:
    assert text_of(tasks, "id") == ("chart/train/0", "scene/test/0", "scene/test/1")
    assert text_of(tasks, "benchmark") == ("chart", "scene", "scene")
    assert text_of(tasks, "split") == ("train", "test", "test")
    assert tuple(tasks_at(tasks, np.array([1, 0]))) == (TASKS[1], TASKS[0])


def test_text_of__builds_no_task(table: TaskTable, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(columns: TaskColumns, row: int) -> Task:
        raise AssertionError(f"task {row} was built")

    monkeypatch.setattr(TaskColumns, "task", refuse)
    assert text_of(tasks_at(table, np.array([2])), "benchmark") == ("scene",)
    with pytest.raises(AssertionError, match="task 1 was built"):
        table[1]
