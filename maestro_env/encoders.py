"""Encoders that need no network: questions and views as short vectors, by hashing and by averaging.

Embeddings that come from a trained network live with the networks; what a recording was encoded with stands in its
manifest.
"""

import itertools
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from math import isqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.errors import ConfigurationError, unknown_name


class QuestionEncoder(Protocol):
    """Turns questions into vectors of one length."""

    dim: int

    def encode(self, texts: Sequence[str], /) -> NDArray[np.float32]:
        """Return [n, dim] embeddings with entries in [-1, 1]."""
        ...


class ViewEncoder(Protocol):
    """Turns pictures into vectors of one length."""

    dim: int

    def encode(self, images: Sequence[Image.Image], /) -> NDArray[np.float32]:
        """Return [n, dim] embeddings with entries in [-1, 1]."""
        ...


class HashedQuestion:
    """Words and pairs of neighbouring words, hashed with signs into `dim` sums and scaled to length 1.

    The hash is CRC-32 of the UTF-8 text, so that embeddings are the same on every machine. Upper case and punctuation
    make no difference. A text without a word is all 0.
    """

    def __init__(self, dim: int = 64) -> None:
        if dim < 1:
            raise ConfigurationError(f"dim={dim} must be at least 1.")
        self.dim = dim

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        sums = np.zeros((len(texts), self.dim), np.float32)
        for row, text in zip(sums, texts, strict=True):
            words = re.findall(r"\w+", text.casefold())
            for feature in (*words, *(f"{first} {second}" for first, second in itertools.pairwise(words))):
                code = zlib.crc32(feature.encode())
                row[(code >> 1) % self.dim] += 1.0 if code & 1 else -1.0
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)


class GridView:
    """Mean colours of a grid of cells, and five numbers for the whole: contrast, edges across and down, shape, size.

    Args:
        dim: 3 g^2 + 5 for a grid of g x g cells: 8, 17, 32, 53, ...

    Raises:
        ConfigurationError: No grid has this length.
    """

    _SIDE_PX = 48
    """Pictures are looked at in this size: divisible by grids of 1, 2, 3, 4, 6 and 8 cells a side."""
    _LARGE_PX = 4096.0
    """A picture of this side has size 1."""

    def __init__(self, dim: int = 32) -> None:
        grid = isqrt(max(dim - 5, 0) // 3)
        if grid < 1 or 3 * grid**2 + 5 != dim or self._SIDE_PX % grid:
            known = [3 * g**2 + 5 for g in range(1, 9) if self._SIDE_PX % g == 0]
            raise ConfigurationError(f"GridView has no grid for dim={dim}; give one of {known}.")
        self.dim = dim
        self._grid = grid

    def encode(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        return np.array([self._one(image) for image in images], np.float32).reshape(len(images), self.dim)

    def _one(self, image: Image.Image) -> NDArray[np.float32]:
        side, grid = self._SIDE_PX, self._grid
        small = image.convert("RGB").resize((side, side), Image.Resampling.BOX)
        pixels = np.asarray(small, np.float32) / 255.0
        cells = pixels.reshape(grid, side // grid, grid, side // grid, 3).mean(axis=(1, 3))
        grey = pixels.mean(axis=2)
        aspect = np.log2(image.width / image.height) / 4.0
        size = np.log2(max(image.width, image.height)) / np.log2(self._LARGE_PX)
        whole = (
            2.0 * grey.std(),
            np.abs(np.diff(grey, axis=1)).mean(),
            np.abs(np.diff(grey, axis=0)).mean(),
            np.clip(aspect, -1.0, 1.0),
            min(size, 1.0),
        )
        return np.concatenate([cells.ravel(), np.array(whole, np.float32)])


NETWORK_VIEWS = "view-network"
"""Name of the view encoder that is a shipped network: `backends.local` loads it, because it needs torch."""

_QUESTION_ENCODERS: Mapping[str, Callable[[], QuestionEncoder]] = {"hashed-64": lambda: HashedQuestion(64)}
_VIEW_ENCODERS: Mapping[str, Callable[[], ViewEncoder]] = {"grid-32": lambda: GridView(32)}


def question_encoder(name: str) -> QuestionEncoder:
    """Return an encoder of questions by its name, such as `hashed-64`.

    Raises:
        UnknownNameError: No such encoder.
    """
    if name not in _QUESTION_ENCODERS:
        raise unknown_name("question encoder", name, _QUESTION_ENCODERS)
    return _QUESTION_ENCODERS[name]()


def view_encoder(name: str) -> ViewEncoder:
    """Return an encoder of views by its name, such as `grid-32`.

    Raises:
        UnknownNameError: No such encoder.
    """
    if name not in _VIEW_ENCODERS:
        raise unknown_name("view encoder", name, _VIEW_ENCODERS)
    return _VIEW_ENCODERS[name]()
