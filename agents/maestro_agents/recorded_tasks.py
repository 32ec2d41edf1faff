"""What agents may learn from: their environment's terms, and the recorded replies to its own tasks and to no others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.recordings.task_table import tasks_at
from maestro_env.registry import Registry
from maestro_env.rewards import CostAwareReward, OutcomeReward
from maestro_env.types import AnswerRule

_TUPLES = ("context_ids", "context_parents", "context_texts")
_PER_TASK = ("boxes", "question", "view")
_PER_CALL = (
    *("status", "answer", "text", "skill_tier2", "next_context", "confidence", "score"),
    *("passes", "cost_usd", "latency_s", "tokens"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What decides how much an episode earns."""

    max_turns: int
    answer_rule: AnswerRule
    price: float
    """Reward given up for one unit of cost."""


def terms_of(env: gymnasium.Env[Any, Any]) -> Terms:
    """Return the terms of a Maestro environment, wrapped or not.

    Raises:
        ConfigurationError: Its reward is not a score less a price, so that it cannot be worked out from a recording.
    """
    maestro: Any = env.unwrapped
    reward = maestro.reward_fn
    if not isinstance(reward, OutcomeReward | CostAwareReward):
        raise ConfigurationError(
            f"Rewards by {reward!r} cannot be worked out from recorded replies; agents that are fitted on them know "
            "OutcomeReward and CostAwareReward. Learn by playing instead, with PPO."
        )
    price = reward.weight if isinstance(reward, CostAwareReward) else 0.0
    return Terms(max_turns=maestro.rules.max_turns, answer_rule=maestro.rules.answer_rule, price=price)


def recorded_tasks(env: gymnasium.Env[Any, Any]) -> Recording:
    """Return the recording behind an environment, restricted to the environment's split and benchmarks.

    Args:
        env: A Maestro environment over a recording, wrapped or not.

    Raises:
        ConfigurationError: The environment plays no recording, or none of its tasks is recorded.
    """
    maestro: Any = env.unwrapped
    recording: Recording | None = getattr(maestro, "recording", None)
    if recording is None:
        raise ConfigurationError(f"{env} plays no recording, so there is nothing to fit; make it with recording=...")
    rows = [recording.index_of(task_id) for task_id in maestro.task_ids]
    if not rows:
        raise ConfigurationError(f"{env} holds no task; give a split and benchmarks that the recording holds.")
    return take(recording, rows, registry=maestro.registry)


def take(
    recording: Recording, rows: Sequence[int] | NDArray[np.integer[Any]], *, registry: Registry | None = None
) -> Recording:
    """Return a recording of some of the tasks, in the order of `rows`, and of a registry's experts, in its order.

    Args:
        recording: N tasks.
        rows: Places in [0, N).
        registry: Some of the recorded experts; None keeps all.

    Raises:
        UnknownNameError: An expert of `registry` is not recorded.
    """
    order = np.asarray(rows, np.int64)
    kept = recording.registry if registry is None else registry
    columns = [recording.registry.index_of(expert_id) for expert_id in kept.ids]
    chosen: dict[str, Any] = {"registry": kept, "tasks": tasks_at(recording.tasks, order)}
    for name in (*_PER_TASK, *_PER_CALL):
        chosen[name] = getattr(recording, name)[order]
    for name in _PER_CALL:
        chosen[name] = np.ascontiguousarray(chosen[name][:, :, columns])
    for name in _TUPLES:
        values = getattr(recording, name)
        chosen[name] = tuple(values[row] for row in order) if values else values
    return replace(recording, **chosen)


def locators_in(recording: Recording) -> NDArray[np.bool_]:
    """Return [P] who locates: whoever ever moves away from the whole image."""
    return np.asarray((recording.next_context[:, 0] > 0).any(axis=0))


def mean_costs(recording: Recording) -> NDArray[np.float64]:
    """Return [P] the mean cost of each expert's recorded calls on the whole image; 0 for who was never recorded."""
    recorded = recording.status[:, 0] != MISSING
    spent = np.where(recorded, recording.cost[:, 0], 0.0)
    return spent.sum(axis=0) / np.maximum(recorded.sum(axis=0), 1)
