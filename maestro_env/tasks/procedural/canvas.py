"""A small antialiased drawing surface in fractions of its side, and the textures that pictures share."""

from collections.abc import Sequence
from functools import lru_cache
from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]

SUPERSAMPLING = 2
"""Figures are drawn at this multiple of their size and averaged down: smooth edges at a tolerable price."""

TILE_PX = 1024
"""Side of the one noise tile that every texture is cut from: fresh noise a picture costs more than a network."""


class Canvas:
    """A square picture; every coordinate and length is a fraction of its side."""

    def __init__(self, size_px: int, background: Colour, *, supersampling: int = SUPERSAMPLING) -> None:
        self.size_px = size_px
        self._scale = size_px * supersampling
        self._image = Image.new("RGB", (self._scale, self._scale), background)
        self._pen = ImageDraw.Draw(self._image)

    def line(self, points: Sequence[Point], colour: Colour, width: float) -> None:
        self._pen.line(self._flat(points), fill=colour, width=max(1, round(width * self._scale)), joint="curve")

    def polygon(
        self, points: Sequence[Point], fill: Colour | None, outline: Colour | None = None, width: float = 0.0
    ) -> None:
        self._pen.polygon(self._flat(points), fill=fill, outline=outline, width=max(1, round(width * self._scale)))

    def rectangle(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        fill: Colour | None,
        outline: Colour | None = None,
        width: float = 0.0,
    ) -> None:
        box = [value * self._scale for value in (left, top, right, bottom)]
        self._pen.rectangle(box, fill=fill, outline=outline, width=round(width * self._scale))

    def circle(
        self, x: float, y: float, radius: float, fill: Colour | None, outline: Colour | None = None, width: float = 0.0
    ) -> None:
        box = [value * self._scale for value in (x - radius, y - radius, x + radius, y + radius)]
        self._pen.ellipse(box, fill=fill, outline=outline, width=round(width * self._scale))

    def slice(self, x: float, y: float, radius: float, start_deg: float, end_deg: float, fill: Colour) -> None:
        """Draw a slice of a pie; degrees run clockwise from twelve o'clock."""
        box = [value * self._scale for value in (x - radius, y - radius, x + radius, y + radius)]
        self._pen.pieslice(box, start_deg - 90, end_deg - 90, fill=fill)

    def text(self, x: float, y: float, text: str, colour: Colour, height: float) -> None:
        """Write text centred on a point."""
        font = _font(max(6, round(height * self._scale)))
        self._pen.text((x * self._scale, y * self._scale), text, fill=colour, font=font, anchor="mm")

    def shape(self, name: str, x: float, y: float, radius: float, colour: Colour, turn: float = 0.0) -> None:
        """Draw one of `wordings.SHAPES` around a point; `turn` in radians."""
        if name == "circle":
            self.circle(x, y, radius, colour)
        else:
            self.polygon(_outline(name, x, y, radius, turn), colour)

    def finish(self) -> Image.Image:
        """Return the picture at its size."""
        if self._scale == self.size_px:
            return self._image
        return self._image.reduce(self._scale // self.size_px)

    def _flat(self, points: Sequence[Point]) -> list[float]:
        return [value * self._scale for point in points for value in point]


def polar(x: float, y: float, radius: float, angle: float) -> Point:
    """Return the point at an angle (radians, clockwise from twelve o'clock) and distance."""
    return (x + radius * sin(angle), y - radius * cos(angle))


def _outline(name: str, x: float, y: float, radius: float, turn: float) -> list[Point]:
    match name:
        case "square":
            return [polar(x, y, radius, turn + pi / 4 + k * pi / 2) for k in range(4)]
        case "triangle":
            return [polar(x, y, radius * 1.1, turn + k * 2 * pi / 3) for k in range(3)]
        case "star":
            return [polar(x, y, radius * (1.15 if k % 2 == 0 else 0.5), turn + k * pi / 5) for k in range(10)]
        case "cross":
            arm, half = radius, radius * 0.36
            corners = (
                (-half, -arm),
                (half, -arm),
                (half, -half),
                (arm, -half),
                (arm, half),
                (half, half),
                (half, arm),
                (-half, arm),
                (-half, half),
                (-arm, half),
                (-arm, -half),
                (-half, -half),
            )
            return [(x + u * cos(turn) - v * sin(turn), y + u * sin(turn) + v * cos(turn)) for u, v in corners]
        case _:
            raise ValueError(f"No outline for the shape {name!r}.")


@lru_cache(maxsize=64)
def _font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size_px)


@lru_cache(maxsize=1)
def _noise_tile() -> NDArray[np.uint8]:
    """[TILE_PX, TILE_PX] noise of three octaves, mean 128, standard deviation 32."""
    rng = np.random.default_rng(20260522)
    total = np.zeros((TILE_PX, TILE_PX), np.float32)
    for cell_px in (1, 4, 16):
        coarse = rng.standard_normal((TILE_PX // cell_px, TILE_PX // cell_px)).astype(np.float32)
        total += np.kron(coarse, np.ones((cell_px, cell_px), np.float32))
    return np.clip(128 + total * (32.0 / total.std()), 0, 255).astype(np.uint8)


@lru_cache(maxsize=3)
def _repeated_tile(repeats: int) -> Image.Image:
    return Image.fromarray(np.tile(_noise_tile(), (repeats, repeats)))


def textured(image: Image.Image, strength: float, rng: np.random.Generator) -> Image.Image:
    """Return a picture with noise added.

    Args:
        image: RGB.
        strength: Standard deviation of the noise, as a share of 32 grey levels.
        rng: Chooses where in the shared tile the noise is cut out.
    """
    if strength <= 0:
        return image
    width, height = image.size
    left, top = (int(offset) for offset in rng.integers(0, TILE_PX, 2))
    tile = _repeated_tile(1 + -(-max(width, height) // TILE_PX)).crop((left, top, left + width, top + height))
    noise = tile.point(np.round(128 + (np.arange(256) - 128) * strength).astype(int).tolist())
    return ImageChops.add(image, Image.merge("RGB", (noise, noise, noise)), scale=1.0, offset=-128)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """Return `colour` moved towards `other` by a share in [0, 1]."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return (red, green, blue)


def luminance(colour: Colour) -> float:
    """Return how bright a colour is, in [0, 1] (Rec. 709 weights)."""
    red, green, blue = colour
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def distance(colour: Colour, other: Colour) -> float:
    """Return how far apart two colours are: Euclidean in RGB, 1.0 from black to white."""
    return float(np.linalg.norm(np.subtract(colour, other)) / (255 * 3**0.5))
