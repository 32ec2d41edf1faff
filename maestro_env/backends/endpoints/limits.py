"""How many requests an endpoint may have before it at once, and how many it may be sent a second."""

import asyncio
import math


class EndpointLimits:
    """Lets requests through, first come, first served.

    Args:
        max_concurrent: Requests at once.
        max_calls_per_s: Requests a second, evenly spaced; infinite for no limit.
    """

    def __init__(self, *, max_concurrent: int, max_calls_per_s: float) -> None:
        self.places = asyncio.Semaphore(max_concurrent)
        """To be held while a request is under way."""
        self._spacing_s = 0.0 if math.isinf(max_calls_per_s) else 1.0 / max_calls_per_s
        self._latest_s = -math.inf

    async def turn(self) -> None:
        """Wait until one more request may be sent; inside a place, for those who wait must not add up to a burst."""
        if self._spacing_s:
            now_s = asyncio.get_running_loop().time()
            self._latest_s = max(self._latest_s + self._spacing_s, now_s)
            await asyncio.sleep(self._latest_s - now_s)
