"""Sends requests over pooled connections, and turns whatever comes back, or does not, into an `Attempt`."""

import asyncio
import io
from dataclasses import replace

from maestro_env.backends.endpoints.attempt import Attempt
from maestro_env.backends.endpoints.responses import completion_attempt, failed_attempt, malformed
from maestro_env.backends.endpoints.retries import parse_retry_after
from maestro_env.backends.endpoints.secrets import Secret, read_secret
from maestro_env.backends.endpoints.streams import StreamReader
from maestro_env.connections import Endpoint
from maestro_env.errors import MissingExtraError
from maestro_env.types import Status

try:
    import aiohttp
    from yarl import URL
except ImportError as missing:
    raise MissingExtraError(
        f"Asking models behind endpoints needs aiohttp ({missing}): pip install 'maestro-env[openai]'."
    ) from missing

_OK = 200
_LARGE_BYTES = 2**20
"""Of bodies that are sent in pieces, so that the event loop is not held up; aiohttp warns of larger ones."""
_ERROR_BYTES = 4096
"""Read of the body of an error: enough for its message."""


class HttpClient:
    """One pool of connections to all endpoints. To be made, used and closed within one running event loop.

    The key of an endpoint is read when it is first asked: nobody needs the keys of those that are not.
    """

    def __init__(self) -> None:
        self._secrets: dict[str, Secret] = {}
        self._urls: dict[str, URL] = {}
        self._session = aiohttp.ClientSession(
            # How many requests there are at once is limits.py's business, how long each may take asker.py's.
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None, sock_read=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small answer must not unfold into a huge one
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def post(self, endpoint: Endpoint, body: bytes, *, model: str) -> Attempt:
        """Send one request and return what came of it.

        Args:
            endpoint: To which server.
            body: JSON of a chat-completions request.
            model: The name of the model asked for.

        Raises:
            ConfigurationError: The key of the endpoint is not in the environment.
        """
        secret = self._secret(endpoint)
        try:
            async with asyncio.timeout(endpoint.timeout_s):
                attempt = await self._exchange(endpoint, body, model=model)
        except TimeoutError:
            return Attempt(status=Status.TIMEOUT, detail=f"no answer within {endpoint.timeout_s:g} s", retryable=True)
        except (aiohttp.ClientError, OSError) as error:
            # The class alone: messages of the library may hold headers, and with them the key.
            return Attempt(status=Status.UNREACHABLE, detail=type(error).__name__, retryable=True)
        if secret.is_in(attempt.text):  # written in escapes, or streamed
            return replace(attempt, text=secret.redact(attempt.text))
        return attempt

    async def _exchange(self, endpoint: Endpoint, body: bytes, *, model: str) -> Attempt:
        url = self._urls.get(endpoint.name)
        if url is None:
            url = self._urls[endpoint.name] = URL(endpoint.url.rstrip("/") + "/chat/completions")
        secret = self._secret(endpoint)
        headers = {"Authorization": f"Bearer {secret.reveal()}"} if secret.reveal() else None
        # A redirect is not followed: it would carry the key and the question to a server that nobody named.
        data = io.BytesIO(body) if len(body) > _LARGE_BYTES else body
        async with self._session.post(url, data=data, headers=headers, allow_redirects=False) as response:
            if response.status != _OK:
                content = await _read(response, _ERROR_BYTES) or b""
                pause_s = parse_retry_after(response.headers.get("Retry-After"))
                # Before an excerpt is taken, which could cut a key in two.
                return failed_attempt(response.status, secret.redact_bytes(content), retry_after_s=pause_s)
            if endpoint.stream and response.content_type == "text/event-stream":
                return await _read_stream(response, StreamReader(endpoint, model=model))
            content = await _read(response, most_bytes(endpoint))
            if content is None:
                return malformed(f"the answer has more than {most_bytes(endpoint):,} bytes", retryable=False)
            return completion_attempt(secret.redact_bytes(content), endpoint, model=model)

    def _secret(self, endpoint: Endpoint) -> Secret:
        if endpoint.name not in self._secrets:
            self._secrets[endpoint.name] = read_secret(endpoint.api_key_env, endpoint=endpoint.name)
        return self._secrets[endpoint.name]


def most_bytes(endpoint: Endpoint) -> int:
    """Return how long an answer may be: JSON writes a character in six bytes at most, and some more around it."""
    return 6 * endpoint.max_completion_chars + 65_536


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes | None:
    """Return the body; None if it is longer than `most` bytes, of which then no more are read."""
    declared = response.content_length
    if declared is not None and declared <= most:
        return await response.read()
    pieces: list[bytes] = []
    num_bytes = 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        num_bytes += len(piece)
        if num_bytes > most:
            response.close()
            return None
    return b"".join(pieces)


async def _read_stream(response: aiohttp.ClientResponse, reader: StreamReader) -> Attempt:
    async for piece in response.content.iter_any():
        stop = reader.feed(piece)
        if stop is not None:
            response.close()  # the server notices, and stops writing
            return stop
    return reader.finish()
