"""Text drawn character by character, so that where each one stands is known: it teaches and tests whoever reads it."""

from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin

from PIL import Image, ImageDraw, ImageFont

from maestro_env.tasks.procedural.canvas import Colour, luminance, mixed

CAP_HEIGHT = 0.70
"""Height of the built-in font's capitals and digits, as a fraction of the font's size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Character:
    """A character of a picture."""

    text: str
    x: float
    """Of its middle, in pixels of the picture."""
    y: float
    """Of the middle of the capitals in its line, in pixels of the picture."""
    height_px: float
    """Height of a capital in its line."""


@lru_cache(maxsize=256)
def font(size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the built-in sans-serif font at a size."""
    return ImageFont.load_default(max(4, size_px))


def advances(text: str, cap_px: float, tracking: float) -> list[float]:
    """Return how wide each character stands, in pixels.

    Args:
        text: What is written.
        cap_px: Height of the capitals.
        tracking: Space added after each character, in capital heights.
    """
    letters = font(round(cap_px / CAP_HEIGHT))
    return [letters.getlength(character) + tracking * cap_px for character in text]


def write(
    image: Image.Image,
    text: str,
    *,
    middle: tuple[float, float],
    cap_px: float,
    tracking: float,
    bold: int,
    ink: Colour,
) -> list[Character]:
    """Write one level line onto a picture and return its characters.

    Args:
        image: RGB; drawn on.
        text: What is written.
        middle: Of the line's capitals, in pixels.
        cap_px: Height of the capitals.
        tracking: Space added after each character, in capital heights.
        bold: Pixels that strokes are thickened by on either side.
        ink: The colour.
    """
    pen = ImageDraw.Draw(image)
    letters = font(round(cap_px / CAP_HEIGHT))
    widths = advances(text, cap_px, tracking)
    left, baseline = middle[0] - (sum(widths) - tracking * cap_px) / 2, middle[1] + cap_px / 2
    written: list[Character] = []
    for character, width in zip(text, widths, strict=True):
        centre = left + (width - tracking * cap_px) / 2
        pen.text((centre, baseline), character, fill=ink, font=letters, anchor="ms", stroke_width=bold)
        written.append(Character(text=character, x=centre, y=middle[1], height_px=cap_px))
        left += width
    return written


def turned(character: Character, degrees: float, pivot: tuple[float, float], onto: tuple[float, float]) -> Character:
    """Return a character after its picture was turned counterclockwise about a pivot that was then moved."""
    x, y, angle = character.x - pivot[0], character.y - pivot[1], radians(degrees)
    return Character(
        text=character.text,
        x=onto[0] + x * cos(angle) + y * sin(angle),
        y=onto[1] + y * cos(angle) - x * sin(angle),
        height_px=character.height_px,
    )


def ink_on(paper: Colour, contrast: float, tint: Colour | None = None) -> Colour:
    """Return an ink that differs from the paper in luminance by about a contrast, or by as much as there can be.

    Args:
        paper: What is written on.
        contrast: In [0, 1].
        tint: The colour towards which the paper is changed; near white on dark paper and near black on light paper
            if None.
    """
    full = tint or ((250, 250, 246) if luminance(paper) < 0.5 else (22, 24, 30))
    most = abs(luminance(full) - luminance(paper))
    return mixed(full, paper, 1 - min(1.0, contrast / most))
