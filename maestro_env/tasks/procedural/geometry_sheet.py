"""The sheet of paper that `geometry` draws on: its inks, strokes and letters. The figures on it are geometry.py's."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, sin

import numpy as np

from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, distance, mixed, polar
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.wordings import COLOURS

PAPERS: tuple[Colour, ...] = ((253, 252, 248), (244, 247, 251), (250, 245, 235), (241, 246, 240))
CAPITAL = 0.37
"""Half the height, and at most half the width, of a capital A to H, as a share of its font size."""
EDGE = 0.025
"""Smallest distance of anything from the picture's edge."""

_INK: Colour = (46, 52, 66)
_BADGE = 0.54
"""Radius of the disc under the marked letter, as a share of the font size: it just holds the letter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """The paper that is drawn on, and what it is drawn with."""

    canvas: Canvas
    difficulty: float
    paper: Colour
    ink: Colour
    mark_name: str
    mark: Colour
    """Ink of the one coloured part."""
    stroke: float
    mark_stroke: float
    letter: float
    """Font size."""

    @property
    def badge_ink(self) -> Colour:
        """Ink of the marked letter: dark on a light disc, light on a dark one."""
        return max((self.ink, self.paper), key=lambda colour: distance(colour, self.mark))

    @property
    def badge_contrast(self) -> float:
        """How far the marked letter's colour is from that of its disc."""
        return distance(self.badge_ink, self.mark)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        """Draw a line with round ends."""
        self.canvas.line(points, colour, width)
        for x, y in (points[0], points[-1]):
            self.canvas.circle(x, y, width / 2, colour)

    def write(self, letter: str, point: Point, *, marked: bool = False) -> None:
        """Write a letter; that of the coloured part stands on a disc of its colour."""
        if marked:
            self.canvas.circle(*point, _BADGE * self.letter, self.mark)
        ink = self.badge_ink if marked else self.ink
        # The font hangs capitals lower than its middle by a fortieth.
        self.canvas.text(point[0], point[1] - 0.025 * self.letter, letter, ink, self.letter)

    def faint(self, share: float) -> Colour:
        return mixed(self.paper, self.ink, share)

    def beside(self, point: Point, normal: float) -> Point:
        """Return where a letter stands that clears a point and a line through it.

        Args:
            point: On the line.
            normal: Direction of the letter, at right angles to the line; radians clockwise from twelve o'clock.
        """
        reach = CAPITAL * self.letter * (abs(sin(normal)) + abs(cos(normal)))
        return polar(*point, reach + self.mark_stroke / 2 + 0.014, normal)

    def margin(self) -> float:
        """Return how far from the edge a letter's middle has to be."""
        return EDGE + CAPITAL * self.letter


def lay_sheet(rng: np.random.Generator, size_px: int, difficulty: float) -> Sheet:
    """Choose a paper, an ink and a mark; the harder, the paler and thinner."""
    paper = PAPERS[int(rng.integers(len(PAPERS)))]
    fade = between(0.0, 0.36, difficulty) * float(rng.uniform(0.6, 1.0))
    mark_name = pick(tuple(COLOURS), rng)
    return Sheet(
        canvas=Canvas(size_px, paper),
        difficulty=difficulty,
        paper=paper,
        ink=mixed(_INK, paper, fade),
        mark_name=mark_name,
        mark=mixed(COLOURS[mark_name], paper, fade),
        stroke=between(0.016, 0.0125, difficulty),
        mark_stroke=between(0.036, 0.024, difficulty),
        letter=between(0.16, 0.13, difficulty),
    )


def draw_squares(sheet: Sheet, rng: np.random.Generator) -> None:
    """Draw the faint squares of exercise paper."""
    pitch, offset = float(rng.uniform(0.07, 0.11)), float(rng.uniform(0, 0.07))
    colour = sheet.faint(between(0.07, 0.15, sheet.difficulty))
    for at in np.arange(offset, 1, pitch):
        sheet.canvas.line([(float(at), 0), (float(at), 1)], colour, 0.004)
        sheet.canvas.line([(0, float(at)), (1, float(at))], colour, 0.004)
