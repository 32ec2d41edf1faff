"""The primer: single letters and numbers of any size, anywhere. It teaches readers to read; no task is like it.

Readers that meet letters only as small labels beside other things learn slowly which is which: for hundreds of steps
nothing tells them where to look. Here there is nothing else to look at, and then ever more.
"""

import numpy as np
from PIL import Image

from maestro_env.tasks.procedural.canvas import Canvas, Colour, mixed, textured
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.wordings import COLOURS, DEGREES, LETTERS, NUMBERS, SHAPES, Intent, plain_wording

HEIGHTS = (0.4, 0.12)
"""Height of the text as a share of the side, from the easiest to the hardest: the least that labels have."""
MOST_THINGS = 8
"""Strokes and shapes around the hardest sign: a label stands among other things."""
_DARK: Colour = (40, 42, 50)
_LIGHT: Colour = (246, 246, 242)


def draw_sign(rng: np.random.Generator, *, size_px: int, difficulty: float) -> tuple[Image.Image, str, str]:
    """Draw one letter or number, with a question and its answer.

    Args:
        rng: The only source of randomness.
        size_px: Side of the square picture.
        difficulty: In [0, 1]; more means smaller, fainter, and among more things.
    """
    letter = bool(rng.random() < 0.5)
    text = pick(LETTERS, rng) if letter else pick((*NUMBERS, *DEGREES), rng)
    question = plain_wording(Intent.LETTER if letter else Intent.VALUE, rng)
    paper, ink = (_LIGHT, _DARK) if rng.random() < 0.7 else (_DARK, _LIGHT)
    paper = mixed(paper, _pick_colour(rng), float(rng.uniform(0.0, 0.3)))
    ink = mixed(ink, paper, float(rng.uniform(0.0, 0.35)) * difficulty)
    height = between(*HEIGHTS, difficulty) * float(rng.uniform(0.9, 1.1))
    # A character is about two thirds as wide as high: three of the largest just fit.
    half_width, half_height = 0.35 * height * len(text), 0.5 * height
    x, y = (0.5 + float(rng.uniform(-1, 1)) * max(0.0, 0.47 - half) for half in (half_width, half_height))
    canvas = Canvas(size_px, paper)
    for _ in range(round(float(rng.uniform(0.3, 1.0)) * MOST_THINGS * difficulty)):
        _draw_thing(canvas, rng, paper, ink)
    canvas.rectangle(
        x - half_width - 0.02, y - half_height - 0.01, x + half_width + 0.02, y + half_height + 0.01,
        paper if rng.random() < 0.7 else mixed(_pick_colour(rng), paper, 0.5),
    )  # fmt: skip
    canvas.text(x, y, text, ink, height)
    return textured(canvas.finish(), 0.4 * difficulty * float(rng.random()), rng), question, text


def _draw_thing(canvas: Canvas, rng: np.random.Generator, paper: Colour, ink: Colour) -> None:
    """Draw a stroke or a shape such as figures are made of, in ink or in a colour."""
    x, y, u, v = (float(w) for w in rng.random(4))
    colour = ink if rng.random() < 0.5 else mixed(_pick_colour(rng), paper, 0.3 * float(rng.random()))
    if rng.random() < 0.6:
        canvas.line([(x, y), (x + u - 0.5, y + v - 0.5)], colour, float(rng.uniform(0.008, 0.03)))
    elif rng.random() < 0.5:
        canvas.shape(pick(SHAPES, rng), x, y, float(rng.uniform(0.03, 0.15)), colour, 6.3 * u)
    else:
        canvas.circle(x, y, float(rng.uniform(0.05, 0.3)), None, colour, float(rng.uniform(0.008, 0.02)))


def _pick_colour(rng: np.random.Generator) -> Colour:
    return COLOURS[pick(tuple(COLOURS), rng)]
