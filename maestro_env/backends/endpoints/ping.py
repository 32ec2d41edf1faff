"""Whether endpoints answer, and what they serve: one short request to each, all at the same time."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any

from maestro_env.backends.endpoints.secrets import read_secret
from maestro_env.connections import Endpoint
from maestro_env.errors import ConfigurationError

TIMEOUT_S = 5.0
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Pong:
    """What an endpoint answered."""

    endpoint: Endpoint
    served: tuple[str, ...] | None
    """Names of the models it serves; None if it did not answer."""
    detail: str = ""
    """Why it did not."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to a server that nobody named."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def ping(endpoints: Iterable[Endpoint]) -> list[Pong]:
    """Ask each endpoint what it serves, and return the answers in their order."""
    asked = list(endpoints)
    if not asked:
        return []
    with ThreadPoolExecutor(max_workers=min(len(asked), 16)) as pool:
        return list(pool.map(_ping, asked))


def _ping(endpoint: Endpoint) -> Pong:
    try:
        secret = read_secret(endpoint.api_key_env, endpoint=endpoint.name)
    except ConfigurationError as error:
        return Pong(endpoint=endpoint, served=None, detail=str(error))
    request = urllib.request.Request(endpoint.url.rstrip("/") + "/models")
    if secret.reveal():
        request.add_unredirected_header("Authorization", f"Bearer {secret.reveal()}")
    opener = urllib.request.build_opener(_NoRedirects())
    try:
        with opener.open(request, timeout=TIMEOUT_S) as response:
            document: Any = json.loads(response.read(_MAX_BYTES))
        served = tuple(str(entry["id"]) for entry in document["data"])
    except urllib.error.HTTPError as error:
        return Pong(endpoint=endpoint, served=None, detail=f"it answered with HTTP status {error.code}")
    except (OSError, HTTPException) as error:
        # The class alone: messages of the library may hold headers, and with them the key.
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return Pong(endpoint=endpoint, served=None, detail=f"it could not be reached ({type(reason).__name__})")
    except (ValueError, KeyError, TypeError):
        return Pong(endpoint=endpoint, served=None, detail="it answered something else than a list of models")
    return Pong(endpoint=endpoint, served=served)
