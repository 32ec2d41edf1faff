"""From what a server sent to an `Attempt`: whatever it sent. Servers send anything."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

from maestro_env.backends.endpoints.attempt import Attempt
from maestro_env.connections import Endpoint
from maestro_env.types import Status

_DETAIL_CHARS = 200
"""Of a server's own words in a message."""

_TRANSIENT = frozenset({408, 409, 425, 500, 502, 503, 504, 529})
"""Codes after which the same request may succeed; 529 is what some providers send when they are overloaded."""


def failed_attempt(code: int, body: bytes, *, retry_after_s: float) -> Attempt:
    """Return what an answer with a code other than 200 means."""
    detail = f"HTTP {code}: {_excerpt(body)}"
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        return Attempt(status=Status.RATE_LIMITED, detail=detail, retryable=True, retry_after_s=retry_after_s)
    if code in _TRANSIENT:
        return Attempt(status=Status.UNREACHABLE, detail=detail, retryable=True, retry_after_s=retry_after_s)
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Attempt(status=Status.UNREACHABLE, detail=detail)
    return Attempt(status=Status.REFUSED, detail=detail)


def malformed(detail: str, *, retryable: bool = True, prompt_tokens: int = 0, completion_tokens: int = 0) -> Attempt:
    """Return that a server sent what is no completion."""
    return Attempt(
        status=Status.MALFORMED,
        detail=detail,
        retryable=retryable,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )


def completion_attempt(body: bytes, endpoint: Endpoint, *, model: str) -> Attempt:
    """Return what the body of an answer with code 200 holds."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):  # of ValueError, those of UTF-8 and of JSON
        return malformed(f"the answer is no JSON in UTF-8: {_excerpt(body)}")
    if not isinstance(document, dict):
        return malformed(f"the answer is no JSON object: {_excerpt(body)}")
    content = cast("dict[str, Any]", document)
    choices = content.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return malformed(f"the answer holds no choices: {_excerpt(body)}")
    choice = cast("dict[str, Any]", choices[0])
    message = choice.get("message")
    if not isinstance(message, dict):
        return malformed(f"the first choice holds no message: {_excerpt(body)}")
    said = cast("dict[str, Any]", message)
    return judged(
        Draft(
            text=said.get("content"),
            refusal=said.get("refusal"),
            finish=choice.get("finish_reason"),
            model=content.get("model"),
            usage=content.get("usage"),
        ),
        endpoint,
        model=model,
    )


@dataclass(kw_only=True, slots=True)
class Draft:
    """What a server said, in whichever form, not yet judged: any field may hold anything."""

    text: Any = ""
    refusal: Any = None
    finish: Any = None
    model: Any = None
    usage: Any = field(default=None)


def judged(draft: Draft, endpoint: Endpoint, *, model: str) -> Attempt:
    """Return the completion that a draft is, or why it is none."""
    prompt_tokens, completion_tokens = _tokens(draft.usage, "prompt_tokens"), _tokens(draft.usage, "completion_tokens")

    def no_completion(detail: str, *, status: Status = Status.MALFORMED, retryable: bool = False) -> Attempt:
        return Attempt(
            status=status,
            detail=detail,
            retryable=retryable,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )

    if endpoint.check_model and not _is_model(draft.model, model):
        return no_completion(f"the completion is by model {str(draft.model)[:_DETAIL_CHARS]!r}, not by {model!r}")
    if draft.finish == "content_filter" or draft.refusal:
        return no_completion("the server declined to answer", status=Status.REFUSED)
    if not isinstance(draft.text, str) or not draft.text.strip():
        # A completion of nothing but thinking that ran out of tokens will do so again.
        return no_completion("the completion is empty", retryable=draft.finish != "length")
    if len(draft.text) > endpoint.max_completion_chars:
        return no_completion(f"the completion has more than {endpoint.max_completion_chars:,} characters")
    if not _is_unicode(draft.text):
        return no_completion("the completion holds half a surrogate pair, which is no text", retryable=True)
    return Attempt(text=draft.text, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def _is_model(given: Any, asked: str) -> bool:
    """Whether a server names the model asked for; many name a dated version of it, and some none."""
    return given is None or (isinstance(given, str) and (given == asked or given.startswith(f"{asked}-")))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _tokens(usage: Any, name: str) -> int:
    if not isinstance(usage, dict):
        return 0
    count = cast("Mapping[str, Any]", usage).get(name)
    # Counts are int32 in a recording; a server that claims more, or less than none, is not believed.
    return count if isinstance(count, int) and 0 <= count < 2**31 else 0


def _excerpt(body: bytes) -> str:
    text = " ".join(body[: 4 * _DETAIL_CHARS].decode("utf-8", "replace").split())
    return text[:_DETAIL_CHARS] or "(nothing)"
