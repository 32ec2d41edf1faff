"""Budgets: money, requests, time."""

import math

import pytest

from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.errors import ConfigurationError


def test_budget__without_limits_nothing_is_used_up() -> None:
    purse = Purse(Budget())
    purse.begin()
    purse.spend(1e9)
    assert purse.exhausted() == ""


def test_budget__money() -> None:
    purse = Purse(Budget(usd=0.5))
    purse.spend(0.499)
    assert purse.exhausted() == ""
    purse.spend(0.001)
    assert purse.exhausted() == "the budget of 0.5 usd is used up"


def test_budget__requests() -> None:
    purse = Purse(Budget(calls=2))
    purse.begin()
    assert purse.exhausted() == ""
    purse.begin()
    assert purse.exhausted() == "the budget of 2 calls is used up"


def test_budget__time_counts_from_the_first_request() -> None:
    now_s = 100.0
    purse = Purse(Budget(seconds=10), clock=lambda: now_s)
    now_s = 200.0
    assert purse.exhausted() == ""
    purse.begin()
    now_s = 209.9
    assert purse.exhausted() == ""
    now_s = 210.0
    assert purse.seconds == 10.0
    assert purse.exhausted() == "the budget of 10 seconds is used up"


def test_budget__nothing_may_be_spent_of_nothing() -> None:
    assert Purse(Budget(usd=0)).exhausted()


@pytest.mark.parametrize("value", [-1.0, math.nan])
@pytest.mark.parametrize("name", ["usd", "calls", "seconds"])
def test_budget__refuses_what_is_no_limit(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=f"Budget: {name}="):
        Budget(**{name: value})
