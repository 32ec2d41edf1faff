"""Timing many things by turns in one process, so that what else the machine does falls on all alike."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

Play = Callable[[], int]
"""Does a bounded piece of work and returns how many useful steps it was."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What one case did in each round."""

    cpu: tuple[float, ...]
    """Useful steps a CPU second, round by round."""
    wall: tuple[float, ...]
    """Useful steps a second."""

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest round, in steps a CPU second."""
        return min(self.cpu), max(self.cpu)


def by_turns(cases: Mapping[str, Play], *, rounds: int, seconds: float, told: Callable[[], None]) -> dict[str, Rates]:
    """Play every case once to warm up, then all of them round by round.

    Args:
        cases: Name -> what is played.
        rounds: How often each is measured.
        seconds: A case plays at least for this long in a round.
        told: Called after each measurement.
    """
    for play in cases.values():
        play()
    cpu: dict[str, list[float]] = {name: [] for name in cases}
    wall: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, play in cases.items():
            steps, started, started_cpu = 0, time.perf_counter(), time.process_time()
            while not steps or time.perf_counter() - started < seconds:  # once even if the machine paused us
                steps += play()
            cpu[name].append(steps / (time.process_time() - started_cpu))
            wall[name].append(steps / (time.perf_counter() - started))
            told()
    return {name: Rates(cpu=tuple(cpu[name]), wall=tuple(wall[name])) for name in cases}


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Return the median of the rounds' ratios, the lowest and the highest."""
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return median(ratios), min(ratios), max(ratios)
