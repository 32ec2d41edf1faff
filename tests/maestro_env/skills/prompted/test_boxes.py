"""Boxes in completions: what counts as one, where it lies in the picture, and what is cut out."""

import pytest
from PIL import Image

from maestro_env.skills.prompted.boxes import LabelledBox, boxes_in, close_up, sent, with_boxes
from maestro_env.types import Box

SMALL = Image.new("RGB", (100, 50))
LARGE = Image.new("RGB", (4096, 2048))


def box(left: float, top: float, right: float, bottom: float, label: str = "") -> LabelledBox:
    return LabelledBox(label=label, box=Box(left=left, top=top, right=right, bottom=bottom))


@pytest.mark.parametrize(
    "text",
    [
        '{"box": [10, 20, 30, 40]}',
        '[{"bbox": [10, 20, 30, 40]}]',
        'Sure! ```json\n[{"bbox_2d": [10, 20, 30, 40]}]\n```',
        '<tool_call>{"name": "zoom", "arguments": {"bbox_2d": [10, 20, 30, 40]}}</tool_call>',
        '{"box": [30, 40, 10, 20]}',
        '[not json] {"box": [10.2, 19.8, 30.1, 40.0]}',
    ],
)
def test_boxes_in__whatever_stands_around_them(text: str) -> None:
    assert boxes_in(text, SMALL) == (box(10, 20, 30, 40),)


def test_boxes_in__labels() -> None:
    text = '[{"label": "cup", "box": [0, 0, 5, 5]}, {"name": 3, "box": [1, 1, 9, 9]}]'
    assert boxes_in(text, SMALL) == (box(0, 0, 5, 5, "cup"), box(1, 1, 9, 9))


def test_boxes_in__are_cut_to_the_picture() -> None:
    assert boxes_in('{"box": [-10, -10, 400, 20]}', SMALL) == (box(0, 0, 100, 20),)


def test_boxes_in__are_in_pixels_of_the_picture_though_a_smaller_one_was_sent() -> None:
    assert sent(LARGE).size == (1024, 512)
    # Four times 100 to 200 across and 50 to 60 down.
    assert boxes_in('{"box": [100, 50, 200, 60]}', LARGE) == (box(400, 200, 800, 240),)


def test_sent__a_small_picture_as_it_is() -> None:
    assert sent(SMALL) is SMALL


@pytest.mark.parametrize("text", ["[]", '{"box": null}', "{}", '{"objects": []}'])
def test_boxes_in__that_there_are_none(text: str) -> None:
    assert boxes_in(text, SMALL) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no box",
        '{"box": [1, 2, 3]}',
        '{"box": [1, 2, 3, "4"]}',
        '{"box": [1, 2, 3, true]}',
        '{"box": [1, 2, 3, NaN]}',
        '{"box": [1, 2, Infinity, 4]}',
        '{"box": "1, 2, 3, 4"}',
        '{"box": [5, 5, 5, 40]}',
        '{"box": [200, 200, 300, 300]}',
        "[__import__('os').abort()]",
    ],
)
def test_boxes_in__no_box_where_one_was_named(text: str) -> None:
    assert not boxes_in(text, SMALL)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[{" * 50_000])
def test_boxes_in__hostile_nesting_is_no_box(text: str) -> None:
    assert boxes_in(text, SMALL) is None


def test_boxes_in__a_hundred_at_most() -> None:
    found = boxes_in("[" + ",".join(['{"box": [0, 0, 5, 5]}'] * 150) + "]", SMALL)
    assert found is not None
    assert len(found) == 100


def test_with_boxes__draws_on_a_copy() -> None:
    drawn = with_boxes(SMALL, [box(10, 10, 40, 40)])
    assert drawn.getpixel((10, 25)) != (0, 0, 0)
    assert drawn.getpixel((60, 25)) == (0, 0, 0)
    assert SMALL.getpixel((10, 25)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("image", "part", "size"),
    [
        (LARGE, box(0, 0, 1000, 500), (1200, 600)),  # a tenth more on each side, pushed back inside
        (LARGE, box(100, 100, 104, 102), (448, 448)),  # widened to 32 x 32, enlarged
        (SMALL, box(0, 0, 100, 50), (448, 224)),
    ],
)
def test_close_up__shows_a_little_more_and_no_less_than_can_be_seen(
    image: Image.Image, part: LabelledBox, size: tuple[int, int]
) -> None:
    assert close_up(image, part.box).size == size
