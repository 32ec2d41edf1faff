"""Live play: a recording of one task that is filled while it is played.

So live and recorded episodes share the dynamics. Which backend answers is the caller's choice.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from maestro_env import scoring
from maestro_env.backends.base import Backend
from maestro_env.encoders import NETWORK_VIEWS, ViewEncoder, view_encoder
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.registry import Registry
from maestro_env.skills.crops import view_of
from maestro_env.tasks import load_image
from maestro_env.types import Box, Context, Reply

_SAME_BOX_PX = 1.0
"""Corners this close are the same region: what rounding moves them by between machines."""

_EMPTY = {
    "status": MISSING,
    "answer": MISSING,
    "text": MISSING,
    "skill_tier2": MISSING,
    "next_context": MISSING,
    "confidence": np.nan,
    "score": 0,
    "passes": 0,
    "cost_usd": 0,
    "latency_s": 0,
    "tokens": 0,
}
"""What the arrays of calls hold where none was made."""


def open_task(source: Recording, registry: Registry, task_index: int) -> Recording:
    """Return a recording of one of a recording's tasks in which no call was made yet.

    Args:
        source: Holds the task and the embeddings of its question and of its whole image.
        registry: The experts that will be called; they need not be in `source`.
        task_index: Of the task, in `source`.
    """
    shape = (1, 1, len(registry))
    return replace(
        source,
        registry=registry,
        tasks=(source.tasks[task_index],),
        context_ids=(source.context_ids[task_index][:1],),
        context_parents=(("",),),
        context_texts=(("",),),
        boxes=source.boxes[task_index : task_index + 1, :1].copy(),
        question=source.question[task_index : task_index + 1].copy(),
        view=source.view[task_index : task_index + 1, :1].copy(),
        answers=(),
        texts=(),
        tier2=(),
        status=np.full(shape, MISSING, np.int8),
        answer=np.full(shape, MISSING, np.int32),
        text=np.full(shape, MISSING, np.int32),
        skill_tier2=np.full(shape, MISSING, np.int16),
        next_context=np.full(shape, MISSING, np.int16),
        confidence=np.full(shape, np.nan, np.float32),
        score=np.zeros(shape, np.float32),
        passes=np.zeros(shape, np.float32),
        cost_usd=np.zeros(shape, np.float32),
        latency_s=np.zeros(shape, np.float32),
        tokens=np.zeros((*shape, 2), np.int32),
    )


def record_call(
    recording: Recording, source: Recording, backend: Backend, *, slot: int, expert: int, question: str | None = None
) -> Recording:
    """Return a one-task recording with one more call, made now.

    Args:
        recording: As `open_task` returns it.
        source: What it was opened from.
        backend: Answers the call.
        slot: Of the context of the call.
        expert: Index of the expert to call.
        question: Asked instead of the task's own, with its pictures and without its choices; None asks the task's own.

    Raises:
        UnknownNameError: The call found a region that `source` does not hold, and its view encoder is not known.
    """
    task = recording.tasks[0]
    asked = task if question is None else replace(task, question=question, choices=())
    reply = backend.invoke(asked, recording.context(0, slot), recording.registry.experts[expert])
    if reply.next_context.id not in recording.context_ids[0]:
        recording = add_context(recording, reply.next_context, _embed_view(source, task.id, reply.next_context))
    return add_reply(recording, slot=slot, expert=expert, reply=reply, score=scoring.score(task, reply.answer))


def _embed_view(source: Recording, task_id: str, context: Context) -> NDArray[np.float16]:
    """[V] what a context shows: as it was recorded, or encoded now where it was not."""
    index = source.index_of(task_id)
    if context.id in source.context_ids[index]:
        slot = source.context_ids[index].index(context.id)
        recorded = source.context(index, slot).box
        if _same_box(recorded, context.box):
            return source.view[index, slot]
    image = load_image(source.tasks[index].images[0])
    return _view_encoder(source.view_encoder).encode([view_of(image, context)])[0].astype(np.float16)


def _view_encoder(name: str) -> ViewEncoder:
    if name != NETWORK_VIEWS:
        return view_encoder(name)
    from maestro_env.backends.local import load_shipped_view_encoder  # needed for regions that were never recorded only

    return load_shipped_view_encoder()


def _same_box(first: Box | None, second: Box | None) -> bool:
    if first is None or second is None:
        return first is second
    corners = ("left", "top", "right", "bottom")
    return all(abs(getattr(first, corner) - getattr(second, corner)) <= _SAME_BOX_PX for corner in corners)


def add_context(recording: Recording, context: Context, view: NDArray[np.float16]) -> Recording:
    """Return a one-task recording with one more context slot, in which no call was made yet.

    Args:
        recording: As `open_task` returns it.
        context: A context whose id the recording does not hold.
        view: [V] embedding of what it shows.
    """
    box = context.box
    corners = [np.nan] * 4 if box is None else [box.left, box.top, box.right, box.bottom]
    grown = {
        name: np.concatenate([getattr(recording, name), np.full_like(getattr(recording, name)[:, :1], empty)], axis=1)
        for name, empty in _EMPTY.items()
    }
    return replace(
        recording,
        **grown,
        context_ids=((*recording.context_ids[0], context.id),),
        context_parents=((*recording.context_parents[0], context.parent),),
        context_texts=((*recording.context_texts[0], context.text),),
        boxes=np.concatenate([recording.boxes, np.array([[corners]], np.float32)], axis=1),
        view=np.concatenate([recording.view, view.astype(np.float16)[None, None]], axis=1),
    )


def add_reply(recording: Recording, *, slot: int, expert: int, reply: Reply, score: float) -> Recording:
    """Return a one-task recording with one more reply.

    Args:
        recording: As `open_task` and `add_context` return it; holds the context in which the reply goes on.
        slot: Of the context of the call.
        expert: Index of the expert called.
        reply: What it replied.
        score: The task's score of the reply's answer, in [0, 1].
    """
    arrays = {name: getattr(recording, name).copy() for name in _EMPTY}
    answers, answer = _indexed(recording.answers, reply.answer)
    texts, text = _indexed(recording.texts, reply.text)
    tier2, skill_tier2 = _indexed(recording.tier2, reply.skill_tier2 or None)
    cell = (0, slot, expert)
    arrays["status"][cell] = STATUSES.index(reply.status)
    arrays["answer"][cell] = answer
    arrays["text"][cell] = text
    arrays["skill_tier2"][cell] = skill_tier2
    arrays["next_context"][cell] = recording.context_ids[0].index(reply.next_context.id)
    arrays["confidence"][cell] = np.nan if reply.confidence is None else reply.confidence
    arrays["score"][cell] = score
    arrays["passes"][cell] = reply.passes
    arrays["cost_usd"][cell] = reply.cost_usd
    arrays["latency_s"][cell] = reply.latency_s
    arrays["tokens"][cell] = (reply.prompt_tokens, reply.completion_tokens)
    return replace(recording, **arrays, answers=answers, texts=texts, tier2=tier2)


def _indexed(known: tuple[str, ...], text: str | None) -> tuple[tuple[str, ...], int]:
    """Return the texts with one more if it is new, and its index; `MISSING` for None."""
    if text is None:
        return known, MISSING
    return (known, known.index(text)) if text in known else ((*known, text), len(known))
