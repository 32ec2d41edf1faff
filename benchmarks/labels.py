"""Where labels of points go on a picture, so that they cover little. Units are such that a label is 18 high.

The y axis points down, as in SVG.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LETTER = 7.3
"""Mean width of a letter of a label."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rectangle:
    """A part of the chart that is taken."""

    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: "Rectangle") -> float:
        """Return the area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


def label_spots(
    places: Sequence[tuple[float, float]],
    widths: Sequence[float],
    *,
    lines: Sequence[Rectangle] = (),
    left: float,
    right: float,
) -> list[Rectangle]:
    """Return where labels go: beside their point, where they cover least of other points, labels and lines.

    Args:
        places: Of the points, on the picture.
        widths: Of the labels.
        lines: What else is not to be covered.
        left: Where the picture begins.
        right: Where it ends.
    """
    points = [Rectangle(left=x - 7, top=y - 7, right=x + 7, bottom=y + 7) for x, y in places]
    taken: list[Rectangle] = []
    for number, ((x, y), width) in enumerate(zip(places, widths, strict=True)):
        # Right and above first: there the eye looks for a label.
        corners = [
            *((x + 9, y + dy) for dy in (-9, 9, -21, 21)),
            *((x - 9 - width, y + dy) for dy in (-9, 9, -21, 21)),
            (x - width / 2, y - 21),
            (x - width / 2, y + 21),
        ]
        spots = [
            Rectangle(left=start, top=middle - 9, right=start + width, bottom=middle + 9) for start, middle in corners
        ]
        inside = [spot for spot in spots if spot.left >= left and spot.right <= right] or spots
        others = [*taken, *lines, *(point for place, point in enumerate(points) if place != number)]
        taken.append(min(inside, key=lambda spot: sum(spot.overlap(other) for other in others)))
    return taken
