"""Pictures in the terminal, as text."""

from typing import Any

from PIL import Image
from rich.text import Text


def half_blocks(image: Image.Image, *, columns: int) -> Text:
    """Return a picture as text: the upper half of each character is one pixel, its background the one below."""
    rows = max(1, round(columns * image.height / image.width / 2))
    small = image.convert("RGB").resize((columns, 2 * rows), Image.Resampling.LANCZOS)
    text = Text(no_wrap=True)
    for row in range(rows):
        for column in range(columns):
            above, below = (_hex(small.getpixel((column, 2 * row + half))) for half in (0, 1))
            text.append("▀", style=f"{above} on {below}")
        text.append("\n")
    return text


def _hex(pixel: Any) -> str:
    red, green, blue = pixel
    return f"#{red:02x}{green:02x}{blue:02x}"
