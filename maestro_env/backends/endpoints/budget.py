"""What live calls may cost in all: money, requests and time. What is in flight when it is used up still comes in."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from maestro_env.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Limits; infinite by default."""

    usd: float = math.inf
    """What servers report as used, at the prices of the registry file."""
    calls: float = math.inf
    """Requests sent, retries included."""
    seconds: float = math.inf
    """Since the first request."""

    def __post_init__(self) -> None:
        for name in ("usd", "calls", "seconds"):
            if not getattr(self, name) >= 0:
                raise ConfigurationError(f"Budget: {name}={getattr(self, name)!r}; expected a number of at least 0.")


class Purse:
    """Counts what is spent of a budget.

    Args:
        budget: The limits.
        clock: Seconds, only going forward.
    """

    def __init__(self, budget: Budget, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = budget
        self._clock = clock
        self._started_s: float | None = None
        self.usd = 0.0
        """Spent so far."""
        self.calls = 0
        """Requests sent so far."""

    @property
    def seconds(self) -> float:
        """Since the first request; 0 before it."""
        return 0.0 if self._started_s is None else self._clock() - self._started_s

    def exhausted(self) -> str:
        """Return what is used up, as a message; empty if another request may be sent."""
        for name, spent in (("usd", self.usd), ("calls", self.calls), ("seconds", self.seconds)):
            limit = getattr(self._budget, name)
            if spent >= limit:
                return f"the budget of {limit:g} {name} is used up"
        return ""

    def begin(self) -> None:
        """Count a request that is about to be sent."""
        self.calls += 1
        if self._started_s is None:
            self._started_s = self._clock()

    def spend(self, usd: float) -> None:
        """Count what a request cost."""
        self.usd += usd
