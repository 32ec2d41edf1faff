"""Pictures drawn by hand, cut into characters: places and orders that can be told by eye."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from maestro_env.skills.ink import Strip, labelled, otsu
from maestro_env.skills.listing import program_lines
from maestro_env.skills.segmenting import GLYPH_PX, sign_lines

PAPER, INK = (240, 236, 220), (30, 34, 40)


def board(text: str, *, tilt: float = 0.0, ink: tuple[int, int, int] = INK) -> Image.Image:
    """A word in capitals 35 px high in the middle of a picture of 400 px."""
    image = Image.new("RGB", (400, 400), PAPER)
    ImageDraw.Draw(image).text((200, 217), text, fill=ink, font=ImageFont.load_default(50), anchor="ms")
    return image.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=PAPER)


def cells(*rows: str, paper: tuple[int, int, int] = PAPER, ink: tuple[int, int, int] = INK) -> Image.Image:
    """A program whose cells are 16 x 40 px; the first cell's middle is at (48, 60)."""
    image = Image.new("RGB", (400, 400), paper)
    pen = ImageDraw.Draw(image)
    for row, text in enumerate(rows):
        for column, character in enumerate(text):
            place = (48 + 16 * column, 68 + 40 * row)
            pen.text(place, character, fill=ink, font=ImageFont.load_default(24), anchor="ms")
    return image


def test_labelled__pieces_touch_by_sides_and_corners() -> None:
    mask = np.array(
        [
            [1, 0, 0, 0, 0, 1],
            [0, 1, 0, 0, 0, 1],
            [0, 0, 0, 1, 0, 1],
            [1, 1, 0, 1, 1, 1],
        ],
        np.bool_,
    )
    parts = labelled(mask, np.full((4, 6), 2.0, np.float32))
    found = sorted(zip(parts.left, parts.top, parts.right, parts.bottom, parts.area, parts.weight, strict=True))
    # A diagonal of two; a bar of two; a hook of 4 + 2 + 1 whose arms are joined only in the last row.
    assert found == [(0, 0, 2, 2, 2, 4), (0, 3, 2, 4, 2, 4), (3, 0, 6, 4, 7, 14)]
    mirrored = labelled(mask[:, ::-1])
    assert sorted(zip(mirrored.left, mirrored.area, strict=True)) == [(0, 7), (4, 2), (4, 2)]


def test_labelled__of_nothing_is_nothing() -> None:
    assert len(labelled(np.zeros((5, 5), np.bool_)).left) == 0


def test_labelled__a_spiral_is_one_piece() -> None:
    mask = np.zeros((9, 9), np.bool_)
    mask[0], mask[:, 8], mask[8], mask[2:, 0], mask[2, :7], mask[2:7, 6] = (True,) * 6
    parts = labelled(mask)
    assert (parts.left.tolist(), parts.bottom.tolist(), parts.area.tolist()) == ([0], [9], [int(mask.sum())])


def test_otsu__splits_between_two_groups() -> None:
    level = np.array([10.0] * 30 + [20.0] * 10 + [200.0] * 5 + [210.0] * 9)
    assert 20 < otsu(level) < 200


@pytest.mark.parametrize(("angle", "scale"), [(0.0, 1.0), (0.3, 1.0), (-0.2, 2.5)])
def test_strip__shows_what_its_map_says(angle: float, scale: float) -> None:
    image = Image.new("L", (300, 300), 0)
    strip = Strip(image, middle=(150, 140), angle=angle, scale=scale, width=80, height=28)
    x, y = strip.place(60, 10)
    ImageDraw.Draw(image).ellipse((x - 4 * scale, y - 4 * scale, x + 4 * scale, y + 4 * scale), fill=255)
    strip = Strip(image, middle=(150, 140), angle=angle, scale=scale, width=80, height=28)
    rows, columns = np.nonzero(np.asarray(strip.picture) > 127)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((60, 10), abs=0.8)


@pytest.mark.parametrize("tilt", [0.0, 7.0, -7.0])
def test_sign_lines__finds_each_letter_in_order(tilt: float) -> None:
    (line,) = sign_lines(board("HEX-25", tilt=tilt))
    assert len(line.glyphs) == 6
    assert [glyph.column for glyph in line.glyphs] == list(range(6))
    assert line.height_px == pytest.approx(35, rel=0.15)
    assert line.paper == pytest.approx(PAPER, abs=6)
    xs, ys = np.array([glyph.x for glyph in line.glyphs]), np.array([glyph.y for glyph in line.glyphs])
    assert (np.diff(xs) > 10).all()
    # A picture that was turned counterclockwise by t runs up to the right: dy/dx = -tan t.
    assert float(np.polyfit(xs, ys, 1)[0]) == pytest.approx(-np.tan(np.radians(tilt)), abs=0.03)
    assert float(ys.mean()) == pytest.approx(200, abs=5)
    assert {glyph.view.size for glyph in line.glyphs} == {(GLYPH_PX, GLYPH_PX)}


def test_sign_lines__finds_bright_letters_and_points() -> None:
    image = Image.eval(board("47.20"), lambda level: 255 - level)
    (line,) = sign_lines(image)
    assert len(line.glyphs) == 5


def test_sign_lines__largest_first() -> None:
    image = board("HEX")
    ImageDraw.Draw(image).text((100, 100), "8523", fill=INK, font=ImageFont.load_default(28), anchor="ms")
    assert [len(line.glyphs) for line in sign_lines(image)] == [3, 4]


def test_sign_lines__of_an_empty_picture_are_none() -> None:
    assert sign_lines(Image.new("RGB", (200, 120), PAPER)) == ()
    assert program_lines(Image.new("RGB", (200, 120), PAPER)) == ()


def test_program_lines__columns_are_cells() -> None:
    lines = program_lines(cells("n = 12", "for i in range(3):", "  n = n - 4", "print(n * 2)"))
    first = lines[0].glyphs[0].column
    assert [[glyph.column - first for glyph in line.glyphs] for line in lines] == [
        [0, 2, 4, 5],
        [0, 1, 2, 4, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17],
        [2, 4, 6, 8, 10],
        [0, 1, 2, 3, 4, 5, 6, 8, 10, 11],
    ]
    for row, line in enumerate(lines):
        for glyph in line.glyphs:
            assert glyph.x == pytest.approx(48 + 16 * (glyph.column - first), abs=3)
            # The middle of the capitals is 17 / 2 above the baseline.
            assert glyph.y == pytest.approx(68 - 8.5 + 40 * row, abs=3)


def test_program_lines__reads_bright_on_dark_and_tilted() -> None:
    image = cells("a = 7", "if a > 5:", "  a = a + 2", "print(a)", paper=INK, ink=PAPER)
    lines = program_lines(image.rotate(1.4, Image.Resampling.BICUBIC, fillcolor=INK))
    assert [len(line.glyphs) for line in lines] == [3, 6, 5, 8]
    assert lines[2].glyphs[0].column - lines[0].glyphs[0].column == 2
