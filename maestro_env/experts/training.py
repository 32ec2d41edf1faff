"""Training one embedded expert. Which are trained, and when, is train.py's job.

Training is seeded, its schedule counts steps and never time, and it resumes after being killed: every
`CHECKPOINT_STEPS` the weights and the optimizer's state are written as safetensors beside the result.
"""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
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
from maestro_env.experts.pool import build_shard, fingerprint
from maestro_env.experts.recipes import Architecture, Recipe
from maestro_env.experts.weights_io import (
    load_weights,
    read_metadata,
    resume,
    save_checkpoint,
    save_weights,
    weights_path,
)

CHECKPOINT_STEPS = 100
WARM_UP_STEPS = 60
NUM_SHARDS: Mapping[str, int] = {
    "plain": 32,
    "patch": 32,
    "window": 16,
    "close": 24,
    "scene": 8,
    "locate": 10,
    "primer": 24,
    "glyph": 16,
}
"""Shards of the pool by kind of source; some 8,000 figures a family saturate a network of this size."""
HELD_OUT_ROWS = 2048
Report = Callable[[int, float], None]
"""Is told the steps done and the last loss."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What all trainings of one command have in common."""

    pool: Path
    """Folder of the training pool."""
    out: Path
    """Folder of weights and checkpoints; an expert that others start from is looked for here, then in the package."""
    seed: int = 0
    steps: int | None = None
    """Instead of each recipe's own."""


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


def train(recipe: Recipe, *, plan: Plan, report: Report) -> Path:
    """Train one expert, or go on where a killed training stopped, and return the path of its weights.

    Weights that are there already, of the same plan, are left as they are.

    Raises:
        ConfigurationError: The checkpoint belongs to another plan, or the start weights are missing.
    """
    path = weights_path(recipe.expert, plan.out)
    steps = plan.steps or recipe.steps
    made_by = {
        "expert": recipe.expert,
        "recipe": hashlib.sha256(repr(recipe).encode()).hexdigest(),
        "steps": str(steps),
        "seed": str(plan.seed),
        "pool": " ".join(f"{source}-{fingerprint(source)}" for source in sorted(recipe.sources)),
    }
    checkpoint_path = plan.out / f"{recipe.expert}.checkpoint.safetensors"
    if path.exists() and made_by.items() <= read_metadata(path).items():
        checkpoint_path.unlink(missing_ok=True)
        return path
    torch.manual_seed(plan.seed)
    network = channels_last(make_network(recipe))
    if recipe.start_from:
        own, shipped = weights_path(recipe.start_from, plan.out), weights_path(recipe.start_from)
        network.load_state_dict(load_weights(own if own.exists() else shipped))
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    first_step = resume(network, optimizer, checkpoint_path, plan=made_by)
    training, held_out = load_pool(recipe, plan.pool)
    network.train()
    for step in range(first_step, steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, recipe.peak_learning_rate)
        batch = draw_batch(recipe, training, np.random.default_rng([plan.seed, step]), recipe.batch_size)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(network, batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % CHECKPOINT_STEPS == 0 or step + 1 == steps:
            save_checkpoint(network, optimizer, checkpoint_path, plan=made_by, next_step=step + 1)
        report(step + 1, loss.item())
    spent = training_multiply_adds(network, recipe, held_out) * steps
    found = {"multiply_adds": str(spent), "held_out_loss": f"{_held_out_loss(network, recipe, held_out):.4f}"}
    save_weights(network, path, made_by | found)
    checkpoint_path.unlink(missing_ok=True)
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
