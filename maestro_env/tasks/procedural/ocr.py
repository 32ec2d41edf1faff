"""The family `ocr`: words, numbers, prices and plates on signs in clutter. The answer is what is written: open.

What `it` means: the larger sign, where there are two. Capitals and digits only; the alphabet leaves out the letters
I, O and Q, which nobody could tell from 1 and 0 where no word makes sense, and F and U, so that none is rude.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Colour, luminance, mixed, textured
from maestro_env.tasks.procedural.choices import between, pick
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.lettering import Character, advances, ink_on, turned, write
from maestro_env.tasks.procedural.wordings import COLOURS, Intent

KINDS = ("sign", "label", "plate", "pair")
ALPHABET = "ABCDEGHJKLMNPRSTVWXYZ0123456789.-"
"""Every character that a sign can show."""
MIN_CONTRAST = 0.16
"""Smallest difference of luminance between text and sign, in [0, 1]."""
MIN_TEXT = 0.034
"""Smallest height of capitals, as a fraction of the side: 22 px of 640."""
MAX_TILT_DEG = 8.0
"""Signs hang no more askew than this."""
MIN_SIZE_RATIO = 1.25
"""The larger of two signs has letters this many times as high, so that `it` has one meaning."""

MAX_WIDTH = 0.8
"""Largest width of a sign, as a fraction of the side."""

_CONSONANTS, _VOWELS = "BCDGHJKLMNPRSTVWXZ", "AEY"
_APART = (
    ("red", "blue"), ("red", "green"), ("red", "purple"), ("red", "yellow"), ("orange", "blue"), ("orange", "green"),
    ("orange", "purple"), ("yellow", "blue"), ("yellow", "purple"), ("yellow", "green"), ("green", "blue"),
    ("green", "purple"),
)  # fmt: skip
_PAPERS: tuple[Colour, ...] = ((247, 245, 238), (236, 240, 243), (245, 236, 214), (42, 46, 54))
_SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((146, 178, 200), (196, 190, 172)),
    ((198, 168, 150), (118, 108, 120)),
    ((104, 122, 130), (152, 150, 136)),
    ((84, 92, 112), (58, 60, 74)),
    ((168, 176, 160), (112, 122, 104)),
)
_ASK_WORD = ("What does the sign say?", "Which word is on the sign?", "Read the word on the sign.")
_ASK_NUMBER = ("Which number is on the label?", "What number does the label show?", "Read the number on the label.")
_ASK_PLATE = ("What is written on the plate?", "Read the plate.", "What does the plate say?")
_ASK_COLOUR = ("What does the {} sign say?", "Read the {} sign.", "What is written on the {} sign?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """A figure of signs, and where each character stands."""

    figure: Figure
    characters: tuple[Character, ...]
    """Of all signs, in pixels of the picture; sign by sign, as `Query` orders them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sign:
    """A sign with what is written on it, before it is turned and hung."""

    paper: Colour
    board: Image.Image
    mask: Image.Image
    characters: list[Character]
    contrast: float
    cap_px: float


class Ocr(Family):
    """Signs in clutter, one or two of them with text."""

    name = "ocr"
    native_px = 640

    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        return draw_signs(rng, size_px=size_px, difficulty=difficulty).figure

    def check(self, figure: Figure) -> None:
        floors = {"contrast": MIN_CONTRAST, "text_height": MIN_TEXT, "size_ratio": MIN_SIZE_RATIO}
        for name, floor in floors.items():
            if float(figure.factors[name]) < floor:
                raise TaskError(
                    f"A {self.name} figure has {name} {figure.factors[name]}, below {floor}: "
                    "draw the text larger, in more contrast, or the two signs of more different size."
                )
        if abs(float(figure.factors["tilt_deg"])) > MAX_TILT_DEG:
            raise TaskError(
                f"A sign of {self.name} hangs {figure.factors['tilt_deg']} degrees askew; at most {MAX_TILT_DEG}."
            )
        unknown = {character for query in figure.queries for character in query.answer} - set(ALPHABET)
        if unknown:
            raise TaskError(f"A sign shows {sorted(unknown)}; the alphabet of {self.name} is {ALPHABET!r}.")


def draw_signs(rng: np.random.Generator, *, size_px: int, difficulty: float) -> Signs:
    """Draw a figure and say where its characters stand; arguments as those of `Family.draw`."""
    kind = pick(KINDS, rng)
    image = _wall(rng, size_px)
    _hang_clutter(image, rng, round(between(3, 14, difficulty) * rng.uniform(0.7, 1.2)))
    cap = between(0.12, 0.048, difficulty) * float(rng.uniform(0.92, 1.05))
    contrast = between(0.62, 0.2, difficulty) * float(rng.uniform(0.92, 1.1))
    if kind == "pair":
        colours = _APART[int(rng.integers(len(_APART)))]
        colours = colours if rng.random() < 0.5 else colours[::-1]
        texts = _two_texts(rng)
    else:
        colours, texts = (pick(tuple(COLOURS), rng),), (_text(rng, kind),)
    ratio = float(rng.uniform(1.4, 1.6))
    heights = (min(0.09, max(cap, 1.06 * ratio * MIN_TEXT)), 0.0) if kind == "pair" else (cap,)
    signs: list[_Sign] = []
    for text, height, colour in zip(texts, heights, colours, strict=True):
        plain = kind in {"label", "plate"}
        paper = _PAPERS[int(rng.integers(len(_PAPERS)))] if plain else COLOURS[colour]
        # The first sign's letters may have shrunk to fit: the second one's are smaller than they came out.
        fitting = signs[0].cap_px / size_px / ratio if signs else height
        signs.append(_paint(rng, text, size_px, cap=fitting, paper=paper, accent=COLOURS[colour], contrast=contrast))
    tilts = [float(rng.uniform(-1, 1)) * between(1.0, MAX_TILT_DEG, difficulty) for _ in signs]
    middles = _hanging_places(rng, size_px, signs)
    characters: list[Character] = []
    for sign, tilt, middle in zip(signs, tilts, middles, strict=True):
        characters += _hang(image, sign, tilt, middle)
    image = textured(image, between(0.04, 0.34, difficulty), rng)
    factors: dict[str, float | int | str] = {
        "difficulty": difficulty,
        "kind": kind,
        "num_characters": len(characters),
        "contrast": min(sign.contrast for sign in signs),
        "text_height": min(sign.cap_px for sign in signs) / size_px,
        "size_ratio": ratio,
        "tilt_deg": max(tilts, key=abs),
    }
    places = [(middle[0] / size_px, middle[1] / size_px) for middle in middles]
    queries = _queries(rng, kind, texts, colours, places)
    return Signs(figure=Figure(image=image, queries=queries, factors=factors), characters=tuple(characters))


def _queries(
    rng: np.random.Generator,
    kind: str,
    texts: tuple[str, ...],
    colours: tuple[str, ...],
    places: list[tuple[float, float]],
) -> tuple[Query, ...]:
    if kind == "pair":
        asks = [pick(_ASK_COLOUR, rng).format(colour) for colour in colours]
    else:
        asks = [pick({"sign": _ASK_WORD, "label": _ASK_NUMBER, "plate": _ASK_PLATE}[kind], rng)]
    own = (
        Query(intent=Intent.TEXT, answer=text, question=ask, where=(place,))
        for text, ask, place in zip(texts, asks, places, strict=True)
    )
    return (Query(intent=Intent.TEXT, answer=texts[0], where=(places[0],)), *own)


def _text(rng: np.random.Generator, kind: str) -> str:
    if kind == "label":
        length = int(rng.integers(2, 7))
        return str(int(rng.integers(int(10 ** (length - 1)), int(10**length))))
    if kind == "plate":
        if rng.random() < 0.35:
            return f"{int(rng.integers(1, 100))}.{int(rng.integers(100)):02d}"
        letters = pick(_CONSONANTS, rng) + pick(_CONSONANTS, rng)
        return f"{letters}-{int(rng.integers(10, 1000))}"
    length, vowel_next = int(rng.integers(3, 9)), bool(rng.random() < 0.3)
    word = ""
    for _ in range(length):
        word += pick(_VOWELS if vowel_next else _CONSONANTS, rng)
        vowel_next = not vowel_next or rng.random() < 0.12
    return word


def _two_texts(rng: np.random.Generator) -> tuple[str, str]:
    """Return two different texts; one may be a number."""
    while True:
        first, second = _text(rng, "sign"), _text(rng, "sign" if rng.random() < 0.6 else "label")
        if first != second:
            return (first, second) if rng.random() < 0.6 else (second, first)


def _wall(rng: np.random.Generator, size_px: int) -> Image.Image:
    """Paint what is behind the signs: a gradient with soft lights out of focus."""
    top, bottom = _SKIES[int(rng.integers(len(_SKIES)))]
    small = Image.new("RGB", (48, 48))
    pen = ImageDraw.Draw(small)
    for row in range(48):
        pen.line((0, row, 48, row), fill=mixed(top, bottom, row / 47))
    for _ in range(int(rng.integers(6, 12))):
        x, y, radius = (float(v) for v in rng.uniform((0, 0, 2), (48, 48, 9)))
        red, green, blue = (int(level) for level in rng.integers(60, 245, 3))
        light = mixed(mixed(top, bottom, y / 48), (red, green, blue), float(rng.uniform(0.15, 0.4)))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=light)
    return small.filter(ImageFilter.GaussianBlur(1.6)).resize((size_px, size_px), Image.Resampling.BILINEAR)


def _hang_clutter(image: Image.Image, rng: np.random.Generator, count: int) -> None:
    """Draw poles, wires, stickers and notices whose lines cannot be read."""
    pen, side = ImageDraw.Draw(image), image.width
    for _ in range(count):
        x, y = (float(v) * side for v in rng.uniform(0.02, 0.98, 2))
        size = float(rng.uniform(0.05, 0.13)) * side
        paint = mixed(COLOURS[pick(tuple(COLOURS), rng)], (150, 150, 150), float(rng.uniform(0.45, 0.75)))
        match int(rng.integers(5)):
            case 0:  # a pole
                pen.rectangle((x, 0, x + 0.18 * size, side), fill=mixed(paint, (70, 74, 80), 0.7))
            case 1:  # a wire
                end = (x + float(rng.uniform(-8, 8)) * size, y + float(rng.uniform(-3, 3)) * size)
                pen.line((x, y, *end), fill=mixed(paint, (50, 52, 58), 0.6), width=max(1, round(0.03 * size)))
            case 2:  # a sticker
                pen.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=paint)
                pen.ellipse(
                    (x - size / 3, y - size / 3, x + size / 3, y + size / 3), fill=mixed(paint, (245, 245, 245), 0.5)
                )
            case 3:  # a chevron
                arrow = [(x, y), (x + size / 2, y + size / 2), (x, y + size)]
                pen.line(arrow, fill=paint, width=max(2, round(0.22 * size)), joint="curve")
            case _:  # a notice
                pen.rectangle((x, y, x + size, y + 1.3 * size), fill=mixed(paint, (240, 238, 230), 0.8))
                for line in range(5):
                    bar = y + (0.2 + 0.2 * line) * size
                    right = x + float(rng.uniform(0.4, 0.88)) * size
                    pen.line((x + 0.12 * size, bar, right, bar), fill=mixed(paint, (90, 92, 96), 0.5), width=2)


def _paint(
    rng: np.random.Generator,
    text: str,
    size_px: int,
    *,
    cap: float,
    paper: Colour,
    accent: Colour,
    contrast: float,
) -> _Sign:
    """Paint a sign; its letters shrink until it is at most `MAX_WIDTH` of the picture wide."""
    tracking = float(rng.uniform(0.06, 0.2))
    # Advances grow with the height: one division finds the height that fits.
    margins = (float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.5, 0.8)))
    cap_px = cap * size_px
    width = sum(advances(text, cap_px, tracking)) + 2 * margins[0] * cap_px
    cap_px *= min(1.0, MAX_WIDTH * size_px / width)
    width = sum(advances(text, cap_px, tracking)) + 2 * margins[0] * cap_px
    box = (round(width), round((1 + 2 * margins[1]) * cap_px))
    ink = ink_on(paper, contrast)
    board = Image.new("RGB", box, paper)
    pen = ImageDraw.Draw(board)
    edge = max(1, round(0.07 * cap_px))
    radius = float(rng.uniform(0.1, 0.45)) * cap_px
    rim = mixed(accent, (30, 32, 38), 0.35) if accent != paper else mixed(paper, (245, 245, 240), 0.6)
    pen.rounded_rectangle((0, 0, box[0] - 1, box[1] - 1), radius, fill=paper, outline=rim, width=edge)
    mask = Image.new("L", box, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, box[0] - 1, box[1] - 1), radius, fill=255)
    characters = write(
        board,
        text,
        middle=(box[0] / 2, box[1] / 2),
        cap_px=cap_px,
        tracking=tracking,
        bold=round(float(rng.uniform(0.0, 0.035)) * cap_px),
        ink=ink,
    )
    difference = abs(luminance(ink) - luminance(paper))
    return _Sign(paper=paper, board=board, mask=mask, characters=characters, contrast=difference, cap_px=cap_px)


def _hanging_places(rng: np.random.Generator, size_px: int, signs: list[_Sign]) -> list[tuple[float, float]]:
    """Return the middles of signs, within the picture and apart, whatever their tilt."""
    # A board of a width w turned by MAX_TILT_DEG is 0.14 w higher; 0.04 of the side keeps it off the rim.
    halves = [(s.board.width / 2 + 0.04 * size_px, s.board.height / 2 + 0.08 * s.board.width) for s in signs]
    upper_first = bool(rng.random() < 0.5)
    middles: list[tuple[float, float]] = []
    order = (
        [(0.0, 1.0)] if len(signs) == 1 else [(0.0, 0.55), (0.55, 1.0)] if upper_first else [(0.45, 1.0), (0.0, 0.45)]
    )
    for (half_width, half_height), (low, high) in zip(halves, order, strict=True):
        x = float(rng.uniform(half_width, max(half_width + 1, size_px - half_width)))
        top, bottom = low * size_px + half_height, high * size_px - half_height
        middles.append((x, float(rng.uniform(min(top, bottom), max(top, bottom)))))
    return middles


def _hang(image: Image.Image, sign: _Sign, tilt: float, middle: tuple[float, float]) -> list[Character]:
    """Paste a sign with its shadow, turned about its middle, and return its characters where they are now."""
    board = sign.board.rotate(tilt, Image.Resampling.BILINEAR, expand=True, fillcolor=sign.paper)
    mask = sign.mask.rotate(tilt, Image.Resampling.BILINEAR, expand=True)
    corner = (round(middle[0] - board.width / 2), round(middle[1] - board.height / 2))
    drop = max(1, round(0.06 * sign.cap_px))
    image.paste(
        (34, 36, 42), (corner[0] + drop, corner[1] + 2 * drop), mask.point([level // 3 for level in range(256)])
    )
    image.paste(board, corner, mask)
    onto = (corner[0] + board.width / 2, corner[1] + board.height / 2)
    pivot = (sign.board.width / 2, sign.board.height / 2)
    return [turned(character, tilt, pivot, onto) for character in sign.characters]
