"""How long to pause: doubling, jitter, and what servers ask for."""

from datetime import UTC, datetime

import numpy as np
import pytest

from maestro_env.backends.endpoints.retries import LONGEST_PAUSE_S, parse_retry_after, pause_s


def test_pause__doubles_and_stays_in_the_upper_half() -> None:
    random = np.random.default_rng(0)
    for retry, longest_s in enumerate((0.5, 1.0, 2.0, 4.0)):
        pauses = [pause_s(retry=retry, first_pause_s=0.5, retry_after_s=0.0, random=random) for _ in range(200)]
        assert longest_s / 2 <= min(pauses) < max(pauses) <= longest_s
        assert max(pauses) - min(pauses) > 0.4 * longest_s  # spread out, not all the same


def test_pause__has_a_ceiling() -> None:
    random = np.random.default_rng(0)
    assert pause_s(retry=60, first_pause_s=1.0, retry_after_s=0.0, random=random) <= LONGEST_PAUSE_S


def test_pause__the_server_asks_for_the_least() -> None:
    random = np.random.default_rng(0)
    assert 7.25 <= pause_s(retry=0, first_pause_s=0.5, retry_after_s=7.0, random=random) <= 7.5


def test_pause__same_seed_same_pauses() -> None:
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    pauses = [pause_s(retry=2, first_pause_s=1.0, retry_after_s=0.0, random=random) for random in (first, second)]
    assert pauses[0] == pauses[1]


NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 0.0),
        ("3", 3.0),
        ("0.5", 0.5),
        ("-4", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("soon", 0.0),
        ("", 0.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 12:00:30", 30.0),
    ],
)
def test_retry_after__seconds_dates_and_nonsense(value: str | None, expected: float) -> None:
    assert parse_retry_after(value, now=NOON) == expected
