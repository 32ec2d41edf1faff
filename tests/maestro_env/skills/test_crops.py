import pytest
from PIL import Image

from maestro_env.skills.crops import (
    PRINT_PX,
    SHOWN_PX,
    crop,
    framings_of,
    grid,
    kept_inside,
    part_of,
    picture_box,
    scaled,
    shown,
    square_around,
    view_of,
)
from maestro_env.types import WHOLE, Box, Context


def box(left: float, top: float, right: float, bottom: float) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


PICTURE = Image.new("RGB", (200, 100))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (box(10.4, 20.4, 30.4, 40.4), box(10, 20, 30, 40)),
        (box(-10, 20, 30, 60), box(0, 20, 40, 60)),  # moved right by 10
        (box(190, 90, 220, 120), box(170, 70, 200, 100)),  # moved back by 20 and 20
        (box(-50, -50, 300, 150), box(0, 0, 200, 100)),  # larger than the picture: all of it
        (box(50, 50, 50, 50), box(50, 50, 51, 51)),  # empty: one pixel
        (box(-90, 500, -80, 510), box(0, 90, 10, 100)),  # far outside: the nearest corner
    ],
)
def test_kept_inside__moves_before_it_cuts(given: Box, kept: Box) -> None:
    got = kept_inside(given, PICTURE)
    # Half a pixel of rounding may fall either way: corners within 1.
    for side in ("left", "top", "right", "bottom"):
        assert getattr(got, side) == pytest.approx(getattr(kept, side), abs=1)
        assert getattr(got, side) == int(getattr(got, side))
    assert (got.width, got.height) == (kept.width, kept.height)


def test_square_around__takes_the_longer_side() -> None:
    # 40 x 20 around (60, 50), scale 1.5: 60 x 60, from 30 to 90 and 20 to 80.
    assert square_around(box(40, 40, 80, 60), PICTURE, scale=1.5) == box(30, 20, 90, 80)


def test_square_around__is_no_larger_than_the_picture() -> None:
    # Side 300 is cut to 100, the picture's height, and stays centred at x = 100.
    assert square_around(box(50, 0, 150, 100), PICTURE, scale=3) == box(50, 0, 150, 100)


def test_square_around__widens_tiny_boxes() -> None:
    # 2 px become 16.
    assert square_around(box(99, 49, 101, 51), PICTURE, scale=1) == box(92, 42, 108, 58)


def test_view_of__the_whole_is_the_picture_itself() -> None:
    assert view_of(PICTURE, Context(id=WHOLE)) is PICTURE
    assert crop(PICTURE, picture_box(PICTURE)) is PICTURE


def test_shown__large_parts_are_shrunk_and_small_ones_are_not() -> None:
    large = Image.new("RGB", (1024, 512), (10, 200, 30))
    assert shown(large, picture_box(large)).size == (SHOWN_PX, SHOWN_PX // 2)
    assert shown(large, Box(left=8, top=8, right=108, bottom=58)).size == (100, 50)
    assert shown(large, picture_box(large)).getpixel((100, 100)) == (10, 200, 30)


def test_part_of__keeps_more_than_a_reader_is_shown() -> None:
    large = Image.new("RGB", (1024, 1024))
    assert part_of(large, Context(id=WHOLE)).size == (PRINT_PX, PRINT_PX)
    assert part_of(PICTURE, Context(id=WHOLE)) is PICTURE
    region = Context(id="region:x", parent=WHOLE, box=Box(left=100, top=100, right=600, bottom=600))
    # 500 px and a tenth of it on either side.
    assert part_of(large, region).size == (600, 600)
    assert view_of(large, region).size == (SHOWN_PX, SHOWN_PX)


def test_scaled__every_edge() -> None:
    assert scaled(Box(left=1, top=2, right=3, bottom=4), 2.5) == Box(left=2.5, top=5, right=7.5, bottom=10)


def test_view_of__a_region_gets_its_margin() -> None:
    # 40 px and a tenth of it on either side: 48.
    region = Context(id="region:a", parent=WHOLE, box=box(60, 30, 100, 70))
    assert view_of(PICTURE, region).size == (48, 48)


def test_framings_of__scale_the_region() -> None:
    # 50 px are shown as 60; tighter by 0.5: 30; wider by 1.5: 90.
    region = Context(id="region:a", parent=WHOLE, box=box(75, 25, 125, 75))
    assert [view.width for view in framings_of(PICTURE, region, (1.0, 0.5, 1.5))] == [60, 30, 90]


def test_grid__without_overlap_partitions_the_picture() -> None:
    assert grid(PICTURE, 2, overlap=0.0) == (
        box(0, 0, 100, 50), box(100, 0, 200, 50), box(0, 50, 100, 100), box(100, 50, 200, 100),
    )  # fmt: skip


def test_grid__with_half_overlap_shares_half_of_each_box() -> None:
    # 3 boxes of side s advance by s/2: s + s/2 + s/2 = 2 s is the picture, so s is half of it.
    boxes = grid(PICTURE, 3, overlap=0.5)
    assert len(boxes) == 9
    assert boxes[0] == box(0, 0, 100, 50)
    assert boxes[1] == box(50, 0, 150, 50)
    assert boxes[8] == box(100, 50, 200, 100)


def test_grid__of_one_is_the_picture() -> None:
    assert grid(PICTURE, 1, overlap=0.5) == (picture_box(PICTURE),)
