"""The `maestro` command: its subcommands, each a file of its own, and what becomes of errors."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from rich.console import Console

from maestro_env.errors import MaestroError

COMMANDS = ("record", "inspect", "play", "cache", "registry", "serve")
"""Each is a module here with `SUMMARY`, `add_arguments(parser)` and `run(arguments)`."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command; exits with 2 after an error of this package, with 130 after an interrupt."""
    arguments = build_parser().parse_args(argv)
    try:
        _module(arguments.command).run(arguments)
    except MaestroError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"error: {error}", markup=False)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command."""
    parser = argparse.ArgumentParser(prog="maestro", description="Record, inspect and play recordings of experts.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = _module(name)
        subparser = subparsers.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        module.add_arguments(subparser)
    return parser


def _module(command: str) -> ModuleType:
    return import_module(f"maestro_env.cli.{command}")
