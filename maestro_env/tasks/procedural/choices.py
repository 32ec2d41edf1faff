"""What families choose alike: one of several texts, a value by difficulty, a place that a question can name."""

from collections.abc import Sequence

import numpy as np

from maestro_env.tasks.procedural.canvas import Point
from maestro_env.tasks.procedural.wordings import PLACES

CENTRE_REACH = 0.08
"""Largest distance from the middle, by axis, at which a thing is in the centre; as a fraction of the side."""
QUADRANT_REACH = 0.15
"""Smallest distance from both middle lines at which a thing is in a quadrant; between the two is no place."""


def pick(options: Sequence[str], rng: np.random.Generator) -> str:
    """Return one of several texts."""
    return options[int(rng.integers(len(options)))]


def between(easy: float, hard: float, difficulty: float) -> float:
    """Return the value at a difficulty on the way from the easy value to the hard one."""
    return easy + (hard - easy) * difficulty


def place_of(point: Point) -> str | None:
    """Return which of `PLACES` a point is in, or None in the bands between them."""
    dx, dy = point[0] - 0.5, point[1] - 0.5
    if max(abs(dx), abs(dy)) <= CENTRE_REACH:
        return "centre"
    if min(abs(dx), abs(dy)) < QUADRANT_REACH:
        return None
    return f"{'upper' if dy < 0 else 'lower'} {'left' if dx < 0 else 'right'}"


def place_margin(point: Point) -> float:
    """Return how far a point is from the border of its place, the middle of the band; -1 within a band."""
    place = place_of(point)
    if place is None:
        return -1.0
    border = (CENTRE_REACH + QUADRANT_REACH) / 2
    dx, dy = abs(point[0] - 0.5), abs(point[1] - 0.5)
    return border - max(dx, dy) if place == PLACES[-1] else min(dx, dy) - border
