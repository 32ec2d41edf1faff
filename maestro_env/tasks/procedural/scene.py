"""Scenes: framed figures of the families, pasted into a large cluttered picture; the question is about one of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, mixed, textured
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, SHAPES
from maestro_env.types import Box

FRAME_SHARE = 0.05
"""Width of a frame, as a share of the figure's side."""
RIVAL_ODDS = 0.75
"""How often the second figure is one that could answer the same question: reading it gives a wrong answer."""
MIN_FIGURE_PX = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneStyle:
    """What the scenes of a benchmark have in common."""

    side_px: int
    figure_px: tuple[int, int]
    """Smallest and largest side of a figure."""
    num_figures_odds: Mapping[int, float]
    """How many figures a scene holds -> how often; sums to 1."""
    clutter: float = 1.0
    """Strokes and shapes of the background, as a multiple of what a plain scene holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """One figure of a scene."""

    family: str
    figure: Figure
    frame_colour: str
    box: Box
    """The frame's outer edge, in pixels of the scene."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """A composed picture and which of its figures the question is about."""

    image: Image.Image
    placed: tuple[Placed, ...]
    """The target comes first."""
    query: Query
    """A query of the target, without a wording of its own."""

    @property
    def target(self) -> Placed:
        return self.placed[0]


def compose_scene(
    families: Sequence[Family],
    rng: np.random.Generator,
    *,
    style: SceneStyle,
    difficulty: float,
    target: str | None = None,
) -> Scene:
    """Compose a scene.

    Args:
        families: Which families its figures are drawn from, each equally often the target's.
        rng: The only source of randomness.
        style: Sizes and numbers.
        difficulty: In [0, 1]: more clutter, harder figures.
        target: The family that the question is about; None draws one.
    """
    figure_px = style.figure_px
    canvas, paper = _background(rng, style, difficulty)
    count = int(rng.choice(list(style.num_figures_odds), p=list(style.num_figures_odds.values())))
    wanted = [family for family in families if target in (None, family.name)]
    target_family = wanted[int(rng.integers(len(wanted)))]
    figure, query = _draw_target(target_family, rng, figure_px, difficulty)
    chosen: list[tuple[str, Figure]] = [(target_family.name, figure)]
    others = [family for family in families if family.name != target_family.name]
    for number in range(1, count):
        rival = query if number == 1 and rng.random() < RIVAL_ODDS else None
        family, figure = _draw_other(others, rng, figure_px, difficulty, rival)
        chosen.append((family.name, figure))
        others = [other for other in others if other.name != family.name]
    frame_names = [list(COLOURS)[int(i)] for i in rng.permutation(len(COLOURS))]
    image = textured(canvas.finish(), 0.15 + 0.35 * difficulty * float(rng.random()), rng)
    boxes = _arrange(rng, [figure.image.width for _, figure in chosen], style.side_px)
    placed = tuple(
        Placed(family=name, figure=figure, frame_colour=frame, box=box)
        for (name, figure), frame, box in zip(chosen, frame_names, boxes, strict=False)
    )
    for item in placed:
        _paste(image, item, paper)
    return Scene(image=image, placed=placed, query=query)


def check_scene(scene: Scene) -> None:
    """Raise `TaskError` unless the target is large enough, its frame is unique and no two figures overlap."""
    target = scene.target
    if target.figure.image.width < MIN_FIGURE_PX:
        raise TaskError(f"The target is {target.figure.image.width} px wide; at least {MIN_FIGURE_PX} px is readable.")
    if [item.frame_colour for item in scene.placed].count(target.frame_colour) != 1:
        raise TaskError(f"The {target.frame_colour} frame is not unique; the question would be ambiguous.")
    for i, one in enumerate(scene.placed):
        for other in scene.placed[:i]:
            if _overlap(one.box, other.box, gap_px=0):
                raise TaskError(f"Figures overlap: {one.box} and {other.box}; each must be whole.")


def _draw_target(
    family: Family, rng: np.random.Generator, figure_px: tuple[int, int], difficulty: float
) -> tuple[Figure, Query]:
    figure = family.draw(rng, size_px=int(rng.integers(figure_px[0], figure_px[1] + 1)), difficulty=difficulty)
    shared = [query for query in figure.queries if not query.question]
    return figure, shared[int(rng.integers(len(shared)))]


def _draw_other(
    families: Sequence[Family],
    rng: np.random.Generator,
    figure_px: tuple[int, int],
    difficulty: float,
    rival: Query | None,
) -> tuple[Family, Figure]:
    """Draw another family's figure; for a rival of a query, one whose answer to the same question differs."""
    order = [families[int(place)] for place in rng.permutation(len(families))]
    for family in order:
        size_px = int(rng.integers(figure_px[0], figure_px[1] + 1))
        figure = family.draw(rng, size_px=size_px, difficulty=difficulty)
        # Where no other family answers this question, the last one drawn stands beside the target.
        if rival is None or family is order[-1] or _rivals(figure, rival):
            return family, figure
    raise ValueError("Another figure needs at least one other family.")


def _rivals(figure: Figure, query: Query) -> bool:
    return any(not q.question and q.intent is query.intent and q.answer != query.answer for q in figure.queries)


def _background(rng: np.random.Generator, style: SceneStyle, difficulty: float) -> tuple[Canvas, Colour]:
    tint = rng.integers(150, 236, 3)
    paper: Colour = (int(tint[0]), int(tint[1]), int(tint[2]))
    canvas = Canvas(style.side_px, paper, supersampling=1)
    for _ in range(round((12 + 30 * difficulty) * style.clutter)):
        x, y, u, v = (float(w) for w in rng.random(4))
        colour = COLOURS[list(COLOURS)[int(rng.integers(len(COLOURS)))]]
        ink = mixed(colour, paper, float(rng.uniform(0.3, 0.8)))
        if rng.random() < 0.5:
            canvas.line([(x, y), (x + (u - 0.5) * 0.5, y + (v - 0.5) * 0.5)], ink, float(rng.uniform(0.002, 0.006)))
        else:
            shape = SHAPES[int(rng.integers(len(SHAPES)))]
            canvas.shape(shape, x, y, float(rng.uniform(0.008, 0.03)), ink, u * 6.3)
    return canvas, paper


def _arrange(rng: np.random.Generator, sides_px: Sequence[int], side_px: int) -> list[Box]:
    """Place the frames apart from each other."""
    while True:
        boxes: list[Box] = []
        for figure_px in sides_px:
            outer = figure_px + 2 * round(figure_px * FRAME_SHARE)
            left, top = (int(v) for v in rng.integers(8, side_px - outer - 8, 2))
            box = Box(left=left, top=top, right=left + outer, bottom=top + outer)
            if any(_overlap(box, other, gap_px=12) for other in boxes):
                break
            boxes.append(box)
        else:
            return boxes


def _overlap(one: Box, other: Box, *, gap_px: int) -> bool:
    return (
        one.left < other.right + gap_px
        and other.left < one.right + gap_px
        and one.top < other.bottom + gap_px
        and other.top < one.bottom + gap_px
    )


def _paste(image: Image.Image, item: Placed, paper: Colour) -> None:
    left, top, right, bottom = (round(v) for v in (item.box.left, item.box.top, item.box.right, item.box.bottom))
    image.paste(mixed(COLOURS[item.frame_colour], paper, 0.05), (left, top, right, bottom))
    margin = (right - left - item.figure.image.width) // 2
    image.paste(item.figure.image, (left + margin, top + margin))
