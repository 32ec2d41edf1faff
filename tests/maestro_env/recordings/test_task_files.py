"""Tasks from files."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from maestro_env.errors import TaskError
from maestro_env.recordings.task_files import read_tasks
from maestro_env.tasks import load_image
from maestro_env.types import Task


def jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def test_tasks__of_json_lines(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    full = {
        "id": "x/1",
        "benchmark": "x",
        "split": "train",
        "question": "Which?",
        "images": ["a.png", "procedural:chart/train/000001"],
        "choices": ["red", "blue"],
        "gold": "red",
        "scorer": "number",
        "factors": {"bars": 3},
    }
    first, second = read_tasks(jsonl(tmp_path / "mine.jsonl", full, "", {"question": "Why?", "gold": "x"}))
    assert first == Task(
        id="x/1",
        benchmark="x",
        split="train",
        question="Which?",
        images=(str(tmp_path / "a.png"), "procedural:chart/train/000001"),
        choices=("red", "blue"),
        gold="red",
        scorer="number",
        factors={"bars": 3},
    )
    # The third line of the file.
    assert second == Task(id="mine/000002", benchmark="mine", split="test", question="Why?", images=(), gold="x")
    assert load_image(first.images[0]).size == (8, 8)


def test_tasks__of_parquet(tmp_path: Path) -> None:
    rows = [
        {"question": "Which?", "gold": "4", "choices": ["4", "5"]},
        {"question": "Why?", "gold": "x", "choices": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "mine.parquet")
    first, second = read_tasks(tmp_path / "mine.parquet")
    assert (first.id, first.choices) == ("mine/000000", ("4", "5"))
    assert (second.id, second.choices) == ("mine/000001", ())


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), colour).save(file, "PNG")
    return file.getvalue()


def verl_row(**changes: Any) -> dict[str, Any]:
    return {
        "data_source": "chartqa",
        "prompt": [{"role": "system", "content": "Plan."}, {"role": "user", "content": "<image>How many bars?"}],
        "ability": "chart",
        "extra_info": {"answer": "4", "index": 7, "question": "How many bars?", "split": "train"},
        "images": [{"bytes": png("red"), "path": None}, {"bytes": png("blue"), "path": None}],
        "reward_model": {"style": "rule", "ground_truth": ["4", "four"]},
        **changes,
    }


def test_tasks__of_verls_layout(tmp_path: Path) -> None:
    rows = [verl_row(), verl_row(extra_info={"answer": "x", "index": 8, "question": None, "split": "validation"})]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    first, second = read_tasks(tmp_path / "train.parquet")
    assert (first.id, first.benchmark, first.split, first.gold) == ("chartqa/000000", "chartqa", "train", "4")
    assert (first.question, second.question) == ("How many bars?", "How many bars?")
    assert second.split == "test"
    assert [load_image(reference).getpixel((0, 0)) for reference in first.images] == [(255, 0, 0), (0, 0, 255)]
    assert len(list((tmp_path / "train.parquet.images").iterdir())) == 4
    assert read_tasks(tmp_path / "train.parquet") == (first, second)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{", r"row 1: no JSON .*expected one object a line"),
        ("[1]", "row 1: a list; expected an object"),
        ({"question": "Why?"}, "row 1: 'gold' is missing; expected at least"),
        ({"gold": "x"}, "row 1: 'question' is missing"),
        ({"question": "Why?", "gold": 4}, "row 1: gold = 4; expected text in quotes"),
        ({"question": "Why?", "gold": "x", "answr": "x"}, "row 1: Unknown key 'answr'"),
        ({"question": "Why?", "gold": "x", "split": "dev"}, "row 1: Unknown split 'dev'"),
        ({"question": "Why?", "gold": "x", "scorer": "exakt"}, "row 1: Unknown scorer 'exakt'. Did you mean 'exact'"),
        ({"question": "Why?", "gold": "x", "images": "a.png"}, "row 1: images = 'a.png'; expected a list of texts"),
        ({"question": "Why?", "gold": "x", "choices": [1]}, r"row 1: choices = \[1\]; expected a list of texts"),
    ],
)
def test_tasks__what_is_wrong_with_a_row(tmp_path: Path, row: Any, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        read_tasks(jsonl(tmp_path / "mine.jsonl", row))


def test_tasks__what_is_wrong_with_a_file(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no file of tasks"):
        read_tasks(tmp_path / "nowhere.jsonl")
    with pytest.raises(TaskError, match=r"ends in '.csv'; expected a file of tasks"):
        read_tasks(jsonl(tmp_path / "mine.csv", "a,b"))
    with pytest.raises(TaskError, match="holds no tasks"):
        read_tasks(jsonl(tmp_path / "mine.jsonl", ""))
    with pytest.raises(TaskError, match=r"cannot be read .*expected a Parquet file"):
        read_tasks(jsonl(tmp_path / "mine.parquet", "no Parquet"))
    twice = {"id": "a", "question": "Why?", "gold": "x"}
    with pytest.raises(TaskError, match="row 2: id 'a' is that of row 1 too"):
        read_tasks(jsonl(tmp_path / "mine.jsonl", twice, twice))
    pq.write_table(pa.Table.from_pylist([verl_row(reward_model={"style": "rule"})]), tmp_path / "bad.parquet")
    with pytest.raises(TaskError, match=r"row 1: not of verl's layout .*ground_truth"):
        read_tasks(tmp_path / "bad.parquet")
