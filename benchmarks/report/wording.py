"""How numbers and names are written on the page."""

from benchmarks.amounts import amount
from benchmarks.bootstrap import Interval
from benchmarks.report.markup import Markup, join

MINUS = "\N{MINUS SIGN}"
EN_DASH = "\N{EN DASH}"


def percent(share: float) -> str:
    """Return a share in percent, with one decimal."""
    return f"{100 * share:.1f}"


def span(interval: Interval) -> str:
    """Return the ends of an interval of shares, in percent."""
    return f"{percent(interval.low)} {EN_DASH} {percent(interval.high)}"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{100 * difference:+.1f}".replace("-", MINUS)


def points_span(interval: Interval) -> str:
    """Return the ends of an interval of differences, in percentage points."""
    return f"{points(interval.low)} to {points(interval.high)}"


def breakable(name: str) -> Markup:
    """Return a name that may be broken after slashes and underscores."""
    return Markup(join(name).replace("/", "/<wbr>").replace("_", "_<wbr>"))


def cost(spent: float, unit: str) -> str:
    """Return a cost with its unit."""
    if unit == "usd":
        return f"${amount(spent)}"
    return f"{spent:g} {unit.removesuffix('es') if spent == 1 else unit}"
