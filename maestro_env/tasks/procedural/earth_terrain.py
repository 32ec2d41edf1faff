"""Terrain in `earth`: heights on a coarse grid, in bands of tints, lit, with marks. What is asked is earth.py's."""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageChops

from maestro_env.tasks.procedural.atlas import BORDER, INK, Grid, lengths_of
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point

_GRID = 64
"""Cells a side of the grid that terrain is computed on."""


def relief(
    rng: np.random.Generator, points: Sequence[Point], targets: Sequence[float], num_bands: int, clear: float
) -> Grid:
    """Return terrain [_GRID, _GRID] in bands of height that is flat around points.

    Args:
        rng: The only source of randomness.
        points: Where the height is given; 0.24 apart at least.
        targets: The heights there.
        num_bands: Heights run from 0 to this.
        clear: Radius of the flat ground around a point.
    """
    centres, reaches = rng.uniform(0, 1, (9, 2)), rng.uniform(0.1, 0.24, 9)
    sizes = rng.normal(0, 1, 9)
    steps = (np.arange(_GRID) + 0.5) / _GRID
    height = _bumps(centres, reaches, sizes, steps)
    low, high = float(height.min()), float(height.max())
    height = (height - low) / (high - low) * (num_bands - 0.3) + 0.15
    # Bumps at the points, of sizes that bring each to its height.
    nodes, wanted = np.array(points), np.array(targets)
    cells = np.minimum((nodes * _GRID).astype(int), _GRID - 1)
    reach = np.full(len(nodes), 0.14)
    kernel = np.exp(-((lengths_of(nodes[:, None] - nodes) / reach) ** 2) / 2)
    sizes = np.linalg.solve(kernel, wanted - height[cells[:, 1], cells[:, 0]]).astype(np.float64)
    height += _bumps(nodes, reach, sizes, steps)
    for (x, y), target in zip(points, targets, strict=True):
        away = np.hypot(steps - x, (steps - y)[:, None])
        share = np.clip((away - clear) / 0.09, 0, 1)
        height = target + (height - target) * share * share * (3 - 2 * share)
    return np.clip(height, 0.05, num_bands - 0.05)


def _bumps(centres: Grid, reaches: Grid, sizes: Grid, steps: Grid) -> Grid:
    """Return the sum of round bumps on the grid: each is a product of a profile along x and one along y."""
    along = np.exp(-(((steps - centres[:, :1]) / reaches[:, None]) ** 2) / 2)
    down = np.exp(-(((steps - centres[:, 1:]) / reaches[:, None]) ** 2) / 2)
    return (down * sizes[:, None]).T @ along


def clearance(height: Grid, point: Point) -> float:
    """Return the distance from a point to the nearest cell of another band."""
    steps = (np.arange(_GRID) + 0.5) / _GRID
    away = np.hypot(steps - point[0], (steps - point[1])[:, None])
    bands = height.astype(int)
    own = bands[min(int(point[1] * _GRID), _GRID - 1), min(int(point[0] * _GRID), _GRID - 1)]
    return float(away[bands != own].min(initial=1.0)) - 0.5 / _GRID


def banded(height: Grid, tints: Sequence[Colour], size_px: int, line_share: float) -> Image.Image:
    """Return terrain in tints by band, with smooth lines between them, a share darker than the tints."""
    fine = 64
    down, along = np.gradient(height)
    slopes = np.hypot(down, along) * _GRID
    # Bands of height a pixel and a line's width have, where the ground is sloping on average.
    pixel, width = float(slopes.mean()) / size_px, 0.007 * float(slopes.mean())
    at = (np.arange(len(tints) * fine) + 0.5) / fine
    edges = np.clip(np.round(at), 1, len(tints) - 1)
    shares = np.clip((width / 2 - np.abs(at - edges)) / pixel + 0.5, 0, 1)[:, None] * line_share
    table = np.array(tints)[at.astype(int)] * (1 - shares) + np.array(BORDER) * shares
    smooth = Image.fromarray(height.astype(np.float32)).resize((size_px, size_px), Image.Resampling.BICUBIC)
    places = (np.asarray(smooth) * fine).astype(np.int16)
    return Image.fromarray(np.round(table).astype(np.uint8).take(places, axis=0, mode="clip"))


def shaded(image: Image.Image, height: Grid, strength: float) -> Image.Image:
    """Return a map with its slopes lit from the upper left."""
    down, along = np.gradient(height)
    grey = np.clip(128 + 40 * strength * (down + along), 104, 152).astype(np.uint8)
    light = Image.fromarray(grey).resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.add(image, Image.merge("RGB", (light, light, light)), scale=1.0, offset=-128)


def overlaid(image: Image.Image, draw_marks: Callable[[Canvas, Colour, Colour], None]) -> Image.Image:
    """Return a picture with marks drawn over it; `draw_marks` takes a canvas, an ink and the colour of halos."""
    size_px = image.width
    halo: Colour = (253, 251, 246)
    marks, mask = Canvas(size_px, halo), Canvas(size_px, (0, 0, 0))
    draw_marks(marks, INK, halo)
    draw_marks(mask, (255, 255, 255), (255, 255, 255))
    return Image.composite(marks.finish(), image, mask.finish().convert("L"))
