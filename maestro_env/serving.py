"""The servers of a registry file: which weights stand behind its endpoints, and the commands that serve them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from maestro_env.connections import Connections, load_connections
from maestro_env.errors import RegistryError, unknown_name
from maestro_env.registry import Registry, load_registry
from maestro_env.registry_file import entry_of, read_registry_file, tables_in


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A vLLM server: which endpoint it is, and what it takes."""

    endpoint: str
    """Name of the `[[endpoint]]` whose port it listens at."""
    weights: str
    """Name on the model hub, or a folder."""
    accelerator: int = 0
    """Index of the accelerator it runs on."""
    memory_share: float = 0.9
    """Of that accelerator's memory, in (0, 1]; those of one accelerator may add up to 1 at most."""
    options: tuple[str, ...] = ()
    """Further arguments of `vllm serve`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command that starts a server."""

    server: Server
    words: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        """What is set for it besides the environment as it is."""
        return {"CUDA_VISIBLE_DEVICES": str(self.server.accelerator)}

    @property
    def line(self) -> str:
        """As a shell takes it."""
        variables = " ".join(f"{name}={value}" for name, value in self.environment.items())
        return f"{variables} {shlex.join(self.words)}"


def load_servers(name_or_path: str | Path) -> tuple[Server, ...]:
    """Load the servers of a shipped registry by name, or of anyone's own TOML file, those it extends first.

    Raises:
        UnknownNameError: Neither a shipped name nor an existing file.
        RegistryError: The file cannot be understood; the message says where and why.
    """
    file = read_registry_file(name_or_path)
    return parse_servers(file.text, name=file.name)


def parse_servers(text: str, *, name: str) -> tuple[Server, ...]:
    """Return the servers of the text of a registry file: its `[[server]]` tables, after those of what it `extends`.

    A server for an endpoint that is served already takes that server's place.

    Raises:
        RegistryError: Not TOML, or an unknown or missing key.
    """
    document = tables_in(text, name=name)
    base = load_servers(document["extends"]) if "extends" in document else ()
    servers = {server.endpoint: server for server in base}
    for table in document.get("server", ()):
        where = f"registry {name!r}, server of endpoint {table.get('endpoint')!r}"
        server = entry_of(Server, table, where=where)
        servers[server.endpoint] = server
    return tuple(servers.values())


def serve_commands(name_or_path: str | Path, *, program: Sequence[str] = ("vllm", "serve")) -> tuple[Command, ...]:
    """Return the commands that serve a registry file, in its order.

    Args:
        name_or_path: A shipped registry, or a file.
        program: What the commands start with. `vllm serve`, and what else ends in `serve`, takes the weights as they
            are; any other, such as `python -m vllm.entrypoints.openai.api_server`, after `--model`.

    Raises:
        UnknownNameError: Neither a shipped name nor an existing file; or a server for an endpoint that is not listed.
        RegistryError: The file cannot be understood, or lists no servers.
    """
    registry, connections = load_registry(name_or_path), load_connections(name_or_path)
    servers = load_servers(name_or_path)
    if not servers:
        raise RegistryError(
            f"Registry {registry.name!r} lists no servers; give it [[server]] tables with endpoint and weights."
        )
    return tuple(_command(server, registry, connections, program) for server in servers)


def _command(server: Server, registry: Registry, connections: Connections, program: Sequence[str]) -> Command:
    if server.endpoint not in connections.endpoints:
        raise unknown_name("endpoint of a server", server.endpoint, connections.endpoints)
    address = urlsplit(connections.endpoints[server.endpoint].url)
    # Given the weights alone, vLLM's module takes no notice of them, and serves a model of its own choice.
    weights = [server.weights] if program[-1] == "serve" else ["--model", server.weights]
    words = [*program, *weights, "--host", address.hostname or "127.0.0.1", "--port", str(address.port or 80)]
    names = served_names(server.endpoint, registry, connections)
    if names:
        words += ["--served-model-name", *names]
    words += ["--gpu-memory-utilization", f"{server.memory_share:g}", *server.options]
    return Command(server=server, words=tuple(words))


def served_names(endpoint: str, registry: Registry, connections: Connections) -> tuple[str, ...]:
    """Return what the models and services of an endpoint are called there."""
    models = [*registry.models, *connections.services.values()]
    names = [model.served_name or model.name for model in models if model.endpoint == endpoint]
    return tuple(dict.fromkeys(names))
