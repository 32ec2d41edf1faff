"""The primer: single letters and numbers of any size, anywhere. It teaches readers to read; no task is like it.

Readers that meet letters only as small labels beside other things learn slowly which is which: for hundreds of steps
nothing tells them where to look. Here there is nothing else to look at.
"""

import numpy as np
from PIL import Image

from maestro_env.tasks.procedural.canvas import Canvas, Colour, mixed, textured
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.wordings import COLOURS, DEGREES, LETTERS, NUMBERS, Intent, plain_wording

HEIGHTS = (0.45, 0.11)
"""Height of the text as a share of the side, from the easiest to the hardest: the least that labels have."""
_DARK: Colour = (40, 42, 50)
_LIGHT: Colour = (246, 246, 242)


def draw_sign(rng: np.random.Generator, *, size_px: int, difficulty: float) -> tuple[Image.Image, str, str]:
    """Draw one letter or number, with a question and its answer.

    Args:
        rng: The only source of randomness.
        size_px: Side of the square picture.
        difficulty: In [0, 1]; more means smaller, fainter, and among more strokes.
    """
    letter = bool(rng.random() < 0.5)
    text = pick(LETTERS, rng) if letter else pick((*NUMBERS, *DEGREES), rng)
    question = plain_wording(Intent.LETTER if letter else Intent.VALUE, rng)
    paper, ink = (_LIGHT, _DARK) if rng.random() < 0.7 else (_DARK, _LIGHT)
    paper = mixed(paper, pick_colour(rng), float(rng.uniform(0.0, 0.5)))
    ink = mixed(ink, paper, float(rng.uniform(0.0, 0.35)) * difficulty)
    canvas = Canvas(size_px, paper)
    for _ in range(round(between(0, 5, difficulty))):
        x, y, u, v = (float(w) for w in rng.random(4))
        canvas.line([(x, y), (x + u - 0.5, y + v - 0.5)], mixed(pick_colour(rng), paper, 0.4), 0.012)
    height = between(*HEIGHTS, difficulty) * float(rng.uniform(0.85, 1.15))
    # A character is about two thirds as wide as high: three of the largest just fit.
    wide, high = 0.35 * height * len(text), 0.5 * height
    x, y = (0.5 + float(rng.uniform(-1, 1)) * max(0.0, 0.47 - half) for half in (wide, high))
    canvas.text(x, y, text, ink, height)
    return textured(canvas.finish(), 0.4 * difficulty * float(rng.random()), rng), question, text


def pick_colour(rng: np.random.Generator) -> Colour:
    """Return one of the named colours."""
    return COLOURS[pick(tuple(COLOURS), rng)]
