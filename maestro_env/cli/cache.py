"""`maestro cache`: how full a cache of replies is, and making it smaller."""

import argparse
from pathlib import Path

from rich.console import Console

from maestro_env.backends.cache import Cache
from maestro_env.errors import ConfigurationError

SUMMARY = "Show how full a cache of replies is, and prune it."

_MB = 10**6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", type=Path, help="the cache")
    parser.add_argument(
        "--prune-to-mb", type=float, metavar="MB", help="remove what was not used for longest, until this is left"
    )


def run(arguments: argparse.Namespace) -> None:
    """Show the size of a cache, after pruning it if that is asked for.

    Raises:
        ConfigurationError: There is no such file, or a size below 0.
        CacheError: The file is no cache.
    """
    path: Path = arguments.file
    if not path.is_file():
        raise ConfigurationError(f"There is no cache {path}; expected the file given to a backend as its cache.")
    console = Console()
    cache = Cache(path, max_bytes=None)
    try:
        if arguments.prune_to_mb is not None:
            if not arguments.prune_to_mb >= 0:
                raise ConfigurationError(f"--prune-to-mb {arguments.prune_to_mb}; expected a number of at least 0.")
            num_removed = cache.prune(int(arguments.prune_to_mb * _MB))
            console.print(f"Removed {num_removed:,} entries.", highlight=False)
        size = cache.size()
    finally:
        cache.close()
    console.print(
        f"{path}: {size.num_entries:,} entries, {size.num_bytes / _MB:,.2f} MB of keys and values, "
        f"{path.stat().st_size / _MB:,.2f} MB on disk.",
        highlight=False,
        soft_wrap=True,
    )
