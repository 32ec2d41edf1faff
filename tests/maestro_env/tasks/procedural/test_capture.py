"""Captures: how strong they are, what they keep, and that nothing is cut off."""

from collections.abc import Callable
from math import cos, radians, sin

import numpy as np
import pytest
from PIL import Image

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.capture import (
    MAX_TILT_DEG,
    MIN_CONTRAST_KEPT,
    MIN_PAGE_SHARE,
    Captured,
    askew,
    badly_lit,
    border_colour,
    check_capture,
    small_on_page,
)

PAPER, INK = (240, 230, 220), (40, 40, 60)
CAPTURES = (askew, badly_lit, small_on_page)
every_capture = pytest.mark.parametrize("capture", CAPTURES)


def drawing(side_px: int = 160) -> Image.Image:
    """Paper with a square of ink from 1/4 to 3/4 of the side."""
    image = Image.new("RGB", (side_px, side_px), PAPER)
    image.paste(INK, (side_px // 4, side_px // 4, side_px * 3 // 4, side_px * 3 // 4))
    return image


def captured(
    capture: Callable[[Image.Image, np.random.Generator, float], Captured], seed: int, difficulty: float
) -> Captured:
    return capture(drawing(), np.random.default_rng(seed), difficulty)


def changed(
    capture: Callable[[Image.Image, np.random.Generator, float], Captured], difficulty: float
) -> list[Captured]:
    """The pictures that a capture changed, of 60."""
    taken = [captured(capture, seed, difficulty) for seed in range(60)]
    return [one for one in taken if one.image.tobytes() != drawing().tobytes()]


def ink_box(image: Image.Image) -> tuple[int, int, int, int]:
    y, x = np.nonzero(np.asarray(image).max(axis=2) < 140)
    return int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1


@every_capture
def test_capture__keeps_size_and_mode_and_passes_its_check(capture: Callable[..., Captured]) -> None:
    for seed in range(200):
        taken = captured(capture, seed, seed / 199)
        assert (taken.image.mode, taken.image.size) == ("RGB", (160, 160))
        check_capture(taken.factors)


@every_capture
def test_capture__same_seed_takes_the_same_picture(capture: Callable[..., Captured]) -> None:
    for seed in range(8):
        first, again = (captured(capture, seed, 0.7) for _ in range(2))
        assert first.image.tobytes() == again.image.tobytes()
        assert first.factors == again.factors


@every_capture
def test_capture__leaves_about_a_quarter_as_they_are(capture: Callable[..., Captured]) -> None:
    as_they_are = {"tilt_deg": 0.0, "contrast_kept": 1.0, "page_share": 1.0}
    left = 0
    for seed in range(200):
        taken = captured(capture, seed, 0.5)
        name, value = next(iter(taken.factors.items()))
        unchanged = taken.image.tobytes() == drawing().tobytes()
        assert unchanged == (value == as_they_are[name])
        left += unchanged
    # 50 of 200 expected, standard deviation 6: within three of them.
    assert 32 <= left <= 68


def test_askew__turns_counterclockwise_and_fits_the_whole_page() -> None:
    for taken in changed(askew, 1.0):
        tilt = float(taken.factors["tilt_deg"])
        assert 0.4 * MAX_TILT_DEG <= abs(tilt) <= MAX_TILT_DEG
        # The upper right corner of the ink is 40 px right of and above the middle. Turned counterclockwise by t, it
        # is 40 (cos t - sin t) right and 40 (cos t + sin t) above, and the page shrinks by |cos t| + |sin t|.
        turn = radians(tilt)
        shrunk = 40 / (abs(cos(turn)) + abs(sin(turn)))
        corners = [
            (80 + shrunk * (x * cos(turn) + y * sin(turn)), 80 + shrunk * (y * cos(turn) - x * sin(turn)))
            for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        expected = [f(corner[axis] for corner in corners) for f in (min, max) for axis in (0, 1)]
        assert ink_box(taken.image) == pytest.approx(expected, abs=1.6)


def test_askew__tells_left_turns_from_right_turns() -> None:
    # A dot right of the middle rises when the picture is turned counterclockwise.
    image = Image.new("RGB", (160, 160), PAPER)
    image.paste(INK, (130, 75, 140, 85))
    for seed in range(20):
        taken = askew(image, np.random.default_rng(seed), 1.0)
        _, top, _, bottom = ink_box(taken.image)
        assert np.sign(80 - (top + bottom) / 2) == np.sign(taken.factors["tilt_deg"])


def test_askew__continues_the_colour_of_the_border() -> None:
    for taken in changed(askew, 1.0):
        assert [taken.image.getpixel(corner) for corner in ((0, 0), (159, 0), (0, 159), (159, 159))] == [PAPER] * 4


def test_badly_lit__keeps_the_contrast_that_it_states() -> None:
    for taken in changed(badly_lit, 1.0):
        kept = float(taken.factors["contrast_kept"])
        assert MIN_CONTRAST_KEPT <= kept < 0.75
        # Paper and ink differ by 200, 190 and 160 levels. They meet at the ink's edges (pixels 39 and 40): there the
        # least difference left is at least the stated share of them, but for rounding (1 level of 160).
        levels = np.asarray(taken.image, float)
        across = (levels[40:120, 39] - levels[40:120, 40]) / (200, 190, 160)
        assert across.min() >= kept - 0.01


def test_badly_lit__falls_off_and_brightens_nothing() -> None:
    for taken in changed(badly_lit, 1.0):
        paper = np.asarray(taken.image, float)[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert paper.max() <= 240
        assert paper.max() - paper.min() > 20


def test_small_on_page__shrinks_the_picture_to_the_share_that_it_states() -> None:
    for taken in changed(small_on_page, 1.0):
        share = float(taken.factors["page_share"])
        assert MIN_PAGE_SHARE <= share <= 0.62
        # The ink is half as wide as the picture; dust is lighter than ink.
        left, top, right, bottom = ink_box(taken.image)
        assert (right - left, bottom - top) == pytest.approx((80 * share, 80 * share), abs=2)
        # The picture, with 40 px of paper around the ink, lies on the page.
        margin = 40 * share
        assert min(left, top) >= margin - 2
        assert max(right, bottom) <= 160 - margin + 2


def test_small_on_page__puts_the_picture_anywhere() -> None:
    boxes = np.array([ink_box(taken.image) for taken in changed(small_on_page, 1.0)])
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    # A picture of half the page's side has its middle between 40 and 120.
    assert (middle.min(axis=0) < 60).all()
    assert (middle.max(axis=0) > 100).all()


@pytest.mark.parametrize(("capture", "factor", "best"), [(askew, "tilt_deg", 0.0), (badly_lit, "contrast_kept", 1.0),
                                                         (small_on_page, "page_share", 1.0)])  # fmt: skip
def test_capture__is_stronger_when_it_is_more_difficult(
    capture: Callable[..., Captured], factor: str, best: float
) -> None:
    easy, middling, hard = (
        np.mean([abs(float(taken.factors[factor]) - best) for taken in changed(capture, difficulty)])
        for difficulty in (0.0, 0.5, 1.0)
    )
    assert 0 < easy < middling < hard


def test_border_colour__is_the_median_along_the_edges() -> None:
    image = Image.new("RGB", (10, 10), (200, 100, 50))
    image.paste((0, 0, 0), (1, 1, 9, 9))  # within
    image.paste((255, 255, 255), (0, 0, 10, 1))  # one edge of four
    assert border_colour(image) == (200, 100, 50)


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"tilt_deg": -25.1}, r"tilted by -25\.1 degrees; at most 25"),
        ({"contrast_kept": 0.19}, r"keeps 0\.190 of the contrast; at least 0\.2"),
        ({"page_share": 0.39}, r"takes 0\.390 of the page's side; at least 0\.4"),
    ],
)
def test_check_capture__refuses_what_is_beyond_its_floor(factors: dict[str, float], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        check_capture(factors)


def test_check_capture__accepts_the_floors_and_pictures_that_were_not_captured() -> None:
    check_capture({"difficulty": 0.5, "kind": "bar"})
    check_capture({"tilt_deg": -25.0, "contrast_kept": 0.2, "page_share": 0.4})
