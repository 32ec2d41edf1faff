import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maestro_env.errors import RecordingError
from maestro_env.recordings.format import read_recording, write_recording
from maestro_env.recordings.manifest import file_entry, read_manifest, write_manifest
from maestro_env.recordings.recording import Recording
from maestro_env.recordings.shard import ShardRecorder
from maestro_env.testing import fake_recording
from maestro_env.types import Box, Context
from tests.maestro_env.recordings.fake_bench import fake_bench, small_plan


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Four tasks with three contexts each and six experts: 72 replies."""
    return ShardRecorder(small_plan(), fake_bench()).record(0)


@pytest.fixture
def folder(recording: Recording, tmp_path: Path) -> Path:
    write_recording(tmp_path / "recording", recording, seeds={"world": 3}, made={"command": "maestro record"})
    return tmp_path / "recording"


def differences(first: Recording, second: Recording) -> list[str]:
    """Names of the fields that differ in any bit, dtype or shape."""

    def equal(a: Any, b: Any) -> bool:
        if isinstance(a, np.ndarray):
            return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return a == b

    return [f.name for f in fields(first) if not equal(getattr(first, f.name), getattr(second, f.name))]


def rewrite(folder: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a file and give the manifest its new hash."""
    manifest = read_manifest(folder)
    table = change(pq.read_table(folder / name))
    pq.write_table(table, folder / name)
    entry = file_entry(folder / name, num_rows=table.num_rows)
    write_manifest(folder, replace(manifest, files={**manifest.files, name: entry}))


def with_value(column: str, row: int, value: Any) -> Callable[[pa.Table], pa.Table]:
    """A change of one value."""

    def change(table: pa.Table) -> pa.Table:
        kind = table.schema.field(column).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        values = table.column(column).to_pylist()
        values[row] = value
        return table.set_column(table.schema.get_field_index(column), column, pa.array(values, kind))

    return change


def edit_manifest(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    change(document)
    (folder / "manifest.json").write_text(json.dumps(document))


@pytest.mark.parametrize("seed", [0, 1])
def test_format__round_trip_preserves_every_array(tmp_path: Path, seed: int) -> None:
    before = fake_recording(num_tasks=60, seed=seed, failing=0.1, missing=0.2, cost_unit="usd")
    write_recording(tmp_path / "recording", before)
    assert differences(before, read_recording(tmp_path / "recording")) == []


def test_format__round_trip_of_ragged_contexts_with_text_and_parents(recording: Recording, tmp_path: Path) -> None:
    # Task 0 keeps one context, task 1 two; the third of task 3 was found in its second, and holds text.
    ids = recording.context_ids
    status = recording.status.copy()
    status[0, 1:], status[1, 2:] = -1, -1
    gone = status == -1
    blank = {
        "answer": -1, "text": -1, "skill_tier2": -1, "next_context": -1, "confidence": np.nan, "score": 0,
        "passes": 0, "cost_usd": 0, "latency_s": 0,
    }  # fmt: skip
    arrays = {name: np.where(gone, value, getattr(recording, name)) for name, value in blank.items()}
    arrays = {name: values.astype(getattr(recording, name).dtype) for name, values in arrays.items()}
    arrays["next_context"][0, 0], arrays["next_context"][1, :2] = 0, 1
    boxes, view = recording.boxes.copy(), recording.view.copy()
    boxes[0, 1:], boxes[1, 2:], view[0, 1:], view[1, 2:] = np.nan, np.nan, 0, 0
    before = replace(
        recording,
        status=status,
        boxes=boxes,
        view=view,
        context_ids=(ids[0][:1], ids[1][:2], *ids[2:]),
        context_parents=(("",), ("", "whole"), ("", "whole", "whole"), ("", "whole", "region:locator-a")),
        context_texts=(("",), ("", ""), ("", "", ""), ("", "", "OCR: 7, „ä“")),
        **arrays,
    )
    write_recording(tmp_path / "recording", before)
    after = read_recording(tmp_path / "recording")
    assert set(differences(before, after)) <= {"answers", "texts", "tier2", "answer", "text", "skill_tier2"}
    texts = [[after.texts[code] if code >= 0 else None for code in row] for row in after.text.reshape(12, 6)]
    assert texts == [[before.texts[code] if code >= 0 else None for code in row] for row in before.text.reshape(12, 6)]
    box = Box(**{side: float(x) for side, x in zip(("left", "top", "right", "bottom"), boxes[3, 2], strict=True)})
    assert after.context(3, 2) == Context(
        id="region:locator-b", parent="region:locator-a", box=box, text="OCR: 7, „ä“"
    )  # fmt: skip
    assert after.context(0, 0) == Context(id="whole")


def test_format__round_trip_of_tokens_and_of_lists(recording: Recording, tmp_path: Path) -> None:
    # No image, one, two and one; the second and the last task have the same choices.
    tokens = np.arange(144, dtype=np.int32).reshape(4, 3, 6, 2)
    images, choices = ((), ("a.png",), ("b.png", "ä.png"), ("a.png",)), ((), ("0", "1"), (), ("0", "1"))
    tasks = tuple(
        replace(task, images=images[n], choices=choices[n], factors={"n": n, "hue": "red", "size": 0.5})
        for n, task in enumerate(recording.tasks)
    )
    write_recording(tmp_path / "recording", replace(recording, tasks=tasks, tokens=tokens))
    after = read_recording(tmp_path / "recording")
    assert after.tasks == tasks
    assert (after.tokens == tokens).all()


def test_format__equal_recordings_give_equal_files(folder: Path, tmp_path: Path) -> None:
    # Also when one of them was read from disk, and with that its tasks were never built.
    write_recording(tmp_path / "again", read_recording(folder))
    for name in ("tasks.parquet", "contexts.parquet", "replies.parquet"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_format__arrays_are_read_only(folder: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        read_recording(folder).score[0] = 1


def test_format__manifest_says_what_it_is(folder: Path, recording: Recording) -> None:
    manifest = read_manifest(folder)
    assert manifest.registry == recording.registry
    assert manifest.benchmarks == {"counting": {"train": 4, "val": 0, "test": 0}}
    assert (manifest.question_encoder, manifest.view_encoder) == ("fake-4", "fake-3")
    assert (manifest.seeds, manifest.made) == ({"world": 3}, {"command": "maestro record"})
    # 4 tasks x 3 contexts x 6 experts.
    assert [manifest.files[name].num_rows for name in sorted(manifest.files)] == [12, 72, 4]


def test_format__replies_have_the_designed_columns_in_order(folder: Path) -> None:
    table = pq.read_table(folder / "replies.parquet")
    assert table.schema.names == [
        "task_id", "context", "expert", "sample", "text", "answer", "confidence", "score", "status", "skill_tier2",
        "next_context", "cost_usd", "passes", "prompt_tokens", "completion_tokens", "latency_s",
    ]  # fmt: skip
    first = table.slice(0, 7).to_pylist()
    assert [row["task_id"] for row in first] == ["counting/train/000000"] * 7
    assert [row["context"] for row in first] == ["whole"] * 6 + ["region:locator-a"]
    assert [row["expert"] for row in first][4:] == [
        "locator-a/Perception_Problem_Solver", "locator-b/Perception_Problem_Solver", "reader-a/Direct",
    ]  # fmt: skip


def test_write__refuses_an_existing_folder(folder: Path, recording: Recording) -> None:
    with pytest.raises(RecordingError, match="exists already; remove it"):
        write_recording(folder, recording)


def test_write__leaves_nothing_behind_when_a_rule_is_broken(recording: Recording, tmp_path: Path) -> None:
    bad = recording.score.copy()
    bad[0, 0, 0] = 1.5
    with pytest.raises(RecordingError, match=r"replies.parquet, column 'score', row 0: 1.5 is not in \[0, 1\]"):
        write_recording(tmp_path / "recording", replace(recording, score=bad))
    assert list(tmp_path.iterdir()) == []


def test_write__refuses_arrays_of_another_shape(recording: Recording, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"'score' has shape \(3, 3, 6\); expected \(4, 3, 6\)"):
        write_recording(tmp_path / "recording", replace(recording, score=recording.score[:3]))


@pytest.mark.parametrize("name", ["tasks.parquet", "contexts.parquet", "replies.parquet"])
def test_read__a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(RecordingError, match=f"{name} is missing; copy the whole folder again"):
        read_recording(folder)


def test_read__a_folder_without_manifest_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"holds no manifest.json, so it is not a recording"):
        read_recording(tmp_path)


@pytest.mark.parametrize("name", ["tasks.parquet", "contexts.parquet", "replies.parquet"])
def test_read__a_truncated_file_is_named(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-100])
    with pytest.raises(RecordingError, match=f"{name} is truncated: .* bytes, the manifest says"):
        read_recording(folder)


@pytest.mark.parametrize("name", ["tasks.parquet", "contexts.parquet", "replies.parquet"])
def test_read__a_changed_byte_is_noticed(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(RecordingError, match=f"{name} has changed since it was recorded: its sha256"):
        read_recording(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema_version=2), "has schema version 2; .* reads 1: upgrade maestro-env"),
        (lambda d: d.update(schema_version=0), "has schema version 0; .* reads 1: record again"),
        (lambda d: d.pop("schema_version"), "lacks the key 'schema_version'"),
        (lambda d: d.pop("registry"), "lacks the key 'registry'"),
        (lambda d: d["files"].pop("replies.parquet"), "lacks the key 'replies.parquet'"),
        (lambda d: d.update(cost_unit="pass"), "Unknown cost unit 'pass'. Did you mean 'passes'"),
        (lambda d: d["registry"]["models"][0].update(colour="red"), "cannot be understood: .*'colour'"),
        (lambda d: d["registry"]["experts"].clear(), "cannot be understood: Registry 'small' is empty"),
    ],
)
def test_read__a_bad_manifest_is_refused(folder: Path, change: Callable[[dict], Any], message: str) -> None:
    edit_manifest(folder, change)
    with pytest.raises(RecordingError, match=message):
        read_recording(folder)


def test_read__a_manifest_that_is_not_json_is_refused(folder: Path) -> None:
    (folder / "manifest.json").write_text("{")
    with pytest.raises(RecordingError, match=r"manifest.json is not JSON"):
        read_recording(folder)


LOCATOR_A = "locator-a/Perception_Problem_Solver"


@pytest.mark.parametrize(
    ("name", "column", "row", "value", "message"),
    [
        ("replies", "score", 5, float("nan"), r"row 5: nan is not in \[0, 1\]"),
        ("replies", "score", 5, None, "row 5: is null; expected a number"),
        ("replies", "score", 6, -0.5, r"row 6: -0.5 is not in \[0, 1\]"),
        ("replies", "confidence", 7, float("nan"), r"row 7: nan is not in \[0, 1\]"),
        ("replies", "confidence", 7, 1.25, r"row 7: 1.25 is not in \[0, 1\]"),
        ("replies", "passes", 8, -1.0, r"row 8: -1.0 is not in \[0, inf\]"),
        ("replies", "cost_usd", 9, float("inf"), r"row 9: inf is not in \[0, inf\]"),
        ("replies", "latency_s", 9, float("nan"), r"row 9: nan is not in \[0, inf\]"),
        ("replies", "prompt_tokens", 3, -4, r"row 3: -4 is not in \[0, 2"),
        ("replies", "completion_tokens", 3, None, "row 3: is null; expected a whole number"),
        ("replies", "sample", 71, 1, r"row 71: 1 is not in \[0, 0\]"),
        ("replies", "expert", 4, "locator-c/Perception_Problem_Solver", "row 4: Unknown expert .*Did you mean"),
        ("replies", "expert", 5, LOCATOR_A, "row 5: this call has a reply already"),
        ("replies", "task_id", 0, "counting/train/9", "row 0: Unknown task 'counting/train/9'"),
        ("replies", "context", 11, "region:locator-c", "row 11: Unknown context 'region:locator-c'. Did you mean"),
        ("replies", "next_context", 11, "nowhere", "row 11: Unknown context 'nowhere'"),
        ("replies", "status", 2, "fine", "row 2: Unknown status 'fine'"),
        ("replies", "text", 2, None, "row 2: is null; expected text"),
        ("contexts", "task_id", 3, "chart/x", "row 3: Unknown task 'chart/x'"),
        ("contexts", "task_id", 3, "counting/train/000002", "row 4: stands after a later task"),
        ("contexts", "context", 0, "region:locator-z", "row 0: a task's first context, and no other, must be 'whole'"),
        ("contexts", "context", 2, "region:locator-a", "row 2: the task has this context already"),
        ("contexts", "parent", 1, "region:locator-z", "row 1: Unknown context 'region:locator-z'"),
        ("contexts", "parent", 1, "", "row 1: every context but 'whole' needs a parent"),
        ("contexts", "left", 1, None, "row 1: the box is half null"),
        ("contexts", "right", 1, -3.0, "row 1: is not beyond the box's left"),
        ("contexts", "bottom", 1, -3.0, "row 1: is not below the box's top"),
        ("contexts", "view_embedding", 4, [0.0, float("nan"), 0.0], "row 4: holds NaN or infinity"),
        ("tasks", "id", 2, "counting/train/000001", "row 2: 'counting/train/000001' stands in row 1 too"),
        ("tasks", "split", 1, "training", "row 1: Unknown split 'training'. Did you mean 'train'"),
        ("tasks", "scorer", 1, "exactly", "row 1: Unknown scorer 'exactly'. Did you mean 'exact'"),
        ("tasks", "gold", 3, None, "row 3: is null; expected text"),
        ("tasks", "factors", 3, None, "row 3: is null; expected text"),
        ("tasks", "images", 2, None, "row 2: is null; expected a list"),
        ("tasks", "choices", 1, ["0", None], "row 1: holds a null; expected text"),
        ("tasks", "question_embedding", 0, None, "row 0: is null; expected a vector"),
    ],
)
def test_read__a_bad_value_is_named_by_file_column_and_row(
    folder: Path, name: str, column: str, row: int, value: Any, message: str
) -> None:
    rewrite(folder, f"{name}.parquet", with_value(column, row, value))
    with pytest.raises(RecordingError, match=rf"{name}.parquet, column '{column}', {message}"):
        read_recording(folder)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ("{", "'{' is not JSON"),
        ("{},{}", "'{},{}' is not JSON"),
        ("[1]", r"'\[1\]' is not a JSON object"),
    ],
)
def test_read__bad_factors_are_named_when_their_task_is_asked_for(folder: Path, factors: str, message: str) -> None:
    rewrite(folder, "tasks.parquet", with_value("factors", 3, factors))
    tasks = read_recording(folder).tasks
    assert tasks[2].id == "counting/train/000002"
    with pytest.raises(RecordingError, match=f"tasks.parquet, column 'factors', row 3: {message}"):
        tasks[3]


def test_read__a_task_without_contexts_is_named(folder: Path) -> None:
    rewrite(folder, "contexts.parquet", lambda table: table.slice(0, 9))
    with pytest.raises(RecordingError, match="task 'counting/train/000003' has no context; each task needs 'whole'"):
        read_recording(folder)


def test_read__a_context_of_another_task_is_unknown(folder: Path) -> None:
    # Without its last context, task 3 has replies in a context that only other tasks have.
    rewrite(folder, "contexts.parquet", lambda table: table.slice(0, 11))
    message = "column 'context', row 66: Unknown context of the task 'region:locator-b'"
    with pytest.raises(RecordingError, match=message):
        read_recording(folder)


def test_read__a_missing_column_is_named(folder: Path) -> None:
    rewrite(folder, "replies.parquet", lambda table: table.drop_columns(["score"]))
    with pytest.raises(RecordingError, match=r"replies.parquet lacks the column 'score'; it has \['task_id'"):
        read_recording(folder)


def test_read__a_column_of_another_type_is_named(folder: Path) -> None:
    def as_text(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index("score")
        return table.set_column(place, "score", table.column("score").cast(pa.string()))

    rewrite(folder, "replies.parquet", as_text)
    with pytest.raises(RecordingError, match=r"replies.parquet, column 'score': holds string; expected float32"):
        read_recording(folder)


def test_read__a_file_that_is_not_parquet_is_named(folder: Path) -> None:
    manifest = read_manifest(folder)
    (folder / "tasks.parquet").write_text("not parquet")
    entry = file_entry(folder / "tasks.parquet", num_rows=4)
    write_manifest(folder, replace(manifest, files={**manifest.files, "tasks.parquet": entry}))
    with pytest.raises(RecordingError, match=r"tasks.parquet cannot be read as Parquet"):
        read_recording(folder)


@pytest.mark.parametrize("name", ["tasks.parquet", "contexts.parquet", "replies.parquet"])
def test_read__files_may_be_cut_into_row_groups(folder: Path, name: str) -> None:
    before = read_recording(folder)
    manifest = read_manifest(folder)
    table = pq.read_table(folder / name)
    pq.write_table(table, folder / name, row_group_size=3)
    entry = file_entry(folder / name, num_rows=table.num_rows)
    write_manifest(folder, replace(manifest, files={**manifest.files, name: entry}))
    assert differences(before, read_recording(folder)) == []


def test_read__rows_of_replies_may_stand_in_any_order(folder: Path, recording: Recording) -> None:
    before = read_recording(folder)
    shuffled = pa.array(np.random.default_rng(0).permutation(72))

    def shuffle(table: pa.Table) -> pa.Table:
        # As plain strings: then the file numbers them by first appearance, not by their order.
        kinds = [field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
        return table.take(shuffled).cast(pa.schema(list(zip(table.schema.names, kinds, strict=True))))

    rewrite(folder, "replies.parquet", shuffle)
    assert differences(before, read_recording(folder)) == []
    assert before.status.shape == recording.status.shape
