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

from maestro_env.errors import ConfigurationError
from maestro_env.experts.pool import CLOSED
from maestro_env.experts.store import GlyphNetwork, LocatorNetwork, ReaderNetwork, load_network
from maestro_env.experts.weights_io import WEIGHTS_FOLDER
from maestro_env.skills.base import Finding
from maestro_env.skills.reading import best_answer, is_visible
from maestro_env.tasks.procedural.generate import SCENE_FAMILIES, render
from maestro_env.types import SPLITS, Box

SIDE_FACTOR = 1.6
"""A box this much larger or smaller than the target still shows it well enough to be read."""


def hits(finding: Finding, target: Box) -> bool:
    """Whether a box holds the target's centre and is of about its size."""
    box = finding.box
    x, y = (target.left + target.right) / 2, (target.top + target.bottom) / 2
    inside = box.left <= x <= box.right and box.top <= y <= box.bottom
    return inside and 1 / SIDE_FACTOR <= box.width / target.width <= SIDE_FACTOR


def reader_accuracies(network: ReaderNetwork, *, split: str, num_tasks: int) -> dict[str, float]:
    """Return the share of right answers on each benchmark of plain figures with closed answers."""
    results: dict[str, float] = {}
    for benchmark in track(CLOSED):
        tasks = [render(benchmark, split, index) for index in range(num_tasks)]
        readings = network.look([task.image for task in tasks], [task.task.question for task in tasks])
        right = [
            is_visible(reading) and best_answer(reading)[0] == task.task.gold
            for reading, task in zip(readings, tasks, strict=True)
        ]
        results[benchmark] = sum(right) / num_tasks
    return results


def locator_hit_rates(network: LocatorNetwork, *, split: str, num_tasks: int) -> dict[str, float]:
    """Return the share of hits by the target's family, on `num_tasks` scenes a family in the mean."""
    found: dict[str, list[bool]] = {family: [] for family in SCENE_FAMILIES}
    for index in track(range(num_tasks * len(SCENE_FAMILIES))):
        rendered = render("scene", split, index)
        assert rendered.scene is not None
        finding = network.look([rendered.image], [rendered.task.question])[0]
        found[rendered.scene.target.family].append(hits(finding, rendered.scene.target.box))
    return {family: sum(each) / max(1, len(each)) for family, each in found.items()}


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
        network = load_network(expert, options.weights)
        if isinstance(network, ReaderNetwork):
            found = reader_accuracies(network, split=options.split, num_tasks=options.tasks)
        elif isinstance(network, GlyphNetwork):
            raise ConfigurationError(
                f"Expert {expert!r} reads single characters that its skills cut out, so it has no score of its own; "
                "python -m benchmarks.world measures it with them."
            )
        else:
            found = locator_hit_rates(network, split=options.split, num_tasks=options.tasks)
        console.print(f"{expert}: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
