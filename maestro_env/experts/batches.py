"""Training batches: views of the pool, cropped, corrupted and shrunk at random; seed and step decide a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from maestro_env.experts.pool import STORED_PX
from maestro_env.experts.recipes import Architecture, Corruption, Recipe

FRAMING = (1.0, 1.5)
"""Side of a training crop around a framed figure, in sides of the figure."""
OFFSET = 0.16
"""Largest shift of that crop off the figure's centre, in sides of the figure: what locators get wrong."""
PLAIN_FRAMING = (0.92, 1.1)
PLAIN_OFFSET = 0.04
PLAIN_TURN = np.deg2rad(4.0)
"""Size, shift and turn of a training crop of any other view, in its sides and radians: what retouching leaves over."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source's shards in memory."""

    images: NDArray[np.uint8]
    """[I, side, side, 3]"""
    image: NDArray[np.int64]
    """[R] which image each question is about."""
    tokens: NDArray[np.int16]
    answer: NDArray[np.int16]
    box: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B training examples; shapes as in network.py."""

    images_BCYX: Tensor
    """Float in [0, 1], at the network's input size."""
    tokens_BT: Tensor
    answer_B: Tensor
    box_B4: Tensor
    """Left, top, right, bottom as fractions of the picture."""
    source_B: Tensor
    """Index into the recipe's sources, in their order."""


def load_source(paths: list[Path]) -> Source:
    """Read the shards of one source."""
    shards = [np.load(path) for path in paths]
    counts = np.cumsum([0, *(shard["images"].shape[0] for shard in shards)])
    return Source(
        images=np.concatenate([shard["images"] for shard in shards]),
        image=np.concatenate([shard["image"] + start for shard, start in zip(shards, counts, strict=False)]),
        tokens=np.concatenate([shard["tokens"] for shard in shards]),
        answer=np.concatenate([shard["answer"] for shard in shards]),
        box=np.concatenate([shard["box"] for shard in shards]),
    )


def draw_batch(recipe: Recipe, sources: Mapping[str, Source], rng: np.random.Generator, size: int) -> Batch:
    """Draw a batch: every example's source by the recipe's shares, its question uniformly within the source."""
    names = list(recipe.sources)
    counts = rng.multinomial(size, list(recipe.sources.values()))
    rows: list[NDArray[np.int64]] = [
        rng.integers(len(sources[name].answer), size=int(count)) for name, count in zip(names, counts, strict=True)
    ]
    parts = [(sources[name], row) for name, row in zip(names, rows, strict=True) if len(row)]
    pixels = np.concatenate([source.images[source.image[row]] for source, row in parts])
    box = np.concatenate([source.box[row] for source, row in parts])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    if recipe.architecture not in (Architecture.LOCATOR, Architecture.GLYPHS):
        images = _crop(images, _random_crops(box, rng))
        images = _corrupt(images, recipe.corruption, rng)
    return Batch(
        images_BCYX=images.contiguous(memory_format=torch.channels_last),
        tokens_BT=torch.from_numpy(np.concatenate([source.tokens[row] for source, row in parts]).astype(np.int64)),
        answer_B=torch.from_numpy(np.concatenate([source.answer[row] for source, row in parts]).astype(np.int64)),
        box_B4=torch.from_numpy(box),
        source_B=torch.from_numpy(np.repeat(np.arange(len(names)), counts)),
    )


def _random_crops(box: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return centres, sides and turns [B, 4] of crops: jittered around framed figures, nearly all of any other view."""
    count = len(box)
    side = box[:, 2] - box[:, 0]
    framed = side < 0.999
    shift = rng.uniform(-1, 1, (count, 2)) * np.where(framed, OFFSET * side, PLAIN_OFFSET)[:, None]
    framing = np.where(framed, rng.uniform(*FRAMING, count), rng.uniform(*PLAIN_FRAMING, count))
    crops = np.empty((count, 4), np.float32)
    crops[:, 0] = (box[:, 0] + box[:, 2]) / 2 + shift[:, 0]
    crops[:, 1] = (box[:, 1] + box[:, 3]) / 2 + shift[:, 1]
    crops[:, 2] = side * framing
    crops[:, 3] = np.where(framed, 0.0, rng.uniform(-PLAIN_TURN, PLAIN_TURN, count))
    return crops


def _crop(images_BCYX: Tensor, crops: NDArray[np.float32]) -> Tensor:
    x_B, y_B, side_B, turn_B = torch.from_numpy(crops).unbind(1)
    theta = torch.empty(len(crops), 2, 3)
    theta[:, 0, 0] = theta[:, 1, 1] = side_B * turn_B.cos()
    theta[:, 1, 0] = side_B * turn_B.sin()
    theta[:, 0, 1] = -theta[:, 1, 0]
    theta[:, 0, 2] = x_B * 2 - 1
    theta[:, 1, 2] = y_B * 2 - 1
    side = STORED_PX * 2 // 3
    grid = functional.affine_grid(theta, [len(crops), 3, side, side], align_corners=False)
    return functional.grid_sample(images_BCYX, grid, padding_mode="border", align_corners=False)


def _corrupt(images_BCYX: Tensor, corruption: Corruption, rng: np.random.Generator) -> Tensor:
    """Corrupt two thirds of the views; every recipe also varies brightness, contrast and tint a little."""
    count = len(images_BCYX)

    def per_view(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32))

    tint = torch.from_numpy(rng.uniform(0.96, 1.04, (count, 3, 1, 1)).astype(np.float32))
    images = images_BCYX * (tint * per_view(0.92, 1.08))
    middle = images.mean((1, 2, 3), keepdim=True)
    images = middle + (images - middle) * per_view(0.85, 1.15)
    hit = per_view(0, 1) < 2 / 3
    if corruption is Corruption.GRAIN:
        noise = torch.from_numpy(rng.standard_normal(tuple(images.shape), dtype=np.float32))
        images = torch.where(hit, images + noise * per_view(0.0, 0.09), images)
    elif corruption is Corruption.FADE:
        blurred = functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
        faded = middle + (blurred - middle) * per_view(0.45, 1.0)
        images = torch.where(hit, faded, images)
    return images.clamp_(0, 1)
