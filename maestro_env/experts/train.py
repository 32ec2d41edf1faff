"""Train the embedded experts: `python -m maestro_env.experts.train --expert NAME` (or `all`).

Training is seeded, its schedule counts steps and never time, and it resumes after being killed: every
`CHECKPOINT_STEPS` the weights and the optimizer's state are written as safetensors beside the result.
"""

import argparse
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn import functional

from maestro_env.experts.batches import Batch, Source, draw_batch, load_source
from maestro_env.experts.glyphs import Glyphs
from maestro_env.experts.network import (
    LOCATOR_CELLS,
    MONOLITH_WIDTH,
    Locator,
    Reader,
    Viewer,
    channels_last,
    multiply_adds,
)
from maestro_env.experts.pool import build_shard
from maestro_env.experts.recipes import RECIPES, Architecture, Recipe, recipe_of
from maestro_env.experts.weights_io import load_weights, resume, save_checkpoint, save_weights, weights_path

CHECKPOINT_STEPS = 100
WARM_UP_STEPS = 60
NUM_SHARDS: Mapping[str, int] = {"plain": 32, "patch": 32, "window": 16, "scene": 8, "locate": 10, "glyph": 16}
"""Shards of the pool by kind of source; some 8,000 figures a family saturate a network of this size."""
HELD_OUT_ROWS = 2048


def make_network(recipe: Recipe) -> nn.Module:
    """Return a network with random weights for a recipe."""
    match recipe.architecture:
        case Architecture.READER:
            return Reader()
        case Architecture.MONOLITH:
            return Reader(MONOLITH_WIDTH)
        case Architecture.GLYPHS:
            return Glyphs()
        case Architecture.LOCATOR:
            return Locator()
        case Architecture.VIEWER:
            return Viewer(num_kinds=len(recipe.sources))


def loss_of(network: nn.Module, batch: Batch) -> Tensor:
    """Return the mean loss of a batch."""
    if isinstance(network, Viewer):
        _, logits = network(batch.images_BCYX)
        return functional.cross_entropy(logits.float(), batch.source_B)
    if isinstance(network, Locator):
        return _locator_loss(network, batch)
    logits = network(batch.images_BCYX, batch.tokens_BT)
    return functional.cross_entropy(logits.float(), batch.answer_B)


def _locator_loss(network: Locator, batch: Batch) -> Tensor:
    heat_BN, geometry_B3N = network(batch.images_BCYX, batch.tokens_BT)
    left, top, right, bottom = batch.box_B4.unbind(1)
    x, y = (left + right) / 2 * LOCATOR_CELLS, (top + bottom) / 2 * LOCATOR_CELLS
    column, row = (v.floor().clamp(0, LOCATOR_CELLS - 1) for v in (x, y))
    cell_B = (row * LOCATOR_CELLS + column).long()
    wanted_B3 = torch.stack([x - column - 0.5, y - row - 0.5, (right - left).log()], dim=1)
    found_B3 = geometry_B3N.float().gather(2, cell_B[:, None, None].expand(-1, 3, 1)).squeeze(2)
    return functional.cross_entropy(heat_BN.float(), cell_B) + functional.smooth_l1_loss(found_B3, wanted_B3, beta=0.1)


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return a linear warm-up followed by a cosine to 0."""
    warm_up = min(WARM_UP_STEPS, max(1, steps // 10))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def build_pool(recipes: Iterable[Recipe], folder: Path, *, workers: int, progress: Progress) -> None:
    """Draw every shard that the recipes need and the pool lacks."""
    sources = sorted({source for recipe in recipes for source in recipe.sources})
    wanted = [(source, number) for source in sources for number in range(num_shards(source))]
    bar = progress.add_task("drawing the pool", total=len(wanted))
    with ProcessPoolExecutor(max_workers=workers) as executor:
        for done in as_completed([executor.submit(build_shard, folder, *shard) for shard in wanted]):
            done.result()
            progress.advance(bar)


def num_shards(source: str) -> int:
    """Return how many shards of a source there are; the last one is held out from training."""
    return NUM_SHARDS[source.partition("/")[0]]


def load_pool(recipe: Recipe, folder: Path) -> tuple[dict[str, Source], dict[str, Source]]:
    """Return the sources of a recipe: what it trains on, and the held-out shard of each."""
    paths = {
        source: [build_shard(folder, source, number) for number in range(num_shards(source))]
        for source in recipe.sources
    }
    training = {source: load_source(shards[:-1]) for source, shards in paths.items()}
    held_out = {source: load_source(shards[-1:]) for source, shards in paths.items()}
    return training, held_out


def train(recipe: Recipe, *, steps: int, seed: int, pool: Path, out: Path, progress: Progress) -> Path:
    """Train one expert, or go on where a killed training stopped, and return the path of its weights.

    Raises:
        ConfigurationError: The checkpoint belongs to another plan, or the start weights are missing.
    """
    checkpoint_path = out / f"{recipe.expert}.checkpoint.safetensors"
    plan = {"expert": recipe.expert, "steps": str(steps), "seed": str(seed)}
    torch.manual_seed(seed)
    network = channels_last(make_network(recipe))
    if recipe.start_from:
        own, shipped = weights_path(recipe.start_from, out), weights_path(recipe.start_from)
        network.load_state_dict(load_weights(own if own.exists() else shipped))
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    first_step = resume(network, optimizer, checkpoint_path, plan=plan)
    training, held_out = load_pool(recipe, pool)
    bar = progress.add_task(recipe.expert, total=steps, completed=first_step)
    network.train()
    for step in range(first_step, steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, recipe.peak_learning_rate)
        batch = draw_batch(recipe, training, np.random.default_rng([seed, step]), recipe.batch_size)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(network, batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == steps:
            save_checkpoint(network, optimizer, checkpoint_path, plan=plan, next_step=step + 1)
        progress.update(bar, advance=1, description=f"{recipe.expert} loss {loss.item():.2f}")
    path = weights_path(recipe.expert, out)
    spent = training_multiply_adds(network, recipe, held_out) * steps
    found = {"multiply_adds": str(spent), "held_out_loss": f"{_held_out_loss(network, recipe, held_out):.4f}"}
    save_weights(network, path, plan | found)
    return path


def training_multiply_adds(network: nn.Module, recipe: Recipe, sources: Mapping[str, Source]) -> int:
    """Return the multiply-adds of one training step: forward, and twice as much backward (Kaplan et al. 2020, 2.1)."""
    network.eval()
    one = draw_batch(recipe, sources, np.random.default_rng(0), 1)
    views = [one.images_BCYX] if isinstance(network, Viewer) else [one.images_BCYX, one.tokens_BT]
    return 3 * recipe.batch_size * multiply_adds(network, *views)


def _held_out_loss(network: nn.Module, recipe: Recipe, held_out: Mapping[str, Source]) -> float:
    network.eval()
    batch = draw_batch(recipe, held_out, np.random.default_rng(0), HELD_OUT_ROWS)
    with torch.no_grad():
        return float(loss_of(network, batch))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m maestro_env.experts.train", description=__doc__)
    parser.add_argument("--expert", nargs="+", required=True, help=f"'all', or some of: {', '.join(RECIPES)}")
    parser.add_argument("--steps", type=int, help="train for this many steps instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool", type=Path, default=Path("build/pool"), help="folder of the training pool")
    parser.add_argument("--out", type=Path, default=Path("build/experts"), help="folder of weights and checkpoints")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw the pool")
    options = parser.parse_args(arguments)
    names = list(RECIPES) if options.expert == ["all"] else options.expert
    recipes = [recipe_of(name) for name in names]
    torch.set_num_threads(1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        build_pool(recipes, options.pool, workers=options.workers, progress=progress)
        for recipe in recipes:
            steps = options.steps or recipe.steps
            path = train(recipe, steps=steps, seed=options.seed, pool=options.pool, out=options.out, progress=progress)
            progress.console.print(f"{recipe.expert}: {path}")


if __name__ == "__main__":
    main()
