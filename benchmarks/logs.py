"""Logs of decisions: who was called, with which chance, and what it earned. What they say is log_values.py's job.

A decision is one call and STOP on one task. Logs are drawn from recordings, or are anyone's own, read from Parquet.
Axes: N recorded tasks, P experts, L logged decisions.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from maestro_env.errors import ConfigurationError, UnknownNameError
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.types import Status

_OK = STATUSES.index(Status.OK)
_SCHEMA = pa.schema({"task_id": pa.string(), "action": pa.string(), "propensity": pa.float64(), "reward": pa.float64()})


@dataclass(frozen=True, kw_only=True, eq=False)
class Log:
    """Decisions on the tasks of one recording.

    Raises:
        ConfigurationError: There is none, they are not as many of each, a propensity is not in (0, 1], or a reward is
            no finite number; the message names the first.
    """

    task: NDArray[np.int64]
    """[L] places in [0, N)."""
    action: NDArray[np.int64]
    """[L] experts, 0 to P - 1 in the order of the registry (the environment's action less 1)."""
    propensity: NDArray[np.float64]
    """[L] chance with which this expert was called on this task, in (0, 1]."""
    reward: NDArray[np.float64]
    """[L]"""

    def __post_init__(self) -> None:
        shapes = {name: getattr(self, name).shape for name in ("task", "action", "propensity", "reward")}
        if len(set(shapes.values())) > 1 or self.task.ndim != 1 or not len(self.task):
            raise ConfigurationError(f"A log of {shapes}; give as many of each, one or more.")
        possible = (self.propensity > 0) & (self.propensity <= 1)  # false for NaN
        if not possible.all():
            row = int(possible.argmin())
            raise ConfigurationError(
                f"propensity, row {row}: {self.propensity[row]} is not in (0, 1]; give the chance with which the "
                "logged action was taken."
            )
        if not np.isfinite(self.reward).all():
            row = int(np.isfinite(self.reward).argmin())
            raise ConfigurationError(f"reward, row {row}: {self.reward[row]} is not a finite number.")

    def __len__(self) -> int:
        return len(self.task)


def rewards_of(recording: Recording, *, cost_weight: float = 0.0) -> NDArray[np.float64]:
    """Return [N, P] what one call and STOP earns: score - cost_weight x cost, as the environment pays it.

    0 where the call failed, for a failure is not a wrong answer; NaN where it was not recorded.
    """
    status = recording.status[:, 0]
    earned = recording.score[:, 0].astype(np.float64) - cost_weight * recording.cost[:, 0]
    return np.select([status == MISSING, status != _OK], [np.nan, 0.0], earned)


def softmax_chances(values: ArrayLike, *, temperature: float) -> NDArray[np.float64]:
    """Return [N, P] chances that grow with what each expert is thought to be worth.

    Args:
        values: [N, P] expected rewards; -inf for who must not be called.
        temperature: Above 0; the smaller, the more often the best is called.

    Raises:
        ConfigurationError: The temperature is not above 0.
    """
    if not temperature > 0:
        raise ConfigurationError(f"Temperature {temperature}; give one above 0.")
    scaled = np.asarray(values, np.float64) / temperature
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def epsilon_chances(preferred: ArrayLike, *, num_experts: int, epsilon: float) -> NDArray[np.float64]:
    """Return [N, P] the chances of calling the preferred expert, and with chance epsilon any of the P instead.

    Args:
        preferred: [N] experts, 0 to P - 1.
        num_experts: P.
        epsilon: In [0, 1]; 0 gives a policy that draws nothing.

    Raises:
        ConfigurationError: Epsilon is not in [0, 1], or a preferred expert not in [0, P).
    """
    best = np.asarray(preferred, np.int64)
    if not 0 <= epsilon <= 1:
        raise ConfigurationError(f"Epsilon {epsilon}; give one in [0, 1].")
    if len(best) and not 0 <= best.min() <= best.max() < num_experts:
        raise ConfigurationError(f"Experts {best.min()} to {best.max()} of {num_experts}; count from 0.")
    chances = np.full((len(best), num_experts), epsilon / num_experts)
    chances[np.arange(len(best)), best] += 1 - epsilon
    return chances


def draw_log(
    recording: Recording,
    behaviour: ArrayLike,
    *,
    size: int,
    rng: np.random.Generator,
    cost_weight: float = 0.0,
) -> Log:
    """Return decisions of a policy: for each a task is drawn, all alike and anew, and then an expert.

    As tasks are drawn with replacement, decisions are independent draws from one population, the recorded tasks: this
    is what the intervals of estimates suppose.

    Args:
        recording: N tasks, P experts.
        behaviour: [N, P] chances of calling each expert first.
        size: L.
        rng: What draws.
        cost_weight: Reward given up for one unit of cost.

    Raises:
        ConfigurationError: Chances that are none, or that ask for calls that were not recorded.
    """
    chances = checked_policy(behaviour, recording)
    task = rng.integers(len(chances), size=size)
    # The first expert whose cumulated chance exceeds the draw; rounding may leave the last sum a little below 1.
    cumulated = chances[task].cumsum(axis=1)
    action = (rng.random((size, 1)) * cumulated[:, -1:] >= cumulated).sum(axis=1)
    reward = rewards_of(recording, cost_weight=cost_weight)[task, action]
    return Log(task=task, action=action, propensity=chances[task, action], reward=reward)


def checked_policy(policy: ArrayLike, recording: Recording) -> NDArray[np.float64]:
    """Return [N, P] chances, if they are some.

    Raises:
        ConfigurationError: Of another shape, not in [0, 1], not summing to 1, or above 0 for calls that were not
            recorded; the message names the first task.
    """
    chances = np.asarray(policy, np.float64)
    expected = (len(recording.tasks), len(recording.registry))
    if chances.shape != expected:
        raise ConfigurationError(f"Chances {chances.shape} for {expected} tasks and experts; give one for each pair.")
    fine = (chances >= 0).all(axis=1) & (np.abs(chances.sum(axis=1) - 1) < 1e-6)
    if not fine.all():
        row = int(fine.argmin())
        raise ConfigurationError(
            f"Chances on task {recording.task_ids[row]!r} are at least {chances[row].min():g} and sum to "
            f"{chances[row].sum():g}; expected none below 0, and a sum of 1."
        )
    unknown = (chances > 0) & (recording.status[:, 0] == MISSING)
    if unknown.any():
        row, expert = np.argwhere(unknown)[0]
        raise ConfigurationError(
            f"Task {recording.task_ids[row]!r} may call {recording.registry.ids[expert]!r}, which was not recorded "
            "there; give it the chance 0."
        )
    return chances


def write_log(path: Path, log: Log, recording: Recording) -> None:
    """Write a log as Parquet: a row a decision, with the task's id, the expert's id, propensity and reward.

    Args:
        path: Of the file; its folder exists.
        log: Any.
        recording: Whose tasks and experts the log counts.
    """
    columns = {
        "task_id": [recording.task_ids[row] for row in log.task],
        "action": [recording.registry.ids[expert] for expert in log.action],
        "propensity": log.propensity,
        "reward": log.reward,
    }
    pq.write_table(pa.table(columns, schema=_SCHEMA), path, compression="zstd")


def read_log(path: Path, recording: Recording) -> Log:
    """Return a log that `write_log` wrote, or anyone's own of the same columns; further columns are ignored.

    Args:
        path: Of the Parquet file.
        recording: What was asked: it knows the tasks and the experts.

    Raises:
        ConfigurationError: No Parquet, a column that is missing, of another type or not filled in, or a value that
            cannot be; the message names file, column and row.
        UnknownNameError: A task or an expert that is not recorded; the message names the nearest ones.
    """
    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        raise ConfigurationError(f"{path} cannot be read as Parquet ({error}).") from error
    columns = {name: _column(path, table, name) for name in _SCHEMA.names}
    task_ids, expert_ids = columns["task_id"].to_pylist(), columns["action"].to_pylist()
    try:
        task = np.array([recording.index_of(task_id) for task_id in task_ids], np.int64)
        action = np.array([recording.registry.index_of(expert_id) for expert_id in expert_ids], np.int64)
        return Log(
            task=task,
            action=action,
            propensity=columns["propensity"].to_numpy(),
            reward=columns["reward"].to_numpy(),
        )
    except (ConfigurationError, UnknownNameError) as error:
        raise type(error)(f"{path}: {error}") from error


def _column(path: Path, table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column of the type that it must have, without gaps."""
    if name not in table.column_names:
        raise ConfigurationError(f"{path} lacks the column {name!r}; it has {table.column_names}.")
    column, kind = table.column(name), _SCHEMA.field(name).type
    held = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    text = pa.types.is_string(held) or pa.types.is_large_string(held)
    number = pa.types.is_floating(held) or pa.types.is_integer(held)
    if not (text if kind == pa.string() else number):
        raise ConfigurationError(f"{path}, column {name!r}: holds {column.type}; expected {kind}.")
    if column.null_count:
        row = column.is_null().to_pylist().index(True)
        raise ConfigurationError(f"{path}, column {name!r}, row {row}: is null; expected a value.")
    return column.cast(kind)
