"""`maestro serve`: the commands that serve a registry file's models, printed or started."""

import argparse
import os
import shlex
import subprocess
import time
from collections.abc import Sequence

from rich.console import Console

from maestro_env.errors import ConfigurationError
from maestro_env.serving import Command, serve_commands

SUMMARY = "Print the vLLM commands that a registry file needs, with their ports and shares of memory, or start them."

_POLL_S = 0.2
_END_S = 30.0
"""How long a server has to end by itself."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", help="a TOML file, or the name of a shipped registry")
    parser.add_argument("--only", nargs="+", metavar="ENDPOINT", help="only the servers of these endpoints")
    parser.add_argument("--start", action="store_true", help="start them here, and end them all on Ctrl-C")
    parser.add_argument(
        "--program",
        default="vllm serve",
        help="what each command starts with (default: %(default)s); one that does not end in 'serve' gets --model",
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the commands, or start them and wait."""
    console = Console(highlight=False, soft_wrap=True)
    commands = _chosen(serve_commands(arguments.file, program=shlex.split(arguments.program)), arguments.only)
    for command in commands:
        console.print(command.line, markup=False)
    if arguments.start:
        _serve(commands, console)


def _chosen(commands: Sequence[Command], names: Sequence[str] | None) -> list[Command]:
    if names is None:
        return list(commands)
    known = [command.server.endpoint for command in commands]
    strangers = [name for name in names if name not in known]
    if strangers:
        raise ConfigurationError(f"No server is listed for the endpoints {strangers}; expected some of {known}.")
    return [command for command in commands if command.server.endpoint in names]


def _serve(commands: Sequence[Command], console: Console) -> None:
    """Start servers and wait until one ends or the user has had enough; then end the others."""
    started: list[tuple[Command, subprocess.Popen[bytes]]] = []
    try:
        for command in commands:
            try:
                process = subprocess.Popen(command.words, env={**os.environ, **command.environment})
            except OSError as error:
                raise ConfigurationError(
                    f"{command.words[0]!r} cannot be started ({error.strerror}); install vLLM, or give --program."
                ) from error
            started.append((command, process))
        while all(process.poll() is None for _, process in started):
            time.sleep(_POLL_S)
        ended = next((command, process) for command, process in started if process.poll() is not None)
        raise ConfigurationError(
            f"The server of endpoint {ended[0].server.endpoint!r} ended with status {ended[1].returncode}; its own "
            "output says why. The others are ended as well."
        )
    finally:
        _end([process for _, process in started])
        console.print(f"Ended {len(started)} servers.")


def _end(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        process.terminate()
    deadline_s = time.monotonic() + _END_S
    for process in processes:
        try:
            process.wait(timeout=max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
