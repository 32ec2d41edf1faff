"""What a gate is: conditions with figures, intervals and thresholds, and whether they hold. Measuring is elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.bootstrap import Interval


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One inequality. It holds when the figure itself is on the right side; the interval tells how sure that is."""

    name: str
    figure: Interval
    at_least: float | None = None
    at_most: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the figure is within the thresholds."""
        above = self.at_least is None or self.figure.mean >= self.at_least
        return above and (self.at_most is None or self.figure.mean <= self.at_most)

    @property
    def sure(self) -> bool:
        """Whether the whole interval is on the same side of the thresholds as the figure."""
        inside = (self.at_least is None or self.figure.low >= self.at_least) and (
            self.at_most is None or self.figure.high <= self.at_most
        )
        outside = (self.at_least is not None and self.figure.high < self.at_least) or (
            self.at_most is not None and self.figure.low > self.at_most
        )
        return inside or outside

    @property
    def threshold(self) -> float | None:
        """The one that the figure is nearest to."""
        known = [limit for limit in (self.at_least, self.at_most) if limit is not None]
        return min(known, key=lambda limit: abs(limit - self.figure.mean), default=None)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A gate: all its conditions must hold. Without conditions it was not measured, and does not hold."""

    gate: str
    """`1` to `8`, and `4b`."""
    title: str
    conditions: tuple[Condition, ...]
    note: str
    """What was compared, and why it fails where it does."""

    @property
    def passed(self) -> bool:
        """Whether it was measured and every condition holds."""
        return bool(self.conditions) and all(condition.passed for condition in self.conditions)

    @property
    def deciding(self) -> Condition | None:
        """The first condition that fails; the first one if all hold; None if nothing was measured."""
        failed = [condition for condition in self.conditions if not condition.passed]
        return next(iter([*failed, *self.conditions]), None)


def gate_document(gate: Gate) -> dict[str, Any]:
    """Return a gate as `gates.json` holds it: the figure of its deciding condition, all conditions in the note."""
    deciding = gate.deciding
    figure = None if deciding is None else deciding.figure
    return {
        "gate": gate.gate,
        "value": None if figure is None else figure.mean,
        "low": None if figure is None else figure.low,
        "high": None if figure is None else figure.high,
        "threshold": None if deciding is None else deciding.threshold,
        "passed": gate.passed,
        "note": " ".join([f"{gate.title}.", *map(in_words, gate.conditions), gate.note]).strip(),
    }


def in_words(condition: Condition) -> str:
    """Return a condition as a sentence, in percent."""
    figure = condition.figure
    limits = [
        f"{word} {100 * limit:.0f}"
        for word, limit in (("at least", condition.at_least), ("at most", condition.at_most))
        if limit is not None
    ]
    verdict = "holds" if condition.passed else "fails"
    doubt = "" if condition.sure else ", the interval straddles the threshold"
    return (
        f"{condition.name}: {100 * figure.mean:.1f} [{100 * figure.low:.1f}, {100 * figure.high:.1f}], "
        f"{' and '.join(limits)}: {verdict}{doubt}."
    )


def not_measured(gate: str, title: str, why: str) -> Gate:
    """Return a gate that could not be measured."""
    return Gate(gate=gate, title=title, conditions=(), note=f"Not measured: {why}")


def all_passed(gates: Sequence[Gate]) -> bool:
    """Return whether every gate holds."""
    return all(gate.passed for gate in gates)
