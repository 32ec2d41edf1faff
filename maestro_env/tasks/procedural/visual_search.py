"""The family `visual_search`: one small thing that is unlike all others, in a large picture made for zooming.

What `it` means: that one thing. Where its place is asked for, it is well within one of the places.
"""

from functools import lru_cache
from math import ceil, radians, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Canvas, Colour, distance, textured
from maestro_env.tasks.procedural.choices import between, pick, place_margin, place_of
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.wordings import COLOURS, LETTERS, PLACES, SHAPES, Intent

KINDS = ("odd_colour", "odd_shape", "odd_letter")
PAPERS: tuple[Colour, ...] = ((249, 249, 246), (238, 242, 249), (247, 241, 230), (230, 236, 231), (30, 32, 38))
ZOOM_FROM_PX = 512
"""From this side on the target is small, made for zooming; a smaller figure stands in a scene: few, larger things."""
MIN_CONTRAST = 0.25
MIN_TARGET_PX = {True: 26.0, False: 14.0}
"""Floor of the target's side, in pixels; by whether the figure is made for zooming."""
MIN_PLACE_MARGIN = 0.02

_TURNS_DEG = tuple(range(-30, 31, 10))
_GRAIN = 4
"""Textures are made at a quarter of the size and blown up: at full size they would cost more than all else."""
_ASK_COLOUR = ("What colour is the odd one out?", "Which colour has the one that is unlike the others?")
_ASK_SHAPE = ("What shape has the only one of its colour?", "Which shape is the one in a colour of its own?")
_ASK_ODD_SHAPE = ("What shape is the odd one out?", "Which shape occurs only once?")
_ASK_LETTER = ("Which letter hides among the shapes?", "What is the only letter in the picture?")
_ASK_LETTER_COLOUR = ("What colour is the letter?", "In which colour is the only letter written?")
_ASK_PLACE = ("Where is the one that is unlike the others?", "In which part is the odd one out?")


class VisualSearch(Family):
    """A needle among 20 to 120 other things; in a scene, a larger one among a few."""

    name = "visual_search"
    native_px = 1024

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        kind = pick(KINDS, rng)
        zoom = size_px >= ZOOM_FROM_PX
        paper = PAPERS[int(rng.integers(len(PAPERS)))]
        colour, shape, things = _unlike_the_others(rng, kind, zoom=zoom, difficulty=difficulty)
        image = _paper(size_px, paper, between(0.0, 0.35, difficulty), rng)
        side = between(56, 29, difficulty) / 1024 if zoom else between(0.2, 0.145, difficulty)
        centres = _scatter(rng, len(things), side)
        for (x, y), (thing_shape, thing_colour) in zip(centres, things, strict=True):
            stamp = _stamp(thing_shape, round(side * size_px), int(rng.integers(len(_TURNS_DEG))))
            corner = (round(x * size_px - stamp.width / 2), round(y * size_px - stamp.height / 2))
            image.paste(COLOURS[thing_colour], corner, stamp)
        target: tuple[float, float] = (float(centres[0, 0]), float(centres[0, 1]))
        place = place_of(target) or ""
        factors = {
            "difficulty": difficulty,
            "kind": kind,
            "zoom": int(zoom),
            "num_elements": len(things),
            "target_px": side * size_px,
            "target_share": side,
            "place_margin": place_margin(target),
            "contrast": min(distance(COLOURS[name], paper) for name in {name for _, name in things}),
            "twins": sum(_alike(kind, thing, things[0]) for thing in things[1:]),
        }
        return Figure(image=image, queries=_queries(rng, kind, colour, shape, place, target), factors=factors)

    def check(self, figure: Figure) -> None:
        factors = figure.factors
        floors = {
            "contrast": MIN_CONTRAST,
            "target_px": MIN_TARGET_PX[bool(factors["zoom"])],
            "place_margin": MIN_PLACE_MARGIN,
        }
        for name, floor in floors.items():
            if float(factors[name]) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {factors[name]}, below {floor}: "
                    "draw the target larger, in more contrast or further from the middle lines."
                )
        if factors["twins"] != 0:
            raise TaskError(f"{factors['twins']} things are like the target; it must be the only one of its sort.")


Thing = tuple[str, str]
"""Shape or letter, and colour."""


def _unlike_the_others(
    rng: np.random.Generator, kind: str, *, zoom: bool, difficulty: float
) -> tuple[str, str, list[Thing]]:
    """Choose the target's colour, its shape or letter, and all things, the target first."""
    most = between(40, 120, difficulty) if zoom else between(5, 8, difficulty)
    count = int(rng.integers(20 if zoom else 4, round(most) + 1))
    colours = [tuple(COLOURS)[int(i)] for i in rng.permutation(len(COLOURS))]
    shapes = [SHAPES[int(i)] for i in rng.permutation(len(SHAPES))]
    variety, sorts = 1 + int(rng.random() < difficulty), 3 if zoom else 2
    if kind == "odd_colour":
        colour, shape = colours[0], shapes[0]
        # The target's shape is among the others', so that only its colour tells it apart.
        other_colours, other_shapes = colours[1 : 1 + variety], shapes[:sorts]
    elif kind == "odd_shape":
        colour, shape = colours[0], shapes[0]
        other_colours, other_shapes = colours[:sorts], shapes[1 : 1 + variety]
    else:
        colour, shape = colours[0], pick(LETTERS, rng)
        other_colours, other_shapes = colours[:sorts], shapes[:sorts]
    # Each other colour and shape occurs twice at least: nothing but the target is alone of its sort.
    drawn_colours = [*other_colours, *other_colours, *(pick(other_colours, rng) for _ in range(count))][:count]
    drawn_shapes = [*other_shapes, *other_shapes, *(pick(other_shapes, rng) for _ in range(count))][:count]
    order = rng.permutation(count)
    others = [(name, drawn_colours[int(i)]) for name, i in zip(drawn_shapes, order, strict=True)]
    return colour, shape, [(shape, colour), *others]


def _alike(kind: str, thing: Thing, target: Thing) -> bool:
    return thing[1] == target[1] if kind == "odd_colour" else thing[0] == target[0]


def _scatter(rng: np.random.Generator, count: int, side: float) -> NDArray[np.float64]:
    """Return centres [count, 2] on a jittered grid; the first is well within one of the places."""
    # Few things stand three by three, because a grid of four has nothing near the centre.
    cells = 3 if count <= 9 else ceil(sqrt(1.3 * count))
    pitch = 1.0 / cells
    reach = max(0.0, (pitch - 1.05 * side) / 2)
    rows, columns = np.divmod(np.arange(cells * cells), cells)
    place = pick(PLACES, rng)
    while True:
        grid = (np.stack([columns, rows], axis=1) + 0.5) * pitch
        grid += rng.uniform(-reach, reach, grid.shape)
        fit = [i for i, (x, y) in enumerate(grid) if place_of((x, y)) == place and place_margin((x, y)) > 0.03]
        if fit:
            target = fit[int(rng.integers(len(fit)))]
            others = [int(i) for i in rng.permutation(cells * cells) if i != target]
            return grid[[target, *others[: count - 1]]]


@lru_cache(maxsize=4096)
def _stamp(name: str, side_px: int, turn: int) -> Image.Image:
    """Return the mask of a shape or letter, mode L; kept, because all things of a picture are one of a few masks."""
    canvas = Canvas(side_px, (0, 0, 0), supersampling=4)
    if name in LETTERS:
        canvas.text(0.5, 0.5, name, (255, 255, 255), 1.15)
    else:
        canvas.shape(name, 0.5, 0.5, 0.43, (255, 255, 255), radians(_TURNS_DEG[turn]))
    return canvas.finish().convert("L")


def _paper(size_px: int, paper: Colour, strength: float, rng: np.random.Generator) -> Image.Image:
    coarse_px = -(-size_px // _GRAIN)
    coarse = textured(Image.new("RGB", (coarse_px, coarse_px), paper), strength, rng)
    return coarse.resize((size_px, size_px), Image.Resampling.NEAREST)


def _queries(
    rng: np.random.Generator, kind: str, colour: str, shape: str, place: str, target: tuple[float, float]
) -> tuple[Query, ...]:
    """Return the questions; all but those for its place, which only the whole shows, say where the target is."""
    where = (target,)
    common = (
        Query(intent=Intent.COLOUR, answer=colour, where=where),
        Query(intent=Intent.PLACE, answer=place),
        Query(intent=Intent.PLACE, answer=place, question=pick(_ASK_PLACE, rng)),
    )
    if kind == "odd_letter":
        return (
            *common,
            Query(intent=Intent.COLOUR, answer=colour, question=pick(_ASK_LETTER_COLOUR, rng), where=where),
            Query(intent=Intent.LETTER, answer=shape, where=where),
            Query(intent=Intent.LETTER, answer=shape, question=pick(_ASK_LETTER, rng), where=where),
        )
    ask_shape = _ASK_SHAPE if kind == "odd_colour" else _ASK_ODD_SHAPE
    return (
        *common,
        Query(intent=Intent.COLOUR, answer=colour, question=pick(_ASK_COLOUR, rng), where=where),
        Query(intent=Intent.SHAPE, answer=shape, where=where),
        Query(intent=Intent.SHAPE, answer=shape, question=pick(ask_shape, rng), where=where),
    )
