"""Train the embedded experts: `python -m maestro_env.experts.train --expert NAME` (or `all`).

Draws the training pool, then trains side by side what does not wait for another expert's weights. Killed at any moment
and started again, it goes on where it stopped; what is finished is not trained again.
"""

import argparse
import multiprocessing
import os
import queue
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from maestro_env.experts.pool import build_shard
from maestro_env.experts.recipes import RECIPES, Recipe, recipe_of
from maestro_env.experts.training import Plan, num_shards, train

REPORT_STEPS = 10
"""A training tells its steps this often."""
LOG_STEPS = 200
"""Where no bars can be shown, a line is printed this often."""


def build_pool(recipes: Iterable[Recipe], folder: Path, *, executor: Executor, progress: Progress) -> None:
    """Draw every shard that the recipes need and the pool lacks."""
    sources = sorted({source for recipe in recipes for source in recipe.sources})
    wanted = [(source, number) for source in sources for number in range(num_shards(source))]
    bar = progress.add_task("drawing the pool", total=len(wanted))
    for done in as_completed([executor.submit(build_shard, folder, *shard) for shard in wanted]):
        done.result()
        progress.advance(bar)


def train_all(recipes: Sequence[Recipe], plan: Plan, *, executor: Executor, reports: Any, progress: Progress) -> None:
    """Train experts side by side, each as soon as the one that it starts from is finished.

    Args:
        recipes: What to train, in the order in which waiting trainings are begun.
        plan: What they have in common.
        executor: Its workers know the queue (`follow_with`).
        reports: Queue of (expert, steps done, loss).
        progress: Shows one bar an expert.
    """
    names = {recipe.expert for recipe in recipes}
    waiting = list(recipes)
    running: dict[str, Future[Path]] = {}
    bars: dict[str, TaskID] = {}
    finished: set[str] = set()
    while waiting or running:
        for recipe in [recipe for recipe in waiting if recipe.start_from not in names - finished]:
            waiting.remove(recipe)
            running[recipe.expert] = executor.submit(_train_in_worker, recipe, plan)
        _show(reports, bars, plan, progress)  # and waits a moment
        for name in [name for name, future in running.items() if future.done()]:
            path = running.pop(name).result()
            finished.add(name)
            progress.console.print(f"{name}: {path}", highlight=False)


def _show(reports: Any, bars: dict[str, TaskID], plan: Plan, progress: Progress) -> None:
    """Show what one report says; returns after a moment if there is none."""
    try:
        name, steps_done, loss = reports.get(timeout=0.5)
    except queue.Empty:
        return
    if name not in bars:
        bars[name] = progress.add_task(name, total=plan.steps or recipe_of(name).steps)
    progress.update(bars[name], completed=steps_done, description=f"{name} loss {loss:.2f}")
    if not progress.console.is_terminal and steps_done % LOG_STEPS == 0:
        progress.console.print(f"{name}: step {steps_done}, loss {loss:.3f}", highlight=False)


_reports: Any = None
"""In a worker: the queue that the command follows."""


def follow_with(reports: Any) -> None:
    """Prepare a worker: one thread, and the queue that it reports to."""
    global _reports  # noqa: PLW0603  (the pool's initializer has no other way to hand something to later calls)
    _reports = reports
    torch.set_num_threads(1)


def _train_in_worker(recipe: Recipe, plan: Plan) -> Path:
    last = plan.steps or recipe.steps

    def report(steps_done: int, loss: float) -> None:
        if steps_done % REPORT_STEPS == 0 or steps_done == last:
            _reports.put((recipe.expert, steps_done, loss))

    return train(recipe, plan=plan, report=report)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m maestro_env.experts.train", description=__doc__)
    parser.add_argument("--expert", nargs="+", required=True, help=f"'all', or some of: {', '.join(RECIPES)}")
    parser.add_argument("--steps", type=int, help="train for this many steps instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool", type=Path, default=Path("build/pool"), help="folder of training pools")
    parser.add_argument("--out", type=Path, default=Path("build/experts"), help="folder of weights and checkpoints")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    options = parser.parse_args(arguments)
    names = list(RECIPES) if options.expert == ["all"] else options.expert
    recipes = [recipe_of(name) for name in names]
    plan = Plan(pool=options.pool, out=options.out, seed=options.seed, steps=options.steps)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    reports: Any = context.Queue()
    with (
        Progress(*columns, console=Console()) as progress,
        ProcessPoolExecutor(options.workers, context, initializer=follow_with, initargs=(reports,)) as executor,
    ):
        build_pool(recipes, plan.pool, executor=executor, progress=progress)
        train_all(recipes, plan, executor=executor, reports=reports, progress=progress)


if __name__ == "__main__":
    main()
