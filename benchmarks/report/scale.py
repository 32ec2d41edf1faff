"""From numbers to places on a chart."""

from dataclasses import dataclass
from math import floor, log10


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """A linear axis: numbers from `low` to `high` lie between `start` and `end` on the picture."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return where a number lies."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Return round numbers in [low, high]: 1, 2 or 5 times a power of ten apart.

    Args:
        low: Below `high`.
        high: Above `low`.
        about: How many are wanted.
    """
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    first = -floor(-low / step + 1e-9)
    return [number * step for number in range(first, floor(high / step + 1e-9) + 1)]
