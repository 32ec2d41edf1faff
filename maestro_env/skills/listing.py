"""From a picture of a program to lines of characters' boxes: its characters stand in the cells of one grid.

The grid is found from the larger characters; each of its cells that holds ink is a character, however small.
"""

from dataclasses import dataclass
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from maestro_env.skills.ink import Parts, Strip, joined, labelled, local_contrast, local_difference
from maestro_env.skills.segmenting import GLYPH_PX, Glyph, GlyphLine

CELL_PX = 16
"""Width of a cell in a character's view; a capital is about as high."""
CAP_IN_CELLS = 1.06
"""Height of a capital in widths of a cell, as editors set text."""

_TILTS_DEG = (0.0, *(sign * 0.25 * step for step in range(1, 11) for sign in (-1, 1)))
"""Tilts that are tried; level first, for it wins ties."""
_FINE_STEPS_DEG = (0.0, -0.08, 0.08, -0.16, 0.16)
_PITCHES = np.geomspace(0.7, 1.39, 120)
"""Widths of a cell that are tried, in median heights of characters: no two of them are each other's double, for half
of the true width would fit as well."""
_MIN_PARTS = 4
_MIN_IN_ROW = 2
_REACH_ACROSS, _REACH_DOWN = 4.8, 3.0
"""How near characters of a program stand, in median heights: a sign with spaces around it between them, and the line
below."""
_MAX_LINES = 12
_MAX_COLUMNS = 40
_LEAST_INK_PX = 5
"""Pixels of ink in a cell that make a character: half of a colon."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Grid:
    """Where cells lie, once the picture is level."""

    angle: float
    """How far rows run down to the right, in radians."""
    pitch: float
    """Width of a cell, in pixels of the picture."""
    offset: float
    """Where the middle of some cell is."""
    parts: Parts
    """The larger characters, level."""
    quality: float
    """How well the parts keep to the cells, times their contrast."""


def program_lines(image: Image.Image) -> tuple[GlyphLine, ...]:
    """Return the lines of a program from top to bottom; each character's `column` is its cell.

    Args:
        image: RGB.
    """
    grey = image.convert("L").filter(ImageFilter.BoxBlur(0.8))
    radius = max(4, round(0.03 * max(grey.size)))
    difference = local_difference(grey, radius)
    contrast = local_contrast(difference, radius)
    inks = (labelled(side > 1, np.abs(difference)) for side in (contrast, -contrast))
    grids = [grid for ink in inks if (grid := _fit(ink, max(grey.size))) is not None]
    if not grids:
        return ()
    grid = max(grids, key=lambda found: found.quality)
    lines = (_read_row(image, grid, row) for row in _rows(grid)[:_MAX_LINES])
    return tuple(line for line in lines if line.glyphs)


def _fit(parts: Parts, side_px: int) -> _Grid | None:
    """Return the grid on which parts lie best."""
    height, width = parts.height, parts.width
    parts = parts.keep(
        (height > 0.011 * side_px) & (height < 0.075 * side_px) & (width < 0.05 * side_px) & (width < 1.6 * height)
    )
    if len(parts.left) < _MIN_PARTS:
        return None
    # Noise makes many parts, but faint ones.
    strong = parts.weight / parts.area
    parts = parts.keep(strong > 0.5 * float(np.quantile(np.sort(strong)[-4 * _MIN_PARTS :], 0.5)))
    parts = _largest_block(parts)
    if len(parts.left) < _MIN_PARTS:
        return None
    angle = _tilt(parts)
    level = _levelled(parts, angle)
    pitches = _PITCHES * float(np.median(level.height))
    turns = np.exp(2j * np.pi * level.x[:, None] / pitches[None])
    strength = np.abs(turns.mean(0))
    best = int(strength.argmax())
    phase = float(np.angle(turns[:, best].mean()))
    pitch = float(pitches[best])
    return _Grid(
        angle=angle,
        pitch=pitch,
        offset=phase / (2 * np.pi) * pitch,
        parts=level,
        quality=float(strength[best]) ** 2 * float((level.weight / level.area).sum()),
    )


def _largest_block(parts: Parts) -> Parts:
    """Return the parts that stand near each other, as a program's characters do; specks of noise stand anywhere."""
    if len(parts.left) == 0:
        return parts
    unit = float(np.median(parts.height))
    across, down = (np.abs(middle[:, None] - middle[None]) for middle in (parts.x, parts.y))
    first, second = np.nonzero((across < _REACH_ACROSS * unit) & (down < _REACH_DOWN * unit))
    label = joined(len(parts.left), first, second)
    weight = np.bincount(label, parts.weight / parts.area)
    return parts.keep(label == int(weight.argmax()))


def _tilt(parts: Parts) -> float:
    """Return the angle at which most characters stand on common lines."""
    coarse = max(_TILTS_DEG, key=lambda tilt: _alignment(parts, radians(tilt)))
    fine = (coarse + step for step in _FINE_STEPS_DEG)
    return radians(max(fine, key=lambda tilt: _alignment(parts, radians(tilt))))


def _alignment(parts: Parts, angle: float) -> float:
    """Return how much the upper and lower edges of characters gather in few rows."""
    feet = _levelled(parts, angle)
    score = 0.0
    for edge in (feet.top, feet.bottom):
        place = edge - edge.min()
        low = place.astype(np.int64)
        share = place - low
        # Each edge is spread over two rows, so that the score changes smoothly with the angle.
        counts = np.bincount(low, 1 - share, int(low.max()) + 2) + np.bincount(low + 1, share, int(low.max()) + 2)
        score += float(counts @ counts)
    return score


def _levelled(parts: Parts, angle: float) -> Parts:
    x, y = parts.x, parts.y
    u, v = x * cos(angle) + y * sin(angle), y * cos(angle) - x * sin(angle)
    half_width, half_height = parts.width / 2, parts.height / 2
    return Parts(
        left=u - half_width,
        top=v - half_height,
        right=u + half_width,
        bottom=v + half_height,
        area=parts.area,
        weight=parts.weight,
    )


def _rows(grid: _Grid) -> list[Parts]:
    """Return the characters of each line from top to bottom: lines are where there are gaps between heights."""
    parts = grid.parts.keep(np.argsort(grid.parts.top))
    reach = np.maximum.accumulate(parts.bottom)
    row = np.cumsum(np.concatenate([[0], parts.top[1:] > reach[:-1]]))
    # The shortest line, such as `a = 5`, still holds two of the larger characters; specks stand alone.
    return [parts.keep(row == number) for number in np.flatnonzero(np.bincount(row) >= _MIN_IN_ROW)]


def _read_row(image: Image.Image, grid: _Grid, row: Parts) -> GlyphLine:
    """Cut a line out and return its cells that hold ink."""
    cap_px = CAP_IN_CELLS * grid.pitch
    middle_y = _baseline(row, cap_px) - cap_px / 2
    columns = np.round((row.x - grid.offset) / grid.pitch).astype(np.int64)
    # A line may end in signs that are too small to be among the larger characters.
    first, last = int(columns.min()), min(int(columns.max()) + 2, int(columns.min()) + _MAX_COLUMNS)
    num = last - first + 1
    level = (grid.offset + (first + last) / 2 * grid.pitch, middle_y)
    turn = grid.angle
    middle = (level[0] * cos(turn) - level[1] * sin(turn), level[0] * sin(turn) + level[1] * cos(turn))
    margin = (GLYPH_PX - CELL_PX) // 2
    strip = Strip(
        image,
        middle=middle,
        angle=turn,
        scale=grid.pitch / CELL_PX,
        width=num * CELL_PX + 2 * margin,
        height=GLYPH_PX,
    )
    pixels = np.asarray(strip.picture, np.float64)
    paper = np.median(pixels.reshape(-1, 3), axis=0)
    away = np.abs(pixels - paper).mean(2)
    ink = away > 0.4 * float(np.quantile(away[4:-4], 0.97))
    glyphs: list[Glyph] = []
    for place in range(num):
        left = place * CELL_PX
        cell = ink[4:-4, left + margin + 2 : left + margin + CELL_PX - 2]
        if int(cell.sum()) >= _LEAST_INK_PX:
            x, y = strip.place(left + margin + CELL_PX / 2, GLYPH_PX / 2)
            view = strip.picture.crop((left, 0, left + GLYPH_PX, GLYPH_PX))
            glyphs.append(Glyph(view=view, x=x, y=y, column=first + place))
    red, green, blue = (float(value) for value in paper)
    return GlyphLine(glyphs=tuple(glyphs), height_px=cap_px, paper=(red, green, blue))


def _baseline(row: Parts, cap_px: float) -> float:
    """Return the height on which most characters of a line stand; the upper one of equals, for tails hang below."""
    feet = np.sort(row.bottom)
    votes: NDArray[np.int64] = (np.abs(feet[:, None] - feet[None]) < 0.12 * cap_px).sum(1)
    place = float(feet[int(votes.argmax())])
    return float(feet[np.abs(feet - place) < 0.12 * cap_px].mean())
