"""A recording in memory: what every expert replied, as dense arrays. Reading and writing it is format.py's job.

Axes: N tasks, C context slots a task (slot 0 is `whole`), P experts of the registry, D and V embedding lengths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import unknown_name
from maestro_env.recordings.task_table import text_of
from maestro_env.registry import Registry
from maestro_env.types import WHOLE, Box, Context, Status, Task

STATUSES = tuple(Status)
"""`status[...]` holds an index into this; -1 marks a call that was not recorded."""

MISSING = -1
"""In integer arrays: no such call, answer or context."""

REPLY_ARRAYS: Mapping[str, tuple[type[np.generic], float]] = {
    "status": (np.int8, MISSING),
    "answer": (np.int32, MISSING),
    "text": (np.int32, MISSING),
    "skill_tier2": (np.int16, MISSING),
    "next_context": (np.int16, MISSING),
    "confidence": (np.float32, np.nan),
    "score": (np.float32, 0),
    "passes": (np.float32, 0),
    "cost_usd": (np.float32, 0),
    "latency_s": (np.float32, 0),
    "tokens": (np.int32, 0),
}
"""Dtype of each array of replies, and what stands where there is no reply; see `Recording`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Tasks, contexts and replies of one registry. Arrays are read-only."""

    name: str
    registry: Registry
    cost_unit: str
    """What a budget is counted in: `passes` (embedded experts) or `usd`."""
    tasks: Sequence[Task]
    """[N] never changed; one that was read from disk builds a task when it is asked for it."""
    context_ids: tuple[tuple[str, ...], ...]
    """[N] tuples of at most C ids; slot 0 is `whole`."""
    boxes: NDArray[np.float32]
    """[N, C, 4] left, top, right, bottom in pixels of the first image; NaN where the whole image is shown."""
    question: NDArray[np.float32]
    """[N, D] embeddings of the questions."""
    view: NDArray[np.float16]
    """[N, C, V] embeddings of what each context shows; 0 in empty slots."""
    answers: tuple[str, ...]
    """Every distinct answer; sorted in a recording that was read from disk, as the next two."""
    texts: tuple[str, ...]
    """Every distinct reply text."""
    tier2: tuple[str, ...]
    """Every distinct tier-2 skill name."""
    status: NDArray[np.int8]
    """[N, C, P] index into `STATUSES`; `MISSING` where the call was not recorded."""
    answer: NDArray[np.int32]
    """[N, C, P] index into `answers`; `MISSING` where the reply holds none."""
    text: NDArray[np.int32]
    """[N, C, P] index into `texts`; `MISSING` where the call was not recorded."""
    skill_tier2: NDArray[np.int16]
    """[N, C, P] index into `tier2`; `MISSING` where none was named."""
    next_context: NDArray[np.int16]
    """[N, C, P] slot of the context in which the episode goes on; `MISSING` where the call was not recorded."""
    confidence: NDArray[np.float32]
    """[N, C, P] in [0, 1]; NaN where none was stated."""
    score: NDArray[np.float32]
    """[N, C, P] in [0, 1]: the task's score if this reply's answer were the final one; 0 without an answer."""
    passes: NDArray[np.float32]
    """[N, C, P] network evaluations, weighted by their multiply-adds."""
    cost_usd: NDArray[np.float32]
    """[N, C, P] USD."""
    latency_s: NDArray[np.float32]
    """[N, C, P] seconds."""
    tokens: NDArray[np.int32]
    """[N, C, P, 2] prompt and completion tokens."""
    context_parents: tuple[tuple[str, ...], ...] = ()
    """[N] as `context_ids`: in which context each was found; empty where every region was found in `whole`."""
    context_texts: tuple[tuple[str, ...], ...] = ()
    """[N] as `context_ids`: text evidence; empty where no context holds any."""
    question_encoder: str = ""
    """Name of the encoder behind `question`, as `encoders.py` knows it."""
    view_encoder: str = ""
    """Name of the encoder behind `view`."""

    def __deepcopy__(self, memo: object) -> "Recording":
        return self  # never changes, so copies of what plays it share it

    @property
    def cost(self) -> NDArray[np.float32]:
        """[N, C, P] the cost of each call in `cost_unit`."""
        return self.passes if self.cost_unit == "passes" else self.cost_usd

    def context(self, task_index: int, slot: int) -> Context:
        """Return a task's context by its slot."""
        context_id = self.context_ids[task_index][slot]
        parent = "" if context_id == WHOLE else WHOLE
        left, top, right, bottom = self.boxes[task_index, slot].tolist()
        return Context(
            id=context_id,
            parent=self.context_parents[task_index][slot] if self.context_parents else parent,
            box=None if np.isnan(left) else Box(left=left, top=top, right=right, bottom=bottom),
            text=self.context_texts[task_index][slot] if self.context_texts else "",
        )

    def index_of(self, task_id: str) -> int:
        """Return a task's place, 0 to N - 1.

        Raises:
            UnknownNameError: No such task; the message names the nearest ones.
        """
        index = self._task_index.get(task_id)
        if index is None:
            raise unknown_name("task", task_id, self._task_index)
        return index

    @cached_property
    def task_ids(self) -> tuple[str, ...]:
        """[N] `tasks[n].id`, as the next two without building tasks."""
        return text_of(self.tasks, "id")

    @cached_property
    def task_benchmarks(self) -> tuple[str, ...]:
        """[N] `tasks[n].benchmark`."""
        return text_of(self.tasks, "benchmark")

    @cached_property
    def task_splits(self) -> tuple[str, ...]:
        """[N] `tasks[n].split`."""
        return text_of(self.tasks, "split")

    @cached_property
    def _task_index(self) -> dict[str, int]:
        return {task_id: n for n, task_id in enumerate(self.task_ids)}
