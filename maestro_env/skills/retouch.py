"""Undoing how a picture was taken: levelling a tilted one, evening out light, trimming an empty page.

General tools on RGB pictures: they know nothing of the tasks, and leave a picture alone where they find nothing to do.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.skills.crops import crop, square_around
from maestro_env.skills.remembered import remembered
from maestro_env.types import Box

MAX_TILT_DEG = 30
"""Tilts are looked for up to this, either way; by 45 degrees nobody knows which edge was level."""

MIN_STRAIGHTNESS = 1.7
"""Below this a picture has no straight edge long enough to level it by. `Tilt.straightness` says of what."""

_TILT_PX = 96
"""Tilts are estimated on a thumbnail with this side: half a degree moves the end of a long edge by half a pixel."""
_COARSE_DEG = 2.0
_FINE_DEG = 0.5
_LEVEL_DEG = 1.0
"""A picture tilted by less is level: turning it would only blur it."""

_LIGHT_PX = 48
"""Light is estimated on a thumbnail with this side: it is smooth."""
_SAMPLE_PX = 80
_BRIGHT_GROUND = (60.0, 252.0)
"""Shadows and highlights of a well-lit picture on bright ground: ink on paper, stain on a slide."""
_DARK_GROUND = (0.0, 225.0)
"""The same on dark ground: a body in air."""
_MIN_RANGE = 12.0
"""Levels from shadows to highlights that are stretched at most to the full range: less is no picture but noise."""
_WELL_LIT = 1.2
"""Light that is more even than this, in a picture with a contrast this near to full, is left alone."""
_MAX_CAST = 1.25
"""Highlights whose channels differ by more are no white in coloured light: the picture itself is coloured."""
_FIT_ROUNDS = 8
_LEAST_MISFIT = 0.004
"""Differences of log levels below this are rounding."""

PAGE_MARGIN = 0.15
"""A trimmed page keeps this share of its content's longer side on every side, as figures have margins of their own: a
reader of diagrams is right more often on well-taken ones so trimmed than at 0.1 (0.91 and 0.87 of 160)."""
_CELLS = 56
"""What touches is told on a grid of this many cells a side."""
_LEAST_DIFFERENCE = 18.0
"""Levels by which content differs from the page at least, in some channel, averaged over 2 x 2 pixels."""
_GRAIN_FACTOR = 6.0
"""How many times the page's own grain content differs from the page at least."""
_SPECK_SHARE = 0.022
"""What spans less than this share of the side, and touches nothing, is a speck: a letter spans more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tilt:
    """How a picture's straight edges lie."""

    degrees: float
    """By how much the picture is turned counterclockwise, in [-30, 30]; edges across count like edges along."""
    straightness: float
    """How much more edge lies along that direction than along the mean one; 1.0 where all are alike, as in a disc."""


@remembered
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
    if levels.max() == levels.min():
        return Tilt(degrees=0.0, straightness=1.0)
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
    return Tilt(degrees=fine[best], straightness=finest[best] / float(sharpness.mean()))


@remembered
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


@remembered
def relit(image: Image.Image) -> Image.Image:
    """Return a picture in even, neutral light of full contrast.

    First the fall of light is divided out; then one stretch for all channels, after their highlights are made equal,
    brings shadows and highlights to where a well-lit picture has them, on bright ground or on dark. A picture that
    has them there already is returned itself.
    """
    grid = np.asarray(image.resize((_LIGHT_PX, _LIGHT_PX), Image.Resampling.BOX, reducing_gap=2.0), np.float32)
    light = light_of(grid)
    # Highlights and shadows are small things: they are looked for among single pixels, not in the thumbnail's means.
    pixels = np.asarray(image.resize((_SAMPLE_PX, _SAMPLE_PX), Image.Resampling.NEAREST), np.float32)
    pixels = pixels / _resized(light, (_SAMPLE_PX, _SAMPLE_PX))[:, :, None]
    edges = _edges_of(pixels)
    low, high = np.percentile(pixels.reshape(-1, 3), (0.5, 99.5), axis=0)
    balance = high.mean() / np.maximum(high, 1.0)
    if balance.max() / balance.min() > _MAX_CAST:
        balance = np.ones(3)
    low, high, ground = float((low * balance).min()), float(high.mean()), float((np.median(edges, 0) * balance).mean())
    shadow, highlight = _DARK_GROUND if ground < (low + high) / 2 else _BRIGHT_GROUND
    shadow, highlight = min(shadow, low), max(highlight, high)  # no contrast is taken away
    stretch = (highlight - shadow) / max(high - low, _MIN_RANGE)
    if stretch < _WELL_LIT and float(light.max() / light.min()) < _WELL_LIT:
        return image
    gain = stretch / _resized(light, image.size)
    levels = np.asarray(image, np.float32) * gain[:, :, None]
    levels *= balance.astype(np.float32)
    levels += np.float32(shadow - low * stretch + 0.5)  # half a level: rounded, not cut off
    return Image.fromarray(np.clip(levels, 0, 255, out=levels).astype(np.uint8))


def light_of(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Estimate how much light falls where, from how levels change: things change abruptly, light slowly.

    The logarithm of the light is a polynomial of the second degree, fitted to the differences between near pixels;
    edges of things count for little (Geman-McClure weights).
    Source: E. H. Land and J. J. McCann, "Lightness and retinex theory", JOSA 61, 1971.

    Args:
        levels: [N, N, 3] in [0, 255].

    Returns:
        [N, N] the light, with a geometric mean of 1.
    """
    side = np.linspace(-1, 1, len(levels), dtype=np.float32)
    x, y = np.meshgrid(side, side)
    terms = np.stack((x, y, x * x, y * y, x * y), axis=-1)
    logs = np.log1p(levels.mean(axis=2))
    slopes = np.concatenate([(terms[:, 2:] - terms[:, :-2]).reshape(-1, 5), (terms[2:] - terms[:-2]).reshape(-1, 5)])
    changes = np.concatenate([(logs[:, 2:] - logs[:, :-2]).ravel(), (logs[2:] - logs[:-2]).ravel()])
    weights = np.ones_like(changes)
    factors = np.zeros(5, np.float32)
    for _ in range(_FIT_ROUNDS):
        weighted = slopes * weights[:, None]
        factors = np.linalg.solve(weighted.T @ slopes + 1e-3 * np.eye(5, dtype=np.float32), weighted.T @ changes)
        misfit = np.abs(changes - slopes @ factors)
        scale = max(1.5 * float(np.median(misfit)), _LEAST_MISFIT)
        weights = 1 / np.square(1 + np.square(misfit / scale))
    light = terms @ factors
    return np.exp(light - light.mean())


def _resized(field: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BILINEAR), np.float32)


@remembered
def trimmed(image: Image.Image) -> Image.Image:
    """Return the square of a page that holds its content with `PAGE_MARGIN`; an empty page is returned itself."""
    box = content_box(image)
    if box is None:
        return image
    return crop(image, square_around(box, image, scale=1 + 2 * PAGE_MARGIN))


def content_box(image: Image.Image) -> Box | None:
    """Return the box of what differs from the page, specks aside; None for an empty page."""
    half = np.asarray(image.reduce(2), np.float32)
    edges = _edges_of(half)
    page = np.median(edges, axis=0)
    grain = float(np.median(np.abs(edges - page)))
    content = np.abs(half - page).max(axis=2) > max(_LEAST_DIFFERENCE, _GRAIN_FACTOR * grain)
    y, x = np.nonzero(content)
    cell_y, cell_x = y * _CELLS // content.shape[0], x * _CELLS // content.shape[1]
    occupied = np.zeros((_CELLS, _CELLS), np.bool_)
    occupied[cell_y, cell_x] = True
    groups = groups_of(occupied)
    group = groups[cell_y, cell_x]
    num_groups = int(groups.max()) + 1
    first = np.full((2, num_groups), max(content.shape))
    last = np.zeros((2, num_groups), first.dtype)
    for axis, place in enumerate((x, y)):
        np.minimum.at(first[axis], group, place)
        np.maximum.at(last[axis], group, place)
    whole = (last - first + 1).max(axis=0) > _SPECK_SHARE * max(content.shape)
    if not whole.any():
        return None
    left, top = 2.0 * first[:, whole].min(axis=1)
    right, bottom = 2.0 * last[:, whole].max(axis=1) + 2.0
    return Box(left=float(left), top=float(top), right=float(right), bottom=float(bottom))


@remembered
def reframed(image: Image.Image, framing: float) -> Image.Image:
    """Return the middle of a picture, `framing` times as wide: above 1, on a page of the colour of its border."""
    width, height = round(image.width * framing), round(image.height * framing)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    if framing <= 1:
        return image.crop((left, top, left + width, top + height))
    red, green, blue = (int(level) for level in np.median(_edges_of(np.asarray(image, np.float32)), axis=0))
    page = Image.new("RGB", (width, height), (red, green, blue))
    page.paste(image, (-left, -top))
    return page


def _edges_of(levels: NDArray[np.float32]) -> NDArray[np.float32]:
    """[2 (H + W), 3] the outermost pixels of a picture [H, W, 3]."""
    return np.concatenate((levels[0], levels[-1], levels[:, 0], levels[:, -1]))


def groups_of(occupied: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return which group of touching cells each cell belongs to: 0 and up, -1 for empty cells; corners touch."""
    groups = np.full(occupied.shape, -1, np.intp)
    waiting = {(int(y), int(x)) for y, x in np.argwhere(occupied)}
    number = 0
    while waiting:
        group = [waiting.pop()]
        for y, x in group:  # grows while it is gone through
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & waiting
            waiting -= near
            group.extend(near)
        groups[tuple(np.transpose(group))] = number
        number += 1
    return groups
