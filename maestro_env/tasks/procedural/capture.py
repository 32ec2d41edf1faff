"""How plain pictures were taken: askew, badly lit, or small on a page. What undoes that is in skills/retouch.py.

Readers learn from well-taken figures. A capture makes a picture harder to read without hiding anything: whoever
first undoes it sees what a reader expects. It moves and shrinks a figure, so what a picture's questions call upper or
left, and what places its queries name, hold before capture; families that ask for places are captured `badly_lit`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, cos, radians, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from maestro_env.errors import TaskError
from maestro_env.tasks.procedural.canvas import Colour, mixed, textured
from maestro_env.tasks.procedural.choices import between

WELL_TAKEN_ODDS = 0.25
"""How often a picture is left as it is."""
MAX_TILT_DEG = 25.0
"""Largest tilt, either way: more, and which way is up would become a guess."""
MIN_CONTRAST_KEPT = 0.2
"""Floor of the share that any difference of levels keeps: the faintest that a family draws stays several levels."""
MIN_PAGE_SHARE = 0.4
"""Floor of a figure's side, as a share of the page's: 128 px of 320, twice what a reader sees."""

_EXTREME_HAZE = 0.55
"""Least share of the contrast that haze leaves. This, the next three and the floor go together: their product is
`MIN_CONTRAST_KEPT`, so that no draw falls below it."""
_EXTREME_SHADE = 0.5
"""Least light far from the bright spot, as a share of the light there."""
_DIMMEST = 0.8
"""Least light at the bright spot."""
_EXTREME_CAST = 0.91
"""Least gain of a colour channel in coloured light."""
_MAX_SPECKS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Captured:
    """A picture as it was taken."""

    image: Image.Image
    """RGB, of the size of the picture that was taken."""
    factors: Mapping[str, float]
    """What the capture did to it; `check_capture` knows their floors."""


Capture = Callable[[Image.Image, np.random.Generator, float], Captured]
"""capture(image, rng, difficulty): difficulty in [0, 1]; more means a stronger capture."""


def askew(image: Image.Image, rng: np.random.Generator, difficulty: float) -> Captured:
    """Tilt a picture like a page put down carelessly: the whole page stays in view, on ground of its border's colour.

    Factors: `tilt_deg`, counterclockwise; 0.0 for a picture left as it is.
    """
    if rng.random() < WELL_TAKEN_ODDS:
        return Captured(image=image, factors={"tilt_deg": 0.0})
    most = between(12.0, MAX_TILT_DEG, difficulty)
    tilt = float(rng.uniform(0.4, 1.0)) * most * (1 if rng.random() < 0.5 else -1)
    # A unit square that is tilted spans |cos| + |sin|: shrunk by that, the page just fits.
    turn = radians(tilt)
    span = abs(cos(turn)) + abs(sin(turn))
    right, down = span * cos(turn), span * sin(turn)
    middle_x, middle_y = image.width / 2, image.height / 2
    matrix = (
        *(right, -down, middle_x - right * middle_x + down * middle_y),
        *(down, right, middle_y - down * middle_x - right * middle_y),
    )
    tilted = image.transform(
        image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=border_colour(image)
    )
    return Captured(image=tilted, factors={"tilt_deg": tilt})


def badly_lit(image: Image.Image, rng: np.random.Generator, difficulty: float) -> Captured:
    """Take a picture through haze, in dim coloured light that falls off from a bright spot.

    Factors: `contrast_kept`, the least share that any difference of levels keeps anywhere; 1.0 for a picture left
    as it is.
    """
    if rng.random() < WELL_TAKEN_ODDS:
        return Captured(image=image, factors={"contrast_kept": 1.0})
    strength = between(0.35, 1.0, difficulty) * float(rng.uniform(0.6, 1.0))
    haze = between(1.0, _EXTREME_HAZE, strength)
    veil = float(rng.uniform(110, 160))
    light = _light_field(image, rng, strength)
    cast = between(1.0, _EXTREME_CAST, strength) ** rng.random(3).astype(np.float32)
    hazy = np.asarray(image, np.float32) * haze + veil * (1 - haze)
    lit = hazy * (light[:, :, None] * cast)
    kept = haze * float(light.min()) * float(cast.min())
    # Nothing exceeds 255: every factor is a loss.
    return Captured(image=Image.fromarray((lit + 0.5).astype(np.uint8)), factors={"contrast_kept": kept})


def _light_field(image: Image.Image, rng: np.random.Generator, strength: float) -> NDArray[np.float32]:
    """[H, W] how much light falls where: most at a spot, less with the square of the distance from it."""
    spot_x, spot_y = (float(v) for v in rng.uniform(-0.1, 1.1, 2))
    x = (np.linspace(0, 1, image.width, dtype=np.float32) - spot_x) ** 2
    y = (np.linspace(0, 1, image.height, dtype=np.float32) - spot_y) ** 2
    fall = (x[None, :] + y[:, None]) / (x.max() + y.max())
    brightest, shade = between(1.0, _DIMMEST, strength), between(1.0, _EXTREME_SHADE, strength)
    return np.float32(brightest) * (1 - np.float32(1 - shade) * fall)


def small_on_page(image: Image.Image, rng: np.random.Generator, difficulty: float) -> Captured:
    """Show a picture smaller, somewhere on a page of its border's colour with a little grain and a few specks.

    Factors: `page_share`, the picture's side as a share of the page's; 1.0 for a picture left as it is.
    """
    if rng.random() < WELL_TAKEN_ODDS:
        return Captured(image=image, factors={"page_share": 1.0})
    share = float(rng.uniform(1.0, 1.5)) * between(0.65, MIN_PAGE_SHARE, difficulty)
    width, height = ceil(share * image.width), ceil(share * image.height)
    paper = border_colour(image)
    page = Image.new("RGB", image.size, paper)
    _draw_specks(page, paper, rng)
    page = textured(page, 0.1 * float(rng.random()), rng)
    left, top = int(rng.integers(image.width - width + 1)), int(rng.integers(image.height - height + 1))
    page.paste(image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0), (left, top))
    return Captured(image=page, factors={"page_share": width / image.width})


def _draw_specks(page: Image.Image, paper: Colour, rng: np.random.Generator) -> None:
    """Draw dust: dots of at most a hundredth of the side."""
    pen = ImageDraw.Draw(page)
    for _ in range(int(rng.integers(_MAX_SPECKS + 1))):
        x, y = float(rng.random()) * page.width, float(rng.random()) * page.height
        radius = float(rng.uniform(0.002, 0.005)) * page.width
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=mixed(paper, (110, 100, 90), 0.6))


def border_colour(image: Image.Image) -> Colour:
    """Return the median colour along a picture's edges, by channel."""
    levels = np.asarray(image)
    edges = np.concatenate((levels[0], levels[-1], levels[:, 0], levels[:, -1]))
    red, green, blue = (int(level) for level in np.median(edges, axis=0))
    return (red, green, blue)


def check_capture(factors: Mapping[str, float | int | str]) -> None:
    """Check that a captured picture can still be read.

    Args:
        factors: Those of a `Captured`, others among them or not.

    Raises:
        TaskError: A tilt, contrast or size beyond its floor.
    """
    tilt = float(factors.get("tilt_deg", 0.0))
    if abs(tilt) > MAX_TILT_DEG:
        raise TaskError(f"The picture is tilted by {tilt:.1f} degrees; at most {MAX_TILT_DEG} can be told from level.")
    kept = float(factors.get("contrast_kept", 1.0))
    if kept < MIN_CONTRAST_KEPT:
        raise TaskError(f"The light keeps {kept:.3f} of the contrast; at least {MIN_CONTRAST_KEPT} is visible.")
    share = float(factors.get("page_share", 1.0))
    if share < MIN_PAGE_SHARE:
        raise TaskError(f"The figure takes {share:.3f} of the page's side; at least {MIN_PAGE_SHARE} can be read.")
