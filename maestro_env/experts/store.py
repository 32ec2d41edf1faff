"""The shipped networks, ready to look at views. Loading one takes its name; what it looks at is PIL pictures."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from maestro_env.errors import unknown_name
from maestro_env.experts.glyphs import GLYPHS, Glyphs
from maestro_env.experts.network import (
    LOCATOR_CELLS,
    LOCATOR_PX,
    MONOLITH_WIDTH,
    NOT_VISIBLE,
    READER_PX,
    VIEW_DIM,
    Locator,
    Reader,
    Viewer,
    channels_last,
)
from maestro_env.experts.recipes import RECIPES, Architecture, recipe_of
from maestro_env.experts.tokens import tokenise
from maestro_env.experts.weights_io import WEIGHTS_FOLDER, load_weights, weights_path
from maestro_env.skills.base import Finding, Reading
from maestro_env.skills.remembered import remembered
from maestro_env.skills.segmenting import GLYPH_PX
from maestro_env.tasks.procedural.wordings import ANSWERS
from maestro_env.types import Box

_N = TypeVar("_N", bound=nn.Module)
_CHUNK = 256
"""Views evaluated at once: more gain nothing on a CPU."""


class ReaderNetwork:
    """A reader: question and view to a distribution over answers."""

    def __init__(self, network: Reader) -> None:
        self._network = network

    def look(self, views: Sequence[Image.Image], questions: Sequence[str]) -> list[Reading]:
        """Return what the network makes of each view.

        Args:
            views: RGB pictures of any size; each is shrunk to 64 x 64.
            questions: One a view.
        """
        readings: list[Reading] = []
        for images, tokens in _chunks(views, questions, READER_PX):
            probabilities = torch.softmax(self._network(images, tokens), dim=1)[:, :NOT_VISIBLE].numpy()
            readings += [Reading(probabilities=dict(zip(ANSWERS, row, strict=True))) for row in probabilities.tolist()]
        return readings


class LocatorNetwork:
    """A locator: question and picture to the region of the figure that is asked about."""

    def __init__(self, network: Locator) -> None:
        self._network = network

    def look(self, views: Sequence[Image.Image], questions: Sequence[str]) -> list[Finding]:
        """Return where each question's figure is, in pixels of its view.

        Args:
            views: RGB pictures of any size; each is shrunk to 128 x 128.
            questions: One a view.
        """
        findings: list[Finding] = []
        for start, (images, tokens) in enumerate(_chunks(views, questions, LOCATOR_PX)):
            heat, geometry = self._network(images, tokens)
            heat, geometry = torch.softmax(heat, dim=1).numpy(), geometry.numpy()
            for i in range(len(heat)):
                findings.append(_finding(heat[i], geometry[i], views[start * _CHUNK + i].size))
        return findings


class ViewNetwork:
    """Embeds what a view shows, whatever the question."""

    dim = VIEW_DIM

    def __init__(self, network: Viewer) -> None:
        self._network = network

    def encode(self, views: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return embeddings [n, 32] float32 of length 1."""
        parts = [self._network(images)[0].numpy() for images, _ in _chunks(views, [""] * len(views), READER_PX)]
        return np.concatenate(parts) if parts else np.zeros((0, VIEW_DIM), np.float32)


class GlyphNetwork:
    """A glyph reader: the picture of one character to a distribution over characters, whatever the question."""

    def __init__(self, network: Glyphs) -> None:
        self._network = network

    def look(self, views: Sequence[Image.Image], questions: Sequence[str]) -> list[Reading]:
        """Return what the network makes of each view.

        Args:
            views: RGB pictures of single characters.
            questions: One a view; not looked at.
        """
        readings: list[Reading] = []
        for images, tokens in _chunks(views, questions, GLYPH_PX):
            probabilities = torch.softmax(self._network(images, tokens), dim=1)[:, : len(GLYPHS)].numpy()
            readings += [Reading(probabilities=dict(zip(GLYPHS, row, strict=True))) for row in probabilities.tolist()]
        return readings


Network = ReaderNetwork | LocatorNetwork | GlyphNetwork


@lru_cache(maxsize=64)
def load_network(name: str, folder: Path = WEIGHTS_FOLDER) -> Network:
    """Load a reader or locator by its name; networks are kept for the life of the process.

    Raises:
        UnknownNameError: No expert of that name.
        ConfigurationError: Its weights are not in the folder.
    """
    recipe = recipe_of(name)
    match recipe.architecture:
        case Architecture.READER:
            return ReaderNetwork(_load(Reader(), name, folder))
        case Architecture.MONOLITH:
            return ReaderNetwork(_load(Reader(MONOLITH_WIDTH), name, folder))
        case Architecture.GLYPHS:
            return GlyphNetwork(_load(Glyphs(), name, folder))
        case Architecture.LOCATOR:
            return LocatorNetwork(_load(Locator(), name, folder))
        case Architecture.VIEWER:
            experts = [known for known, other in RECIPES.items() if other.architecture is not Architecture.VIEWER]
            raise unknown_name("expert network", name, experts)


@lru_cache(maxsize=4)
def load_view_encoder(folder: Path = WEIGHTS_FOLDER) -> ViewNetwork:
    """Load the network that embeds views.

    Raises:
        ConfigurationError: Its weights are not in the folder.
    """
    return ViewNetwork(_load(Viewer(num_kinds=len(recipe_of("view").sources)), "view", folder))


def _load(network: _N, name: str, folder: Path) -> _N:
    network.load_state_dict(load_weights(weights_path(name, folder)))
    network.eval().requires_grad_(requires_grad=False)
    return channels_last(network)


def _chunks(views: Sequence[Image.Image], questions: Sequence[str], side_px: int) -> list[tuple[Tensor, Tensor]]:
    chunks: list[tuple[Tensor, Tensor]] = []
    for start in range(0, len(views), _CHUNK):
        pixels = np.stack([_shrink(view, side_px) for view in views[start : start + _CHUNK]])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
        tokens = torch.from_numpy(np.stack([tokenise(question) for question in questions[start : start + _CHUNK]]))
        chunks.append((images, tokens))
    return chunks


@remembered
def _shrink(view: Image.Image, side_px: int) -> NDArray[np.uint8]:
    picture = view if view.mode == "RGB" else view.convert("RGB")
    return np.asarray(picture.resize((side_px, side_px), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _finding(heat: NDArray[np.float32], geometry: NDArray[np.float32], size_px: tuple[int, int]) -> Finding:
    """Turn the hottest cell into a box; confidence is the heat of the cell and its neighbours."""
    cell = int(heat.argmax())
    row, column = divmod(cell, LOCATOR_CELLS)
    grid = heat.reshape(LOCATOR_CELLS, LOCATOR_CELLS)
    confidence = float(grid[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].sum())
    offset_x, offset_y, log_side = (float(v) for v in geometry[:, cell])
    x, y = (column + 0.5 + offset_x) / LOCATOR_CELLS, (row + 0.5 + offset_y) / LOCATOR_CELLS
    half = min(1.0, float(np.exp(log_side))) / 2
    width, height = size_px
    box = Box(left=(x - half) * width, top=(y - half) * height, right=(x + half) * width, bottom=(y + half) * height)
    return Finding(box=box, confidence=min(1.0, confidence))
