"""Roughly how long runs will take: from earlier runs where there are any, else a guess that says it is one."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.contenders import contender
from benchmarks.episodes import duration_of
from benchmarks.results import EPISODES, SETTINGS
from benchmarks.settings import Job, Settings, as_json

_SAME = ("recording", "registry", "max_turns", "quick", "processes")
"""Settings that decide how long a run takes; only earlier runs with the same ones count."""

_QUICK_SECONDS = 4.0
"""A run of a smoke test, most of it start-up; guessed."""


def forecast(jobs: Sequence[Job], settings: Settings, results: Path) -> str:
    """Return in words how long runs will take, and how that is known.

    Args:
        jobs: The runs to be made.
        settings: Of the comparison.
        results: The folder that holds earlier comparisons' folders.
    """
    measured = _measured(settings, results)
    total, guessed, unknown = 0.0, set[str](), set[str]()
    for job in jobs:
        guess = _QUICK_SECONDS if settings.quick else contender(job.agent).seconds
        if job.name in measured:
            total += measured[job.name]
        elif guess is None:
            unknown.add(job.name)
        else:
            total += guess
            guessed.add(job.name)
    parts = [f"{len(jobs)} runs, {settings.processes} at a time: roughly {_in_words(total / settings.processes)}"]
    if guessed:
        parts.append(
            f"guessed for {', '.join(sorted(guessed))} from one two-core machine, so it may be off by several times"
        )
    if guessed != {job.name for job in jobs} - unknown:
        parts.append(f"the {'rest' if guessed else 'time'} is the median of earlier runs in {results}")
    if unknown:
        parts.append(f"not counting {', '.join(sorted(unknown))}, of which nothing is known")
    return "; ".join(parts) + "."


def _measured(settings: Settings, results: Path) -> dict[str, float]:
    """Return the median seconds of a run, by agent, over earlier comparisons with the same settings."""
    wanted = {name: as_json(settings)[name] for name in _SAME}
    seconds: dict[str, list[float]] = {}
    for path in sorted(results.glob(f"*/{SETTINGS}")):
        begun = json.loads(path.read_text("utf-8"))["settings"]
        if {name: begun.get(name) for name in _SAME} == wanted:
            for file in sorted((path.parent / EPISODES).glob("*.parquet")):
                agent, took = duration_of(file)
                seconds.setdefault(agent, []).append(took)
    return {name: median(values) for name, values in seconds.items()}


def _in_words(seconds: float) -> str:
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5)):.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
