"""Asks one prompt of one model: waits for its turn, retries what may pass, and keeps to deadline and budget."""

import asyncio
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from maestro_env.backends.endpoints.attempt import Attempt
from maestro_env.backends.endpoints.breaker import CircuitBreaker
from maestro_env.backends.endpoints.budget import Purse
from maestro_env.backends.endpoints.limits import EndpointLimits
from maestro_env.backends.endpoints.requests import PreparedPrompt, served_name
from maestro_env.backends.endpoints.retries import pause_s
from maestro_env.connections import Endpoint
from maestro_env.types import Model, Status

_UNSETTLED = (Status.UNREACHABLE, Status.TIMEOUT)
"""What says that a server is perhaps down; whoever refuses, limits or answers nonsense is up."""


class Sender(Protocol):
    """What sends one request; `HttpClient` does."""

    async def post(self, endpoint: Endpoint, body: bytes, *, model: str) -> Attempt:
        """Send it, and return what came of it."""
        ...


@dataclass(kw_only=True, slots=True)
class Answered:
    """What came of a prompt, with all that its requests cost."""

    text: str = ""
    status: Status = Status.OK
    detail: str = ""
    """What went wrong last; empty if the status is OK."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    latency_s: float = 0.0
    """From when the first request was sent; retries and pauses included, waiting for a place before it not."""
    num_requests: int = 0
    sent_s: float | None = None
    """When the first request was sent, by the event loop's clock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Lane:
    limits: EndpointLimits
    breaker: CircuitBreaker


class Asker:
    """Asks prompts within the limits of endpoints and one budget. To be used within one running event loop.

    Args:
        endpoints: By name.
        sender: Sends the requests.
        purse: Is charged for them.
        random: Draws the pauses between retries.
    """

    def __init__(
        self, endpoints: Mapping[str, Endpoint], sender: Sender, purse: Purse, *, random: np.random.Generator
    ) -> None:
        self._sender = sender
        self._purse = purse
        self._random = random
        self._without_usage: set[str] = set()
        """Models whose servers were found not to say what a completion took."""
        self._lanes = {
            name: _Lane(
                limits=EndpointLimits(max_concurrent=endpoint.max_concurrent, max_calls_per_s=endpoint.max_calls_per_s),
                breaker=CircuitBreaker(max_failures=endpoint.breaker_failures, pause_s=endpoint.breaker_pause_s),
            )
            for name, endpoint in endpoints.items()
        }

    async def ask(self, prompt: PreparedPrompt, answered: Answered) -> None:
        """Ask a prompt, and write what came of it into `answered`: in whichever way this ends, its costs are there."""
        try:
            # The deadline is set when the first request is sent: waiting for a place is not the server's doing.
            async with asyncio.timeout(None) as deadline:
                await self._ask(prompt, answered, deadline)
        except TimeoutError:
            answered.text, answered.status = "", Status.TIMEOUT
            answered.detail = f"no answer within the deadline of {prompt.endpoint.deadline_s:g} s"
        finally:
            if answered.sent_s is not None:
                answered.latency_s = asyncio.get_running_loop().time() - answered.sent_s

    async def _ask(self, prompt: PreparedPrompt, answered: Answered, deadline: asyncio.Timeout) -> None:
        endpoint = prompt.endpoint
        loop = asyncio.get_running_loop()
        limits = self._lanes[endpoint.name].limits
        for retry in range(endpoint.max_tries):
            async with limits.places:
                await limits.turn()
                if deadline.when() is None:
                    deadline.reschedule(loop.time() + endpoint.deadline_s)
                attempt = await self._try(prompt, answered, deadline)
            answered.text, answered.status, answered.detail = attempt.text, attempt.status, attempt.detail
            self._charge(attempt, prompt.model, answered)
            if not attempt.retryable or retry == endpoint.max_tries - 1:
                return
            wait_s = pause_s(
                retry=retry,
                first_pause_s=endpoint.first_pause_s,
                retry_after_s=attempt.retry_after_s,
                random=self._random,
            )
            ends_s = deadline.when()
            if ends_s is not None and loop.time() + wait_s >= ends_s:
                return  # waiting for the deadline would change nothing
            await asyncio.sleep(wait_s)

    async def _try(self, prompt: PreparedPrompt, answered: Answered, deadline: asyncio.Timeout) -> Attempt:
        """Send one request, unless the budget or the circuit breaker stands against it."""
        loop = asyncio.get_running_loop()
        exhausted = self._purse.exhausted()
        if exhausted:
            return Attempt(status=Status.OVER_BUDGET, detail=exhausted)
        breaker = self._lanes[prompt.endpoint.name].breaker
        wait_s = breaker.wait_s(loop.time())
        if wait_s:
            return Attempt(
                status=Status.UNREACHABLE,
                detail="the server could not be reached many times in a row, and is left alone for a while",
                retryable=True,
                retry_after_s=wait_s,
            )
        self._purse.begin()
        answered.num_requests += 1
        if answered.sent_s is None:
            answered.sent_s = loop.time()
        try:
            attempt = await self._sender.post(prompt.endpoint, prompt.body, model=served_name(prompt.model))
        except asyncio.CancelledError:
            if deadline.expired():  # the server had until then, and did not answer
                breaker.failed(loop.time())
            else:
                breaker.abandoned()
            raise
        if attempt.status in _UNSETTLED:
            breaker.failed(loop.time())
        else:
            breaker.succeeded()
        return attempt

    def _charge(self, attempt: Attempt, model: Model, answered: Answered) -> None:
        if attempt.status is Status.OK and not (attempt.prompt_tokens or attempt.completion_tokens):
            self._warn_of_missing_usage(model)
        cost_usd = (
            attempt.prompt_tokens * model.usd_per_million_prompt_tokens
            + attempt.completion_tokens * model.usd_per_million_completion_tokens
        ) / 1_000_000
        answered.prompt_tokens += attempt.prompt_tokens
        answered.completion_tokens += attempt.completion_tokens
        answered.cost_usd += cost_usd
        self._purse.spend(cost_usd)

    def _warn_of_missing_usage(self, model: Model) -> None:
        """Say once that a model with a price is recorded as if it were free, and that no budget in USD holds for it."""
        has_price = model.usd_per_million_prompt_tokens or model.usd_per_million_completion_tokens
        if has_price and model.name not in self._without_usage:
            self._without_usage.add(model.name)
            warnings.warn(
                f"The server of model {model.name!r} does not report usage: its calls count 0 tokens and 0 USD, and a "
                "budget in USD cannot hold. Limit the calls instead, or use a server that reports it.",
                stacklevel=2,
            )
