"""The ratios that are asked of the environments, in CPU seconds, round by round."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.throughput.cases import LARGE, Effort
from benchmarks.throughput.measuring import Rates, ratio


@dataclass(frozen=True, kw_only=True)
class Target:
    """A ratio that is asked for, and what was found: the median over rounds, the lowest, the highest."""

    what: str
    at_least: float | None
    at_most: float | None
    found: tuple[float, float, float]

    @property
    def asked(self) -> str:
        """What is asked, in words; empty where nothing is."""
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "" if self.at_most is None else f"<= {self.at_most:g}"

    @property
    def met(self) -> bool:
        """Whether the median is on the right side; true where nothing is asked."""
        above = self.at_least is None or self.found[0] >= self.at_least
        return above and (self.at_most is None or self.found[0] <= self.at_most)


def targets(rates: Mapping[str, Rates], effort: Effort) -> tuple[Target, ...]:
    """Return the ratios of what was measured; those whose cases were left out are left out."""

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
            f"batched {LARGE:,}, index, SameStep / CartPole-v1's batched",
            f"batched {LARGE}/index/SameStep",
            f"batched {LARGE}/CartPole-v1",
            at_least=1.0,
        ),
        target(
            f"batched {LARGE:,}, features, NextStep / CartPole-v1's batched",
            f"batched {LARGE}/features/NextStep",
            f"batched {LARGE}/CartPole-v1",
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
        target(
            "training steps, bridge with as many updates / SB3's defaults",
            "training/bridge, as many updates",
            "training/SB3's defaults",
        ),
        target("training steps, bridge / SB3's defaults", "training/bridge", "training/SB3's defaults", at_least=10.0),
    )
    return tuple(each for each in asked if each is not None)
