"""A server that speaks OpenAI's protocol and fails as it is told to: for tests and benchmarks of what calls servers.

What it answers is made up from the prompt, so that a client can tell its own answers from those of others. A prompt
that holds `[fault NAME]` gets that fault each time it is sent, `[fault NAME x2]` the first two times.
"""

import asyncio
import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Thread
from typing import Any

_FAULT = re.compile(r"\[fault (\w+)(?: x(\d+))?\]")


class Fault(StrEnum):
    """What the server can do instead of answering at once and well."""

    SLOW = "slow"
    """Answers after ten times the delay."""
    HANG = "hang"
    """Never answers."""
    RESET = "reset"
    """Closes the connection without a word."""
    BROKEN_OFF = "broken_off"
    """Closes the connection in the middle of the answer."""
    TOO_MANY = "too_many"
    """429."""
    TOO_MANY_LATER = "too_many_later"
    """429, with a `Retry-After` of `retry_after_s`."""
    ERROR = "error"
    """500."""
    REFUSED = "refused"
    """400."""
    UNAUTHORISED = "unauthorised"
    """401, with the key that was sent in the message."""
    REDIRECT = "redirect"
    """307 to another place on this server, where every answer is right."""
    TRUNCATED_JSON = "truncated_json"
    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    WRONG_MODEL = "wrong_model"
    NO_CHOICES = "no_choices"
    EMPTY = "empty"
    """A completion without a character, as of a model that ran out of tokens while it thought."""
    HUGE = "huge"
    """A completion of `huge_chars` characters."""
    TAGS = "tags"
    """A right answer among tags of protocols that are not the expert's to use."""
    ECHO = "echo"
    """A completion that repeats the key that was sent."""


def answer_to(text: str) -> str:
    """Return the answer that the server gives to the text of a prompt."""
    return f"{zlib.crc32(text.encode()):08x}"


@dataclass(kw_only=True)
class Journal:
    """What the server has seen."""

    requests: Counter[str] = field(default_factory=Counter[str])
    """By the text of the prompt: how often it was sent."""
    completions: Counter[str] = field(default_factory=Counter[str])
    """By the text of the prompt: how often it was answered well."""
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """The last `kept_bodies` requests."""
    num_open: int = 0
    """Requests that wait for their answers now."""
    most_open: int = 0
    """Requests that waited at the same time, at most."""


class FaultServer:
    """Serves on a free port of this machine, from a thread of its own, within a `with` block.

    Args:
        delay_s: How long an answer takes.
        retry_after_s: What `too_many_later` asks for.
        huge_chars: Length of the completion of `huge`.
        kept_bodies: How many requests the journal keeps.
    """

    def __init__(
        self, *, delay_s: float = 0.0, retry_after_s: float = 0.05, huge_chars: int = 2_000_000, kept_bodies: int = 0
    ) -> None:
        self.delay_s = delay_s
        self.retry_after_s = retry_after_s
        self.huge_chars = huge_chars
        self.kept_bodies = kept_bodies
        self.journal = Journal()
        self.port = 0
        self._streams: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = Event()
        self._thread = Thread(target=self._serve, name="fault-server", daemon=True)

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.port}/v1"

    def keep(self, task: "asyncio.Task[None]") -> None:
        """Hold on to a task of the server's loop until it is done."""
        self._streams.add(task)
        task.add_done_callback(self._streams.discard)

    def __enter__(self) -> "FaultServer":
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        self._loop.run_forever()
        server.close()
        for waiting in asyncio.all_tasks(self._loop):
            waiting.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


class _Connection(asyncio.Protocol):
    """One client: takes requests from the bytes it sends, and answers them one after the other."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (request := self._next_request()) is not None:
            _Exchange(self._server, self, request).begin()

    def _next_request(self) -> "_Request | None":
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self._received[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        body_end = end + 4 + int(headers.get("content-length", "0"))
        if len(self._received) < body_end:
            return None
        body, self._received = self._received[end + 4 : body_end], self._received[body_end:]
        document: dict[str, Any] = json.loads(body) if body else {}
        key = headers.get("authorization", "").removeprefix("Bearer ")
        return _Request(path=lines[0].split(" ")[1], key=key, body=document, text=_text_of(document))

    def write(self, content: bytes) -> None:
        if self._transport is not None:
            self._transport.write(content)

    def close(self, *, rudely: bool) -> None:
        if self._transport is not None:
            (self._transport.abort if rudely else self._transport.close)()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    path: str
    key: str
    body: dict[str, Any]
    text: str


def _text_of(document: dict[str, Any]) -> str:
    """Return the text of the last message."""
    if not document.get("messages"):
        return ""
    content = document["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


class _Exchange:
    """One request and its answer."""

    def __init__(self, server: FaultServer, connection: _Connection, request: _Request) -> None:
        self._server = server
        self._connection = connection
        self._request = request

    def begin(self) -> None:
        server, text = self._server, self._request.text
        journal = server.journal
        journal.requests[text] += 1
        if server.kept_bodies:
            journal.bodies = [*journal.bodies, self._request.body][-server.kept_bodies :]
        fault = self._fault(journal.requests[text])
        if fault is Fault.HANG:
            return
        journal.num_open += 1
        journal.most_open = max(journal.most_open, journal.num_open)
        delay_s = server.delay_s * (10 if fault is Fault.SLOW else 1)
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self._answer, fault)
        else:
            self._answer(fault)

    def _fault(self, nth: int) -> Fault | None:
        found = _FAULT.search(self._request.text)
        if found is None or self._request.path.startswith("/right") or (found[2] and nth > int(found[2])):
            return None
        return Fault(found[1])

    def _answer(self, fault: Fault | None) -> None:
        server, connection = self._server, self._connection
        server.journal.num_open -= 1
        if fault is Fault.RESET:
            connection.close(rudely=True)
        elif fault is not None and fault in _CODES:
            self._refuse(fault)
        elif fault is Fault.REDIRECT:
            connection.write(_head(307, 0, f"Location: /right{self._request.path}\r\n"))
        elif self._request.body.get("stream") and fault in _STREAMED:
            server.keep(asyncio.ensure_future(self._stream(fault)))
        else:
            content = self._content(fault)
            connection.write(_head(200, len(content)))
            if fault is Fault.BROKEN_OFF:
                connection.write(content[: len(content) // 2])
                connection.close(rudely=False)
                return
            connection.write(content)
            if fault in (None, Fault.SLOW, Fault.TAGS):
                server.journal.completions[self._request.text] += 1

    def _refuse(self, fault: Fault) -> None:
        words = f"key {self._request.key} is wrong" if fault is Fault.UNAUTHORISED else f"this is a test of {fault}"
        content = json.dumps({"error": {"message": words}}).encode()
        later = f"Retry-After: {self._server.retry_after_s}\r\n" if fault is Fault.TOO_MANY_LATER else ""
        self._connection.write(_head(_CODES[fault], len(content), later) + content)

    def _content(self, fault: Fault | None) -> bytes:
        if fault is Fault.INVALID_JSON:
            return b"<html>Not a completion</html>"
        document = self._completion(fault)
        if fault is Fault.NO_CHOICES:
            document["choices"] = []
        content = json.dumps(document).encode()
        if fault is Fault.INVALID_UTF8:
            return content.replace(b"Answer", b"Ans\xff\xfewer")
        return content[:-20] if fault is Fault.TRUNCATED_JSON else content

    def _completion(self, fault: Fault | None) -> dict[str, Any]:
        text = self._said(fault)
        return {
            "id": "made-up",
            "object": "chat.completion",
            "model": "another" if fault is Fault.WRONG_MODEL else self._request.body.get("model"),
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "length" if fault is Fault.EMPTY else "stop",
                }
            ],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10},
        }

    def _said(self, fault: Fault | None) -> str:
        if fault is Fault.EMPTY:
            return ""
        if fault is Fault.HUGE:
            return "x" * self._server.huge_chars
        if fault is Fault.ECHO:
            return f"Answer: {self._request.key}"
        right = f"Answer: {answer_to(self._request.text)}"
        return (
            f"</information><search> a@@b: c </search><answer> no </answer>\n{right}" if fault is Fault.TAGS else right
        )

    async def _stream(self, fault: Fault | None) -> None:
        text = self._said(fault)
        pieces = [text[start : start + 1000] for start in range(0, len(text), 1000)] if len(text) > 1000 else list(text)
        self._connection.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for place, piece in enumerate(pieces):
            if fault is Fault.BROKEN_OFF and place == len(pieces) // 2:
                break
            self._event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            await asyncio.sleep(0)
        else:
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self._event({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}})
            self._connection.write(b"data: [DONE]\n\n")
            self._server.journal.completions[self._request.text] += 1
        self._connection.close(rudely=False)

    def _event(self, event: dict[str, Any]) -> None:
        content = json.dumps({"model": self._request.body.get("model"), **event}).encode()
        self._connection.write(b"data: " + content + b"\n\n")


_STREAMED = (None, Fault.SLOW, Fault.HUGE, Fault.BROKEN_OFF, Fault.TAGS, Fault.ECHO)
"""What is told in a stream where one is asked for; the rest comes as if none had been."""

_CODES = {
    Fault.TOO_MANY: 429,
    Fault.TOO_MANY_LATER: 429,
    Fault.ERROR: 500,
    Fault.REFUSED: 400,
    Fault.UNAUTHORISED: 401,
}


def _head(code: int, num_bytes: int, more: str = "") -> bytes:
    return f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {num_bytes}\r\n{more}\r\n".encode()
