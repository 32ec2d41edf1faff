"""What is marked by colour in a drawing: the spot where colour is densest, and a close-up of it.

A general tool on RGB pictures: it knows nothing of the tasks.
"""

import numpy as np
from PIL import Image, ImageFilter

from maestro_env.skills.crops import MIN_REGION_PX, crop, square_around
from maestro_env.skills.remembered import remembered
from maestro_env.types import Box

CLOSE_UP = 0.4
"""Side of a close-up, in sides of the drawing: a label on a disc fills more than a quarter of it."""

_SEARCH_PX = 96
"""Marks are looked for on a thumbnail with this side."""
_SPOT_REACH = 5
"""A spot is this many pixels of the thumbnail to either side of its middle: as large as a label's disc."""
_GREY, _COLOUR = 30.0, 90.0
"""Channels that differ by less are grey, by more are full colour; in levels."""


@remembered
def most_coloured(image: Image.Image) -> tuple[float, float]:
    """Return the middle (x, y) of the spot that holds the most colour, in pixels; the first one wins ties."""
    levels = np.asarray(image.resize((_SEARCH_PX, _SEARCH_PX), Image.Resampling.BOX, reducing_gap=2.0), np.float32)
    colour = np.clip((levels.max(2) - levels.min(2) - _GREY) / (_COLOUR - _GREY), 0, 1)
    mask = np.rint(colour * 255).astype(np.uint8)
    density = np.asarray(Image.fromarray(mask).filter(ImageFilter.BoxBlur(_SPOT_REACH)))
    row, column = divmod(int(density.argmax()), _SEARCH_PX)
    return (column + 0.5) / _SEARCH_PX * image.width, (row + 0.5) / _SEARCH_PX * image.height


@remembered
def close_up(image: Image.Image, framing: float) -> Image.Image:
    """Return the square around what is marked by colour, `framing` times as wide as `CLOSE_UP`."""
    x, y = most_coloured(image)
    spot = Box(left=x, top=y, right=x, bottom=y)
    return crop(image, square_around(spot, image, scale=framing * CLOSE_UP * max(image.size) / MIN_REGION_PX))
