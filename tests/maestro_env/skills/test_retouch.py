"""What undoes a capture: on pictures whose tilt, light and content are known."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from maestro_env.skills.retouch import (
    MIN_STRAIGHTNESS,
    Tilt,
    content_box,
    groups_of,
    light_of,
    reframed,
    relit,
    straightened,
    tilt_of,
    trimmed,
)
from maestro_env.tasks.procedural.capture import askew, badly_lit, small_on_page
from maestro_env.tasks.procedural.chart import Chart
from maestro_env.types import Box

PAPER, INK = (240, 238, 232), (45, 45, 60)
TILTS = (-29, -17.5, -6, -2, 0, 3, 11, 24.5, 29)


def axes(side_px: int = 320) -> Image.Image:
    """Paper with two axes and three bars."""
    image = Image.new("RGB", (side_px, side_px), PAPER)
    pen = ImageDraw.Draw(image)
    u = side_px / 320
    pen.line([(40 * u, 40 * u), (40 * u, 280 * u), (290 * u, 280 * u)], fill=INK, width=3)
    for left, top, colour in ((60, 120, "red"), (130, 200, "green"), (200, 80, "blue")):
        pen.rectangle((left * u, top * u, (left + 45) * u, 280 * u), fill=colour)
    return image


def disc() -> Image.Image:
    image = Image.new("RGB", (320, 320), PAPER)
    ImageDraw.Draw(image).ellipse((50, 50, 270, 270), fill=INK)
    return image


def turned(image: Image.Image, degrees: float) -> Image.Image:
    """A picture turned counterclockwise on its own paper."""
    return image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=PAPER)


def apart(image: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference in levels."""
    return float(np.abs(np.asarray(image, float) - np.asarray(other, float)).mean())


@pytest.mark.parametrize("degrees", TILTS)
def test_tilt_of__finds_how_far_axes_are_turned(degrees: float) -> None:
    assert tilt_of(turned(axes(), degrees)).degrees == pytest.approx(degrees, abs=0.75)


@pytest.mark.parametrize("size", [(720, 240), (240, 720)])
def test_tilt_of__looks_at_the_middle_of_a_picture_that_is_not_square(size: tuple[int, int]) -> None:
    wide = Image.new("RGB", size, PAPER)
    wide.paste(turned(axes(240), 12), ((size[0] - 240) // 2, (size[1] - 240) // 2))
    assert tilt_of(wide).degrees == pytest.approx(12, abs=0.75)


def test_tilt_of__axes_are_straighter_than_a_disc() -> None:
    # A disc's edge runs in every direction alike: 1, but for the grid of pixels.
    assert tilt_of(disc()).straightness < MIN_STRAIGHTNESS
    assert tilt_of(axes()).straightness > 3


def test_tilt_of__an_empty_page_is_level_and_not_straight() -> None:
    assert tilt_of(Image.new("RGB", (100, 100), PAPER)) == Tilt(degrees=0.0, straightness=1.0)


def test_straightened__turns_back_and_fills_the_view() -> None:
    # Askew, the page fits the view; level, it fills it: the bars are where they were, but for a softer edge.
    for seed in range(12):
        taken = askew(axes(), np.random.default_rng(seed), 1.0)
        if taken.factors["tilt_deg"] != 0:
            assert apart(straightened(taken.image), axes()) < 0.2 * apart(taken.image, axes())


@pytest.mark.parametrize("image", [axes(), disc(), Image.new("RGB", (64, 64), PAPER)], ids=["level", "disc", "empty"])
def test_straightened__leaves_a_picture_with_nothing_to_turn(image: Image.Image) -> None:
    assert straightened(image) is image


def test_straightened__charts_with_axes_are_level_within_a_degree() -> None:
    chart, misses = Chart(), []
    for seed in range(60):
        figure = chart.draw(np.random.default_rng(seed), size_px=320, difficulty=seed / 59)
        if figure.factors["kind"] != "pie":
            taken = askew(figure.image, np.random.default_rng(1000 + seed), seed / 59)
            misses.append(abs(tilt_of(taken.image).degrees - float(taken.factors["tilt_deg"])))
    assert len(misses) > 25
    assert np.median(misses) < 0.5
    assert max(misses) < 2


def test_light_of__finds_light_through_the_edges_of_things() -> None:
    # Light falls from 1 to exp(-1) from left to right; a dark square in the middle is a thing, not a shadow.
    light = np.exp(-np.linspace(0, 1, 48))[None, :, None] * np.ones((48, 48, 3))
    levels = 200 * light
    levels[14:34, 14:34] *= 0.3
    found = light_of(levels.astype(np.float32))
    # At a mean of 1 the light runs from exp(0.5) to exp(-0.5).
    np.testing.assert_allclose(found[:, [0, -1]], [[np.exp(0.5), np.exp(-0.5)]] * 48, rtol=0.03)


def test_light_of__even_light_is_one_everywhere() -> None:
    levels = np.full((48, 48, 3), 200, np.float32)
    levels[:24, :20] = 40
    np.testing.assert_allclose(light_of(levels), 1.0, atol=0.02)


def test_relit__takes_away_more_than_half_of_what_bad_light_did() -> None:
    for seed in range(12):
        taken = badly_lit(axes(), np.random.default_rng(seed), 1.0)
        if taken.factors["contrast_kept"] < 1:
            assert apart(relit(taken.image), axes()) < 0.5 * apart(taken.image, axes())


def test_relit__stretches_dark_ground_down_to_black() -> None:
    # A body of 130 in air of 10, through haze: 86 and 50. On dark ground, air is black and highlights are 225.
    image = Image.new("RGB", (100, 100), (50, 50, 50))
    image.paste((86, 86, 86), (30, 30, 70, 70))
    bright = relit(image)
    assert bright.getpixel((0, 0)) == (0, 0, 0)
    assert bright.getpixel((50, 50)) == (225, 225, 225)


def test_relit__stretches_bright_ground_up_to_paper() -> None:
    image = Image.new("RGB", (100, 100), (140, 140, 140))
    image.paste((90, 90, 90), (30, 30, 70, 70))
    bright = relit(image)
    assert bright.getpixel((0, 0)) == (252, 252, 252)
    assert bright.getpixel((50, 50)) == (60, 60, 60)


def test_relit__makes_paper_in_slightly_coloured_light_grey() -> None:
    image = Image.new("RGB", (100, 100), (150, 140, 135))
    image.paste((75, 70, 68), (30, 30, 70, 70))
    red, green, blue = np.asarray(relit(image))[0, 0]
    assert red == green == blue == 252


def test_relit__keeps_the_colour_of_a_coloured_picture() -> None:
    # Highlights of 150, 110 and 90 differ by 1.67: no light is that red.
    image = Image.new("RGB", (100, 100), (150, 110, 90))
    image.paste((80, 60, 50), (30, 30, 70, 70))
    red, green, blue = (int(level) for level in np.asarray(relit(image))[0, 0])
    assert red > green > blue


def test_relit__leaves_a_well_lit_picture() -> None:
    image = axes()
    assert relit(image) is image


def test_relit__does_not_make_a_picture_of_an_empty_page() -> None:
    # Grain of 3 levels is stretched like 12, to a quarter of the range and not to all of it; what little light is
    # found in the grain adds to that.
    grain = np.random.default_rng(0).integers(0, 4, (64, 64, 1))
    stretched = np.asarray(relit(Image.fromarray((120 + grain.repeat(3, axis=2)).astype(np.uint8))), float)
    assert stretched.max() - stretched.min() < 255 / 2


def test_content_box__of_a_drawing() -> None:
    image = Image.new("RGB", (200, 200), PAPER)
    image.paste(INK, (40, 60, 120, 100))
    assert content_box(image) == Box(left=40, top=60, right=120, bottom=100)


def test_content_box__leaves_specks_out() -> None:
    image = Image.new("RGB", (200, 200), PAPER)
    image.paste(INK, (40, 60, 120, 100))
    # 2.2 % of 200 px are 4.4: 4 px are a speck, a letter of 8 px is none.
    image.paste(INK, (160, 160, 164, 164))
    assert content_box(image) == Box(left=40, top=60, right=120, bottom=100)
    image.paste(INK, (160, 160, 168, 168))
    assert content_box(image) == Box(left=40, top=60, right=168, bottom=168)


def test_content_box__leaves_grain_out() -> None:
    rng = np.random.default_rng(1)
    grainy = np.full((200, 200, 3), 220.0) + rng.normal(0, 4, (200, 200, 1))
    grainy[60:100, 40:120] = 60
    box = content_box(Image.fromarray(grainy.astype(np.uint8)))
    assert box == Box(left=40, top=60, right=120, bottom=100)


def test_content_box__of_an_empty_page_is_none() -> None:
    image = Image.new("RGB", (200, 200), PAPER)
    image.paste(INK, (160, 160, 163, 163))
    assert content_box(image) is None
    assert content_box(Image.new("RGB", (200, 200), PAPER)) is None


def test_groups_of__corners_touch() -> None:
    occupied = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1]], np.bool_)
    groups = groups_of(occupied)
    assert groups[0, 0] == groups[1, 1]
    assert len({groups[0, 0], groups[0, 3], groups[2, 3]}) == 3
    assert set(groups[occupied]) == {0, 1, 2}
    assert (groups[~occupied] == -1).all()


def test_trimmed__keeps_a_square_with_a_margin() -> None:
    image = Image.new("RGB", (200, 200), PAPER)
    image.paste(INK, (40, 60, 120, 100))
    # 80 px wide and 0.15 of it on either side: 104 x 104 around (80, 80), from 28 to 132.
    view = trimmed(image)
    assert view.size == (104, 104)
    assert content_box(view) == Box(left=12, top=32, right=92, bottom=72)


def test_trimmed__leaves_an_empty_page() -> None:
    image = Image.new("RGB", (200, 200), PAPER)
    assert trimmed(image) is image


def test_trimmed__finds_small_figures_within_four_hundredths_of_the_side() -> None:
    # The drawing spans 39 to 291 and 40 to 282 of 320 px.
    for seed in range(40):
        taken = small_on_page(axes(), np.random.default_rng(seed), 1.0)
        box = content_box(taken.image)
        assert box is not None
        share = float(taken.factors["page_share"])
        assert box.width == pytest.approx(252 * share, abs=0.04 * 320)
        assert box.height == pytest.approx(243 * share, abs=0.04 * 320)
        levels = np.asarray(taken.image)
        assert (levels[int(box.top) : int(box.bottom), int(box.left) : int(box.right)].min(axis=2) < 100).mean() > 0.2


def test_reframed__wider_continues_the_colour_of_the_border() -> None:
    image = Image.new("RGB", (100, 100), PAPER)
    image.paste(INK, (10, 10, 90, 90))
    wide = reframed(image, 1.2)
    assert wide.size == (120, 120)
    assert wide.getpixel((0, 119)) == PAPER
    assert content_box(wide) == Box(left=20, top=20, right=100, bottom=100)


def test_reframed__tighter_keeps_the_middle() -> None:
    image = axes()
    # A tenth of 320 px less: 16 px from each edge.
    assert reframed(image, 0.9) == image.crop((16, 16, 304, 304))
