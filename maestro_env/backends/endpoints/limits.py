"""How many requests an endpoint may have before it at once, and how many it may be sent a second."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class EndpointLimits:
    """Lets requests through, first come, first served.

    Args:
        max_concurrent: Requests at once.
        max_calls_per_s: Requests a second, evenly spaced; infinite for no limit.
    """

    def __init__(self, *, max_concurrent: int, max_calls_per_s: float) -> None:
        self._places = asyncio.Semaphore(max_concurrent)
        self._spacing_s = 0.0 if math.isinf(max_calls_per_s) else 1.0 / max_calls_per_s
        self._next_s = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """Wait for a place, and hold it for as long as the context lasts."""
        async with self._places:
            if self._spacing_s:
                # Waiting inside the place: requests that wait for one must not add up to a burst.
                now_s = asyncio.get_running_loop().time()
                self._next_s = max(self._next_s + self._spacing_s, now_s)
                await asyncio.sleep(self._next_s - now_s)
            yield
