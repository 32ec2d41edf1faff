"""A connection to a server that speaks OpenAI's HTTP interface: many requests at once, deadlines, retries, errors.

One event loop in one thread serves it for as long as it lives, so that connections are kept between calls and it works
from notebooks, whose own loop is always running. What is asked over it is openai_generator.py's business.

The client is aiohttp itself, whose overhead is a small part of that of OpenAI's package.
"""

import asyncio
import json
import os
import threading
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar, cast, final

from maestro_env.errors import ConfigurationError, MissingExtraError, ServerError

try:
    import aiohttp
except ModuleNotFoundError as error:
    raise MissingExtraError("Servers need aiohttp: pip install 'maestro-env[openai]'.") from error

API_KEY = "OPENAI_API_KEY"
"""The environment variable that holds the key, where a server wants one. A key is taken from nowhere else."""

_TOO_MANY = 429
_SERVERS_FAULT = 500
_SHOWN = 300
"""Characters of an answer that a message repeats."""

_Result = TypeVar("_Result")
Answer = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """How long a server is waited for.

    Raises:
        ConfigurationError: A number that has no meaning.
    """

    deadline_s: float = 600.0
    """For one answer, from when its request is sent; a deadline that has passed is not tried again."""
    retries: int = 4
    """After a lost connection, 429 or a status of 500 and above."""
    first_pause_s: float = 0.5
    """Before the first retry; doubles from one to the next."""

    def __post_init__(self) -> None:
        if not (self.deadline_s > 0 and self.retries >= 0 and self.first_pause_s >= 0):
            raise ConfigurationError(f"{self} must have a deadline above 0, and retries and a pause of at least 0.")


@final
class Server:
    """A server by its address. Use it in a `with`, or call `close` at the end."""

    def __init__(self, base_url: str, *, concurrency: int = 64, patience: Patience | None = None) -> None:
        """Keep the address; nothing is sent yet.

        Args:
            base_url: With the version, as in `http://localhost:8000/v1`.
            concurrency: Requests under way at a time.
            patience: How long it is waited for.

        Raises:
            ConfigurationError: No such address, or a concurrency below 1.
        """
        if not base_url.startswith(("http://", "https://")):
            raise ConfigurationError(f"base_url={base_url!r} is no address; expected 'http://localhost:8000/v1', say.")
        if concurrency < 1:
            raise ConfigurationError(f"concurrency={concurrency!r} must be at least 1.")
        self.base_url = base_url.rstrip("/")
        self._concurrency = concurrency
        self._patience = Patience() if patience is None else patience
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._session: aiohttp.ClientSession | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str) -> Answer:
        """Return what the server answers to a GET, such as of `models`.

        Raises:
            ServerError: It gives no answer, or another than a JSON object.
        """
        return self._wait_for(self._all("GET", path, [None]))[0]

    def post(self, path: str, bodies: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Return what the server answers to each body, in order; many are under way at once.

        Raises:
            ServerError: One of them gets no answer, or another than a JSON object. The others are given up.
        """
        return self._wait_for(self._all("POST", path, bodies))

    def close(self) -> None:
        """Close the connections and end the thread; the next call would open them again."""
        if self._loop is None or self._thread is None:
            return
        if self._session is not None:
            self._wait_for(self._session.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop = self._thread = self._session = None

    def _wait_for(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run something in the thread, which starts with the first call."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            name = f"server {self.base_url}"
            self._thread = threading.Thread(target=_run, args=(self._loop,), name=name, daemon=True)
            self._thread.start()
        running = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return running.result()
        finally:
            running.cancel()  # where the wait was interrupted; of what is done, nothing is left to cancel

    async def _all(self, method: str, path: str, bodies: Sequence[Mapping[str, Any] | None]) -> list[Answer]:
        if self._session is None:
            key = os.environ.get(API_KEY)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._concurrency),
                headers={} if not key else {"Authorization": f"Bearer {key}"},
            )
        # The connector would do as a gate, were it not that waiting for a connection counted towards the deadline.
        gate = asyncio.Semaphore(self._concurrency)

        async def one(body: Mapping[str, Any] | None, session: aiohttp.ClientSession) -> Answer:
            async with gate:
                return await self._ask(session, method, f"{self.base_url}/{path}", body)

        asked = [asyncio.ensure_future(one(body, self._session)) for body in bodies]
        try:
            return list(await asyncio.gather(*asked))
        finally:
            for each in asked:
                each.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    async def _ask(
        self, session: aiohttp.ClientSession, method: str, url: str, body: Mapping[str, Any] | None
    ) -> Answer:
        """Return the answer to one request, after retries where they may help."""
        patience = self._patience
        deadline = aiohttp.ClientTimeout(total=patience.deadline_s)
        attempts = 0
        while True:
            last = attempts == patience.retries
            attempts += 1
            try:
                async with session.request(method, url, json=body, timeout=deadline) as response:
                    words = (await response.read()).decode(errors="replace")
                    status = response.status
                if last or not (status == _TOO_MANY or status >= _SERVERS_FAULT):
                    return _read(url, status, words, attempts=attempts)
            except TimeoutError as error:
                raise ServerError(
                    f"{url} gave no answer within {patience.deadline_s:g} s. It hangs, or has more to do than it can: "
                    "look at its log, send it fewer requests at a time (concurrency), or allow a longer deadline."
                ) from error
            except aiohttp.ClientError as error:
                if last:
                    raise ServerError(
                        f"{url} cannot be reached, after {attempts} attempts ({type(error).__name__}: {error}). Check "
                        "that the server still runs and that the address is right."
                    ) from error
            await asyncio.sleep(patience.first_pause_s * 2 ** (attempts - 1))


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """Serve a loop until it is stopped."""
    try:
        loop.run_forever()
    finally:
        loop.close()


def as_object(value: Any) -> Answer:
    """Return a part of an answer if it is an object, and an empty one if it is not."""
    return cast(Answer, value) if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return a part of an answer if it is a list, and an empty one if it is not."""
    return cast(list[Any], value) if isinstance(value, list) else []


def shortened(answer: object) -> str:
    """Return as much of an answer as a message can show."""
    words = str(answer)
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."


def _read(url: str, status: int, words: str, *, attempts: int) -> Answer:
    """Return an answer as JSON, or raise what is wrong with it."""
    if status >= 400:
        tries = "" if attempts == 1 else f", after {attempts} attempts"
        raise ServerError(f"{url} answered {status}{tries}: {shortened(words)}\n{_cure(status)}")
    try:
        answer = as_object(json.loads(words))
    except json.JSONDecodeError as error:
        raise ServerError(
            f"{url} answered something that is no JSON: {shortened(words)!r}. Check that the address is that of an "
            "OpenAI-compatible server, with its version (`/v1`)."
        ) from error
    if not answer:
        raise ServerError(f"{url} answered {shortened(words)!r}; expected a JSON object.")
    return answer


def _cure(status: int) -> str:
    if status in (401, 403):
        return f"Set {API_KEY} in the environment to a key that the server takes."
    if status == 404:
        return "Check the address, and that the model is one that the server lists under /models."
    if status == _TOO_MANY:
        return "Send it fewer requests at a time (concurrency)."
    return "Its log says more." if status >= _SERVERS_FAULT else "Change the request as the server says."
