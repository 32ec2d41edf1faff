"""Measure every gate of the embedded world on test. `python -m benchmarks.world --help`.

Prints pass or fail with the figure, writes `gates.json` into a folder, and with `--page` the page docs/world.md. What
each gate asks, and how it is measured, stands on that page.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.world_gates.findings import Findings
from benchmarks.world_gates.gate import Gate, gate_document
from benchmarks.world_gates.measuring import QUICK, Effort, measure
from benchmarks.world_gates.monolith import MONOLITH
from benchmarks.world_gates.page import IMAGES, page
from benchmarks.world_gates.pictures import difficulty_figure, examples, frontier_figure, save
from benchmarks.world_gates.scope import Roles
from maestro_env.errors import MaestroError
from maestro_env.recordings.load import load_recording, recording_names
from maestro_env.registry import load_registry
from maestro_env.tasks.procedural.generate import EXTENDED, TRAINED, UNSEEN

ROLES = Roles(trained=TRAINED, unseen=UNSEEN, extended=EXTENDED)
DOCS = Path(__file__).parent.parent / "docs"


def write_gates(findings: Findings, folder: Path) -> Path:
    """Write `gates.json` into a folder, made if needed, and return its path; figures are shares, not percent."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "gates.json"
    documents = [gate_document(gate) for gate in findings.gates]
    path.write_text(json.dumps(documents, indent=2, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
    return path


def write_page(findings: Findings, docs: Path) -> Path:
    """Write `world.md` with its pictures into a folder, and return its path."""
    images = docs / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    for table in findings.tables:
        save(examples(table.benchmark), images / f"{table.benchmark}.png")
    source = f"commit {findings.source.commit[:10] or 'unknown'}   {findings.source.processor}"
    curves = {
        "closed loop": findings.policies.closed,
        "contextual plan": findings.policies.contextual,
        "open-loop plans": findings.plans.frontiers,
    }
    bounds = {
        "any reply right, with hindsight": np.array(findings.bounds.any_right),
        "confident reply right, with hindsight": np.array(findings.bounds.confident_only),
    }
    frontier_figure(curves, bounds, source=source).savefig(images / "frontiers.png")
    difficulty_figure(findings.tables, source=source).savefig(images / "difficulty.png")
    path = docs / "world.md"
    path.write_text(page(findings), "utf-8")
    return path


def gate_listing(gates: Sequence[Gate]) -> Table:
    """Return the gates as a table for the terminal."""
    table = Table(title="Gates of the world, on test")
    for column in ("gate", "figure", "95 % interval", "threshold", "", "note"):
        table.add_column(column, overflow="fold")
    for gate in gates:
        document = gate_document(gate)
        known = document["value"] is not None
        table.add_row(
            gate.gate,
            f"{100 * document['value']:.1f}" if known else "",
            f"{100 * document['low']:.1f} to {100 * document['high']:.1f}" if known else "",
            f"{100 * document['threshold']:.0f}" if known else "",
            "[green]pass[/]" if gate.passed else "[red]fail[/]" if known else "[yellow]not measured[/]",
            document["note"].replace("[", "\\["),
        )
    return table


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
        console.print(f"{write_page(findings, DOCS)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
