"""Places and turns: how many requests at once, how many a second."""

import asyncio
import math

import pytest

from maestro_env.backends.endpoints.limits import EndpointLimits
from tests.maestro_env.backends.endpoints.virtual_time import run


async def _sent_at(limits: EndpointLimits, *, num: int, takes_s: float) -> tuple[list[float], int]:
    loop = asyncio.get_running_loop()
    sent: list[float] = []
    open_now = most_open = 0

    async def one() -> None:
        nonlocal open_now, most_open
        async with limits.places:
            await limits.turn()
            sent.append(loop.time())
            open_now += 1
            most_open = max(most_open, open_now)
            await asyncio.sleep(takes_s)
            open_now -= 1

    await asyncio.gather(*(one() for _ in range(num)))
    return sent, most_open


def test_limits__no_more_at_once_than_allowed() -> None:
    sent, most_open = run(_sent_at(EndpointLimits(max_concurrent=3, max_calls_per_s=math.inf), num=7, takes_s=2.0))
    # Three at once, each 2 s: at 0 s three, at 2 s three, at 4 s the last.
    assert sent == pytest.approx([0, 0, 0, 2, 2, 2, 4])
    assert most_open == 3


def test_limits__evenly_spaced() -> None:
    sent, _ = run(_sent_at(EndpointLimits(max_concurrent=10, max_calls_per_s=4.0), num=5, takes_s=10.0))
    assert sent == pytest.approx([0, 0.25, 0.5, 0.75, 1.0])


def test_limits__places_and_rate_together() -> None:
    sent, most_open = run(_sent_at(EndpointLimits(max_concurrent=2, max_calls_per_s=10.0), num=4, takes_s=1.0))
    # Two places: the third waits until the first is back at 1.0 s, the fourth until the second is, at 1.1 s.
    assert sent == pytest.approx([0, 0.1, 1.0, 1.1])
    assert most_open == 2
