"""Measure speed and memory, as ratios taken in one process. `python -m benchmarks.throughput --help`."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks.provenance import provenance
from benchmarks.throughput.cases import QUICK, Effort
from benchmarks.throughput.report import measure, page, tables


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--json", type=Path, help="also write everything that was measured to this file")
    parser.add_argument("--page", type=Path, help="also write the results page to this file: docs/throughput.md")
    parser.add_argument("--rounds", type=int, default=Effort.rounds, help="measurements of each case")
    parser.add_argument("--seconds", type=float, default=Effort.seconds, help="of each measurement, at least")
    parser.add_argument("--quick", action="store_true", help="few cases, one short round: a smoke test, no result")
    given = parser.parse_args(arguments)
    effort = QUICK if given.quick else Effort(rounds=given.rounds, seconds=given.seconds)
    console, source = Console(), provenance()
    with Progress(console=console) as progress:
        found = measure(effort, progress)
    console.print(tables(found, source))
    if given.json is not None:
        _write(given.json, json.dumps({"source": asdict(source), **asdict(found)}, indent=1) + "\n")
    if given.page is not None:
        _write(given.page, page(found, source))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
