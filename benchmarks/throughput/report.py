"""The throughput table: what is measured, which ratios are asked of it, and how it is shown."""

import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode
from rich.console import Group
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from benchmarks.provenance import Provenance
from benchmarks.throughput import players, training, worlds
from benchmarks.throughput.measuring import Play, Rates, by_turns, ratio
from benchmarks.throughput.starting import Start, start
from maestro_env import MaestroEnv
from maestro_env.vector import OBSERVATIONS, MaestroVectorEnv

_LARGE = 4096
_MODES = tuple(AutoresetMode)


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured."""

    rounds: int = 7
    seconds: float = 0.25
    sizes: tuple[int, ...] = (64, 1024, _LARGE, 16_384)
    task_times: tuple[int, ...] = (1, 10, 100)
    training_rounds: int = 3
    processes: int = 5


QUICK = Effort(rounds=1, seconds=0.01, sizes=(64,), task_times=(1, 2), training_rounds=0, processes=1)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A ratio that is asked for, and what was found: the median over rounds, the lowest, the highest."""

    what: str
    at_least: float | None
    at_most: float | None
    found: tuple[float, float, float]

    @property
    def met(self) -> bool:
        """Whether the median is on the right side; true where nothing is asked."""
        above = self.at_least is None or self.found[0] >= self.at_least
        return above and (self.at_most is None or self.found[0] <= self.at_most)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Everything that was measured."""

    rates: dict[str, Rates]
    targets: tuple[Target, ...]
    bytes_per_env: dict[str, float]
    start: Start


def measure(effort: Effort, progress: Progress) -> Found:
    """Measure all cases by turns."""
    groups = (_scalar(), *(_batched(size) for size in effort.sizes), _tasks(effort.task_times), _experts())
    rates: dict[str, Rates] = {}
    bar = progress.add_task("cases", total=sum(len(group) for group in groups) * effort.rounds)
    for group in groups:
        cases = {name: make() for name, make in group.items()}
        rates |= by_turns(cases, rounds=effort.rounds, seconds=effort.seconds, told=lambda: progress.advance(bar))
    if effort.training_rounds:
        cases = {"training/SB3's defaults": training.as_it_comes(), "training/bridge": training.bridged()}
        rates |= by_turns(cases, rounds=effort.training_rounds, seconds=effort.seconds, told=lambda: None)
    return Found(
        rates=rates,
        targets=_targets(rates, effort),
        bytes_per_env={"scalar": _bytes_of_scalars(64), f"batched {_LARGE:,}": _bytes_of_batch(_LARGE)},
        start=start(effort.processes),
    )


_Cases = Mapping[str, Callable[[], Play]]


def _scalar() -> _Cases:
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


def _batched(size: int) -> _Cases:
    def ours(observation: str, mode: AutoresetMode) -> Callable[[], Play]:
        return lambda: players.batched(MaestroVectorEnv(size, observation=observation, autoreset_mode=mode))

    cases: dict[str, Callable[[], Play]] = {
        f"batched {size}/{observation}/{mode.value}": ours(observation, mode)
        for observation in OBSERVATIONS
        for mode in _MODES
    }
    cases[f"batched {size}/CartPole-v1"] = lambda: players.batched(gym.make_vec("CartPole-v1", size))
    return cases


def _tasks(times: tuple[int, ...]) -> _Cases:
    def played(each: int) -> Callable[[], Play]:
        return lambda: players.batched(_index_env(worlds.with_tasks(each)))

    return {f"tasks x {each}": played(each) for each in times}


def _experts() -> _Cases:
    def played(count: int) -> Callable[[], Play]:
        return lambda: players.batched(_index_env(worlds.with_experts(count)))

    return {f"{count} experts": played(count) for count in (50, 500)}


def _index_env(recording: Any) -> MaestroVectorEnv:
    return MaestroVectorEnv(
        _LARGE, recording=recording, registry=None, observation="index", autoreset_mode=AutoresetMode.SAME_STEP
    )


def _targets(rates: Mapping[str, Rates], effort: Effort) -> tuple[Target, ...]:
    def target(
        what: str, ours: str, theirs: str, *, at_least: float | None = None, at_most: float | None = None
    ) -> Target | None:
        if ours not in rates or theirs not in rates:
            return None
        return Target(what=what, at_least=at_least, at_most=at_most, found=ratio(rates[ours].cpu, rates[theirs].cpu))

    smallest, largest = min(effort.task_times), max(effort.task_times)
    asked = (
        target("scalar / CartPole-v1", "scalar/Maestro-v0", "scalar/CartPole-v1", at_least=0.5),
        target("scalar / FrozenLake-v1", "scalar/Maestro-v0", "scalar/FrozenLake-v1"),
        target("sync 64 / CartPole-v1's", "sync 64/Maestro-v0", "sync 64/CartPole-v1"),
        target(
            f"batched {_LARGE:,}, index, SameStep / CartPole-v1's batched",
            f"batched {_LARGE}/index/SameStep",
            f"batched {_LARGE}/CartPole-v1",
            at_least=1.0,
        ),
        target(
            f"batched {_LARGE:,}, features, NextStep / CartPole-v1's batched",
            f"batched {_LARGE}/features/NextStep",
            f"batched {_LARGE}/CartPole-v1",
            at_least=0.15,
        ),
        target(
            "index, SameStep: steps a second at 16,384 / at 1,024",
            "batched 16384/index/SameStep",
            "batched 1024/index/SameStep",
        ),
        target(
            f"steps a second with {largest} x / {smallest} x the tasks", f"tasks x {largest}", f"tasks x {smallest}"
        ),
        target("cost of a step with 500 experts / with 50", "50 experts", "500 experts", at_most=5.0),
        target("training steps, bridge / SB3's defaults", "training/bridge", "training/SB3's defaults", at_least=10.0),
    )
    return tuple(each for each in asked if each is not None)


def _bytes_of_scalars(count: int) -> float:
    """Memory that one more scalar environment takes, its recording shared with the others."""
    return _traced(lambda: [_begun(MaestroEnv()) for _ in range(count)]) / count


def _bytes_of_batch(count: int) -> float:
    """Memory of a batch for each of its environments, its look-up tables included."""
    return _traced(lambda: _begun(MaestroVectorEnv(count))) / count


def _begun(env: Any) -> Any:
    env.reset(seed=0)
    return env


def _traced(make: Callable[[], object]) -> float:
    make()  # loads what all share
    tracemalloc.start()
    kept = make()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return float(size)


def tables(found: Found, source: Provenance) -> Group:
    """Return the tables for a terminal."""
    rates = Table(title="Useful steps, medians over rounds")
    for column in ("case", "a CPU second", "lowest", "highest", "a second"):
        rates.add_column(column, justify="left" if column == "case" else "right")
    for name, each in found.rates.items():
        low, high = each.spread
        rates.add_row(name, *(f"{value:,.0f}" for value in (median(each.cpu), low, high, median(each.wall))))
    targets = Table(title="Ratios, in CPU seconds, round by round")
    for column in ("what", "median", "lowest", "highest", "asked", ""):
        targets.add_column(column, justify="left" if column == "what" else "right")
    for each in found.targets:
        asked = f">= {each.at_least:g}" if each.at_least is not None else ""
        asked = f"<= {each.at_most:g}" if each.at_most is not None else asked
        verdict = ("met" if each.met else "not met") if asked else ""
        targets.add_row(each.what, *(f"{value:.2f}" for value in each.found), asked, verdict)
    begun = found.start
    lines = (
        "memory of an environment: "
        + ", ".join(f"{name} {size / 1024:,.1f} KiB" for name, size in found.bytes_per_env.items()),
        f"import {begun.import_s:.2f} s, make {begun.make_s:.2f} s, first step {1e3 * begun.first_step_s:.1f} ms, "
        f"{begun.resident_mb:.0f} MB resident",
        f"{source.command}   commit {source.commit[:10] or 'unknown'}   {source.cores} cores, {source.processor}   "
        f"Python {source.python}, "
        + ", ".join(f"{name} {source.versions[name]}" for name in ("gymnasium", "numpy", "stable-baselines3")),
    )
    return Group(rates, Text(), targets, Text(), *(Text(line) for line in lines))
