"""Boxes that models write: found in a completion, checked, moved to the picture's own pixels, drawn and cut out.

What a model wrote is read as JSON and never evaluated.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from PIL import Image, ImageDraw

from maestro_env.skills.crops import crop, kept_inside, scaled
from maestro_env.skills.remembered import remembered
from maestro_env.types import Box

SENT_PX = 1024
"""Longest side of a picture whose pixels a service is asked for: servers shrink larger ones, unseen, and would answer
in the pixels of what they shrank."""
MAX_BOXES = 100
"""More are not kept: a service that lists more repeats itself."""

_MAX_JSON_CHARS = 20_000
_MAX_STARTS = 50
"""A completion may be hostile: only so much of it is searched for JSON, and only so many brackets are tried."""
_BRACKET = re.compile(r"[\[{]")
_BOX_KEYS = ("box", "bbox", "bbox_2d")
_LABEL_KEYS = ("label", "name", "object")
_MARGIN = 0.1
"""A close-up shows this fraction of its side more on every side: a box may cut off what it names."""
_MIN_CLOSE_UP_PX = 32
_ENLARGED_PX = 448
"""A close-up is enlarged to this longest side: vision encoders see little in fewer pixels."""
_LINE_PX = 3
_COLOURS = ("#d62728", "#2ca02c", "#1f77b4", "#ff7f0e", "#9467bd")


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledBox:
    """A box that a model named."""

    label: str
    """Empty if it gave none."""
    box: Box
    """In whole pixels, inside the picture."""


@remembered
def sent(image: Image.Image) -> Image.Image:
    """Return a picture as it is sent where pixels are asked for: shrunk to `SENT_PX` if it is larger."""
    if max(image.size) <= SENT_PX:
        return image
    share = SENT_PX / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def boxes_in(text: str, image: Image.Image) -> tuple[LabelledBox, ...] | None:
    """Return the boxes that a completion about `sent(image)` names.

    Args:
        text: Holds JSON somewhere: objects with `box` (or `bbox`, `bbox_2d`), four numbers in pixels of the picture
            that was sent, and perhaps a `label`.
        image: The picture itself, in whose pixels the boxes are returned.

    Returns:
        The boxes, cut to the picture; empty if the JSON says that there are none. None if the text holds no JSON, or
        no box that lies in the picture where it names some.
    """
    found = False
    entries: list[Mapping[str, Any]] = []
    for value in _json_values(text):
        found = True
        entries.extend(_entries(value))
    if not found:
        return None
    shown = sent(image)
    boxes = [_labelled(entry, shown, image) for entry in entries[:MAX_BOXES]]
    kept = tuple(box for box in boxes if box is not None)
    return None if boxes and not kept else kept


def _json_values(text: str) -> Iterator[Any]:
    """Yield the outermost JSON arrays and objects in a text, whatever stands around them."""
    decoder = json.JSONDecoder()
    text = text[:_MAX_JSON_CHARS]
    at = 0
    for _ in range(_MAX_STARTS):
        start = _BRACKET.search(text, at)
        if start is None:
            return
        try:
            value, at = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):  # no JSON after all, or nested to trip us
            at = start.end()
        else:
            yield value


def _entries(value: object, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield the objects that hold a box, as deep as tool calls nest them."""
    if depth > 4:
        return
    if isinstance(value, Mapping):
        entry = cast("Mapping[str, Any]", value)
        if any(entry.get(key) is not None for key in _BOX_KEYS):
            yield entry
        else:
            for inner in entry.values():
                yield from _entries(inner, depth + 1)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            yield from _entries(inner, depth + 1)


def _labelled(entry: Mapping[str, Any], shown: Image.Image, image: Image.Image) -> LabelledBox | None:
    corners = next(entry[key] for key in _BOX_KEYS if entry.get(key) is not None)
    box = _box_of(corners, shown)
    if box is None:
        return None
    label = next((entry[key] for key in _LABEL_KEYS if isinstance(entry.get(key), str)), "")
    return LabelledBox(label=label, box=kept_inside(scaled(box, image.width / shown.width), image))


def _box_of(corners: object, image: Image.Image) -> Box | None:
    """Return four numbers as a box, its corners in order and cut to the picture; None if nothing of it is left."""
    if not isinstance(corners, list):
        return None
    numbers = [x for x in cast("list[Any]", corners) if isinstance(x, (int, float)) and not isinstance(x, bool)]
    if len(numbers) != 4 or not all(math.isfinite(x) for x in numbers):
        return None
    left, right = sorted(min(max(float(x), 0.0), image.width) for x in numbers[0::2])
    top, bottom = sorted(min(max(float(y), 0.0), image.height) for y in numbers[1::2])
    box = Box(left=left, top=top, right=right, bottom=bottom)
    return box if box.width >= 1 and box.height >= 1 else None


def with_boxes(image: Image.Image, boxes: Sequence[LabelledBox]) -> Image.Image:
    """Return a copy of a picture with its boxes drawn and numbered from 1."""
    drawn = image.convert("RGB")
    pen = ImageDraw.Draw(drawn)
    for i, labelled in enumerate(boxes):
        box, colour = labelled.box, _COLOURS[i % len(_COLOURS)]
        corners = (box.left, box.top, max(box.left, box.right - 1), max(box.top, box.bottom - 1))
        pen.rectangle(corners, outline=colour, width=_LINE_PX)
        pen.text((box.left + _LINE_PX + 1, box.top + _LINE_PX), str(1 + i), fill=colour)
    return drawn


def close_up(image: Image.Image, box: Box) -> Image.Image:
    """Return what a box and a little around it shows, enlarged if it is small."""
    more_x = max(_MARGIN * box.width, (_MIN_CLOSE_UP_PX - box.width) / 2)
    more_y = max(_MARGIN * box.height, (_MIN_CLOSE_UP_PX - box.height) / 2)
    wider = Box(left=box.left - more_x, top=box.top - more_y, right=box.right + more_x, bottom=box.bottom + more_y)
    part = crop(image, kept_inside(wider, image))
    if max(part.size) >= _ENLARGED_PX:
        return part
    factor = _ENLARGED_PX / max(part.size)
    size = (max(1, round(part.width * factor)), max(1, round(part.height * factor)))
    return part.resize(size, Image.Resampling.BICUBIC)
