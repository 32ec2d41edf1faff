"""Calls a second against a server that answers after 50 ms: ours, a bare aiohttp loop, and threads that wait."""

import asyncio
import http.client
import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from threading import local
from typing import Any, Protocol

import aiohttp

from benchmarks.faults.running import KEY, KEY_VARIABLE
from benchmarks.faults.scenario import EXPERT, connections_to
from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.backends.endpoints.caller import Caller
from maestro_env.types import WHOLE, Context, Status, Task

DELAY_S = 0.05
CONCURRENT = 256
THREADS = 24
"""As many as the reference system has."""

OURS = f"ours, {CONCURRENT} at a time"
BARE = f"a bare aiohttp loop, {CONCURRENT} at a time"
THREADED = f"http.client, {THREADS} threads"
OPENAI = f"openai's client, {THREADS} threads"

_CONTEXT = Context(id=WHOLE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What a client did, round by round."""

    calls_per_s: tuple[float, ...]
    cpu_ms_per_call: tuple[float, ...]
    """Of the client's process, all threads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A ratio that is asked for."""

    what: str
    found: float
    """The median over rounds of the ratio within each."""
    asked: str
    met: bool


def measure(url: str, *, rounds: int, num_calls: int) -> dict[str, Speed]:
    """Measure all clients by turns, so that what else the machine does falls on all alike."""
    os.environ[KEY_VARIABLE] = KEY
    clients: dict[str, Callable[[int], float]] = {
        BARE: lambda num: asyncio.run(_bare(url, num)),
        OURS: lambda num: asyncio.run(_ours(url, num)),
        THREADED: lambda num: _threaded(num // 4, lambda: _PlainClient(url)),
    }
    if find_spec("openai") is not None:
        clients[OPENAI] = lambda num: _threaded(num // 4, lambda: _OpenAIClient(url))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in clients}
    for _ in range(rounds):
        for name, client in clients.items():
            began_cpu_s = time.process_time()
            calls_per_s = client(num_calls)
            share = 1 if name in (BARE, OURS) else 4
            found[name].append((calls_per_s, 1000 * share * (time.process_time() - began_cpu_s) / num_calls))
    return {
        name: Speed(
            calls_per_s=tuple(calls_per_s for calls_per_s, _ in rows), cpu_ms_per_call=tuple(cpu for _, cpu in rows)
        )
        for name, rows in found.items()
    }


def targets(speeds: Mapping[str, Speed]) -> tuple[Target, ...]:
    """Return what is asked for, and whether it was found."""
    bare = _ratio(speeds[BARE], speeds[OURS])
    threaded = _ratio(speeds[OURS], speeds[OPENAI if OPENAI in speeds else THREADED])
    cpu = median(speeds[OURS].cpu_ms_per_call)
    return (
        Target(what=f"{BARE} / ours", found=bare, asked="at most 2", met=bare <= 2),
        Target(
            what=f"ours / {OPENAI if OPENAI in speeds else THREADED}",
            found=threaded,
            asked="at least 8",
            met=threaded >= 8,
        ),
        Target(what="CPU of a call of ours, in ms", found=cpu, asked="below 2", met=cpu < 2),
    )


def _ratio(first: Speed, second: Speed) -> float:
    return median(a / b for a, b in zip(first.calls_per_s, second.calls_per_s, strict=True))


async def _ours(url: str, num_calls: int) -> float:
    caller = Caller(connections_to(url, concurrent=CONCURRENT), purse=Purse(Budget()))
    waiting = iter(range(num_calls))

    async def work() -> None:
        for nth in waiting:
            task = Task(id=str(nth), benchmark="b", split="test", question=f"Call {nth}?", images=(), gold="")
            reply = await caller.call(task, _CONTEXT, EXPERT)
            assert reply.status is Status.OK, reply.text

    began_s = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONCURRENT)))
    seconds = time.perf_counter() - began_s
    await caller.close()
    return num_calls / seconds


async def _bare(url: str, num_calls: int) -> float:
    waiting = iter(range(num_calls))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def work() -> None:
            for nth in waiting:
                async with session.post(f"{url}/chat/completions", json=_body(nth)) as response:
                    _check(await response.json())

        began_s = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(CONCURRENT)))
        return num_calls / (time.perf_counter() - began_s)


def _threaded(num_calls: int, connect: Callable[[], "_Client"]) -> float:
    """Call from threads, each of which keeps a connection open."""
    mine = local()
    clients: list[_Client] = []

    def call(nth: int) -> None:
        if not hasattr(mine, "client"):
            mine.client = connect()
            clients.append(mine.client)
        mine.client.call(nth)

    began_s = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        for _ in threads.map(call, range(num_calls)):
            pass
    seconds = time.perf_counter() - began_s
    for client in clients:
        client.close()
    return num_calls / seconds


class _Client(Protocol):
    """A client that waits for each answer."""

    def call(self, nth: int) -> None: ...
    def close(self) -> None: ...


class _PlainClient:
    """The plainest there is."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://").removesuffix("/v1"))

    def call(self, nth: int) -> None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
        self._connection.request("POST", "/v1/chat/completions", body=json.dumps(_body(nth)), headers=headers)
        _check(json.loads(self._connection.getresponse().read()))

    def close(self) -> None:
        self._connection.close()


class _OpenAIClient:
    """The one that the reference system uses."""

    def __init__(self, url: str) -> None:
        import openai

        self._client = openai.OpenAI(base_url=url, api_key=KEY)

    def call(self, nth: int) -> None:
        _check(self._client.chat.completions.create(**_body(nth)).model_dump())

    def close(self) -> None:
        self._client.close()


def _body(nth: int) -> dict[str, Any]:
    return {"model": "stub", "messages": [{"role": "user", "content": f"Call {nth}?"}], "temperature": 0}


def _check(document: dict[str, Any]) -> None:
    assert document["choices"][0]["message"]["content"].startswith("Answer: ")
