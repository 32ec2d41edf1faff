"""Train the tiny orchestrator: warm start, GRPO, and what that is worth. `python -m benchmarks.orchestrate --help`.

Every seed trains a model of its own from nothing. Before and after GRPO it plays the same tasks: the held-out ones of
val, by which settings were chosen, and test tasks, by which nothing was. It plays them twice, as it is trained (drawing
each token) and greedily (taking the likeliest), for the two differ: a policy that hardly knows whom to prefer looks bad
by its likeliest choice. Killed at any moment and started again, it goes on.
"""

import argparse
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.bootstrap import Interval, difference_interval, equal_weights, mean_interval, task_counts
from benchmarks.learning_curves import learning_curves
from benchmarks.provenance import provenance
from benchmarks.results import write_json
from benchmarks.summary import RESAMPLES
from benchmarks.table import percent, points
from maestro_agents.llm import grpo, run, sft
from maestro_agents.llm.pretrained import load_pretrained
from maestro_agents.llm.rollout import Rollout
from maestro_agents.llm.settings import RunSettings, read_settings
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_env.errors import ConfigurationError, MaestroError

STAGES = ("warm-start", "grpo")
"""Folders of the model before and after it was trained by playing."""

WAYS = {"sampled": 1.0, "greedy": 0.0}
"""Temperatures to play at."""

FIGURES = ("accuracy", "reward", "well-formed")
SUMMARY, CURVES = "summary.json", "curves.png"


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What GRPO was worth on one set of tasks."""

    figure: str
    """One of `FIGURES`."""
    before: Interval
    after: Interval
    gain: Interval
    """Paired over tasks."""


def train(settings: RunSettings, folder: Path, console: Console) -> None:
    """Train one model, as far as that is not done yet.

    Args:
        settings: Of the run.
        folder: Of the seed; gets `warm-start/` and `grpo/`, each with its `model/` and `seconds.json`.
        console: Is told what begins.

    Raises:
        ConfigurationError: What is there was trained with other settings.
    """
    warm, trained = (folder / stage for stage in STAGES)
    if (warm / "model").is_dir() and read_settings(warm / "settings.json") != settings:
        raise ConfigurationError(
            f"The models in {str(folder)!r} were trained with other settings, which {str(warm / 'settings.json')!r} "
            "tells. Give those, or another folder with --out."
        )
    if not (warm / "model").is_dir():
        shutil.rmtree(warm, ignore_errors=True)  # a few minutes of work at most, and not worth a checkpoint
        console.print(f"{folder.name}: warm start")
        began = time.perf_counter()
        sft.warm_start(settings, warm)
        write_json(warm / "seconds.json", {"seconds": time.perf_counter() - began})
    if not (trained / "model").is_dir():
        goes_on = any((trained / "checkpoints").glob("checkpoint-*"))
        if not goes_on:
            shutil.rmtree(trained, ignore_errors=True)
        console.print(f"{folder.name}: GRPO{', from its last checkpoint' if goes_on else ''}")
        began = time.perf_counter()
        started = replace(settings, model=replace(settings.model, place=str(warm / "model")))
        grpo.train(started, trained, goes_on=goes_on)
        if not goes_on:  # what a run took that was killed in between is not known
            write_json(trained / "seconds.json", {"seconds": time.perf_counter() - began})


def played(
    settings: RunSettings, folder: Path, *, split: str, num_tasks: int, temperature: float
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the benchmark of each task, and [stages, figures, tasks] how it came out before and after GRPO."""
    chosen = replace(settings.evaluation, num_tasks=num_tasks, temperature=temperature)
    held_out = replace(settings, evaluation=chosen)
    benchmarks: list[str] = []
    outcomes: list[list[list[float]]] = []
    for stage in STAGES:
        pretrained = load_pretrained(folder / stage / "model")
        tasks = run.HeldOut(held_out, run.make_layout(settings, pretrained), split=split)
        rollouts = tasks.play(TransformersGenerator(pretrained))
        benchmarks = [rollout.benchmark for rollout in rollouts]
        outcomes.append(_figures(rollouts))
    return benchmarks, np.array(outcomes)


def gains(benchmarks: Sequence[str], outcomes: NDArray[np.float64]) -> list[Gain]:
    """Return what GRPO was worth.

    Args:
        benchmarks: [N] of each task.
        outcomes: [S, stages, figures, N] by seed; every seed played the same tasks.
    """
    rng = np.random.default_rng(0)
    counts = task_counts(benchmarks, resamples=RESAMPLES, rng=rng)
    equal = equal_weights(benchmarks)
    return [
        Gain(
            figure=name,
            before=mean_interval(outcomes[:, 0, place], counts, weights=equal, rng=rng),
            after=mean_interval(outcomes[:, 1, place], counts, weights=equal, rng=rng),
            gain=difference_interval(outcomes[:, 1, place], outcomes[:, 0, place], counts, weights=equal, rng=rng),
        )
        for place, name in enumerate(FIGURES)
    ]


def table_of(title: str, found: Sequence[Gain]) -> Table:
    """Return gains as a table."""
    table = Table("", "after the warm start", "after GRPO", "gain", title=title)
    for each in found:
        table.add_row(each.figure, percent(each.before), percent(each.after), points(each.gain))
    return table


def orchestrate(arguments: argparse.Namespace, console: Console) -> None:
    """Train all seeds, play them, and write what came out."""
    out: Path = arguments.out
    outcomes: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    benchmarks: dict[str, list[str]] = {}
    document: dict[str, Any] = {"source": asdict(provenance()), "seeds": {}, "all": []}
    for seed in arguments.seeds:
        settings = read_settings(arguments.config, [*arguments.set, f"sft.seed={seed}", f"grpo.seed={seed}"])
        folder = out / f"seed-{seed}"
        train(settings, folder, console)
        parts: list[dict[str, Any]] = []
        for split, number in (("val", settings.evaluation.num_tasks), ("test", arguments.test_tasks)):
            for way, temperature in WAYS.items():
                benchmarks[split], outcome = played(
                    settings, folder, split=split, num_tasks=number, temperature=temperature
                )
                outcomes.setdefault((split, way), []).append(outcome)
                parts.append(_part(f"seed {seed}", split, way, gains(benchmarks[split], outcome[None]), console))
        document["settings"] = settings.as_document()
        document["seeds"][str(seed)] = {
            "seconds": {name: _seconds(folder / name) for name in STAGES},
            "played": parts,
        }
    for (split, way), each in outcomes.items():
        found = gains(benchmarks[split], np.stack(each))
        document["all"].append(_part(f"{len(each)} seeds", split, way, found, console if len(each) > 1 else None))
    write_json(out / SUMMARY, document)
    curves = [_curve(out / f"seed-{seed}" / "grpo" / "held-out.jsonl") for seed in arguments.seeds]
    learning_curves(curves, source=_footer(document["source"])).savefig(out / CURVES)
    console.print(f"\nNumbers: {out / SUMMARY}\nCurves: {out / CURVES}")


def _part(name: str, split: str, way: str, found: Sequence[Gain], console: Console | None) -> dict[str, Any]:
    """Show what GRPO was worth on one set of tasks, and return it as JSON holds it."""
    if console is not None:
        console.print(table_of(f"{name}, {split}, {way}", found))
    return {"split": split, "way": way, "figures": [asdict(each) for each in found]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.orchestrate", description=__doc__)
    parser.add_argument("--config", default="tiny-cpu", help="a shipped configuration, or a TOML file")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change a setting")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="a model of its own each (default: 0)")
    parser.add_argument("--test-tasks", type=int, default=1000, help="of test, drawn once (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("results/orchestrate"), help="what is there already is kept")
    try:
        orchestrate(parser.parse_args(arguments), Console())
    except MaestroError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False)
        return 2
    return 0


def _figures(rollouts: Sequence[Rollout]) -> list[list[float]]:
    """[figures, tasks], in the order of `FIGURES`."""
    return [
        [float(rollout.correct) for rollout in rollouts],
        [rollout.reward for rollout in rollouts],
        [float(rollout.well_formed) for rollout in rollouts],
    ]


def _seconds(folder: Path) -> float | None:
    path = folder / "seconds.json"
    return json.loads(path.read_text("utf-8"))["seconds"] if path.is_file() else None


def _curve(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _footer(source: dict[str, Any]) -> str:
    commit = source["commit"][:10] or "unknown"
    return f"{source['command']}   commit {commit}   {source['cores']} cores, {source['processor']}"


if __name__ == "__main__":
    raise SystemExit(main())
