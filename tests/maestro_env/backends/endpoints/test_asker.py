"""One prompt, whatever befalls it: turns, retries, deadlines, the circuit breaker and the budget, in virtual time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from maestro_env.backends.endpoints.asker import Answered, Asker
from maestro_env.backends.endpoints.attempt import Attempt
from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.backends.endpoints.requests import PreparedPrompt
from maestro_env.connections import Endpoint
from maestro_env.types import Model, Status
from tests.maestro_env.backends.endpoints.virtual_time import run

ENDPOINT = Endpoint(name="e", url="http://x/v1", deadline_s=60.0, max_tries=3, first_pause_s=1.0, breaker_failures=100)
MODEL = Model(
    name="m",
    description="",
    endpoint="e",
    usd_per_million_prompt_tokens=1000.0,
    usd_per_million_completion_tokens=10_000.0,
)
FINE = Attempt(text="Answer: 4", prompt_tokens=10, completion_tokens=2)
"""Costs 10 x 0.001 + 2 x 0.01 = 0.03 USD."""
DOWN = Attempt(status=Status.UNREACHABLE, detail="HTTP 500", retryable=True)
LIMITED = Attempt(status=Status.RATE_LIMITED, detail="HTTP 429", retryable=True)
REFUSED = Attempt(status=Status.REFUSED, detail="HTTP 400")
GARBLED = Attempt(status=Status.MALFORMED, detail="no JSON", retryable=True, prompt_tokens=10)


@dataclass(kw_only=True)
class Scripted:
    """Answers from a list, the last one for ever; each answer takes `takes_s`."""

    attempts: Sequence[Attempt]
    takes_s: float = 0.5
    num_sent: int = 0

    async def post(self, endpoint: Endpoint, body: bytes, *, model: str) -> Attempt:
        assert (endpoint.name, body, model) == ("e", b"{}", "m")
        self.num_sent += 1
        attempt = self.attempts[min(self.num_sent, len(self.attempts)) - 1]
        await asyncio.sleep(self.takes_s)
        return attempt


@dataclass(kw_only=True)
class Case:
    """One asker over a scripted server."""

    sender: Scripted
    endpoint: Endpoint = ENDPOINT
    budget: Budget = field(default_factory=Budget)

    def __post_init__(self) -> None:
        self.purse = Purse(self.budget)

    async def ask(self, num: int = 1) -> list[Answered]:
        asker = Asker({"e": self.endpoint}, self.sender, self.purse, random=np.random.default_rng(0))
        answers = [Answered() for _ in range(num)]
        prompt = PreparedPrompt(endpoint=self.endpoint, model=MODEL, body=b"{}")
        await asyncio.gather(*(asker.ask(prompt, answered) for answered in answers))
        return answers


def asked(*attempts: Attempt, change: Callable[[Endpoint], Endpoint] = lambda e: e, takes_s: float = 0.5) -> Answered:
    case = Case(sender=Scripted(attempts=attempts, takes_s=takes_s), endpoint=change(ENDPOINT))
    (answered,) = run(case.ask())
    assert answered.num_requests == case.sender.num_sent == case.purse.calls
    assert case.purse.usd == pytest.approx(answered.cost_usd)
    return answered


def test_ask__a_completion_with_its_cost_and_time() -> None:
    answered = asked(FINE)
    assert (answered.status, answered.text, answered.num_requests) == (Status.OK, "Answer: 4", 1)
    assert answered.cost_usd == pytest.approx(0.03)
    assert answered.latency_s == pytest.approx(0.5)


@pytest.mark.parametrize("failure", [DOWN, LIMITED, GARBLED, Attempt(status=Status.TIMEOUT, retryable=True)])
def test_ask__tries_again(failure: Attempt) -> None:
    answered = asked(failure, failure, FINE)
    assert (answered.status, answered.text, answered.num_requests) == (Status.OK, "Answer: 4", 3)
    # Three answers of 0.5 s, and pauses of 0.5 to 1 and of 1 to 2 s.
    assert 3.0 <= answered.latency_s <= 4.5


@pytest.mark.parametrize("failure", [DOWN, LIMITED, GARBLED])
def test_ask__gives_up_after_the_last_try(failure: Attempt) -> None:
    answered = asked(failure)
    assert (answered.status, answered.text, answered.detail) == (failure.status, "", failure.detail)
    assert answered.num_requests == 3


def test_ask__counts_what_failed_tries_cost() -> None:
    answered = asked(GARBLED, FINE)
    # 10 and 10 prompt tokens, 0 and 2 of completion: 20 x 0.001 + 2 x 0.01 USD.
    assert (answered.prompt_tokens, answered.completion_tokens) == (20, 2)
    assert answered.cost_usd == pytest.approx(0.04)


def test_ask__warns_once_of_a_price_without_usage() -> None:
    with pytest.warns(UserWarning, match=r"'m' does not report usage.*Limit the calls") as said:
        answers = run(Case(sender=Scripted(attempts=[replace(FINE, prompt_tokens=0, completion_tokens=0)])).ask(3))
    assert len(said) == 1
    assert [answered.cost_usd for answered in answers] == [0.0] * 3


def test_ask__does_not_repeat_what_was_refused() -> None:
    assert asked(REFUSED, FINE).num_requests == 1


def test_ask__pauses_as_long_as_the_server_asks() -> None:
    answered = asked(replace(LIMITED, retry_after_s=20.0), FINE)
    assert answered.status is Status.OK
    assert 21.5 <= answered.latency_s <= 22.0  # two answers of 0.5 s, and 20 s with a pause of 0.5 to 1 s


def test_ask__does_not_wait_for_what_comes_after_the_deadline() -> None:
    answered = asked(replace(LIMITED, retry_after_s=100.0), FINE)
    assert (answered.status, answered.num_requests) == (Status.RATE_LIMITED, 1)
    assert answered.latency_s == pytest.approx(0.5)


def test_ask__the_deadline_covers_retries_and_pauses() -> None:
    answered = asked(DOWN, change=lambda e: replace(e, deadline_s=4.2, max_tries=100), takes_s=2.0)
    assert answered.status is Status.TIMEOUT
    assert answered.detail == "no answer within the deadline of 4.2 s"
    assert answered.latency_s == pytest.approx(4.2)


def test_ask__waiting_for_a_place_is_not_the_servers_doing() -> None:
    sender = Scripted(attempts=[FINE], takes_s=4.0)
    case = Case(sender=sender, endpoint=replace(ENDPOINT, max_concurrent=1, deadline_s=5.0))
    answers = run(case.ask(5))
    # The last one waits 16 s for its place.
    assert [answered.status for answered in answers] == [Status.OK] * 5
    assert [answered.latency_s for answered in answers] == pytest.approx([4.0] * 5)


def test_ask__a_server_that_is_down_is_left_alone() -> None:
    sender = Scripted(attempts=[DOWN], takes_s=0.0)
    case = Case(
        sender=sender,
        endpoint=replace(ENDPOINT, max_concurrent=1, breaker_failures=2, breaker_pause_s=20.0, max_tries=2),
    )
    answers = run(case.ask(10))
    assert {answered.status for answered in answers} == {Status.UNREACHABLE}
    # Two failures open the breaker. While it is open, the other eight first tries and all second ones find it so;
    # after its pause one of them tries the server, and none while that one's pause lasts.
    assert sender.num_sent == 3
    assert case.purse.calls == 3


def test_ask__a_server_that_comes_back_is_asked_again() -> None:
    sender = Scripted(attempts=[DOWN, DOWN, FINE], takes_s=0.0)
    case = Case(
        sender=sender,
        endpoint=replace(ENDPOINT, max_concurrent=1, breaker_failures=2, breaker_pause_s=2.0, max_tries=4),
    )
    assert [answered.status for answered in run(case.ask(6))] == [Status.OK] * 6


def test_ask__a_server_that_hangs_until_the_deadline_is_left_alone() -> None:
    sender = Scripted(attempts=[FINE], takes_s=1000.0)
    case = Case(
        sender=sender,
        endpoint=replace(ENDPOINT, max_concurrent=1, deadline_s=5.0, breaker_failures=2, breaker_pause_s=100.0),
    )
    statuses = [answered.status for answered in run(case.ask(6))]
    # Two that waited in vain open the breaker; the others are not sent.
    assert statuses[:2] == [Status.TIMEOUT] * 2
    assert sender.num_sent == 2


def test_ask__the_budget_stops_retries_too() -> None:
    case = Case(sender=Scripted(attempts=[DOWN]), budget=Budget(calls=2))
    (answered,) = run(case.ask())
    assert (answered.status, answered.num_requests) == (Status.OVER_BUDGET, 2)
    assert answered.detail == "the budget of 2 calls is used up"


@pytest.mark.parametrize("at_once", [1, 4])
def test_ask__money_is_never_exceeded_by_more_than_what_is_in_flight(at_once: int) -> None:
    case = Case(
        sender=Scripted(attempts=[FINE]),
        endpoint=replace(ENDPOINT, max_concurrent=at_once),
        budget=Budget(usd=0.30),
    )
    statuses = [answered.status for answered in run(case.ask(50))]
    # 0.30 USD are ten completions of 0.03; those that were sent before the tenth was back come in as well.
    assert 10 <= statuses.count(Status.OK) <= 10 + at_once - 1
    assert statuses.count(Status.OK) + statuses.count(Status.OVER_BUDGET) == 50
    assert case.purse.usd <= 0.30 + at_once * 0.03


def test_ask__requests_are_never_exceeded() -> None:
    case = Case(sender=Scripted(attempts=[DOWN, FINE]), budget=Budget(calls=7))
    answers = run(case.ask(20))
    assert case.sender.num_sent == case.purse.calls == 7
    assert sum(answered.num_requests for answered in answers) == 7


def test_ask__costs_are_there_when_it_is_cancelled() -> None:
    async def cancelled() -> Answered:
        case = Case(sender=Scripted(attempts=[GARBLED, FINE], takes_s=10.0))
        asker = Asker({"e": ENDPOINT}, case.sender, case.purse, random=np.random.default_rng(0))
        answered = Answered()
        asking = asyncio.ensure_future(asker.ask(PreparedPrompt(endpoint=ENDPOINT, model=MODEL, body=b"{}"), answered))
        await asyncio.sleep(15.0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return answered

    answered = run(cancelled())
    assert answered.cost_usd == pytest.approx(0.01)
    assert answered.latency_s == pytest.approx(15.0)
