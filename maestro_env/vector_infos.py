"""The infos of a vector environment: what `MaestroEnv` says of each step, as arrays in Gymnasium's layout.

A key `k` holds an array [num_envs], and `_k` a mask of the environments that said anything; the others hold 0 or None.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maestro_env.batch import LOST, Batch, Endings, Ints, Tables, places
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.recordings.task_table import text_of
from maestro_env.types import OUTCOMES

Infos = dict[str, Any]


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
        self._tables = tables
        self._task_ids = _objects(recording.task_ids)
        self._benchmarks = _objects(recording.task_benchmarks)
        self._golds = _objects(text_of(recording.tasks, "gold"))
        self._contexts = _contexts(recording).reshape(-1)
        # MISSING is -1: the last entry.
        self._experts = _objects([*tables.world.registry.ids, ""])
        self._texts = _objects([*recording.texts, ""])
        self._answers = _objects([*recording.answers, ""])
        self._statuses = _objects([*(status.value for status in STATUSES), ""])
        self._outcomes = _objects([outcome.value for outcome in OUTCOMES])

    def write(
        self,
        batch: Batch,
        rows: NDArray[np.int64],
        *,
        ended: NDArray[np.int64] | None = None,
        endings: Endings | None = None,
    ) -> Infos:
        """Return the infos of some of the environments.

        Args:
            batch: [R] where they stand.
            rows: [R] which environments they are.
            ended: Places in `rows` of the episodes that ended.
            endings: How they came out.
        """
        size = len(batch.task)
        infos: Infos = {
            "task_id": self._task_ids.take(batch.task),
            "benchmark": self._benchmarks.take(batch.task),
            "context": self._contexts.take(batch.task * self._tables.num_slots + batch.slot),
            "action_mask": batch.mask.copy(),
            **self._calls(batch),
            "invalid_action": batch.latest == LOST,
            "outcome": _blank(size),
            "answer": _blank(size),
            "gold": _blank(size),
        }
        if ended is not None and endings is not None:
            for name, values in self._told_at_end(batch.task[ended], endings).items():
                infos[name][ended] = values
        return spread(infos, rows, self._num_envs)

    def endings(self, last: Batch, endings: Endings) -> Infos:
        """Return [E] whose task it was and how it came out, of episodes that ended."""
        task = last.task
        return {
            "task_id": self._task_ids[task],
            "benchmark": self._benchmarks[task],
            **self._told_at_end(task, endings),
        }

    def _told_at_end(self, task: Ints, endings: Endings) -> Infos:
        return {
            "outcome": self._outcomes[endings.outcome],
            "answer": self._answers[endings.answer],
            "gold": self._golds[task],
        }

    def _calls(self, batch: Batch) -> Infos:
        """Return [R] what was called last and what came of it; "" and 0 where nothing was."""
        recording, made = self._recording, batch.latest >= 0
        place = places(self._tables, recording.text.shape[2], batch.task, batch.latest)
        texts = {
            "expert": (self._experts, batch.latest % self._tables.num_experts),
            "reply": (self._texts, recording.text.ravel().take(place)),
            "status": (self._statuses, recording.status.ravel().take(place)),
        }
        amounts = {"cost_usd": recording.cost_usd, "passes": recording.passes, "latency_s": recording.latency_s}
        return {name: known.take(np.where(made, which, MISSING)) for name, (known, which) in texts.items()} | {
            name: np.where(made, values.ravel().take(place), np.float64(0)) for name, values in amounts.items()
        }


def ending_infos(ended: NDArray[np.int64], endings: Endings, num_envs: int) -> Infos:
    """Return the infos that go with indices: how episodes came out, as numbers.

    `outcome` counts in `batch.OUTCOMES`, `answer` in `recording.answers` (`MISSING` if there is none).
    """
    if not len(ended):
        return {}
    infos = {"outcome": endings.outcome, "answer": endings.answer, "score": endings.score}
    return spread(infos, ended, num_envs)


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


def rows_of(observation: dict[str, NDArray[Any]]) -> NDArray[np.object_]:
    """Return [E] observations of single environments: parts of the arrays given, which belong to nobody else."""
    rows = np.empty(len(observation["action_mask"]), object)
    for place in range(len(rows)):
        rows[place] = {name: values[place] for name, values in observation.items()}
    return rows


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
