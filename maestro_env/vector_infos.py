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

    def at_end(self) -> Self:
        """Return the same of the environments whose episode ended alone."""
        ended = self.ended
        return replace(
            self,
            made=self.made[ended],
            invalid=self.invalid[ended],
            call=self.call[ended],
            ended=np.arange(len(ended)),
        )


class InfoWriter:
    """Writes infos of environments over one recording."""

    def __init__(self, tables: Tables, num_envs: int) -> None:
        """Lay out every text that infos may hold.

        Args:
            tables: What is played.
            num_envs: The length of every array.
        """
        self._num_envs = num_envs
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

    def write(self, batch: Batch, happened: Happened | None, *, rows: NDArray[np.int64]) -> Infos:
        """Return the infos of some of the environments.

        Args:
            batch: [R] where they stand.
            happened: [R] what the step did; None for a reset.
            rows: [R] which environments they are.
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
            told = self._told_at_end(batch.task[happened.ended], happened.endings)
            for name, values in told.items():
                infos[name][happened.ended] = values
        return spread(infos, rows, self._num_envs)

    def endings(self, last: Batch, endings: Endings) -> Infos:
        """Return [E] whose task it was and how it came out, of episodes that ended."""
        task = last.task
        return {
            "task_id": self._task_ids[task],
            "benchmark": self._benchmarks[task],
            **self._told_at_end(task, endings),
        }

    def _told_at_end(self, task: NDArray[np.int64], endings: Endings) -> Infos:
        return {
            "outcome": self._outcomes[endings.outcome],
            "answer": self._answers[endings.answer],
            "gold": self._golds[task],
        }

    def _add_calls(self, infos: Infos, batch: Batch, happened: Happened) -> None:
        made = np.flatnonzero(happened.made)
        slot, expert = np.divmod(happened.call[made], len(self._columns))
        cell = (batch.task[made], slot, self._columns[expert])
        infos["expert"][made] = self._experts[expert]
        infos["reply"][made] = self._texts[self._recording.text[cell]]
        infos["status"][made] = self._statuses[self._recording.status[cell]]
        for name in ("cost_usd", "passes", "latency_s"):
            infos[name][made] = getattr(self._recording, name)[cell]


def ending_infos(happened: Happened | None, num_envs: int) -> Infos:
    """Return the infos that go with indices: how episodes came out, as numbers.

    `outcome` counts in `batch.OUTCOMES`, `answer` in `recording.answers` (`MISSING` if there is none).
    """
    if happened is None or not len(happened.ended):
        return {}
    endings = happened.endings
    infos = {"outcome": endings.outcome, "answer": endings.answer, "score": endings.score}
    return spread(infos, happened.ended, num_envs)


def spread(infos: Infos, rows: NDArray[np.int64], num_envs: int) -> Infos:
    """Return infos [R] of some environments as arrays [num_envs], each with its mask; the others hold 0 or None."""
    told = np.zeros(num_envs, np.bool_)
    told[rows] = True
    placed: Infos = {}
    for key, values in infos.items():
        placed[key], placed[f"_{key}"] = placed_at(values, rows, num_envs), told.copy()
    return placed


def placed_at(values: NDArray[Any], rows: NDArray[np.int64], num_envs: int) -> NDArray[Any]:
    """Return values [R, ...] at some of `num_envs` places, with 0 or None in the others; all places: the same array."""
    if len(rows) == num_envs:
        return values
    array = np.full((num_envs, *values.shape[1:]), None if values.dtype == object else 0, values.dtype)
    array[rows] = values
    return array


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
