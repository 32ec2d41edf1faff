"""Undoing how a picture was taken: levelling a tilted one, evening out light, trimming an empty page.

General tools on RGB pictures: they know nothing of the tasks, and leave a picture alone where they find nothing to do.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_TILT_DEG = 30
"""Tilts are looked for up to this, either way; by 45 degrees nobody knows which edge was level."""

MIN_STRAIGHTNESS = 2.8
"""Below this a picture has no long straight edges. Charts with axes reach 3.3 and more, spoked discs at most 2.4."""

_TILT_PX = 96
"""Tilts are estimated on a thumbnail with this side: half a degree moves the end of a long edge by half a pixel."""
_COARSE_DEG = 2.0
_FINE_DEG = 0.5
_LEVEL_DEG = 1.0
"""A picture tilted by less is level: turning it would only blur it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tilt:
    """How a picture's straight edges lie."""

    degrees: float
    """By how much the picture is turned counterclockwise, in [-30, 30]; edges across count like edges along."""
    straightness: float
    """How much more edge lies along that direction than along the mean one; 1.0 where all are alike, as in a disc."""


def tilt_of(image: Image.Image) -> Tilt:
    """Estimate a picture's tilt: the direction in which its levels, summed along lines, change most sharply.

    Source: W. Postl, "Detection of linear oblique structures and skew scan in digitized documents", ICPR 1986.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    thumbnail = image.convert("L").resize(
        (_TILT_PX, _TILT_PX), Image.Resampling.BOX, (left, top, left + side, top + side), reducing_gap=2.0
    )
    weight = _disc_weight()
    levels = np.asarray(thumbnail, np.float32)[weight > 0]
    weight = weight[weight > 0]
    levels = weight * (levels - np.vdot(levels, weight) / weight.sum())
    coarse = np.arange(-MAX_TILT_DEG, MAX_TILT_DEG + _COARSE_DEG / 2, _COARSE_DEG)
    sharpness = np.array([_sharpness(levels, float(degrees)) for degrees in coarse])
    middle = float(coarse[sharpness.argmax()])
    fine = [
        float(degrees)
        for degrees in np.arange(middle - _COARSE_DEG, middle + _COARSE_DEG + _FINE_DEG / 2, _FINE_DEG)
        if abs(degrees) <= MAX_TILT_DEG
    ]
    finest = [_sharpness(levels, degrees) for degrees in fine]
    best = int(np.argmax(finest))
    mean = float(sharpness.mean())
    return Tilt(degrees=fine[best], straightness=finest[best] / mean if mean > 0 else 1.0)


def straightened(image: Image.Image) -> Image.Image:
    """Return a picture with its straight edges level: the largest level square that lies within the tilted picture.

    A page that just fits the picture, tilted, fills the view again. A picture that is level, or without long straight
    edges, is returned itself.
    """
    tilt = tilt_of(image)
    if abs(tilt.degrees) < _LEVEL_DEG or tilt.straightness < MIN_STRAIGHTNESS:
        return image
    turn = radians(tilt.degrees)
    span = abs(cos(turn)) + abs(sin(turn))
    right, down = cos(turn) / span, sin(turn) / span
    middle_x, middle_y = image.width / 2, image.height / 2
    matrix = (
        *(right, down, middle_x - right * middle_x - down * middle_y),
        *(-down, right, middle_y + down * middle_x - right * middle_y),
    )
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)


def _sharpness(levels: NDArray[np.float32], degrees: float) -> float:
    """Return how sharply sums of levels change from line to line, in a direction and across it."""
    total = 0.0
    for bins in _line_bins(degrees):
        sums = np.bincount(bins, levels)
        # Pairs of lines: single ones hold now more, now fewer pixels, which is no edge.
        total += float(np.square(sums[2:] - sums[:-2]).sum())
    return total


@lru_cache(maxsize=1)
def _disc_weight() -> NDArray[np.float32]:
    """[_TILT_PX, _TILT_PX] weights of a disc that fade towards its rim, which is no edge of the picture."""
    middle = (_TILT_PX - 1) / 2
    y, x = np.mgrid[:_TILT_PX, :_TILT_PX] - middle
    reach = np.hypot(x, y) / (_TILT_PX / 2)
    return np.clip((1 - reach) / 0.15, 0, 1).astype(np.float32)


@lru_cache(maxsize=256)
def _line_bins(degrees: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the line that each pixel of the disc is on: lines tilted counterclockwise, and those across them."""
    middle = (_TILT_PX - 1) / 2
    y, x = np.mgrid[:_TILT_PX, :_TILT_PX] - middle
    turn, inside = radians(degrees), _disc_weight() > 0
    along = (y * cos(turn) + x * sin(turn))[inside]
    across = (x * cos(turn) - y * sin(turn))[inside]
    return np.floor(along + _TILT_PX / 2).astype(np.intp), np.floor(across + _TILT_PX / 2).astype(np.intp)
