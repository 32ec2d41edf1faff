"""`maestro registry check`: all that is wrong with a registry file, and which of its endpoints answer."""

import argparse
import sys
from collections.abc import Iterator

from rich.console import Console

from maestro_env.backends.endpoints.ping import ping
from maestro_env.checking.registry_file import problems_in
from maestro_env.connections import Connections, load_connections
from maestro_env.registry import Registry, load_registry
from maestro_env.registry_file import read_registry_file
from maestro_env.serving import served_names

SUMMARY = "Check a registry file whole: every problem with its line, its key and what to do; --ping asks its endpoints."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("action", choices=("check",), help="what to do with the file")
    parser.add_argument("file", help="a TOML file, or the name of a shipped registry")
    parser.add_argument("--ping", action="store_true", help="ask every endpoint which models it serves")


def run(arguments: argparse.Namespace) -> None:
    """Print what is wrong, or what the file holds; exits with 1 if anything is wrong or does not answer."""
    console = Console(highlight=False, soft_wrap=True)
    problems = problems_in(read_registry_file(arguments.file).text)
    for problem in problems:
        console.print(f"{arguments.file}: {problem}", markup=False)
    if problems:
        console.print(f"{_counted(len(problems), 'problem')}.")
        sys.exit(1)
    registry, connections = load_registry(arguments.file), load_connections(arguments.file)
    kinds = {
        "model": registry.models, "skill": registry.skills, "expert": registry, "service": connections.services,
    }  # fmt: skip
    counts = ", ".join(_counted(len(listed), kind) for kind, listed in kinds.items())
    console.print(f"{arguments.file}: nothing wrong; {counts}.", markup=False)
    if arguments.ping:
        silent = list(_pinged(registry, connections, console))
        if silent:
            console.print(f"{len(silent)} of {len(connections.endpoints)} endpoints cannot be used.")
            sys.exit(1)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _pinged(registry: Registry, connections: Connections, console: Console) -> Iterator[str]:
    """Print what each endpoint answers, and yield the names of those that cannot be used."""
    for pong in ping(connections.endpoints.values()):
        name = pong.endpoint.name
        wanted = served_names(name, registry, connections)
        if pong.served is None:
            console.print(f"{name}: {pong.detail}", markup=False)
            yield name
            continue
        missing = [each for each in wanted if each not in pong.served]
        if missing:
            serves = ", ".join(pong.served) or "nothing"
            console.print(f"{name}: answers, but does not serve {', '.join(missing)}; it serves {serves}", markup=False)
            yield name
        else:
            console.print(
                f"{name}: answers, and serves {', '.join(wanted) or 'nothing that is asked of it'}", markup=False
            )
