"""What was said in an episode of `MaestroText-v0` so far, and what of it counts. Never changed: turns make new ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from maestro_env.snapshot import Snapshot
from maestro_env.text.grammar import FORMAT_FAULTS, FaultKind
from maestro_env.text.transcript import Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Episode:
    """A running or ended episode."""

    turns: tuple[Turn, ...]
    calls_left: int
    faults: Mapping[FaultKind, int] = field(default_factory=lambda: dict.fromkeys(FaultKind, 0))
    """How many of each kind; every kind is a key."""
    num_calls: int = 0
    num_failures: int = 0
    """Calls that failed."""
    ended: bool = False

    @property
    def num_format_faults(self) -> int:
        """How many faults the format reward is about."""
        return sum(self.faults[kind] for kind in FORMAT_FAULTS)

    def with_call(self, *, failed: bool) -> "Episode":
        """Return the episode after a call."""
        return replace(
            self,
            calls_left=self.calls_left - 1,
            num_calls=self.num_calls + 1,
            num_failures=self.num_failures + failed,
        )

    def with_fault(self, kind: FaultKind) -> "Episode":
        """Return the episode after a turn that was lost to a fault."""
        return replace(
            self,
            calls_left=max(self.calls_left - 1, 0),
            faults={each: count + (each is kind) for each, count in self.faults.items()},
        )

    def with_turns(self, *turns: Turn, ended: bool) -> "Episode":
        """Return the episode after these were said."""
        return replace(self, turns=(*self.turns, *turns), ended=ended)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSnapshot:
    """A moment of a text environment, for `set_state`."""

    base: Snapshot
    episode: Episode | None
    """None before the first reset."""
