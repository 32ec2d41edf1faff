"""Ink: what differs from its surroundings, its connected pieces, and level strips cut out of a picture.

Coordinates: x to the right, y down, in pixels; right and bottom are exclusive.
"""

from dataclasses import dataclass
from math import cos, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

LEAST_CONTRAST = 6
"""Grey levels by which ink differs at least from what is around it."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """N connected pieces of ink; each field is an array of N."""

    left: NDArray[np.float64]
    top: NDArray[np.float64]
    right: NDArray[np.float64]
    bottom: NDArray[np.float64]
    """Exclusive, as right is."""
    area: NDArray[np.float64]
    weight: NDArray[np.float64]
    """The sum of their contrast; their area where none was given."""

    def keep(self, chosen: Mask | NDArray[np.int64]) -> "Parts":
        return Parts(
            left=self.left[chosen],
            top=self.top[chosen],
            right=self.right[chosen],
            bottom=self.bottom[chosen],
            area=self.area[chosen],
            weight=self.weight[chosen],
        )

    @classmethod
    def both(cls, first: "Parts", second: "Parts") -> "Parts":
        names = ("left", "top", "right", "bottom", "area", "weight")
        return cls(**{name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names})

    @property
    def width(self) -> NDArray[np.float64]:
        return self.right - self.left

    @property
    def height(self) -> NDArray[np.float64]:
        return self.bottom - self.top

    @property
    def x(self) -> NDArray[np.float64]:
        return (self.left + self.right) / 2

    @property
    def y(self) -> NDArray[np.float64]:
        return (self.top + self.bottom) / 2


class Strip:
    """A level part of a picture: one line at a fixed height, as a picture and as a map back."""

    def __init__(
        self,
        image: Image.Image,
        *,
        middle: tuple[float, float],
        angle: float,
        scale: float,
        width: int,
        height: int,
    ) -> None:
        """Cut a strip.

        Args:
            image: RGB or grey.
            middle: Of the strip, in pixels of the picture.
            angle: How far the strip runs down to the right, in radians.
            scale: How many pixels of the picture one of the strip's spans.
            width: Of the strip, in its own pixels.
            height: Of the strip, in its own pixels.
        """
        self._middle, self._scale = middle, scale
        self._cos, self._sin = cos(angle), sin(angle)
        self._width, self._height = width, height
        reach = scale * (width + height)
        rise = scale * height + abs(self._sin) * reach
        corner = (max(0, round(middle[0] - reach / 2)), max(0, round(middle[1] - rise)))
        box = (*corner, min(image.width, round(middle[0] + reach / 2)), min(image.height, round(middle[1] + rise)))
        # Averaging first keeps thin strokes of large letters from falling between the samples.
        factor = max(1, round(scale))
        source = image.crop(box).reduce(factor)
        left, top = self.place(0.5, 0.5)
        across, down = (self._cos * scale / factor, self._sin * scale / factor), (0.0, 0.0)
        down = (-across[1], across[0])
        start = ((left - corner[0]) / factor, (top - corner[1]) / factor)
        # PIL maps the middle of each pixel: (0.5, 0.5) of the strip to `start`.
        first = start[0] - 0.5 * (across[0] + down[0]), start[1] - 0.5 * (across[1] + down[1])
        matrix = (across[0], down[0], first[0], across[1], down[1], first[1])
        self.picture = source.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the strip is in the picture."""
        u, v = (x - self._width / 2) * self._scale, (y - self._height / 2) * self._scale
        return self._middle[0] + u * self._cos - v * self._sin, self._middle[1] + u * self._sin + v * self._cos


def otsu(level: NDArray[np.float64]) -> float:
    """Return the threshold that splits grey levels into the two most even groups (Otsu 1979)."""
    counts = np.bincount(np.clip(level, 0, 255).astype(np.int64).ravel(), minlength=256).astype(np.float64)
    below, sums = np.cumsum(counts), np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(np.nan_to_num(spread).argmax()) + 0.5


def local_difference(grey: Image.Image, radius: int) -> NDArray[np.float32]:
    """Return by how many grey levels a pixel is brighter than the square of a radius around it."""
    level = np.asarray(grey, np.float32)
    return level - np.asarray(grey.filter(ImageFilter.BoxBlur(radius)), np.float32)


def local_contrast(difference: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Return local differences in units of the least one that ink has there: above 1 or below -1 is ink."""
    deviation = Image.fromarray(np.abs(difference).astype(np.uint8)).filter(ImageFilter.BoxBlur(radius))
    least = np.maximum(LEAST_CONTRAST, 0.75 * np.asarray(deviation, np.float32))
    return (difference / least).astype(np.float32)


def labelled(mask: Mask, weight: NDArray[np.float32] | None = None) -> Parts:
    """Return the connected pieces of a mask (eight neighbours): runs of each row, joined where they touch."""
    rows, columns = mask.shape
    padded = np.zeros((rows, columns + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded.ravel())
    starts, ends = np.flatnonzero(steps == 1) + 1, np.flatnonzero(steps == -1) + 1
    row, first = starts // (columns + 2), starts % (columns + 2)
    last = ends % (columns + 2)
    first, last = first - 1, last - 1  # without the padding; last is exclusive
    # A run touches those of the row above that end at or after its start and start at or before its end.
    wide = columns + 2
    starts_at = row * wide + first
    ends_at = row * wide + last
    low = ends_at.searchsorted(starts_at - wide, "left")
    high = starts_at.searchsorted(ends_at - wide, "right")
    touching = np.maximum(high - low, 0)
    lower = np.repeat(np.arange(len(row)), touching)
    upper = np.arange(len(lower)) - np.repeat(np.cumsum(touching) - touching, touching) + np.repeat(low, touching)
    label = joined(len(row), lower, upper)
    names, piece = np.unique(label, return_inverse=True)
    count = len(names)
    # Whole numbers throughout: with a change of type, numpy takes a path that is ten times slower.
    left, top = np.full(count, columns), np.full(count, rows)
    right, bottom = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.minimum.at(left, piece, first)
    np.maximum.at(right, piece, last)
    np.minimum.at(top, piece, row)
    np.maximum.at(bottom, piece, row + 1)
    area = np.bincount(piece, last - first, count).astype(np.float64)
    weights = area
    if weight is not None:
        sums = np.concatenate([[0.0], np.cumsum(weight.ravel(), dtype=np.float64)])
        weights = np.bincount(piece, sums[row * columns + last] - sums[row * columns + first], count).astype(np.float64)
    return Parts(
        left=left.astype(np.float64),
        top=top.astype(np.float64),
        right=right.astype(np.float64),
        bottom=bottom.astype(np.float64),
        area=area,
        weight=weights,
    )


def joined(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a label for each of some things, the same for those that are joined: the least index in each group."""
    label = np.arange(count)
    while len(first):
        least = np.minimum(label[first], label[second])
        # The least labels of both sides are lowered, and with them all that point to them.
        np.minimum.at(label, label[first], least)
        np.minimum.at(label, label[second], least)
        while (label != (shorter := label[label])).any():
            label = shorter
        apart = label[first] != label[second]
        first, second = first[apart], second[apart]
    return label
