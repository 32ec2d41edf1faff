"""How long to pause before a request is sent again."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import numpy as np

LONGEST_PAUSE_S = 30.0
"""A server that is down for long is better asked twice a minute than once an hour."""


def pause_s(*, retry: int, first_pause_s: float, retry_after_s: float, random: np.random.Generator) -> float:
    """Return the seconds to pause before a retry.

    The pause doubles with each retry, and is drawn from its upper half, so that requests which failed together do not
    come back together. What the server asks for is the least.

    Args:
        retry: 0 for the first one.
        first_pause_s: Upper bound of the first pause, unless the server asks for more.
        retry_after_s: What the server asks for; 0 if it asks for nothing.
        random: What draws.
    """
    longest_s = min(first_pause_s * 2.0**retry, LONGEST_PAUSE_S)
    return retry_after_s + longest_s * (1.0 + float(random.random())) / 2.0


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float:
    """Return the seconds that a `Retry-After` header asks for; 0 where there is none, or none that makes sense.

    Source: RFC 9110, section 10.2.3: a number of seconds, or a date.

    Args:
        value: Of the header.
        now: What a date is counted from, with a time zone; None takes the clock.
    """
    if value is None:
        return 0.0
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now or datetime.now(UTC))
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0


def _seconds_until(date: str, now: datetime) -> float:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return 0.0
    return (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds()
