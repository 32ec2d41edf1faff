"""What the kinds of map in `earth` share: tints, the warp that makes lines look natural, letters with a halo."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, mixed
from maestro_env.tasks.procedural.family import Query

MIN_MARGIN = 0.008
"""Smallest distance of a letter, a ring or a dot to another region or band: 3 px of 384."""

Drawn = tuple[Image.Image, tuple[Query, ...], dict[str, float | int]]
"""The picture, its queries, and what was measured while drawing."""
Grid = NDArray[np.float64]

PAPER: Colour = (250, 246, 236)
INK: Colour = (38, 40, 48)
BORDER: Colour = (92, 84, 78)
SEA: Colour = (205, 222, 230)
SHORE: Colour = (138, 176, 196)
LAND: tuple[Colour, ...] = (
    (98, 160, 104),
    (168, 196, 118),
    (228, 216, 144),
    (224, 170, 98),
    (178, 112, 66),
    (120, 64, 48),
)
"""Tints of land by height, from lowland to mountains, as atlases have them."""

NUM_ANGLES = 220
"""Corners of an outline: 2 px apart at 384 px."""


def points_of(rows: Grid) -> list[Point]:
    """Return what a canvas draws of an outline [corners, 2]."""
    return list(zip(rows[:, 0].tolist(), rows[:, 1].tolist(), strict=True))


def lengths_of(vectors: Grid) -> Grid:
    """Return the lengths of vectors along the last axis."""
    return np.hypot(vectors[..., 0], vectors[..., 1])


@dataclass(frozen=True, kw_only=True, slots=True)
class Warp:
    """A smooth displacement of the plane in three octaves; it turns straight borders into natural ones."""

    waves: Grid
    """[octaves, 2, 2] wave vectors of the two components, in cycles a side."""
    phases: Grid
    """[octaves, 2]"""
    amplitudes: tuple[float, ...]

    def __call__(self, points: Grid) -> Grid:
        moved = points.copy()
        for wave, phase, amplitude in zip(self.waves, self.phases, self.amplitudes, strict=True):
            moved += amplitude * np.sin(2 * pi * (points @ wave.T + phase))
        return moved


def build_warp(rng: np.random.Generator, strength: float) -> Warp:
    """Draw a warp; at a strength of 1, points move by up to a thirtieth of the side along each axis."""
    # Amplitude times wave number stays below 1 in sum: the plane never folds, so borders never cross.
    angles = rng.uniform(0, 2 * pi, (3, 2))
    cycles = np.array([1.4, 3.7, 9.0])[:, None]
    waves = np.stack([cycles * np.cos(angles), cycles * np.sin(angles)], axis=-1)
    return Warp(
        waves=waves,
        phases=rng.random((3, 2)),
        amplitudes=(0.02 * strength, 0.009 * strength, 0.0035 * strength),
    )


def draw_label(canvas: Canvas, point: Point, text: str, height: float, ink: Colour, halo: Colour) -> None:
    """Write a letter with a halo, so that it stands on any tint."""
    reach = 0.009
    for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        canvas.text(point[0] + dx * reach, point[1] + dy * reach, text, halo, height)
    canvas.text(*point, text, ink, height)


def tints_of(ramp: Sequence[Colour], count: int, fade: float) -> list[Colour]:
    """Return colours at equal steps along a ramp, faded towards the paper."""
    tints: list[Colour] = []
    for at in np.linspace(0, len(ramp) - 1, count):
        low = min(int(at), len(ramp) - 2)
        tints.append(mixed(mixed(ramp[low], ramp[low + 1], float(at) - low), PAPER, fade))
    return tints
