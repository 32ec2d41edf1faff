"""Gate 5: the learned policy against one large network with its own best skill; and what each of them cost to train.

Axes: N test tasks, P pairs of the monolith's registry.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bootstrap import Interval
from benchmarks.world_gates.feedback import Feedback
from benchmarks.world_gates.gate import Condition, Gate, not_measured
from benchmarks.world_gates.intervals import Intervals
from benchmarks.world_gates.scope import Scope, benchmarks_of, readers_of
from maestro_agents.recorded_tasks import take
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import Registry

MONOLITH = "monolith"
"""Name of its recording, and of its weights."""
COMPUTE_KEY = "multiply_adds"
"""In the metadata of shipped weights: multiply-adds of the whole training."""
_TITLE = "The learned policy beats the monolith with its best skill per benchmark"


def training_compute(folder: Path) -> dict[str, int]:
    """Return the multiply-adds of training by network, of those whose weights say so.

    A safetensors file opens with the length of its header, eight bytes, and the header as JSON
    (Source: https://github.com/huggingface/safetensors, "Format").

    Args:
        folder: Of shipped weights.
    """
    found: dict[str, int] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        count = header.get("__metadata__", {}).get(COMPUTE_KEY)
        if count is not None:
            found[path.stem] = int(count)
    return found


@dataclass(frozen=True, kw_only=True)
class Monolith:
    """What the monolith scores on the tasks of the core benchmarks, those trained on and then the unseen ones."""

    best_skill: NDArray[np.float32]
    """[N] with the skill that is best on val of the benchmark; over all val tasks where it has no val."""
    skills: Mapping[str, str]
    """Which skill that is."""
    behind_locators: NDArray[np.float32]
    """[N] the same, but it may also look at the region that a locator of the pool finds: the locator and the skill that
    are best on val, or none."""
    cost: NDArray[np.float32]
    """[N] of the best skill."""


def monolith_scores(scope: Scope, recording: Recording) -> Monolith:
    """Score the monolith on the same test tasks as the policies.

    Args:
        scope: Names the test tasks.
        recording: Of the monolith: the same tasks, at least val and test.

    Raises:
        UnknownNameError: A test task that is not recorded.
    """
    readers = [expert for expert, reads in zip(recording.registry.experts, readers_of(recording), strict=True) if reads]
    names, splits = benchmarks_of(recording), np.array(recording.task_splits)
    ids = [*scope.test.task_ids, *scope.unseen.task_ids]
    test = take(recording, [recording.index_of(task_id) for task_id in ids])
    val = take(recording, np.flatnonzero((splits == "val") & np.isin(names, scope.roles.trained)))
    if not val.tasks:
        raise ConfigurationError(f"Recording {recording.name!r} holds no val tasks; skills cannot be chosen on test.")
    columns = [recording.registry.index_of(expert.id) for expert in readers]
    locators = [None, *np.flatnonzero(~readers_of(recording)).tolist()]
    of_val, of_test = benchmarks_of(val), benchmarks_of(test)
    best = np.zeros(len(ids), np.float32)
    cost, behind = np.zeros_like(best), np.zeros_like(best)
    skills: dict[str, str] = {}
    choices = [(locator, column) for locator in locators for column in columns]
    on_val = {choice: _behind(val, *choice) for choice in choices}
    for name in np.unique(of_test).tolist():
        rows = of_val == name if (of_val == name).any() else np.ones(len(of_val), bool)
        mine = np.flatnonzero(of_test == name)

        def worth(choice: tuple[int | None, int], rows: NDArray[np.bool_] = rows) -> float:
            return float(on_val[choice][rows].mean(dtype=np.float64))

        alone = max((choice for choice in choices if choice[0] is None), key=worth)
        skills[name] = recording.registry.experts[alone[1]].skill.name
        best[mine] = test.score[mine, 0, alone[1]]
        cost[mine] = test.cost[mine, 0, alone[1]]
        behind[mine] = _behind(test, *max(choices, key=worth))[mine]
    return Monolith(best_skill=best, skills=skills, behind_locators=behind, cost=cost)


def _behind(recording: Recording, locator: int | None, column: int) -> NDArray[np.float32]:
    """Return [n] scores of a pair where a locator leads, or in the whole picture."""
    rows = np.arange(len(recording.tasks))
    slot = np.zeros(len(rows), np.int64) if locator is None else recording.next_context[:, 0, locator]
    slot = np.where(slot == MISSING, 0, slot)
    return recording.score[rows, slot, column]


def gate_5(
    scope: Scope, found: Feedback, recording: Recording | None, *, pool: Registry, compute: Mapping[str, int]
) -> Gate:
    """Measure gate 5.

    Args:
        scope: What is measured.
        found: The learned policies.
        recording: Of the monolith; None if there is none.
        pool: The registry of the world, extended experts included.
        compute: Multiply-adds of training, by network.
    """
    spent = compute_note(pool, compute)
    if recording is None:
        return not_measured("5", _TITLE, f"there is no recording named {MONOLITH!r}. {spent}")
    whole = monolith_scores(scope, recording)
    names = np.concatenate([benchmarks_of(scope.test), benchmarks_of(scope.unseen)])
    policy = np.concatenate([found.closed_at_price.score, found.unseen_at_price.score], axis=1)
    passes = np.concatenate([found.closed_at_price.cost, found.unseen_at_price.cost], axis=1)
    intervals = Intervals(names.tolist())
    behind = intervals.gain(policy, whole.behind_locators)
    conditions = [Condition(name="policy over monolith", figure=intervals.gain(policy, whole.best_skill), at_least=0.0)]
    share = compute_share(pool, compute)
    if share is not None:  # counted, not estimated: no interval
        counted = Interval(mean=share, low=share, high=share)
        conditions.append(
            Condition(name="monolith's compute of training over the pool's", figure=counted, at_least=1.0)
        )
    each = ", ".join(
        f"{name} {100 * policy[:, names == name].mean():.1f} to {100 * whole.best_skill[names == name].mean():.1f} "
        f"({skill})"
        for name, skill in whole.skills.items()
    )
    return Gate(
        gate="5",
        title=_TITLE,
        conditions=tuple(conditions),
        note=(
            f"All trained-on and unseen benchmarks: policy {100 * policy.mean():.1f} at {passes.mean():.2f} passes, "
            f"monolith {100 * whole.best_skill.mean():.1f} at {whole.cost.mean():.2f}. Policy to monolith: {each}. For "
            f"information: over the monolith behind the pool's locators {100 * behind.mean:+.1f} "
            f"[{100 * behind.low:.1f}, {100 * behind.high:.1f}]. {spent}"
        ),
    )


def compute_share(pool: Registry, compute: Mapping[str, int]) -> float | None:
    """Return the monolith's compute of training over the pool's; None where some weights do not state theirs."""
    networks = {model.network for model in pool.models}
    if not {*networks, MONOLITH} <= set(compute):
        return None
    return compute[MONOLITH] / sum(compute[name] for name in networks)


def compute_note(pool: Registry, compute: Mapping[str, int]) -> str:
    """Return what training cost, in words; what is not stated in the weights is said to be unknown.

    Args:
        pool: The registry of the world.
        compute: Multiply-adds of training, by network.
    """
    networks = list(dict.fromkeys(model.network for model in pool.models))
    share = compute_share(pool, compute)
    if share is None:
        unknown = [name for name in [*networks, MONOLITH] if name not in compute]
        return f"Compute of training is not stated in the weights of {', '.join(unknown)}."
    total = sum(compute[name] for name in networks)
    return (
        f"Multiply-adds of training: the pool's {len(networks)} networks {total:.3g}, the monolith "
        f"{compute[MONOLITH]:.3g}, which is {share:.2f} times as much."
    )
