"""Streamed completions, in whichever pieces they come."""

import json

import pytest

from maestro_env.backends.endpoints.attempt import Attempt
from maestro_env.backends.endpoints.streams import StreamReader
from maestro_env.connections import Endpoint
from maestro_env.types import Status

ENDPOINT = Endpoint(name="e", url="http://x/v1", max_completion_chars=20)


def event(content: str | None, *, finish: str | None = None) -> bytes:
    choice = {"delta": {} if content is None else {"content": content}, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m", "choices": [choice]}).encode() + b"\n\n"


USAGE = b'data: {"model": "m", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\r\n\r\n'
DONE = b"data: [DONE]\n\n"


def read(*chunks: bytes) -> Attempt:
    reader = StreamReader(ENDPOINT, model="m")
    for chunk in chunks:
        stop = reader.feed(chunk)
        if stop is not None:
            return stop
    return reader.finish()


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_stream__in_pieces_of_any_size(size: int) -> None:
    whole = b": a comment\n\n" + event("Answer") + event(": ü") + event(None, finish="stop") + USAGE + DONE
    attempt = read(*(whole[start : start + size] for start in range(0, len(whole), size)))
    assert (attempt.status, attempt.text) == (Status.OK, "Answer: ü")
    assert (attempt.prompt_tokens, attempt.completion_tokens) == (7, 3)


def test_stream__opens_without_words() -> None:
    # llama.cpp sends a role and `null` first, vLLM a role and no words.
    opening = {"delta": {"role": "assistant", "content": None}, "finish_reason": None, "index": 0}
    first = b"data: " + json.dumps({"model": "m", "choices": [opening]}).encode() + b"\n\n"
    attempt = read(first, event(""), event("4"), event(None, finish="stop"), USAGE, DONE)
    assert (attempt.status, attempt.text, attempt.completion_tokens) == (Status.OK, "4", 3)


def test_stream__without_its_last_line_feed() -> None:
    assert read(event("4"), event(None, finish="stop"), USAGE.strip()).prompt_tokens == 7


def test_stream__too_long_is_cut_off() -> None:
    reader = StreamReader(ENDPOINT, model="m")
    assert reader.feed(event("x" * 20)) is None
    stop = reader.feed(event("x"))
    assert stop is not None
    assert (stop.status, stop.retryable, stop.completion_tokens) == (Status.MALFORMED, False, 2)
    assert stop.detail == "cut off: the completion has more than 20 characters"


@pytest.mark.parametrize(
    ("chunks", "says"),
    [
        ((event("4"),), "broke off"),
        ((), "broke off"),
        ((b"data: {no json}\n",), "no JSON"),
        ((b"data: \xff\n",), "no JSON"),
        ((b"data: 3\n",), "no JSON object"),
        ((b'data: {"error": {"message": "x"}}\n',), "reported an error"),
        ((b"data: " + b"x" * 80_000,), "too long"),
        ((event(None, finish="stop"), DONE), "empty"),
    ],
)
def test_stream__malformed(chunks: tuple[bytes, ...], says: str) -> None:
    attempt = read(*chunks)
    assert (attempt.status, attempt.retryable) == (Status.MALFORMED, True)
    assert says in attempt.detail
