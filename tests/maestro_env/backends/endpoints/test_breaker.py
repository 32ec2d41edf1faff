"""The circuit breaker, moment by moment."""

from maestro_env.backends.endpoints.breaker import CircuitBreaker


def opened(now_s: float = 0.0) -> CircuitBreaker:
    breaker = CircuitBreaker(max_failures=3, pause_s=5.0)
    for _ in range(3):
        assert breaker.wait_s(now_s) == 0.0
        breaker.failed(now_s)
    return breaker


def test_breaker__opens_after_failures_in_a_row() -> None:
    assert opened().wait_s(1.0) == 5.0  # at least a whole pause, so that nobody comes back a moment too early


def test_breaker__a_success_in_between_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(max_failures=3, pause_s=5.0)
    for _ in range(4):
        breaker.failed(0.0)
        breaker.failed(0.0)
        breaker.succeeded()
    assert breaker.wait_s(0.0) == 0.0


def test_breaker__one_request_tries_whether_the_server_is_back() -> None:
    breaker = opened()
    assert breaker.wait_s(5.0) == 0.0
    assert breaker.wait_s(5.0) == 5.0  # the second one waits for what comes of the first
    breaker.succeeded()
    assert breaker.wait_s(5.1) == breaker.wait_s(5.1) == 0.0


def test_breaker__each_failed_try_doubles_the_pause() -> None:
    breaker = opened()
    assert breaker.wait_s(5.0) == 0.0
    breaker.failed(6.0)
    assert breaker.wait_s(6.0) == 10.0  # open until 6 + 2 x 5 = 16 s
    assert breaker.wait_s(15.9) > 0.0
    assert breaker.wait_s(16.0) == 0.0
    breaker.failed(16.0)
    assert breaker.wait_s(16.0) == 20.0
    for nth in range(1, 6):
        assert breaker.wait_s(1000.0 * nth) == 0.0
        breaker.failed(1000.0 * nth)
    assert breaker.wait_s(5000.0) == 60.0  # and never longer than a minute


def test_breaker__late_failures_of_others_change_nothing() -> None:
    breaker = opened()
    breaker.failed(4.0)
    assert breaker.wait_s(5.0) == 0.0


def test_breaker__an_abandoned_try_leaves_room_for_another() -> None:
    breaker = opened()
    assert breaker.wait_s(5.0) == 0.0
    breaker.abandoned()
    assert breaker.wait_s(5.0) == 0.0
