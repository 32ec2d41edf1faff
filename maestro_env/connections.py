"""The live half of a registry file: which endpoints serve its models and services, within which limits.

The experts themselves are registry.py's. Nothing here is part of a recording, and no key is ever in a file: an
endpoint names the environment variable that holds its key.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from maestro_env.errors import RegistryError, UnknownNameError, unknown_name
from maestro_env.registry_file import entry_of, read_registry_file, tables_in
from maestro_env.types import Model

_Entry = TypeVar("_Entry")

_AT_LEAST_ONE = ("max_concurrent", "max_tries", "max_completion_chars", "breaker_failures")
_ABOVE_ZERO = ("max_calls_per_s", "timeout_s", "deadline_s", "first_pause_s", "breaker_pause_s")


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A server that speaks OpenAI's chat-completions protocol, and what it may be asked for."""

    name: str
    url: str
    """Base address, such as `http://127.0.0.1:8000/v1`."""
    api_key_env: str = ""
    """Name of the environment variable that holds the key; empty where the server asks for none."""
    max_concurrent: int = 64
    """Requests that it may have before it at once; at least 1."""
    max_calls_per_s: float = math.inf
    """Requests that it may be sent a second, retries included."""
    timeout_s: float = 120.0
    """Seconds that one request may take."""
    deadline_s: float = 300.0
    """Seconds that a prompt may take in all: waiting for its turn, retries and pauses between them included."""
    max_tries: int = 4
    """Requests for one prompt at most; 1 retries nothing."""
    first_pause_s: float = 0.5
    """Before the first retry; each further pause is twice as long, up to `retries.LONGEST_PAUSE_S`."""
    breaker_failures: int = 16
    """Requests in a row that must fail to reach the server for it to be left alone for a while."""
    breaker_pause_s: float = 5.0
    """How long it is left alone; twice as long each time that it still cannot be reached."""
    stream: bool = False
    """Whether completions are streamed, so that one that grows too long is cut off while it is written."""
    max_completion_chars: int = 200_000
    """A longer completion is malformed; a streamed one is cut off there."""
    fixed_sampling: bool = False
    """Whether it takes neither temperature nor top_p nor a seed, and calls the limit of a completion
    `max_completion_tokens`, as OpenAI's reasoning models do."""
    check_model: bool = True
    """Whether a completion by a model of another name is malformed; a server's dated version of the name is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How completions are sampled: by default always the same, as far as a server can."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 2048
    """Most tokens of a completion, unless its prompt asks for another number."""
    seed: int | None = 0
    """Sent to the server; None sends none, for servers that refuse it."""


@dataclass(frozen=True, kw_only=True)
class Connections:
    """Where the models and services of a registry file are served."""

    endpoints: Mapping[str, Endpoint]
    """By name."""
    services: Mapping[str, Model] = field(default_factory=dict[str, Model])
    """By name: models that skills use besides the expert's own, such as `ocr`."""
    sampling: Sampling = field(default_factory=Sampling)

    def endpoint_of(self, model: Model) -> Endpoint:
        """Return the endpoint of a model or service.

        Raises:
            UnknownNameError: The model names no endpoint, or one that is not listed; the message names the nearest.
        """
        if not model.endpoint:
            raise UnknownNameError(
                f"Model {model.name!r} names no endpoint; give it `endpoint = ...`, one of "
                f"{sorted(self.endpoints)}, or use the backend 'local' for shipped networks."
            )
        if model.endpoint not in self.endpoints:
            raise unknown_name(f"endpoint of model {model.name!r}", model.endpoint, self.endpoints)
        return self.endpoints[model.endpoint]

    def service(self, name: str) -> Model:
        """Return a service.

        Raises:
            UnknownNameError: No such service; the message names the nearest ones.
        """
        if name not in self.services:
            raise unknown_name("service", name, self.services)
        return self.services[name]


def load_connections(name_or_path: str | Path) -> Connections:
    """Load the connections of a shipped registry by name, or of anyone's own TOML file.

    Raises:
        UnknownNameError: Neither a shipped name nor an existing file.
        RegistryError: The file cannot be understood; the message says where and why.
    """
    file = read_registry_file(name_or_path)
    return parse_connections(file.text, name=file.name)


def parse_connections(text: str, *, name: str) -> Connections:
    """Return the connections of the text of a registry file.

    They stand in `[[endpoint]]` tables (the fields of `Endpoint`), `[[service]]` tables (those of `Model`), and one
    `[sampling]` table (those of `Sampling`). Those of the registry that the file `extends` hold where it says nothing.

    Raises:
        RegistryError: Not TOML, an unknown or missing key, a value of a wrong type or range, or an endpoint or service
            listed twice.
    """
    document = tables_in(text, name=name)
    base = load_connections(document["extends"]) if "extends" in document else Connections(endpoints={})
    endpoints = _by_name(Endpoint, document.get("endpoint", []), where=f"registry {name!r}, endpoint")
    for endpoint in endpoints.values():
        _check_endpoint(endpoint, where=f"registry {name!r}, endpoint {endpoint.name!r}")
    services = _by_name(Model, document.get("service", []), where=f"registry {name!r}, service")
    sampling = base.sampling
    if "sampling" in document:
        sampling = entry_of(Sampling, document["sampling"], where=f"registry {name!r}, sampling")
    return Connections(
        endpoints={**base.endpoints, **endpoints}, services={**base.services, **services}, sampling=sampling
    )


def _by_name(kind: type[_Entry], tables: list[Mapping[str, Any]], *, where: str) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for table in tables:
        name = table.get("name")
        if name in entries:
            raise RegistryError(f"{where} {name!r} is listed twice; give each a name of its own.")
        entries[str(name)] = entry_of(kind, table, where=f"{where} {name!r}")
    return entries


def _check_endpoint(endpoint: Endpoint, *, where: str) -> None:
    if not endpoint.url.startswith(("http://", "https://")):
        raise RegistryError(f"{where}: url = {endpoint.url!r}; expected an address such as 'http://127.0.0.1:8000/v1'.")
    for key in _AT_LEAST_ONE:
        value = getattr(endpoint, key)
        if not isinstance(value, int) or value < 1:
            raise RegistryError(f"{where}: {key} = {value!r}; expected a whole number of at least 1.")
    for key in _ABOVE_ZERO:
        value = getattr(endpoint, key)
        if not isinstance(value, int | float) or not value > 0:
            raise RegistryError(f"{where}: {key} = {value!r}; expected a number above 0.")
