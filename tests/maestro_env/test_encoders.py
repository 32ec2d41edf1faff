import numpy as np
import pytest
from PIL import Image

from maestro_env.encoders import GridView, HashedQuestion, question_encoder, view_encoder
from maestro_env.errors import ConfigurationError, UnknownNameError


def test_hashed_question__has_length_1_and_one_row_a_text() -> None:
    rows = HashedQuestion(64).encode(["How many are there?", "What does it read?", "Name the letter."])
    assert rows.shape == (3, 64)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-6)


def test_hashed_question__looks_past_case_and_punctuation() -> None:
    upper, lower = HashedQuestion().encode(["WHAT does it read?!", "what does it read"])
    np.testing.assert_array_equal(upper, lower)


def test_hashed_question__word_order_matters() -> None:
    one, other = HashedQuestion().encode(["red left of blue", "blue left of red"])
    assert not np.array_equal(one, other)


def test_hashed_question__is_the_same_on_every_machine() -> None:
    # The only feature is the word "a": its CRC-32 is 0xE8B7BE43 = 3904355907. It is odd, so the sign is +;
    # halved it is 1952177953, which leaves 1 when divided by 8.
    np.testing.assert_array_equal(HashedQuestion(8).encode(["a"]), [[0, 1, 0, 0, 0, 0, 0, 0]])
    # That of "e" is 0xEFDA7A5A = 4024072794: even, so -; halved it is 2012036397, which leaves 5.
    np.testing.assert_array_equal(HashedQuestion(8).encode(["e"]), [[0, 0, 0, 0, 0, -1, 0, 0]])


def test_hashed_question__no_word_is_all_0() -> None:
    np.testing.assert_array_equal(HashedQuestion(4).encode(["?!"]), np.zeros((1, 4)))


def test_hashed_question__no_text_is_no_row() -> None:
    assert HashedQuestion(4).encode([]).shape == (0, 4)


def test_grid_view__holds_mean_colours_row_by_row() -> None:
    # Left half red, right half black; a grid of 2 x 2 cells, so red cells are the first of each row.
    image = Image.new("RGB", (40, 40))
    image.paste((255, 0, 0), (0, 0, 20, 40))
    row = GridView(17).encode([image])[0]
    np.testing.assert_allclose(row[:12], [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], atol=1e-6)
    # Grey is 1/3 on one half and 0 on the other: its deviation is 1/6, given twice.
    assert row[12] == pytest.approx(1 / 3, abs=1e-6)
    # One of 47 steps across is an edge of 1/3; there is none downwards.
    assert row[13] == pytest.approx(1 / 3 / 47, abs=1e-6)
    assert row[14] == 0.0
    # Square, and 40 px of at most 4096.
    assert row[15] == 0.0
    assert row[16] == pytest.approx(np.log2(40) / 12, abs=1e-6)


def test_grid_view__stays_in_bounds_for_any_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (7, 900, 3), dtype=np.uint8)
    rows = GridView(32).encode([Image.fromarray(noise), Image.new("L", (1, 3000), 255), Image.new("RGBA", (9000, 2))])
    assert rows.shape == (3, 32)
    assert rows.dtype == np.float32
    assert np.abs(rows).max() <= 1.0


def test_grid_view__no_image_is_no_row() -> None:
    assert GridView(32).encode([]).shape == (0, 32)


@pytest.mark.parametrize("dim", [0, 5, 7, 33, 80])
def test_grid_view__refuses_a_length_that_no_grid_has(dim: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"no grid for dim={dim}; give one of \[8, 17, 32, 53, 113, 197\]"):
        GridView(dim)


def test_hashed_question__refuses_no_length() -> None:
    with pytest.raises(ConfigurationError, match="dim=0 must be at least 1"):
        HashedQuestion(0)


def test_encoders__by_name() -> None:
    assert question_encoder("hashed-64").dim == 64
    assert view_encoder("grid-32").dim == 32


def test_encoders__unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown question encoder 'hashed-46'\. Did you mean 'hashed-64'"):
        question_encoder("hashed-46")
    with pytest.raises(UnknownNameError, match=r"Unknown view encoder 'grid'\. Did you mean 'grid-32'"):
        view_encoder("grid")
