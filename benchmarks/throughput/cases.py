"""What is played for the throughput table: groups of cases, each taken by turns within its group."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode

from benchmarks.throughput import players, training, worlds
from benchmarks.throughput.measuring import Play
from maestro_env.vector import OBSERVATIONS, MaestroVectorEnv

LARGE = 4096
"""Environments at which the batched one is held to its targets."""
_MODES = tuple(AutoresetMode)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured."""

    rounds: int = 7
    """Measurements of each case."""
    seconds: float = 0.25
    """Each takes at least so long."""
    sizes: tuple[int, ...] = (64, 1024, LARGE, 16_384)
    task_times: tuple[int, ...] = (1, 10, 100)
    """Recordings of this many times as many tasks."""
    training_rounds: int = 3
    """Of training, which takes a minute a case; 0 leaves it out."""
    processes: int = 5
    """Fresh ones, to time their start."""


QUICK = Effort(rounds=1, seconds=0.01, sizes=(64,), task_times=(1, 2), training_rounds=0, processes=1)

Cases = Mapping[str, Callable[[], Play]]


def groups(effort: Effort) -> tuple[tuple[Cases, int], ...]:
    """Return the groups, by name of the case, and how often each is measured; a case is made only when it is called."""
    environments = (_scalar(), *(_batched(size) for size in effort.sizes), _tasks(effort.task_times), _experts())
    return (*((group, effort.rounds) for group in environments), (_training(), effort.training_rounds))


def _scalar() -> Cases:
    def one(name: str) -> Callable[[], Play]:
        return lambda: players.scalar(gym.make(name))

    def sync(name: str) -> Callable[[], Play]:
        return lambda: players.batched(gym.make_vec(name, 64, vectorization_mode="sync"))

    return {
        "scalar/Maestro-v0": one("maestro_env:Maestro-v0"),
        "scalar/CartPole-v1": one("CartPole-v1"),
        "scalar/FrozenLake-v1": one("FrozenLake-v1"),
        "sync 64/Maestro-v0": sync("maestro_env:Maestro-v0"),
        "sync 64/CartPole-v1": sync("CartPole-v1"),
    }


def _batched(size: int) -> Cases:
    def ours(observation: str, mode: AutoresetMode) -> Callable[[], Play]:
        return lambda: players.batched(MaestroVectorEnv(size, observation=observation, autoreset_mode=mode))

    cases: dict[str, Callable[[], Play]] = {
        f"batched {size}/{observation}/{mode.value}": ours(observation, mode)
        for observation in OBSERVATIONS
        for mode in _MODES
    }
    cases[f"batched {size}/CartPole-v1"] = lambda: players.batched(gym.make_vec("CartPole-v1", size))
    return cases


def _tasks(times: tuple[int, ...]) -> Cases:
    def played(each: int) -> Callable[[], Play]:
        return lambda: players.batched(_index_env(worlds.with_tasks(each)))

    return {f"tasks x {each}": played(each) for each in times}


def _experts() -> Cases:
    def played(count: int) -> Callable[[], Play]:
        return lambda: players.batched(_index_env(worlds.with_experts(count)))

    return {f"{count} experts": played(count) for count in (50, 500)}


def _training() -> Cases:
    return {
        "training/SB3's defaults": training.as_it_comes,
        "training/bridge, as many updates": training.bridged_as_it_comes,
        "training/bridge": training.bridged,
    }


def _index_env(recording: Any) -> MaestroVectorEnv:
    return MaestroVectorEnv(
        LARGE, recording=recording, registry=None, observation="index", autoreset_mode=AutoresetMode.SAME_STEP
    )
