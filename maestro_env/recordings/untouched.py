"""Recordings in which no call was made yet: what live environments and live recorders start from."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from maestro_env.encoders import question_encoder, view_encoder
from maestro_env.recordings.recording import REPLY_ARRAYS, Recording
from maestro_env.registry import Registry
from maestro_env.tasks import load_image
from maestro_env.types import WHOLE, Task

QUESTION_ENCODER = "hashed-64"
VIEW_ENCODER = "grid-32"


def without_calls(recording: Recording, registry: Registry) -> Recording:
    """Return a recording's tasks in their whole contexts, for other experts, whose costs are in USD.

    Args:
        recording: Holds the tasks, and the embeddings of their questions and pictures.
        registry: The experts that will be called.
    """
    num_tasks = len(recording.tasks)
    return Recording(
        name=recording.name,
        registry=registry,
        cost_unit="usd",
        tasks=recording.tasks,
        context_ids=tuple(ids[:1] for ids in recording.context_ids),
        boxes=recording.boxes[:, :1],
        question=recording.question,
        view=recording.view[:, :1],
        question_encoder=recording.question_encoder,
        view_encoder=recording.view_encoder,
        answers=(),
        texts=(),
        tier2=(),
        **_no_replies(num_tasks, len(registry)),
    )


def recording_of_tasks(tasks: Sequence[Task], registry: Registry, *, name: str) -> Recording:
    """Return tasks as a recording, encoded without a network.

    Args:
        tasks: At least one.
        registry: The experts that will be called.
        name: Of the recording.

    Raises:
        TaskError: A task's first picture cannot be loaded.
    """
    views = view_encoder(VIEW_ENCODER)
    view = np.zeros((len(tasks), 1, views.dim), np.float16)
    for row, task in zip(view, tasks, strict=True):
        if task.images:
            row[0] = views.encode([load_image(task.images[0])])[0]
    return Recording(
        name=name,
        registry=registry,
        cost_unit="usd",
        tasks=tuple(tasks),
        context_ids=((WHOLE,),) * len(tasks),
        boxes=np.full((len(tasks), 1, 4), np.nan, np.float32),
        question=question_encoder(QUESTION_ENCODER).encode([task.question for task in tasks]),
        view=view,
        question_encoder=QUESTION_ENCODER,
        view_encoder=VIEW_ENCODER,
        answers=(),
        texts=(),
        tier2=(),
        **_no_replies(len(tasks), len(registry)),
    )


def _no_replies(num_tasks: int, num_experts: int) -> dict[str, Any]:
    """The arrays of replies where there are none."""
    shape = (num_tasks, 1, num_experts)
    return {
        field: np.full((*shape, 2) if field == "tokens" else shape, empty, kind)
        for field, (kind, empty) in REPLY_ARRAYS.items()
    }
