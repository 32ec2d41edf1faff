"""What a comparison leaves behind: a folder of its own with one JSON of every episode, and one figure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.bounds import Bounds
from benchmarks.playing import Run
from benchmarks.provenance import Provenance
from benchmarks.summary import Summary
from maestro_env.recordings.recording import Recording

SCHEMA = 1
"""Version of the JSON."""


def new_folder(parent: Path, *, now: datetime) -> Path:
    """Make and return a folder named after the moment; an existing one is never touched.

    Args:
        parent: Made if needed.
        now: The moment.
    """
    name = f"compare-{now:%Y%m%d-%H%M%S}"
    for number in range(1, 1000):
        folder = parent / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent / name} and 998 more exist; give another --out.")


def document(
    *,
    summary: Summary,
    runs: Sequence[Run],
    test: Recording,
    bounds: Bounds,
    source: Provenance,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the whole comparison as JSON holds it: where it comes from, its numbers, and every episode.

    Episodes are kept as columns: in each run, entry i belongs to task i of `tasks`.
    """
    return {
        "schema": SCHEMA,
        "source": asdict(source),
        "settings": dict(settings),
        "summary": asdict(summary),
        "experts": list(test.registry.ids),
        "tasks": [{"id": task.id, "benchmark": task.benchmark, "gold": task.gold} for task in test.tasks],
        "bounds": {name: values.tolist() for name, values in vars(bounds).items()},
        "runs": [_run(run, test) for run in runs],
    }


def _run(run: Run, test: Recording) -> dict[str, Any]:
    place = {expert_id: number for number, expert_id in enumerate(test.registry.ids)}
    return {
        "agent": run.agent,
        "seed": run.seed,
        "settings": dict(run.settings),
        "val_reward": run.val_reward,
        "seconds": run.seconds,
        "outcome": [episode.outcome.value for episode in run.episodes],
        "answer": [episode.answer for episode in run.episodes],
        "reward": [episode.reward for episode in run.episodes],
        "experts": [[place[expert_id] for expert_id in episode.experts] for episode in run.episodes],
        "turns": [episode.turns for episode in run.episodes],
        "passes": [episode.passes for episode in run.episodes],
        "cost_usd": [episode.cost_usd for episode in run.episodes],
        "latency_s": [episode.latency_s for episode in run.episodes],
    }


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON; numbers that JSON has no word for are an error."""
    path.write_text(json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
