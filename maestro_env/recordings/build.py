"""Building recordings in memory: from replies, or by joining recordings of different tasks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import RecordingError
from maestro_env.recordings.recording import MISSING, REPLY_ARRAYS, STATUSES, Recording
from maestro_env.registry import Registry
from maestro_env.scoring import score
from maestro_env.types import Context, Reply, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedTask:
    """One task with everything that was recorded of it."""

    task: Task
    contexts: tuple[Context, ...]
    """[C'] the whole first."""
    question: NDArray[np.float32]
    """[D]"""
    views: NDArray[np.float32]
    """[C', V]"""
    replies: Mapping[tuple[int, int], Reply]
    """(slot, expert) -> reply."""


class Heading(Protocol):
    """What a plan says of a whole recording."""

    @property
    def name(self) -> str: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def cost_unit(self) -> str: ...
    @property
    def question_encoder(self) -> str: ...
    @property
    def view_encoder(self) -> str: ...


def build_recording(plan: Heading, recorded: Sequence[RecordedTask]) -> Recording:
    """Return a recording of some of a plan's tasks."""
    answers = _sorted(reply.answer for each in recorded for reply in each.replies.values())
    texts = _sorted(reply.text for each in recorded for reply in each.replies.values())
    tier2 = _sorted(reply.skill_tier2 or None for each in recorded for reply in each.replies.values())
    answer_place, text_place, tier2_place = _places(answers), _places(texts), _places(tier2)
    shape = (len(recorded), max(len(each.contexts) for each in recorded))
    arrays = _empty_replies((*shape, len(plan.registry)))
    boxes = np.full((*shape, 4), np.nan, np.float32)
    view = np.zeros((*shape, recorded[0].views.shape[1]), np.float16)
    for n, each in enumerate(recorded):
        slot_of = _places([context.id for context in each.contexts])
        view[n, : len(each.contexts)] = each.views
        for slot, context in enumerate(each.contexts):
            if context.box is not None:
                boxes[n, slot] = context.box.left, context.box.top, context.box.right, context.box.bottom
        for (slot, p), reply in each.replies.items():
            cell = (n, slot, p)
            arrays["status"][cell] = STATUSES.index(reply.status)
            arrays["answer"][cell] = answer_place.get(reply.answer, MISSING)
            arrays["text"][cell] = text_place[reply.text]
            arrays["skill_tier2"][cell] = tier2_place.get(reply.skill_tier2, MISSING)
            arrays["next_context"][cell] = slot_of[reply.next_context.id]
            arrays["confidence"][cell] = np.nan if reply.confidence is None else reply.confidence
            arrays["score"][cell] = score(each.task, reply.answer)
            arrays["tokens"][cell] = reply.prompt_tokens, reply.completion_tokens
            for name in ("passes", "cost_usd", "latency_s"):
                arrays[name][cell] = getattr(reply, name)
    return Recording(
        name=plan.name,
        registry=plan.registry,
        cost_unit=plan.cost_unit,
        tasks=tuple(each.task for each in recorded),
        context_ids=tuple(tuple(context.id for context in each.contexts) for each in recorded),
        context_parents=tuple(tuple(context.parent for context in each.contexts) for each in recorded),
        context_texts=tuple(tuple(context.text for context in each.contexts) for each in recorded),
        boxes=boxes,
        question=np.stack([each.question for each in recorded]).astype(np.float32),
        view=view,
        question_encoder=plan.question_encoder,
        view_encoder=plan.view_encoder,
        answers=answers,
        texts=texts,
        tier2=tier2,
        **arrays,
    )


def join_recordings(parts: Sequence[Recording]) -> Recording:
    """Return one recording of the tasks of several, in their order.

    Raises:
        RecordingError: None is given, or they differ in registry, encoders or cost unit.
    """
    if not parts:
        raise RecordingError("No recordings to join; give at least one.")
    first = parts[0]
    for name in ("registry", "cost_unit", "question_encoder", "view_encoder"):
        for part in parts:
            if getattr(part, name) != getattr(first, name):
                raise RecordingError(f"Recordings of different {name} cannot be joined; record them with one plan.")
    num_slots = max(part.status.shape[1] for part in parts)
    texts = {
        vocabulary: _sorted(value for part in parts for value in getattr(part, vocabulary))
        for vocabulary in _VOCABULARY_OF.values()
    }
    arrays: dict[str, NDArray[Any]] = {}
    for name, (_, empty) in REPLY_ARRAYS.items():
        pieces = [_padded(getattr(part, name), num_slots, empty) for part in parts]
        if name in _VOCABULARY_OF:
            vocabulary = _VOCABULARY_OF[name]
            pieces = [
                _recoded(piece, getattr(part, vocabulary), texts[vocabulary])
                for piece, part in zip(pieces, parts, strict=True)
            ]
        arrays[name] = np.concatenate(pieces)
    return replace(
        first,
        tasks=tuple(task for part in parts for task in part.tasks),
        context_ids=tuple(ids for part in parts for ids in part.context_ids),
        context_parents=_joined_labels(parts, "parent"),
        context_texts=_joined_labels(parts, "text"),
        boxes=np.concatenate([_padded(part.boxes, num_slots, np.nan) for part in parts]),
        view=np.concatenate([_padded(part.view, num_slots, 0) for part in parts]),
        question=np.concatenate([part.question for part in parts]),
        answers=texts["answers"],
        texts=texts["texts"],
        tier2=texts["tier2"],
        **arrays,
    )


_VOCABULARY_OF: Mapping[str, str] = {"answer": "answers", "text": "texts", "skill_tier2": "tier2"}
"""Coded array -> the field that holds its values."""


def _empty_replies(shape: tuple[int, int, int]) -> dict[str, NDArray[Any]]:
    return {
        name: np.full((*shape, 2) if name == "tokens" else shape, empty, kind)
        for name, (kind, empty) in REPLY_ARRAYS.items()
    }


def _joined_labels(parts: Sequence[Recording], field: str) -> tuple[tuple[str, ...], ...]:
    """[N] parents or texts of every context."""
    return tuple(
        tuple(getattr(part.context(n, slot), field) for slot in range(len(ids)))
        for part in parts
        for n, ids in enumerate(part.context_ids)
    )


def _padded(values: NDArray[Any], num_slots: int, empty: float) -> NDArray[Any]:
    """Values of `num_slots` slots a task, [N, num_slots, …]."""
    short = num_slots - values.shape[1]
    return np.pad(values, [(0, 0), (0, short), *[(0, 0)] * (values.ndim - 2)], constant_values=empty)


def _recoded(codes: NDArray[Any], old: Sequence[str], new: Sequence[str]) -> NDArray[Any]:
    place = _places(new)
    return np.array([*(place[value] for value in old), MISSING], codes.dtype)[codes]


def _sorted(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value is not None}))


def _places(values: Sequence[str]) -> dict[str | None, int]:
    return {value: place for place, value in enumerate(values)}
