"""What a measuring of the world leaves behind: gates.json, the page with its pictures, a table for the terminal."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

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


def gate_listing(gates: Sequence[Gate]) -> Group:
    """Return the gates for the terminal: a table of verdicts, then what was compared for each."""
    table = Table(title="Gates of the world, on test")
    for column in ("gate", "what decides", "figure", "95 % interval", "threshold", ""):
        table.add_column(column, no_wrap=column != "what decides")
    for gate in gates:
        document, deciding = gate_document(gate), gate.deciding
        verdict = "[green]pass[/]" if gate.passed else "[red]fail[/]"
        if deciding is None:
            table.add_row(gate.gate, "", "", "", "", "[yellow]not measured[/]")
            continue
        table.add_row(
            gate.gate,
            escape(deciding.name),
            f"{100 * document['value']:.1f}",
            f"{100 * document['low']:.1f} to {100 * document['high']:.1f}",
            "" if deciding.threshold is None else f"{100 * deciding.threshold:.0f}",
            verdict,
        )
    notes = [f"\n[bold]Gate {gate.gate}.[/] {escape(gate_document(gate)['note'])}" for gate in gates]
    return Group(table, *(Text.from_markup(note) for note in notes))
