"""A recording in memory as Arrow tables, ready to be written. Reading them back is format.py's job."""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
# (pyarrow ships no types)

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.types import WHOLE, Task

TASK_COLUMNS = (
    "id", "benchmark", "split", "question", "images", "choices", "gold", "scorer", "factors", "question_embedding",
)  # fmt: skip
CONTEXT_COLUMNS = ("task_id", "context", "parent", "left", "top", "right", "bottom", "text", "view_embedding")
REPLY_COLUMNS = (
    "task_id", "context", "expert", "sample", "text", "answer", "confidence", "score", "status", "skill_tier2",
    "next_context", "cost_usd", "passes", "prompt_tokens", "completion_tokens", "latency_s",
)  # fmt: skip


def task_table(recording: Recording) -> pa.Table:
    """Return one row a task, in the recording's order."""
    tasks = recording.tasks

    def column(name: str) -> list[str]:
        return [getattr(task, name) for task in tasks]

    return pa.table(
        {
            "id": pa.array(column("id"), pa.string()),
            "benchmark": _few(column("benchmark")),
            "split": _few(column("split")),
            "question": _few(column("question")),
            "images": pa.array([list(task.images) for task in tasks], pa.list_(pa.string())),
            "choices": pa.array([list(task.choices) for task in tasks], pa.list_(pa.string())),
            "gold": _few(column("gold")),
            "scorer": _few(column("scorer")),
            "factors": pa.array([_factors(task) for task in tasks], pa.string()),
            "question_embedding": _vectors(recording.question),
        }
    ).select(TASK_COLUMNS)


def context_table(recording: Recording) -> pa.Table:
    """Return one row a context: by task, then by slot."""
    used = used_slots(recording)
    task, slot = np.nonzero(used)
    ids = [context_id for ids in recording.context_ids for context_id in ids]
    parents = [parent for parents in recording.context_parents for parent in parents]
    texts = [text for texts in recording.context_texts for text in texts]
    boxes = recording.boxes[task, slot]
    return pa.table(
        {
            "task_id": _coded(task, recording.task_ids),
            "context": _few(ids),
            "parent": _few(parents or ["" if name == WHOLE else WHOLE for name in ids]),
            "text": _few(texts or [""] * len(ids)),
            **{side: _floats(boxes[:, i]) for i, side in enumerate(("left", "top", "right", "bottom"))},
            "view_embedding": _vectors(recording.view[task, slot]),
        }
    ).select(CONTEXT_COLUMNS)


def reply_table(recording: Recording) -> pa.Table:
    """Return one row a recorded call: by task, then by slot, then by expert."""
    cells = np.flatnonzero(recording.status.ravel() != MISSING)
    task, slot, expert = np.unravel_index(cells, recording.status.shape)
    names = sorted({context_id for ids in recording.context_ids for context_id in ids})
    slot_code = _slot_codes(recording, names)

    def of(values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(-1)[cells]

    tokens = recording.tokens.reshape(-1, 2)[cells]
    return pa.table(
        {
            "task_id": _coded(task, recording.task_ids),
            "context": _coded(slot_code[task, slot], names),
            "expert": _coded(expert, recording.registry.ids),
            "sample": pa.array(np.zeros(len(cells), np.int32)),
            "text": _coded(of(recording.text), recording.texts),
            "answer": _coded(of(recording.answer), recording.answers),
            "confidence": _floats(of(recording.confidence)),
            "score": pa.array(of(recording.score)),
            "status": _coded(of(recording.status), STATUSES),
            "skill_tier2": _coded(of(recording.skill_tier2), recording.tier2),
            "next_context": _coded(slot_code[task, of(recording.next_context)], names),
            "cost_usd": pa.array(of(recording.cost_usd)),
            "passes": pa.array(of(recording.passes)),
            "prompt_tokens": pa.array(np.ascontiguousarray(tokens[:, 0])),
            "completion_tokens": pa.array(np.ascontiguousarray(tokens[:, 1])),
            "latency_s": pa.array(of(recording.latency_s)),
        }
    ).select(REPLY_COLUMNS)


def used_slots(recording: Recording) -> NDArray[np.bool_]:
    """Return which slots [N, C] hold a context."""
    num_contexts = np.array([len(ids) for ids in recording.context_ids])
    return np.arange(recording.status.shape[1]) < num_contexts[:, None]


def _slot_codes(recording: Recording, names: Sequence[str]) -> NDArray[np.int32]:
    """[N, C] place of each slot's context among `names`; `MISSING` in empty slots."""
    place = {name: i for i, name in enumerate(names)}
    codes = np.full(recording.status.shape[:2], MISSING, np.int32)
    codes[used_slots(recording)] = [place[name] for ids in recording.context_ids for name in ids]
    return codes


def _factors(task: Task) -> str:
    return json.dumps(dict(task.factors), ensure_ascii=False, separators=(",", ":"))


def _few(values: Sequence[str]) -> pa.DictionaryArray:
    """Strings that repeat."""
    return pa.array(values, pa.string()).dictionary_encode()


def _coded(codes: NDArray[Any], values: Iterable[str]) -> pa.DictionaryArray:
    """Codes into values; negative ones are null."""
    small = codes.astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(small, mask=small < 0), pa.array(map(str, values), pa.string()))


def _floats(values: NDArray[Any]) -> pa.Array:
    """Numbers; NaN is null."""
    return pa.array(values, mask=np.isnan(values))


def _vectors(values: NDArray[np.float16] | NDArray[np.float32]) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
