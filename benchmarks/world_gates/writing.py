"""What a measuring of the world leaves behind: gates.json, the page with its pictures, a table for the terminal."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.markup import escape
from rich.table import Table

from benchmarks.world_gates.findings import Findings
from benchmarks.world_gates.gate import Gate, gate_document
from benchmarks.world_gates.page import IMAGES, page
from benchmarks.world_gates.pictures import difficulty_figure, examples, frontier_figure, save


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
            escape(document["note"]),
        )
    return table
