"""The family `visual_code`: a tiny program in an editor's window. The answer is what it prints: an open integer.

The language is that of `tasks/tiny_code.py`. Characters stand in the cells of a grid, so that indentation can be seen.
What `it` means: the program.
"""

import re
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Colour, luminance, mixed, textured
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.lettering import CAP_HEIGHT, Character, font, ink_on, turned
from maestro_env.tasks.procedural.wordings import Intent
from maestro_env.tasks.tiny_code import INDENT, run_program

KINDS = ("straight", "branch", "loop")
MAX_PRINTED = 60
"""Programs that print more than this, or less than its opposite, are drawn again: small numbers stay small."""
MIN_CONTRAST = 0.2
"""Smallest difference of luminance between a character and the window, in [0, 1]."""
MIN_CELL = 0.026
"""Smallest width of a character's cell, as a fraction of the side: 11.6 px of 448."""
MAX_TILT_DEG = 1.5
"""Windows are photographed no more askew than this."""

_NAMES = ("a", "b", "c", "n", "x", "y")
_FONT_IN_CELLS = 1.52
"""Size of the font in widths of a cell: the widest character then just fits its cell."""
_ROW_IN_CELLS = 2.35
"""Distance of two lines in widths of a cell."""
_ASK = (
    "What does the program print?",
    "What is printed at the end?",
    "Which number does the program print?",
    "What is the output of the code?",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Theme:
    """Colours of an editor."""

    window: Colour
    words: Colour
    numbers: Colour
    keywords: Colour
    desk: tuple[Colour, Colour]


_THEMES = (
    _Theme(
        window=(250, 250, 247),
        words=(28, 30, 36),
        numbers=(18, 92, 60),
        keywords=(120, 26, 116),
        desk=((176, 196, 210), (214, 204, 190)),
    ),
    _Theme(
        window=(253, 246, 227),
        words=(38, 60, 68),
        numbers=(148, 40, 24),
        keywords=(20, 78, 140),
        desk=((206, 190, 160), (160, 170, 160)),
    ),
    _Theme(
        window=(38, 42, 52),
        words=(232, 234, 238),
        numbers=(250, 214, 160),
        keywords=(176, 214, 255),
        desk=((92, 104, 132), (140, 120, 140)),
    ),
    _Theme(
        window=(30, 46, 50),
        words=(236, 236, 222),
        numbers=(255, 206, 180),
        keywords=(178, 238, 190),
        desk=((70, 110, 112), (180, 160, 130)),
    ),
)
_DOTS: tuple[Colour, ...] = ((236, 106, 94), (244, 191, 79), (97, 197, 84))


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A figure of a program, its text, and where each character stands."""

    figure: Figure
    source: str
    characters: tuple[Character, ...]
    """In reading order, without spaces; in pixels of the picture."""


class VisualCode(Family):
    """A program of two to six lines in a window."""

    name = "visual_code"
    native_px = 448

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        return draw_listing(rng, size_px=size_px, difficulty=difficulty).figure

    def check(self, figure: Figure) -> None:
        for name, floor in {"contrast": MIN_CONTRAST, "cell": MIN_CELL}.items():
            if float(figure.factors[name]) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw the text larger or in more contrast."
                )
        if abs(float(figure.factors["tilt_deg"])) > MAX_TILT_DEG:
            raise TaskError(
                f"A window of {self.name} is {figure.factors['tilt_deg']} degrees askew; at most {MAX_TILT_DEG}."
            )
        printed = str(run_program(str(figure.factors["source"])))
        for query in figure.queries:
            if query.answer != printed:
                raise TaskError(f"The program prints {printed}, but the answer is {query.answer!r}.")


def draw_listing(rng: np.random.Generator, *, size_px: int, difficulty: float) -> Listing:
    """Draw a figure and say where its characters stand; arguments as those of `Family.draw`."""
    kind = pick(KINDS, rng)
    source = _program(rng, kind, difficulty)
    theme = _THEMES[int(rng.integers(len(_THEMES)))]
    cell = between(0.0445, 0.0285, difficulty) * float(rng.uniform(0.95, 1.02))
    contrast = between(0.8, 0.27, difficulty) * float(rng.uniform(0.92, 1.1))
    tilt = float(rng.uniform(-1, 1)) * MAX_TILT_DEG * difficulty
    image = _desk(size_px, theme)
    corner, width, height = _place_window(rng, source, cell * size_px, size_px)
    window = Image.new("RGB", (width, height), theme.window)
    lowest, characters = _write(window, source, theme, cell * size_px, contrast)
    mask = _frame(window, theme, cell * size_px)
    onto = _lay(image, window, mask, tilt, theme.window, corner, round(0.3 * cell * size_px))
    printed = str(run_program(source))
    factors: dict[str, float | int | str] = {
        "difficulty": difficulty,
        "kind": kind,
        "num_lines": source.count("\n") + 1,
        "source": source,
        "contrast": lowest,
        "cell": cell,
        "tilt_deg": tilt,
    }
    queries = (
        Query(intent=Intent.TEXT, answer=printed),
        Query(intent=Intent.TEXT, answer=printed, question=pick(_ASK, rng)),
    )
    return Listing(
        figure=Figure(image=textured(image, between(0.03, 0.28, difficulty), rng), queries=queries, factors=factors),
        source=source,
        characters=tuple(turned(character, tilt, (width / 2, height / 2), onto) for character in characters),
    )


def _program(rng: np.random.Generator, kind: str, difficulty: float) -> str:
    """Return a program whose number is not too large; numbers near zero are no more frequent than others."""
    while True:
        source = _any_program(rng, kind, difficulty)
        printed = run_program(source)
        # Small numbers come up by far the most often; most of them are drawn again, for a flatter spread.
        if abs(printed) <= MAX_PRINTED and rng.random() < min(1.0, (4 + abs(printed)) / 24):
            return source


def _any_program(rng: np.random.Generator, kind: str, difficulty: float) -> str:
    names = [_NAMES[place] for place in _shuffled(rng, len(_NAMES))]
    first, second = names[0], names[1]
    num_extra = int(rng.integers(0, 2)) + round(difficulty)
    lines = [f"{first} = {_number(rng)}"]
    known = [first]
    if kind != "straight" or num_extra > 0:
        lines.append(f"{second} = {_sum(rng, known, known) if rng.random() < 0.6 else _number(rng)}")
        known.append(second)
    if kind == "branch":
        target = pick(known, rng)
        left, right = (first, second) if rng.random() < 0.5 else (second, str(_number(rng)))
        lines += [f"if {left} {pick('<>', rng)} {right}:", f"{' ' * INDENT}{target} = {_sum(rng, known, known)}"]
    elif kind == "loop":
        target = pick(known, rng)
        others = [*known, "i"] if rng.random() < 0.6 else known
        lines.append(f"for i in range({int(rng.integers(2, 6))}):")
        lines.append(f"{' ' * INDENT}{target} = {target} {pick('++-', rng)} {pick(others, rng)}")
    if num_extra > 1 or (kind == "straight" and rng.random() < difficulty):
        lines.append(f"{pick(known, rng)} = {_sum(rng, known, known)}")
    # What was changed last is printed more often than not, so that every line matters.
    printed = lines[-1].split()[0] if rng.random() < 0.7 else pick(known, rng)
    return "\n".join([*lines, f"print({printed if rng.random() < 0.3 else _sum(rng, [printed], known)})"])


def _shuffled(rng: np.random.Generator, count: int) -> list[int]:
    order: list[int] = np.argsort(rng.random(count)).tolist()
    return order


def _number(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 10)) if rng.random() < 0.7 else int(rng.integers(10, 25))


def _sum(rng: np.random.Generator, first: list[str], known: list[str]) -> str:
    """Return an expression of two operands, sometimes three; it begins with one of the first names."""
    right = pick(known, rng) if rng.random() < 0.4 else str(_number(rng))
    expression = f"{pick(first, rng)} {pick('++--*', rng)} {right}"
    return f"{expression} {pick('+-', rng)} {int(rng.integers(1, 10))}" if rng.random() < 0.2 else expression


def _desk(size_px: int, theme: _Theme) -> Image.Image:
    """Paint what the window lies on: a soft diagonal gradient."""
    share = np.add.outer(np.linspace(0, 0.5, 8), np.linspace(0, 0.5, 8))[:, :, None]
    colours = np.array(theme.desk[0]) * (1 - share) + np.array(theme.desk[1]) * share
    small = Image.fromarray(colours.astype(np.uint8))
    return small.resize((size_px, size_px), Image.Resampling.BILINEAR)


def _place_window(
    rng: np.random.Generator, source: str, cell_px: float, size_px: int
) -> tuple[tuple[int, int], int, int]:
    """Return the window's corner, width and height: wide enough for the longest line, never wider than the picture."""
    lines = source.split("\n")
    columns = max(len(line) for line in lines) + float(rng.uniform(3, 5))
    width = round(min(max(columns, 14.0) * cell_px, 0.97 * size_px))
    height = round(min((len(lines) * _ROW_IN_CELLS + 4.4) * cell_px, 0.97 * size_px))
    left, top = (round(float(rng.uniform(0.1, 0.9)) * (size_px - length)) for length in (width, height))
    return (left, top), width, height


def _frame(window: Image.Image, theme: _Theme, cell_px: float) -> Image.Image:
    """Draw the title bar with its three buttons, and return the mask of the window with its round corners."""
    pen = ImageDraw.Draw(window)
    bar = mixed(theme.window, (120, 124, 132), 0.35)
    pen.rectangle((0, 0, window.width, round(1.6 * cell_px)), fill=bar)
    for place, dot in enumerate(_DOTS):
        x, y, radius = (1.2 + 1.25 * place) * cell_px, 0.8 * cell_px, 0.33 * cell_px
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mixed(dot, bar, 0.25))
    mask = Image.new("L", window.size, 0)
    box = (0, 0, window.width - 1, window.height - 1)
    ImageDraw.Draw(mask).rounded_rectangle(box, 0.6 * cell_px, fill=255)
    return mask


def _lay(
    image: Image.Image,
    window: Image.Image,
    mask: Image.Image,
    tilt: float,
    paper: Colour,
    corner: tuple[int, int],
    drop: int,
) -> tuple[float, float]:
    """Paste the window with its shadow, turned about its middle, and return where its middle is now."""
    board = window.rotate(tilt, Image.Resampling.BILINEAR, expand=True, fillcolor=paper)
    outline = mask.rotate(tilt, Image.Resampling.BILINEAR, expand=True)
    left, top = corner[0] - (board.width - window.width) // 2, corner[1] - (board.height - window.height) // 2
    image.paste((30, 32, 40), (left + 2, top + drop), outline.point([round(0.4 * level) for level in range(256)]))
    image.paste(board, (left, top), outline)
    return left + board.width / 2, top + board.height / 2


def _write(
    window: Image.Image, source: str, theme: _Theme, cell_px: float, contrast: float
) -> tuple[float, list[Character]]:
    """Write the program; return the lowest contrast of its inks, and its characters in pixels of the window."""
    letters, pen = font(round(_FONT_IN_CELLS * cell_px)), ImageDraw.Draw(window)
    inks = {
        name: ink_on(theme.window, contrast, tint)
        for name, tint in (("word", theme.words), ("number", theme.numbers), ("keyword", theme.keywords))
    }
    cap_px = CAP_HEIGHT * _FONT_IN_CELLS * cell_px
    stroke = max(1, round(0.12 * cell_px))
    written: list[Character] = []
    for row, line in enumerate(source.split("\n")):
        baseline = (3.0 + (row + 0.55) * _ROW_IN_CELLS) * cell_px
        for token in re.finditer(r"[a-z]+|\d+|\S", line):
            text = token.group()
            kind = "number" if text.isdigit() else "keyword" if len(text) > 1 else "word"
            for offset, character in enumerate(text):
                x = (1.6 + token.start() + offset + 0.5) * cell_px
                if character == "-":
                    # The font's hyphen is too short for a minus: this one is as wide as its plus, and as high.
                    middle = baseline - 0.44 * cap_px
                    pen.line((x - 0.36 * cell_px, middle, x + 0.36 * cell_px, middle), inks[kind], stroke)
                else:
                    pen.text((x, baseline), character, fill=inks[kind], font=letters, anchor="ms")
                written.append(Character(text=character, x=x, y=baseline - cap_px / 2, height_px=cap_px))
    return min(abs(luminance(ink) - luminance(theme.window)) for ink in inks.values()), written
