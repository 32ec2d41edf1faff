"""How amounts of cost are written: passes are a few, dollars may be millionths. Shares are others' job."""

from math import floor, log10


def amount(value: float) -> str:
    """Return an amount with two decimals, or with two digits that count where it is small."""
    decimals = 2 if value == 0 or abs(value) >= 0.1 else 1 - floor(log10(abs(value)))
    return f"{value:.{decimals}f}"
