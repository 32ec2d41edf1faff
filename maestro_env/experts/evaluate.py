"""Test an embedded reader or locator on tasks it never saw: `python -m maestro_env.experts.evaluate --expert NAME`.

Readers: share of right answers, the whole picture shown once. Locators: share of scenes, by the target's family, in
which the box found holds the target's centre and its side is within a factor of 1.6.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track

from maestro_env.experts.store import ReaderNetwork, load_network
from maestro_env.experts.weights_io import WEIGHTS_FOLDER
from maestro_env.skills.base import Finding, Reading
from maestro_env.tasks.procedural.generate import BENCHMARKS, FAMILIES, Rendered, render
from maestro_env.types import SPLITS, Box

SIDE_FACTOR = 1.6
"""A box this much larger or smaller than the target still shows it well enough to be read."""


def answer_of(reading: Reading) -> str | None:
    """Return the most probable answer; None where `not visible` is more probable."""
    answer = max(reading.probabilities, key=reading.probabilities.__getitem__)
    hidden = 1.0 - sum(reading.probabilities.values())
    return answer if reading.probabilities[answer] > hidden else None


def hits(finding: Finding, target: Box) -> bool:
    """Whether a box holds the target's centre and is of about its size."""
    box = finding.box
    x, y = (target.left + target.right) / 2, (target.top + target.bottom) / 2
    inside = box.left <= x <= box.right and box.top <= y <= box.bottom
    return inside and 1 / SIDE_FACTOR <= box.width / target.width <= SIDE_FACTOR


def accuracies(expert: str, *, folder: Path, split: str, num_tasks: int) -> dict[str, float]:
    """Return an expert's accuracy on each benchmark (readers), or hit rate on each family's scenes (locators)."""
    network = load_network(expert, folder)
    results: dict[str, float] = {}
    if isinstance(network, ReaderNetwork):
        for benchmark in track(BENCHMARKS, description=expert):
            tasks = [render(benchmark, split, index) for index in range(num_tasks)]
            readings = network.look([task.image for task in tasks], [task.task.question for task in tasks])
            right = [answer_of(reading) == task.task.gold for reading, task in zip(readings, tasks, strict=True)]
            results[benchmark] = sum(right) / num_tasks
        return results
    scenes: dict[str, list[Rendered]] = {family: [] for family in FAMILIES}
    for index in track(range(num_tasks * len(FAMILIES)), description=expert):
        rendered = render("scene", split, index)
        assert rendered.scene is not None
        scenes[rendered.scene.target.family].append(rendered)
    for family, tasks in scenes.items():
        findings = network.look([task.image for task in tasks], [task.task.question for task in tasks])
        targets = [task.scene.target.box for task in tasks if task.scene is not None]
        results[family] = sum(map(hits, findings, targets)) / max(1, len(tasks))
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m maestro_env.experts.evaluate", description=__doc__)
    parser.add_argument("--expert", nargs="+", required=True)
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FOLDER, help="folder of the weights")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--tasks", type=int, default=400, help="tasks a benchmark, or scenes a family")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    console = Console()
    for expert in options.expert:
        found = accuracies(expert, folder=options.weights, split=options.split, num_tasks=options.tasks)
        console.print(f"{expert}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
