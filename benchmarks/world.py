"""Measure every gate of the embedded world on test. `python -m benchmarks.world --help`.

Prints pass or fail with the figure, writes `gates.json` into a folder, and with `--page` the page docs/world.md. What
each gate asks, and how it is measured, stands on that page.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.world_gates.measuring import QUICK, Effort, measure
from benchmarks.world_gates.monolith import MONOLITH
from benchmarks.world_gates.scope import Roles
from benchmarks.world_gates.writing import gate_listing, write_gates, write_page
from maestro_env.errors import MaestroError
from maestro_env.recordings.load import load_recording, recording_names
from maestro_env.registry import load_registry
from maestro_env.tasks.benchmarks import EXTENDED, TRAINED, UNSEEN

ROLES = Roles(trained=TRAINED, unseen=UNSEEN, extended=EXTENDED)
DOCS = Path(__file__).parent.parent / "docs"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.world", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recording", default="embedded", help="name or folder of the world")
    parser.add_argument("--monolith", default=MONOLITH, help="name or folder of the monolith's recording")
    parser.add_argument("--out", type=Path, default=Path("results/world"), help="where gates.json is written")
    parser.add_argument("--seeds", type=int, default=Effort.seeds, help="re-splits of train and val")
    parser.add_argument("--processes", type=int, default=Effort.processes, help="runs side by side")
    parser.add_argument("--page", action="store_true", help="write docs/world.md and its pictures, too")
    parser.add_argument("--quick", action="store_true", help="few tasks and tiny training: a smoke test, no result")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, 0 where everything was measured, whatever the gates say."""
    given = parse(arguments)
    effort = QUICK if given.quick else Effort(seeds=given.seeds, processes=given.processes)
    console = Console()
    try:
        known = given.monolith in recording_names() or Path(given.monolith).is_dir()
        findings = measure(
            load_recording(given.recording),
            monolith=load_recording(given.monolith) if known else None,
            roles=ROLES,
            core=load_registry("core"),
            effort=effort,
            console=console,
        )
    except MaestroError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False)
        return 2
    console.print(gate_listing(findings.gates))
    console.print(f"\n{write_gates(findings, given.out)}")
    if given.page:
        # A smoke test's page is no result: it does not take the place of the real one.
        console.print(f"{write_page(findings, given.out if given.quick else DOCS)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
