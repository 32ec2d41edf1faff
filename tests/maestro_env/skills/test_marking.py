"""Marks by colour, on pictures where they were put."""

import pytest
from PIL import Image, ImageDraw

from maestro_env.skills.marking import CLOSE_UP, close_up, most_coloured

PAPER = (240, 238, 232)


def drawing(x: float, y: float, *, side_px: int = 240) -> Image.Image:
    """Paper with black strokes, a red line from edge to edge, and a red disc."""
    image = Image.new("RGB", (side_px, side_px), PAPER)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0.1 * side_px, 0.1 * side_px, 0.5 * side_px, 0.4 * side_px), fill=(30, 30, 30))
    pen.line((0, 0.55 * side_px, side_px, 0.6 * side_px), fill="red", width=round(0.03 * side_px))
    radius = 0.07 * side_px
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill="red")
    return image


@pytest.mark.parametrize(("x", "y"), [(60, 60), (200, 30), (120, 200), (35, 205)])
def test_most_coloured__finds_a_disc_beside_a_line_of_its_colour(x: float, y: float) -> None:
    assert most_coloured(drawing(x, y)) == pytest.approx((x, y), abs=4)


def test_most_coloured__of_a_grey_picture_is_its_first_spot() -> None:
    assert most_coloured(Image.new("RGB", (96, 96), PAPER)) == (0.5, 0.5)


def test_close_up__is_a_square_around_the_mark() -> None:
    image = drawing(120, 160)
    near = close_up(image, 1.0)
    assert near.size == (round(CLOSE_UP * 240), round(CLOSE_UP * 240))
    x, y = most_coloured(image)
    assert near == image.crop((round(x - 48), round(y - 48), round(x + 48), round(y + 48)))
    assert close_up(image, 1.6).width == round(1.6 * CLOSE_UP * 240)


def test_close_up__stays_inside_the_picture() -> None:
    image = drawing(20, 225)
    near = close_up(image, 1.0)
    assert near.size == (96, 96)
    assert near == image.crop((0, 144, 96, 240))
