"""The circuit breaker: a server that cannot be reached is left alone for a while, then tried with one request."""


class CircuitBreaker:
    """Counts failures in a row, and opens when they are too many. Times are of one clock that only goes forward.

    Args:
        max_failures: Failures in a row that open it.
        pause_s: How long it then stays open; twice as long each time that the one request sent after it fails.
    """

    _LONGEST_PAUSE_S = 60.0

    def __init__(self, *, max_failures: int, pause_s: float) -> None:
        self._max_failures = max_failures
        self._first_pause_s = self._pause_s = pause_s
        self._num_failures = 0
        self._open_until_s: float | None = None
        self._probing = False

    def wait_s(self, now_s: float) -> float:
        """Return the seconds until a request may be sent: 0 if one may be sent now, and then it must be settled."""
        if self._open_until_s is None:
            return 0.0
        if self._probing or now_s < self._open_until_s:
            return max(self._open_until_s - now_s, self._first_pause_s)
        self._probing = True
        return 0.0

    def succeeded(self) -> None:
        """Settle a request that the server answered, with whatever."""
        self._num_failures, self._pause_s = 0, self._first_pause_s
        self._open_until_s, self._probing = None, False

    def failed(self, now_s: float) -> None:
        """Settle a request that did not reach the server, or that it did not answer."""
        self._num_failures += 1
        if self._probing:
            self._pause_s = min(2 * self._pause_s, self._LONGEST_PAUSE_S)
        if self._probing or (self._open_until_s is None and self._num_failures >= self._max_failures):
            self._open_until_s, self._probing = now_s + self._pause_s, False

    def abandoned(self) -> None:
        """Settle a request that was given up from this side: it says nothing about the server."""
        self._probing = False
