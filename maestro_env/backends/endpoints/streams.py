"""Reading a streamed completion piece by piece, so that one which grows too long is cut off while it is written."""

import json
from typing import Any, cast

from maestro_env.backends.endpoints.attempt import Attempt
from maestro_env.backends.endpoints.responses import Draft, judged, malformed
from maestro_env.connections import Endpoint

_DATA = b"data:"
_DONE = b"[DONE]"


class StreamReader:
    """Takes the bytes of a stream of server-sent events as they come.

    Args:
        endpoint: Says what is too long.
        model: The name asked for.
    """

    def __init__(self, endpoint: Endpoint, *, model: str) -> None:
        self._endpoint = endpoint
        self._model = model
        self._rest = b""
        self._pieces: list[str] = []
        self._num_chars = 0
        self._draft = Draft()
        self._done = False

    def feed(self, chunk: bytes) -> Attempt | None:
        """Take some bytes; return why reading on is useless, or None if it is not."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > self._max_line:
            return malformed("a streamed event is too long", completion_tokens=len(self._pieces))
        for line in lines:
            stop = self._take(line.strip())
            if stop is not None:
                return stop
        return None

    def finish(self) -> Attempt:
        """Return what the stream was, now that it has ended."""
        stop = self._take(self._rest.strip())
        if stop is not None:
            return stop
        if not self._done and self._draft.finish is None:
            return malformed("the stream broke off", completion_tokens=len(self._pieces))
        self._draft.text = "".join(self._pieces)
        return judged(self._draft, self._endpoint, model=self._model)

    @property
    def _max_line(self) -> int:
        return 6 * self._endpoint.max_completion_chars + 65_536  # JSON writes a character in six bytes at most

    def _take(self, line: bytes) -> Attempt | None:
        if not line.startswith(_DATA):
            return None
        data = line.removeprefix(_DATA).strip()
        if data == _DONE:
            self._done = True
            return None
        try:
            event: Any = json.loads(data)
        except (ValueError, RecursionError):
            return malformed("a streamed event is no JSON in UTF-8", completion_tokens=len(self._pieces))
        if not isinstance(event, dict):
            return malformed("a streamed event is no JSON object", completion_tokens=len(self._pieces))
        return self._add(cast("dict[str, Any]", event))

    def _add(self, event: dict[str, Any]) -> Attempt | None:
        if event.get("error"):
            return malformed("the server reported an error within the stream", completion_tokens=len(self._pieces))
        self._draft.model = event.get("model") or self._draft.model
        self._draft.usage = event.get("usage") or self._draft.usage
        choices = event.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return None  # the last event holds the usage and no choice
        choice = cast("dict[str, Any]", choices[0])
        self._draft.finish = choice.get("finish_reason") or self._draft.finish
        delta = choice.get("delta")
        piece = cast("dict[str, Any]", delta).get("content") if isinstance(delta, dict) else None
        if isinstance(piece, str):
            self._pieces.append(piece)
            self._num_chars += len(piece)
        if self._num_chars > self._endpoint.max_completion_chars:
            return malformed(
                f"cut off: the completion has more than {self._endpoint.max_completion_chars:,} characters",
                retryable=False,
                completion_tokens=len(self._pieces),
            )
        return None
