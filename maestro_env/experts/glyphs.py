"""The glyph reader: which character a small view shows, and the views that teach it. Shapes as in network.py."""

import numpy as np
from PIL import Image
from torch import Tensor, nn

from maestro_env.skills.listing import program_lines
from maestro_env.skills.segmenting import GLYPH_PX, GlyphLine, sign_lines
from maestro_env.tasks import tiny_code
from maestro_env.tasks.procedural import ocr
from maestro_env.tasks.procedural.lettering import Character
from maestro_env.tasks.procedural.visual_code import VisualCode, draw_listing

GLYPHS: tuple[str, ...] = tuple(sorted({*ocr.ALPHABET, *tiny_code.ALPHABET}))
"""The characters that it tells apart."""
NO_GLYPH = len(GLYPHS)
"""Index of the answer that no character stands in the middle of the view."""
REACH = 0.4
"""A view shows the character that is this near to its middle, in heights of a capital; else it shows none."""
NUM_EMPTY = 3
"""Views a picture that are cut anywhere, most of which show no character."""


class Glyphs(nn.Module):
    """Classifies views of single characters. About 0.08 M parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _convolution(1, 12, stride=1),
            _convolution(12, 24, stride=2),
            _convolution(24, 48, stride=2),
            _convolution(48, 48, stride=1),
            nn.AdaptiveAvgPool2d(4),
        )
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.1), nn.Linear(48 * 16, NO_GLYPH + 1))

    def forward(self, images_BCYX: Tensor, tokens_BT: Tensor | None = None) -> Tensor:
        """Return logits [B, G + 1] for views [B, 1 or 3, GLYPH_PX, GLYPH_PX] in [0, 1]; a question changes nothing."""
        del tokens_BT
        grey_B1YX = images_BCYX.mean(1, keepdim=True)
        # Every view at the same brightness and contrast: faint text is text.
        centred_B1YX = grey_B1YX - grey_B1YX.mean((2, 3), keepdim=True)
        spread_B111 = centred_B1YX.pow(2).mean((2, 3), keepdim=True).sqrt()
        return self.head(self.body(centred_B1YX / (spread_B111 + 0.02)))


def _convolution(channels_in: int, channels_out: int, *, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())


def glyph_examples(rng: np.random.Generator) -> list[tuple[Image.Image, int]]:
    """Draw a picture with text, cut it as the skills do, and return its views with indices into `GLYPHS`.

    Args:
        rng: The only source of randomness.

    Returns:
        RGB views of `GLYPH_PX`, each with the index of its character, or `NO_GLYPH`.
    """
    difficulty = float(rng.random())
    if rng.random() < 0.5:
        signs = ocr.draw_signs(rng, size_px=ocr.Ocr.native_px, difficulty=difficulty)
        image, characters, lines = signs.figure.image, signs.characters, sign_lines(signs.figure.image)
    else:
        listing = draw_listing(rng, size_px=VisualCode.native_px, difficulty=difficulty)
        image, characters, lines = listing.figure.image, listing.characters, program_lines(listing.figure.image)
    examples = [
        (glyph.view, GLYPHS.index(text) if text else NO_GLYPH)
        for line in lines
        for glyph, text in zip(line.glyphs, characters_at(line, characters), strict=True)
    ]
    return examples + _empty_views(rng, image, characters)


def characters_at(line: GlyphLine, characters: tuple[Character, ...]) -> list[str]:
    """Return which character really stands at each place of a line; empty where none does."""
    return [_character_near(glyph.x, glyph.y, characters) for glyph in line.glyphs]


def _character_near(x: float, y: float, characters: tuple[Character, ...]) -> str:
    nearest = min(characters, key=lambda character: (character.x - x) ** 2 + (character.y - y) ** 2)
    reach = REACH * nearest.height_px
    return nearest.text if max(abs(nearest.x - x), abs(nearest.y - y)) < reach else ""


def _empty_views(
    rng: np.random.Generator, image: Image.Image, characters: tuple[Character, ...]
) -> list[tuple[Image.Image, int]]:
    """Cut views at random, of any size that text has, and keep those that no character is near."""
    views: list[tuple[Image.Image, int]] = []
    for _ in range(NUM_EMPTY):
        side = float(rng.uniform(0.03, 0.15)) * image.width
        x, y = (float(middle) for middle in rng.uniform(side / 2, image.width - side / 2, 2))
        if all(max(abs(character.x - x), abs(character.y - y)) > side / 2 for character in characters):
            box = (round(x - side / 2), round(y - side / 2), round(x + side / 2), round(y + side / 2))
            view = image.resize((GLYPH_PX, GLYPH_PX), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
            views.append((view, NO_GLYPH))
    return views
