"""Which tasks and experts each gate is measured on: roles of benchmarks, the core registry, re-splits of train and val.

Test stays test. Train and val are pooled and parted anew for every seed, so that a figure does not hang on one split.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maestro_agents.recorded_tasks import take
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry

MAX_TURNS = 4
"""Primitive calls that a plan or an episode may hold; locating is a call."""

PRICE = 0.02
"""Reward given up for a pass where policies are compared at a price; fixed before anything was measured."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What each benchmark is for."""

    trained: tuple[str, ...]
    """With train, val and test: what policies and readers may learn from."""
    unseen: tuple[str, ...]
    """Test only, for the core experts."""
    extended: tuple[str, ...]
    """Test only, for which the extended registry brings experts."""


@dataclass(frozen=True, kw_only=True)
class Partition:
    """One seeded parting of the pooled train and val tasks."""

    fit: NDArray[np.int64]
    """Rows to fit on."""
    val: NDArray[np.int64]
    """Rows to choose settings on."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The parts of a recording that gates look at."""

    roles: Roles
    pooled: Recording
    """Train and val of the trained-on benchmarks, core experts."""
    test: Recording
    """Test of the trained-on benchmarks, core experts."""
    unseen: Recording
    """Test of the unseen benchmarks, core experts; holds no tasks where none is recorded."""
    extended: Recording
    """Test of the extended benchmarks, all recorded experts; holds no tasks where none is recorded."""
    partitions: tuple[Partition, ...]


def scope_of(recording: Recording, *, roles: Roles, core: Registry, seeds: int) -> Scope:
    """Return the parts of a recording.

    Args:
        recording: All tasks; benchmarks of `roles` that it lacks are left out.
        roles: What each benchmark is for.
        core: The core registry: what policies are fitted with.
        seeds: How many partitions, 1 or more.

    Raises:
        ConfigurationError: A trained-on benchmark lacks a split.
        UnknownNameError: A core expert that is not recorded.
    """
    names, splits = benchmarks_of(recording), np.array(recording.task_splits, np.str_)
    _check_splits(names, splits, roles.trained)
    trained, test = np.isin(names, roles.trained), splits == "test"
    experts = tuple(recording.registry.expert(expert_id) for expert_id in core.ids)
    registry = Registry(name=core.name, experts=experts)
    pooled = np.flatnonzero(trained & ~test)
    parts = [part(names[pooled], splits[pooled], seed=seed) for seed in range(seeds)]
    return Scope(
        roles=roles,
        pooled=take(recording, pooled, registry=registry),
        test=take(recording, np.flatnonzero(trained & test), registry=registry),
        unseen=take(recording, np.flatnonzero(np.isin(names, roles.unseen) & test), registry=registry),
        extended=take(recording, np.flatnonzero(np.isin(names, roles.extended) & test)),
        partitions=tuple(parts),
    )


def part(names: NDArray[np.str_], splits: NDArray[np.str_], *, seed: int) -> Partition:
    """Part tasks anew, with as many val tasks of every benchmark as before.

    Args:
        names: [n] benchmarks.
        splits: [n] `train` or `val`.
        seed: Of the parting.
    """
    rng = np.random.default_rng([22, seed])
    is_val = np.zeros(len(names), bool)
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        is_val[rng.permutation(rows)[: int((splits[rows] == "val").sum())]] = True
    return Partition(fit=np.flatnonzero(~is_val), val=np.flatnonzero(is_val))


def benchmarks_of(recording: Recording) -> NDArray[np.str_]:
    """Return [n] the benchmark of every task."""
    return np.array(recording.task_benchmarks, np.str_)


def readers_of(recording: Recording) -> NDArray[np.bool_]:
    """Return [P] which experts give answers in the whole picture, rather than move elsewhere."""
    return ~np.asarray((recording.next_context[:, 0] > 0).any(axis=0))


def _check_splits(names: NDArray[np.str_], splits: NDArray[np.str_], trained: Sequence[str]) -> None:
    for name in trained:
        missing = [split for split in ("train", "val", "test") if not ((names == name) & (splits == split)).any()]
        if missing:
            raise ConfigurationError(
                f"Benchmark {name!r} has no {' and no '.join(missing)} tasks; the gates need all three splits. "
                "Give a recording of the whole world."
            )
