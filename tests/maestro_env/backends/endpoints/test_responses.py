"""What servers send, and what it comes to."""

import json
import re
from typing import Any

import pytest

from maestro_env.backends.endpoints.responses import completion_attempt, failed_attempt
from maestro_env.connections import Endpoint
from maestro_env.types import Status

ENDPOINT = Endpoint(name="e", url="http://x/v1", max_completion_chars=1000)


def body(**changes: Any) -> bytes:
    document = {
        "model": "m",
        "choices": [{"message": {"content": "Answer: 4"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }
    return json.dumps({**document, **changes}).encode()


def message(content: object, *, finish: str | None = "stop", **more: Any) -> list[dict[str, Any]]:
    return [{"message": {"content": content, **more}, "finish_reason": finish}]


def test_completion__text_and_usage() -> None:
    attempt = completion_attempt(body(), ENDPOINT, model="m")
    assert (attempt.status, attempt.text) == (Status.OK, "Answer: 4")
    assert (attempt.prompt_tokens, attempt.completion_tokens) == (7, 3)


def test_completion__with_all_that_vllm_adds() -> None:
    # As vLLM 0.32 answers: what does not apply is there, and null.
    unused = {"refusal": None, "reasoning": None, "function_call": None, "audio": None, "annotations": None}
    attempt = completion_attempt(
        body(
            choices=[{**message("4", role="assistant", **unused)[0], "logprobs": None, "stop_reason": None}],
            usage={"prompt_tokens": 7, "total_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": None},
            prompt_logprobs=None,
            service_tier=None,
        ),
        ENDPOINT,
        model="m",
    )
    assert (attempt.status, attempt.text, attempt.prompt_tokens) == (Status.OK, "4", 7)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no JSON in UTF-8: \\(nothing\\)"),
        (b"<html>", "no JSON in UTF-8: <html>"),
        (body()[:-3], "no JSON"),
        (body().replace(b"Answer", b"\xff"), "no JSON in UTF-8"),
        (b"[" * 100_000, "no JSON"),
        (b"[1]", "no JSON object"),
        (body(choices=[]), "no choices"),
        (body(choices=None), "no choices"),
        (body(choices=["text"]), "no choices"),
        (body(choices=[{"text": "old form"}]), "no message"),
        (body(choices=message("  \n")), "is empty"),
        (body(choices=message(None)), "is empty"),
        (body(choices=message(["parts"])), "is empty"),
        (body(choices=message("\ud800")), "half a surrogate pair"),
    ],
)
def test_completion__malformed_and_perhaps_better_next_time(content: bytes, says: str) -> None:
    attempt = completion_attempt(content, ENDPOINT, model="m")
    assert (attempt.status, attempt.text, attempt.retryable) == (Status.MALFORMED, "", True)
    assert re.search(says, attempt.detail)


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (body(model="other"), Status.MALFORMED, "by model 'other', not by 'm'"),
        (body(model=3), Status.MALFORMED, "by model '3'"),
        (body(choices=message("", finish="length")), Status.MALFORMED, "is empty"),
        (body(choices=message("x" * 1001)), Status.MALFORMED, "more than 1,000 characters"),
        (body(choices=message("", finish="content_filter")), Status.REFUSED, "declined"),
        (body(choices=message(None, refusal="I cannot.")), Status.REFUSED, "declined"),
    ],
)
def test_completion__failures_that_asking_again_would_not_mend(content: bytes, status: Status, says: str) -> None:
    attempt = completion_attempt(content, ENDPOINT, model="m")
    assert (attempt.status, attempt.text, attempt.retryable) == (status, "", False)
    assert says in attempt.detail
    assert (attempt.prompt_tokens, attempt.completion_tokens) == (7, 3)  # it is to be paid all the same


@pytest.mark.parametrize("model", ["m", "m-2026-01-01", None])
def test_completion__names_of_the_same_model(model: str | None) -> None:
    assert completion_attempt(body(model=model), ENDPOINT, model="m").status is Status.OK


def test_completion__any_model_where_the_endpoint_is_not_checked() -> None:
    unchecked = Endpoint(name="e", url="http://x/v1", check_model=False)
    assert completion_attempt(body(model="other"), unchecked, model="m").status is Status.OK


@pytest.mark.parametrize("usage", [None, "many", {}, {"prompt_tokens": -1, "completion_tokens": 2**40}])
def test_completion__usage_that_makes_no_sense_counts_nothing(usage: Any) -> None:
    attempt = completion_attempt(body(usage=usage), ENDPOINT, model="m")
    assert (attempt.status, attempt.prompt_tokens, attempt.completion_tokens) == (Status.OK, 0, 0)


@pytest.mark.parametrize(
    ("code", "status", "retryable"),
    [
        (429, Status.RATE_LIMITED, True),
        (500, Status.UNREACHABLE, True),
        (503, Status.UNREACHABLE, True),
        (529, Status.UNREACHABLE, True),
        (408, Status.UNREACHABLE, True),
        (501, Status.UNREACHABLE, False),
        (400, Status.REFUSED, False),
        (401, Status.REFUSED, False),
        (404, Status.REFUSED, False),
        (307, Status.REFUSED, False),
    ],
)
def test_failed__what_codes_mean(code: int, status: Status, retryable: bool) -> None:
    attempt = failed_attempt(code, b"why\n not" + b"!" * 1000, retry_after_s=2.0)
    assert (attempt.status, attempt.retryable) == (status, retryable)
    assert attempt.detail.startswith(f"HTTP {code}: why not!")
    assert len(attempt.detail) < 300
    assert attempt.retry_after_s == (2.0 if retryable else 0.0)
