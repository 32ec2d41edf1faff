"""The family `visual_math`: clocks, dice and written sums. What they show is a number to be worked out."""

from collections.abc import Mapping
from math import radians

import numpy as np

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, Point, distance, mixed, polar, textured
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, Intent

KINDS = ("clock", "dice", "sum")
PAPERS: tuple[Colour, ...] = ((250, 250, 247), (240, 243, 248), (246, 240, 228), (228, 232, 230))
MIN_CONTRAST = 0.28
MIN_PART = 0.024
"""Smallest side of the part that carries the answer (hand's width, pip, stroke); 1.5 px of 64."""
MAX_RESULT = 24

Drawn = tuple[tuple[Query, ...], dict[str, float | int]]
"""The queries of what was drawn, and what was measured while drawing."""

_FACE: Colour = (252, 251, 246)
_PIPS: Mapping[int, tuple[Point, ...]] = {
    1: ((0, 0),),
    2: ((-1, -1), (1, 1)),
    3: ((-1, -1), (0, 0), (1, 1)),
    4: ((-1, -1), (1, -1), (-1, 1), (1, 1)),
    5: ((-1, -1), (1, -1), (0, 0), (-1, 1), (1, 1)),
    6: ((-1, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (1, 1)),
}
_ASK_HOUR = ("Which hour does the clock show?", "What full hour was it last, by this clock?", "Read the clock's hour.")
_ASK_RIM = ("What colour is the clock's rim?", "Which colour surrounds the dial?")
_ASK_HAND = ("What colour is the hour hand?", "Which colour has the short hand of the clock?")
_ASK_PIPS = (
    "What do the dice add up to?",
    "What is the total of all pips?",
    "How many pips do the dice show together?",
)
_ASK_DICE = ("How many dice are there?", "How many dice were thrown?")
_ASK_DIE_COLOUR = ("What colour are the dice?", "Which colour is each die?")
_ASK_RESULT = ("What is the result?", "What does the sum come to?", "Work out the written sum.")
_ASK_INK = ("In which colour is the sum written?", "What colour is the ink?")


class VisualMath(Family):
    """Pictures whose number is worked out, not only read."""

    name = "visual_math"
    native_px = 288

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        paper = PAPERS[int(rng.integers(len(PAPERS)))]
        canvas = Canvas(size_px, paper)
        if kind == "clock":
            queries, measured = _draw_clock(canvas, rng, difficulty)
        elif kind == "dice":
            queries, measured = _draw_dice(canvas, rng, difficulty, paper)
        else:
            queries, measured = _draw_sum(canvas, rng, difficulty, paper)
        image = textured(canvas.finish(), between(0.0, 0.4, difficulty), rng)
        return Figure(image=image, queries=queries, factors={"difficulty": difficulty, "kind": kind, **measured})

    def check(self, figure: Figure) -> None:
        for name, floor in (("contrast", MIN_CONTRAST), ("part", MIN_PART)):
            if float(figure.factors[name]) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: draw it larger or darker."
                )


def _colour(rng: np.random.Generator) -> str:
    return pick(tuple(COLOURS), rng)


def _draw_clock(canvas: Canvas, rng: np.random.Generator, difficulty: float) -> Drawn:
    rim, hand = (str(name) for name in rng.permutation(tuple(COLOURS))[:2])
    hour = int(rng.integers(1, 13))
    minute = 30 if rng.random() < 0.5 * difficulty else 0
    radius = between(0.44, 0.36, difficulty) * rng.uniform(0.95, 1.0)
    slack = 0.47 - radius
    x, y = (0.5 + rng.uniform(-slack, slack) for _ in range(2))
    hand_width = between(0.05, 0.032, difficulty)
    ink: Colour = (40, 42, 48)
    canvas.circle(x, y, radius, COLOURS[rim])
    canvas.circle(x, y, 0.87 * radius, _FACE)
    for tick in range(12):
        # Quarter ticks are longer and always there; some of the others are missing when it is hard.
        if tick % 3 and rng.random() < 0.7 * difficulty:
            continue
        inner, angle = 0.68 if tick % 3 == 0 else 0.76, radians(30.0 * tick)
        canvas.line([polar(x, y, inner * radius, angle), polar(x, y, 0.83 * radius, angle)], ink, 0.014)
    canvas.line([(x, y), polar(x, y, 0.74 * radius, radians(6.0 * minute))], ink, 0.6 * hand_width)
    hour_angle = radians(30.0 * hour + 0.5 * minute)
    canvas.line([(x, y), polar(x, y, 0.5 * radius, hour_angle)], COLOURS[hand], 1.25 * hand_width)
    canvas.circle(x, y, 0.8 * hand_width, ink)
    queries = (
        Query(intent=Intent.VALUE, answer=str(hour)),
        Query(intent=Intent.VALUE, answer=str(hour), question=pick(_ASK_HOUR, rng)),
        Query(intent=Intent.COLOUR, answer=rim),
        Query(intent=Intent.COLOUR, answer=hand, question=pick(_ASK_HAND, rng)),
        Query(intent=Intent.COLOUR, answer=rim, question=pick(_ASK_RIM, rng)),
    )
    least_contrast = min(distance(COLOURS[hand], _FACE), distance(COLOURS[rim], _FACE))
    return queries, {"contrast": least_contrast, "part": hand_width, "minute": minute}


def _draw_dice(canvas: Canvas, rng: np.random.Generator, difficulty: float, paper: Colour) -> Drawn:
    count = int(rng.integers(1, 5 if rng.random() < 0.3 + 0.7 * difficulty else 3))
    pips = [int(v) for v in rng.integers(1, 7, size=count)]
    colour = _colour(rng)
    pip_colour = _FACE if distance(COLOURS[colour], _FACE) > 0.5 else (30, 30, 34)
    side = between(0.40, 0.33, difficulty) if count > 1 else between(0.55, 0.36, difficulty)
    if count == 1:
        slack = 0.46 - side / 2
        centres = [(0.5 + rng.uniform(-slack, slack), 0.5 + rng.uniform(-slack, slack))]
    else:
        # Dice lie in the four quarters, so that they never touch.
        slack = (0.46 - side) / 2
        quarters = rng.permutation(4)[:count]
        centres = [
            (0.26 + 0.48 * (q % 2) + rng.uniform(-slack, slack), 0.26 + 0.48 * (q // 2) + rng.uniform(-slack, slack))
            for q in quarters
        ]
    pip_radius = between(0.105, 0.085, difficulty) * side
    for (x, y), value in zip(centres, pips, strict=True):
        half = side / 2
        canvas.rectangle(x - half, y - half, x + half, y + half, COLOURS[colour])
        turned = rng.random() < 0.5
        for u, v in _PIPS[value]:
            px, py = (v, -u) if turned else (u, v)
            canvas.circle(x + 0.27 * side * px, y + 0.27 * side * py, pip_radius, pip_colour)
    total = str(sum(pips))
    queries = (
        Query(intent=Intent.VALUE, answer=total),
        Query(intent=Intent.VALUE, answer=total, question=pick(_ASK_PIPS, rng)),
        Query(intent=Intent.COUNT, answer=str(count)),
        Query(intent=Intent.COUNT, answer=str(count), question=pick(_ASK_DICE, rng)),
        Query(intent=Intent.COLOUR, answer=colour),
        Query(intent=Intent.COLOUR, answer=colour, question=pick(_ASK_DIE_COLOUR, rng)),
    )
    least_contrast = min(distance(COLOURS[colour], paper), distance(COLOURS[colour], pip_colour))
    return queries, {"contrast": least_contrast, "part": 2 * pip_radius, "num_elements": count}


def _draw_sum(canvas: Canvas, rng: np.random.Generator, difficulty: float, paper: Colour) -> Drawn:
    largest = round(between(9, 19, difficulty))
    while True:
        first, second = (int(v) for v in rng.integers(1, largest + 1, size=2))
        plus = bool(rng.random() < 0.5)
        result = first + second if plus else first - second
        if 0 <= result <= MAX_RESULT:
            break
    text = f"{first}{'+' if plus else '-'}{second}"
    colour = _colour(rng)
    ink = mixed(COLOURS[colour], paper, between(0.0, 0.22, difficulty) * rng.random())
    # Signs stand at one pitch, 0.62 of their height, so that no font has to be measured.
    height = min(between(0.92, 0.78, difficulty) / (0.62 * len(text)), between(0.5, 0.36, difficulty))
    pitch = 0.62 * height
    slack = max(0.0, 0.48 - pitch * len(text) / 2)
    middle = (0.5 + float(rng.uniform(-slack, slack)), 0.5 + float(rng.uniform(-0.2, 0.2)))
    for i, sign in enumerate(text):
        canvas.text(middle[0] + (i - (len(text) - 1) / 2) * pitch, middle[1], sign, ink, height)
    queries = (
        Query(intent=Intent.VALUE, answer=str(result)),
        Query(intent=Intent.VALUE, answer=str(result), question=pick(_ASK_RESULT, rng)),
        Query(intent=Intent.COLOUR, answer=colour),
        Query(intent=Intent.COLOUR, answer=colour, question=pick(_ASK_INK, rng)),
    )
    # A stroke of Pillow's font is about a tenth of its size.
    return queries, {"contrast": distance(ink, paper), "part": 0.1 * height, "num_elements": len(text)}
