"""The infos of a vector environment: what `MaestroEnv` says of each step, as arrays in Gymnasium's layout.

A key `k` holds an array [num_envs], and `_k` a mask of the environments that said anything; the others hold 0 or None.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from maestro_env.batch import OUTCOMES, Batch, Endings, Tables
from maestro_env.recordings.recording import STATUSES, Recording
from maestro_env.recordings.task_table import text_of

Infos = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Happened:
    """What one step did, environment by environment."""

    made: NDArray[np.bool_]
    """[B] whether a call was made."""
    invalid: NDArray[np.bool_]
    """[B] whether the turn was lost to a masked action."""
    call: NDArray[np.int64]
    """[B] `slot * P + expert`, where a call was made."""
    ended: NDArray[np.int64]
    """The environments whose episode ended, in order."""
    endings: Endings
    """How they came out."""

    def only(self, rows: NDArray[np.bool_]) -> Self:
        """Return the same where nothing happened outside some environments."""
        kept = rows[self.ended]
        endings = Endings(
            outcome=self.endings.outcome[kept], answer=self.endings.answer[kept], score=self.endings.score[kept]
        )
        return replace(
            self, made=self.made & rows, invalid=self.invalid & rows, ended=self.ended[kept], endings=endings
        )


class InfoWriter:
    """Writes infos of environments over one recording."""

    def __init__(self, tables: Tables) -> None:
        """Lay out every text that infos may hold.

        Args:
            tables: What is played.
        """
        recording = tables.world.recording
        self._recording = recording
        self._columns = np.array(tables.world.column_of)
        self._task_ids = _objects(recording.task_ids)
        self._benchmarks = _objects(recording.task_benchmarks)
        self._golds = _objects(text_of(recording.tasks, "gold"))
        self._contexts = _contexts(recording)
        self._experts = _objects(tables.world.registry.ids)
        self._texts = _objects(recording.texts)
        self._answers = _objects([*recording.answers, ""])  # MISSING is -1: the last entry
        self._statuses = _objects([status.value for status in STATUSES])
        self._outcomes = _objects([outcome.value for outcome in OUTCOMES])

    def write(self, batch: Batch, happened: Happened | None = None, *, rows: NDArray[np.bool_] | None = None) -> Infos:
        """Return the infos of environments.

        Args:
            batch: [B] where they stand.
            happened: What the step did; None for a reset.
            rows: [B] which of them say anything; None for all.
        """
        size = len(batch.task)
        infos: Infos = {
            "task_id": self._task_ids[batch.task],
            "benchmark": self._benchmarks[batch.task],
            "context": self._contexts[batch.task, batch.slot],
            "action_mask": batch.mask.copy(),
            "expert": _blank(size),
            "reply": _blank(size),
            "status": _blank(size),
            "cost_usd": np.zeros(size),
            "passes": np.zeros(size),
            "latency_s": np.zeros(size),
            "invalid_action": np.zeros(size, np.bool_),
            "outcome": _blank(size),
            "answer": _blank(size),
            "gold": _blank(size),
        }
        if happened is not None:
            self._add_calls(infos, batch, happened)
            infos["invalid_action"] = happened.invalid.copy()
            ended, endings = happened.ended, happened.endings
            infos["outcome"][ended] = self._outcomes[endings.outcome]
            infos["answer"][ended] = self._answers[endings.answer]
            infos["gold"][ended] = self._golds[batch.task[ended]]
        return _masked(infos, np.ones(size, np.bool_) if rows is None else rows)

    def _add_calls(self, infos: Infos, batch: Batch, happened: Happened) -> None:
        made = np.flatnonzero(happened.made)
        slot, expert = np.divmod(happened.call[made], len(self._columns))
        cell = (batch.task[made], slot, self._columns[expert])
        infos["expert"][made] = self._experts[expert]
        infos["reply"][made] = self._texts[self._recording.text[cell]]
        infos["status"][made] = self._statuses[self._recording.status[cell]]
        for name in ("cost_usd", "passes", "latency_s"):
            infos[name][made] = getattr(self._recording, name)[cell]


def ending_infos(size: int, happened: Happened | None) -> Infos:
    """Return the infos that go with indices: how episodes came out, as numbers.

    `outcome` counts in `batch.OUTCOMES`, `answer` in `recording.answers` (`MISSING` if there is none).
    """
    if happened is None or not len(happened.ended):
        return {}
    infos: Infos = {}
    these = np.zeros(size, np.bool_)
    these[happened.ended] = True
    for name in ("outcome", "answer", "score"):
        values = getattr(happened.endings, name)
        infos[name] = np.zeros(size, values.dtype)
        infos[name][happened.ended] = values
        infos[f"_{name}"] = these.copy()
    return infos


def _masked(infos: Infos, rows: NDArray[np.bool_]) -> Infos:
    """Put the mask of the environments that say anything beside every key, and empty the others."""
    if not rows.all():
        for values in infos.values():
            values[~rows] = None if values.dtype == object else 0
    masked: Infos = {}
    for key, values in infos.items():
        masked[key], masked[f"_{key}"] = values, rows.copy()
    return masked


def _objects(texts: Any) -> NDArray[np.object_]:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def _blank(size: int) -> NDArray[np.object_]:
    return np.full(size, "", object)


def _contexts(recording: Recording) -> NDArray[np.object_]:
    """[N, C] ids of contexts; empty in slots that a task does not have."""
    array = np.full(recording.status.shape[:2], "", object)
    for task, ids in enumerate(recording.context_ids):
        array[task, : len(ids)] = ids
    return array
