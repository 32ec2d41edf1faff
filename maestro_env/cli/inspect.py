"""`maestro inspect`: what is in a recording."""

import argparse
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from maestro_env.recordings.load import load_recording, recording_folder
from maestro_env.recordings.manifest import FILES, Manifest, read_manifest
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.recordings.summary import Matrix, density, expert_matrix, failures, task_counts
from maestro_env.recordings.tables import used_slots
from maestro_env.registry import Registry
from maestro_env.types import SPLITS, Role

SUMMARY = "Show what is in a recording: tasks, accuracy of every expert, costs, density, sizes."

_LEAST_WIDTH = 124
"""Columns of the widest table: a narrower terminal breaks its lines, but no number is cut off."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("recording", nargs="?", default="embedded", help="name or folder (default: %(default)s)")
    parser.add_argument("--split", choices=SPLITS, help="accuracy on these tasks only (default: on all)")


def run(arguments: argparse.Namespace) -> None:
    """Print the tables."""
    folder = recording_folder(arguments.recording)
    recording = load_recording(folder)
    manifest = read_manifest(folder)
    console = Console(highlight=False)
    console.width = max(console.width, _LEAST_WIDTH)
    console.print(f"[bold]{recording.name}[/] in {folder}")
    console.print(_tasks(recording))
    which = f"{arguments.split} tasks" if arguments.split else "all tasks"
    for in_regions in (False, True):
        matrix = expert_matrix(recording, split=arguments.split, in_regions=in_regions)
        if not np.isnan(matrix.cost).all():
            where = "in regions that were found" if in_regions else "on whole images"
            title = f"Accuracy in % {where}, {which}"
            table = _experts(matrix, recording.registry, title=title, unit=recording.cost_unit)
            console.print(table)
    console.print(_contents(recording, folder, manifest))


def _tasks(recording: Recording) -> Table:
    table = Table("benchmark", *SPLITS, "all", title="Tasks", title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    counts = task_counts(recording)
    for benchmark, by_split in counts.items():
        table.add_row(benchmark, *(f"{by_split[split]:,}" for split in SPLITS), f"{sum(by_split.values()):,}")
    totals = [sum(by_split[split] for by_split in counts.values()) for split in SPLITS]
    table.add_row("all", *(f"{total:,}" for total in totals), f"{sum(totals):,}", style="bold")
    return table


def _experts(matrix: Matrix, registry: Registry, *, title: str, unit: str) -> Table:
    """One row an expert; the best of each benchmark is bold, locators show no accuracy."""
    names = [benchmark.replace("_", "\n") for benchmark in matrix.benchmarks]
    # A call costs a few passes, but seldom more than a thousandth of a dollar.
    per, calls = (1000, "1,000 calls") if unit == "usd" else (1, "a call")
    headers = (*names, "mean", "an-\nswered", f"{unit}\n{calls}")
    table = Table("expert", *headers, title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in table.columns[1:]:
        column.justify = "right"
    columns = np.column_stack([matrix.score, matrix.mean_score])
    best = np.where(np.isnan(columns), -1.0, columns).max(axis=0, initial=0.0)
    for p, expert in enumerate(registry.experts):
        is_locator = expert.model.role == Role.LOCATOR
        cells = ["–" if is_locator else _percent(x, bold=x == top) for x, top in zip(columns[p], best, strict=True)]
        table.add_row(expert.id, *cells, f"{_percent(matrix.answered[p])} %", f"{per * matrix.cost[p]:.4g}")
    return table


def _percent(share: float, *, bold: bool = False) -> str:
    text = "–" if np.isnan(share) else f"{100 * share:.0f}"
    return f"[bold]{text}[/]" if bold else text


def _contents(recording: Recording, folder: Path, manifest: Manifest) -> Table:
    table = Table(show_header=False, box=None)
    num_calls = int((recording.status != MISSING).sum())
    num_contexts = int(used_slots(recording).sum())
    table.add_row("calls", f"{num_calls:,}, {100 * density(recording):.1f} % of all (context, expert) pairs")
    table.add_row("contexts", f"{num_contexts:,}, {num_contexts / len(recording.tasks):.2f} a task")
    failed = failures(recording)
    table.add_row("failed calls", ", ".join(f"{count:,} {status}" for status, count in failed.items()) or "none")
    table.add_row("encoders", f"questions {manifest.question_encoder or '?'}, views {manifest.view_encoder or '?'}")
    sizes = [f"{name} {manifest.files[name].num_bytes / 1e6:.2f} MB" for name in FILES]
    total = sum(path.stat().st_size for path in folder.iterdir())
    table.add_row("files", f"{total / 1e6:.2f} MB: {', '.join(sizes)}")
    for what, value in manifest.made.items():
        table.add_row(what, value)
    return table
