"""From a picture to lines of characters' boxes: signs by connected ink, programs by the grid that their cells lie on.

What a character is, a network says; here is only where it stands. Coordinates: x to the right, y down, in pixels.
"""

from dataclasses import dataclass
from math import atan

import numpy as np
from PIL import Image, ImageFilter

from maestro_env.skills.ink import Parts, Strip, joined, labelled, local_contrast, local_difference, otsu

GLYPH_PX = 28
"""Side of a character's view: a capital fills seven tenths of it, and its neighbours' edges can be seen."""

_CAP_PX = 20
"""Height of a capital in views of signs."""
_MAX_LINES = 4
"""Lines that are shown of a picture of signs: the most evident ones."""
_MAX_ROWS = 14
"""Rows of parts that are looked at closely, for what may be lines."""
_DETECTION_PX = 320
"""Side of the picture in which rows of letters are looked for: they are many pixels high, and noise averages out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Glyph:
    """Where a character seems to stand."""

    view: Image.Image
    """RGB, `GLYPH_PX` square, level, with the character in its middle."""
    x: float
    """Of its middle, in pixels of the picture."""
    y: float
    column: int
    """Which place in the line; in a program, which cell, so that gaps are spaces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GlyphLine:
    """Characters that stand on one line, from left to right."""

    glyphs: tuple[Glyph, ...]
    height_px: float
    """Of a capital."""
    paper: tuple[float, float, float]
    """The colour that the line is written on."""


def sign_lines(image: Image.Image) -> tuple[GlyphLine, ...]:
    """Return lines of capitals and digits, wherever they are and however they are turned; the largest come first.

    Args:
        image: RGB.
    """
    factor = max(1, round(max(image.size) / _DETECTION_PX))
    small = image.convert("L").reduce(factor)
    contrast = local_contrast(local_difference(small, radius=10), radius=10)
    chains = [
        chain
        for side in (contrast, -contrast)
        for chain in _chains(labelled(side > 1, np.maximum(side, 0)), max(small.size))
    ]
    # Ink stands out from its surroundings by more than the paper between letters does, or what is beside a pole.
    chains.sort(key=lambda chain: -float((chain.height * chain.weight / chain.area).sum()))
    lines: list[GlyphLine] = []
    taken: list[Parts] = []
    for chain in chains[:_MAX_ROWS]:
        if len(taken) < _MAX_LINES and not any(_inside(chain, other) for other in taken):
            line = _sign_line(image, chain, factor)
            if line is not None:
                taken.append(chain)
                lines.append(line)
    return tuple(sorted(lines, key=lambda line: -line.height_px))


def _chains(parts: Parts, side_px: int) -> list[Parts]:
    """Return rows of two and more parts that could be capitals side by side."""
    height, width = parts.height, parts.width
    could_be = (height > 0.025 * side_px) & (height < 0.2 * side_px) & (width < 1.6 * height) & (width > 0.07 * height)
    parts = parts.keep(could_be)
    tall = np.minimum(parts.height[:, None], parts.height[None])
    gap = parts.left[None] - parts.right[:, None]
    rise = np.abs(parts.y[None] - parts.y[:, None])
    alike = tall > 0.7 * np.maximum(parts.height[:, None], parts.height[None])
    after = alike & (gap > -0.3 * tall) & (gap < 1.15 * tall) & (rise < 0.3 * tall) & (parts.x[None] > parts.x[:, None])
    first, second = np.nonzero(after)
    label = joined(len(parts.left), first, second)
    names, counts = np.unique(label, return_counts=True)
    return [parts.keep(label == name) for name in names[counts >= 2]]


def _inside(chain: Parts, other: Parts) -> bool:
    x, y = float(chain.x.mean()), float(chain.y.mean())
    across = float(other.left.min()) <= x <= float(other.right.max())
    return across and float(other.top.min()) <= y <= float(other.bottom.max())


def _sign_line(image: Image.Image, chain: Parts, factor: int) -> GlyphLine | None:
    """Look at a row closely: level, at one size, split by a threshold of its own."""
    cap_px = float(np.median(chain.height)) * factor
    slope = float(np.polyfit(chain.x, chain.y, 1)[0]) if len(chain.x) > 1 else 0.0
    # A letter that is turned is as high as its box less what its width adds.
    cap_px /= 1 + 0.8 * abs(slope)
    length = (float(chain.right.max() - chain.left.min()) * factor) / cap_px
    middle = ((float(chain.left.min() + chain.right.max()) / 2) * factor, float(chain.y.mean()) * factor)
    middle = (middle[0], middle[1] + slope * (middle[0] - float(chain.x.mean()) * factor))
    strip = Strip(
        image,
        middle=middle,
        angle=atan(slope),
        scale=cap_px / _CAP_PX,
        width=round((length + 3) * _CAP_PX),
        height=GLYPH_PX,
    )
    level = np.asarray(strip.picture.convert("L").filter(ImageFilter.GaussianBlur(0.6)), np.float64)
    inner = slice(round(1.3 * _CAP_PX), level.shape[1] - round(1.3 * _CAP_PX))
    threshold = otsu(level[:, inner])
    # The rows above and below a line are paper.
    bright_paper = bool(np.median(level[[0, 1, -2, -1], inner]) > threshold)
    ink = level < threshold if bright_paper else level > threshold
    parts = _letters(labelled(ink))
    if len(parts.left) < 2:
        return None
    glyphs: list[Glyph] = []
    for x in np.sort(parts.x):
        corner = round(float(x) - GLYPH_PX / 2)
        view = strip.picture.crop((corner, 0, corner + GLYPH_PX, GLYPH_PX))
        place = strip.place(float(x), GLYPH_PX / 2)
        glyphs.append(Glyph(view=view, x=place[0], y=place[1], column=len(glyphs)))
    colours = np.asarray(strip.picture)[:, inner][~ink[:, inner]]
    red, green, blue = (float(value) for value in np.median(colours, axis=0)) if len(colours) else (0.0, 0.0, 0.0)
    return GlyphLine(glyphs=tuple(glyphs), height_px=cap_px, paper=(red, green, blue))


def _letters(parts: Parts) -> Parts:
    """Return the characters among the parts of a strip, and the points and dashes between them."""
    tall = parts.keep((parts.height > 0.62 * _CAP_PX) & (parts.height < 1.32 * _CAP_PX) & (parts.width < 2.4 * _CAP_PX))
    tall = _split(tall)
    if len(tall.left) == 0:
        return tall
    tall = _nearest_run(tall)
    low, middle = (GLYPH_PX + _CAP_PX) / 2, GLYPH_PX / 2
    between = (parts.x > tall.left.min()) & (parts.x < tall.right.max()) & (parts.area >= 5)
    flat = (parts.height > 0.07 * _CAP_PX) & (parts.height < 0.32 * _CAP_PX)
    point = (np.abs(parts.bottom - low) < 0.2 * _CAP_PX) & (parts.width < 0.34 * _CAP_PX)
    dash = (np.abs(parts.y - middle) < 0.25 * _CAP_PX) & (parts.width > 0.2 * _CAP_PX) & (parts.width < 0.7 * _CAP_PX)
    free = ~((parts.x[:, None] > tall.left[None]) & (parts.x[:, None] < tall.right[None])).any(1)
    return Parts.both(tall, parts.keep(between & flat & free & (point | dash)))


def _split(parts: Parts) -> Parts:
    """Cut parts that are too wide for one character into equal ones: they touch."""
    pieces = np.where(parts.width > 1.5 * _CAP_PX, np.round(parts.width / (0.95 * _CAP_PX)), 1).astype(np.int64)
    whole = parts.keep(np.repeat(np.arange(len(pieces)), pieces))
    place = np.arange(len(whole.left)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    step = whole.width / np.repeat(pieces, pieces)
    left = whole.left + place * step
    return Parts(left=left, top=whole.top, right=left + step, bottom=whole.bottom, area=whole.area, weight=whole.weight)


def _nearest_run(parts: Parts) -> Parts:
    """Keep the longest run without a gap that no point or dash could fill: what is beyond is not of this line."""
    parts = parts.keep(np.argsort(parts.x))
    runs = np.cumsum(np.concatenate([[0], parts.left[1:] - parts.right[:-1] > 1.25 * _CAP_PX]))
    return parts.keep(runs == np.bincount(runs).argmax())
