"""Which part of a picture a view shows: regions, framings, grids, and how they are kept inside the picture."""

from collections.abc import Sequence

from PIL import Image

from maestro_env.skills.remembered import remembered
from maestro_env.types import Box, Context

REGION_MARGIN = 0.1
"""A region is shown with this fraction of its side added on every side: a locator's box may cut a figure short."""

MIN_REGION_PX = 16
"""Smaller boxes are widened to this: less than a quarter of a reader's input holds nothing to read."""


SHOWN_PX = 256
"""Longest side of what is shown: twice what any network looks at, and cheap to put right."""


PRINT_PX = 640
"""Longest side of what is searched for print: characters are to be cut out one by one."""


def picture_box(image: Image.Image) -> Box:
    """Return the box of a whole picture."""
    return Box(left=0.0, top=0.0, right=float(image.width), bottom=float(image.height))


def kept_inside(box: Box, image: Image.Image) -> Box:
    """Return a box of whole pixels inside the picture: moved if it sticks out, cut only if it is too large to fit."""
    left, width = _kept_inside(box.left, box.right, image.width)
    top, height = _kept_inside(box.top, box.bottom, image.height)
    return Box(left=left, top=top, right=left + width, bottom=top + height)


def _kept_inside(low: float, high: float, limit_px: int) -> tuple[float, float]:
    """Return where an interval starts and how long it is, in whole pixels."""
    length = min(max(round(high - low), 1), limit_px)
    start = min(max(round((low + high - length) / 2), 0), limit_px - length)
    return float(start), float(length)


def square_around(box: Box, image: Image.Image, *, scale: float) -> Box:
    """Return the square around a box whose side is `scale` times the box's longer side, kept inside the picture."""
    side = min(max(box.width, box.height, MIN_REGION_PX) * scale, image.width, image.height)
    middle_x, middle_y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    square = Box(
        left=middle_x - side / 2, top=middle_y - side / 2, right=middle_x + side / 2, bottom=middle_y + side / 2
    )
    return kept_inside(square, image)


def scaled(box: Box, factor: float) -> Box:
    """Return a box in the pixels of a picture that is `factor` times as large."""
    left, top, right, bottom = (factor * edge for edge in (box.left, box.top, box.right, box.bottom))
    return Box(left=left, top=top, right=right, bottom=bottom)


def crop(image: Image.Image, box: Box) -> Image.Image:
    """Return the part of a picture in a box of whole pixels; the picture itself if the box holds all of it."""
    if box == picture_box(image):
        return image
    return image.crop((int(box.left), int(box.top), int(box.right), int(box.bottom)))


@remembered
def shown(image: Image.Image, box: Box) -> Image.Image:
    """Return the part of a picture in a box of whole pixels, shrunk to `SHOWN_PX` where it is larger."""
    return _limited(crop(image, box), SHOWN_PX)


def _limited(view: Image.Image, side_px: int) -> Image.Image:
    if max(view.size) <= side_px:
        return view
    share = side_px / max(view.size)
    return view.resize(
        (round(view.width * share), round(view.height * share)), Image.Resampling.BILINEAR, reducing_gap=2.0
    )


def box_of(image: Image.Image, context: Context, *, framing: float = 1.0) -> Box:
    """Return the part of a task's picture that a context shows.

    Args:
        image: The task's whole first picture.
        context: The whole picture (no box), or a region: its box with `REGION_MARGIN`, made square.
        framing: Shows a region this many times wider (above 1) or tighter (below 1); the whole stays whole.
    """
    if context.box is None:
        return picture_box(image)
    return square_around(context.box, image, scale=(1 + 2 * REGION_MARGIN) * framing)


def part_of(image: Image.Image, context: Context) -> Image.Image:
    """Return what a context shows of a task's picture, shrunk to `PRINT_PX`: for those who look for small print."""
    return _limited(crop(image, box_of(image, context)), PRINT_PX)


def view_of(image: Image.Image, context: Context, *, framing: float = 1.0) -> Image.Image:
    """Return what a context shows of a task's picture, shrunk to `SHOWN_PX`; the arguments are those of `box_of`."""
    return shown(image, box_of(image, context, framing=framing))


def framings_of(image: Image.Image, context: Context, framings: Sequence[float]) -> tuple[Image.Image, ...]:
    """Return a region's views at several framings."""
    return tuple(view_of(image, context, framing=framing) for framing in framings)


def grid(image: Image.Image, num_a_side: int, *, overlap: float) -> tuple[Box, ...]:
    """Return boxes that cover a picture in rows and columns, row by row.

    Args:
        image: The picture.
        num_a_side: Rows, and columns; 1 and up.
        overlap: The fraction of a box's side that it shares with its neighbour, in [0, 1).
    """
    # n boxes of side s that each advance by s (1 - overlap) reach s (n - (n - 1) overlap) = the picture's side.
    share = 1 / (num_a_side - (num_a_side - 1) * overlap)
    edges_x = _edges(image.width, num_a_side, share)
    edges_y = _edges(image.height, num_a_side, share)
    return tuple(
        Box(left=left, top=top, right=right, bottom=bottom) for top, bottom in edges_y for left, right in edges_x
    )


def _edges(length_px: int, num: int, share: float) -> list[tuple[float, float]]:
    advance = (1 - share) / (num - 1) if num > 1 else 0.0
    starts = [i * advance for i in range(num)]
    return [(float(round(start * length_px)), float(round((start + share) * length_px))) for start in starts]
