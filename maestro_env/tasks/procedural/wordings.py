"""How questions are worded. Families share wordings, so that the text alone does not tell which reader is needed."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np

NUMBERS = tuple(str(n) for n in range(25))
"""What counts and values can be."""
COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (214, 48, 49),
    "orange": (243, 146, 32),
    "yellow": (236, 203, 48),
    "green": (56, 158, 84),
    "blue": (44, 104, 198),
    "purple": (142, 68, 173),
}
"""Colours that questions name, as RGB."""
PLACES = ("upper left", "upper right", "lower left", "lower right", "centre")
SHAPES = ("circle", "square", "triangle", "star", "cross")
LETTERS = tuple("ABCDEFGH")
DEGREES = tuple(str(n) for n in range(30, 180, 15))
"""What angles can be."""
DIRECTIONS = ("up", "down", "left", "right")

ANSWERS: tuple[str, ...] = (*NUMBERS, *DEGREES, *COLOURS, *PLACES, *SHAPES, *LETTERS, *DIRECTIONS)
"""The closed answer vocabulary of the small readers: numbers, degrees, colours, places, shapes, letters, directions."""


class Intent(StrEnum):
    """What a question asks for. The first six are shared by families with different readers."""

    COUNT = "count"
    VALUE = "value"
    COLOUR = "colour"
    PLACE = "place"
    LETTER = "letter"
    SHAPE = "shape"
    DIRECTION = "direction"
    TEXT = "text"
    """Open: the answer is not in `ANSWERS`."""


_WORDINGS: Mapping[Intent, tuple[str, ...]] = {
    Intent.COUNT: ("How many are there?", "How many can be seen?", "What is the number of them?"),
    Intent.VALUE: ("What value does it show?", "Which number does it stand for?", "What does it read?"),
    Intent.COLOUR: ("Which colour is it?", "What is its colour?", "Name the colour that stands out."),
    Intent.PLACE: ("Where is it?", "In which part is it?", "Where does it stand out?"),
    Intent.LETTER: ("Which letter is it?", "Which letter is marked?", "Name the letter."),
    Intent.SHAPE: ("Which shape is it?", "What shape stands out?", "Name the shape."),
    Intent.DIRECTION: ("Which way does it go next?", "What is its next move?", "Where must it turn now?"),
    Intent.TEXT: ("What does it say?", "Read the text.", "What is written there?"),
}
CHOICES: Mapping[Intent, tuple[str, ...]] = {
    Intent.COUNT: NUMBERS,
    Intent.VALUE: (*NUMBERS, *DEGREES),
    Intent.COLOUR: tuple(COLOURS),
    Intent.PLACE: PLACES,
    Intent.LETTER: LETTERS,
    Intent.SHAPE: SHAPES,
    Intent.DIRECTION: DIRECTIONS,
    Intent.TEXT: (),
}
"""What the answers to an intent's questions can be; empty where they are open."""


def plain_wording(intent: Intent, rng: np.random.Generator) -> str:
    """Return one of the shared wordings of an intent."""
    options = _WORDINGS[intent]
    return options[int(rng.integers(len(options)))]


def framed_wording(intent: Intent, frame_colour: str, rng: np.random.Generator) -> str:
    """Return a shared wording that points to the figure in the frame of a colour."""
    wording = plain_wording(intent, rng)
    return f"In the {frame_colour} frame: {wording[0].lower()}{wording[1:]}"
