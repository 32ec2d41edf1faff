"""Run the backend of endpoints against a server that fails. `python -m benchmarks.faults --help`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.faults.report import checks, tables
from benchmarks.faults.running import run_faults
from benchmarks.faults.scenario import planned_calls
from benchmarks.faults.serving import running_server
from benchmarks.faults.speed import CONCURRENT, DELAY_S, measure, targets
from benchmarks.provenance import provenance


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; exits with 1 if a call was lost, doubled, or told wrongly. Speed alone fails nothing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="calls of the fault run (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each client's speed")
    parser.add_argument("--speed-calls", type=int, default=4000, help="calls of each measurement of speed")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the calls (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="also write everything that was found to this file")
    given = parser.parse_args(arguments)
    source = provenance()
    calls = planned_calls(given.calls, seed=given.seed)
    with running_server(delay_s=DELAY_S) as server:
        run = run_faults(calls, server, concurrent=CONCURRENT)
        speeds = measure(server.url, rounds=given.rounds, num_calls=given.speed_calls)
    asked = targets(speeds)
    Console().print(tables(run, speeds, asked, source))
    if given.json is not None:
        found = {
            "source": asdict(source),
            "run": asdict(run),
            "speeds": {name: asdict(speed) for name, speed in speeds.items()},
            "targets": [asdict(target) for target in asked],
        }
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if not all(holds for *_, holds in checks(run)):
        sys.exit(1)


if __name__ == "__main__":
    main()
