import numpy as np
import torch
from PIL import Image

from maestro_env.experts.glyphs import GLYPHS, NO_GLYPH, Glyphs, characters_at, glyph_examples
from maestro_env.experts.network import multiply_adds
from maestro_env.skills.segmenting import GLYPH_PX, Glyph, GlyphLine
from maestro_env.tasks import tiny_code
from maestro_env.tasks.procedural import ocr
from maestro_env.tasks.procedural.lettering import Character


def test_glyphs__know_every_character_of_signs_and_programs() -> None:
    assert set(GLYPHS) == {*ocr.ALPHABET, *tiny_code.ALPHABET}
    assert len(set(GLYPHS)) == len(GLYPHS) == NO_GLYPH


def test_glyphs__are_small() -> None:
    network = Glyphs().eval()
    assert sum(parameter.numel() for parameter in network.parameters()) <= 150_000
    views, tokens = torch.zeros(1, 3, GLYPH_PX, GLYPH_PX), torch.zeros(1, 4, dtype=torch.long)
    assert multiply_adds(network, views, tokens) <= 4_000_000


def test_glyphs__give_a_logit_a_character_whatever_the_colours_and_the_question() -> None:
    torch.manual_seed(0)
    network = Glyphs().eval()
    grey = torch.rand(5, 1, GLYPH_PX, GLYPH_PX)
    tokens = torch.randint(0, 9, (5, 7))
    logits = network(grey, tokens)
    assert logits.shape == (5, len(GLYPHS) + 1)
    assert torch.allclose(logits, network(grey.expand(-1, 3, -1, -1), tokens * 0), atol=1e-5)
    assert network(torch.rand(2, 3, 24, 24), tokens[:2]).shape == logits[:2].shape
    assert network(torch.rand(2, 3, 32, 32), tokens[:2]).shape == logits[:2].shape


def test_glyphs__brightness_changes_nothing_and_contrast_little() -> None:
    torch.manual_seed(0)
    network = Glyphs().eval()
    tokens = torch.zeros(3, 1, dtype=torch.long)
    dark = 0.5 * torch.rand(3, 1, GLYPH_PX, GLYPH_PX)
    logits = network(dark, tokens).detach()
    assert torch.allclose(logits, network(dark + 0.4, tokens), atol=1e-5)
    # The spread of even noise up to 0.5 is 0.5 / sqrt(12) = 0.144; of half of it 0.072. The constant of 0.02 makes the
    # inputs 0.144 / 0.164 = 0.88 and 0.072 / 0.092 = 0.78 of what they would be: an eighth apart, and logits with them.
    assert torch.allclose(logits, network(0.5 * dark, tokens), atol=0.2 * float(logits.abs().max()))
    assert not torch.allclose(logits, network(dark.flip(3), tokens), atol=1e-3)


def test_characters_at__are_those_near_the_middle_of_each_view() -> None:
    view = Image.new("RGB", (GLYPH_PX, GLYPH_PX))
    # Letters 20 px high reach 0.4 of that, 8 px.
    places = ((10.0, 50.0), (17.0, 50.0), (20.0, 50.0), (38.0, 57.0), (30.0, 59.0))
    glyphs = tuple(Glyph(view=view, x=x, y=y, column=i) for i, (x, y) in enumerate(places))
    characters = (
        Character(text="A", x=10.0, y=50.0, height_px=20.0),
        Character(text="B", x=31.0, y=50.0, height_px=20.0),
    )
    line = GlyphLine(glyphs=glyphs, height_px=20.0, paper=(0.0, 0.0, 0.0))
    assert characters_at(line, characters) == ["A", "A", "", "B", ""]


def test_glyph_examples__are_views_of_what_is_written() -> None:
    counts = np.zeros(NO_GLYPH + 1, np.int64)
    for seed in range(30):
        for view, index in glyph_examples(np.random.default_rng(seed)):
            assert (view.mode, view.size) == ("RGB", (GLYPH_PX, GLYPH_PX))
            counts[index] += 1
    assert counts[NO_GLYPH] > 20
    assert (counts > 0).sum() > 45
    # Programs say "print" far more often than anything else; still it is not most of what is seen.
    assert counts.max() < 0.35 * counts.sum()


def test_glyph_examples__same_seed_same_examples() -> None:
    first, again = (glyph_examples(np.random.default_rng(11)) for _ in range(2))
    assert [(view.tobytes(), index) for view, index in first] == [(view.tobytes(), index) for view, index in again]


def test_glyph_examples__same_label_looks_alike() -> None:
    """Labels are not shuffled: views of a character correlate more with each other than with those of others."""
    views: dict[str, list[np.ndarray]] = {"1": [], "+": []}
    for seed in range(40):
        for view, index in glyph_examples(np.random.default_rng(seed)):
            if index != NO_GLYPH and GLYPHS[index] in views:
                level = np.asarray(view.convert("L"), np.float64)[6:22, 10:18]
                ink = np.abs(level - np.median(level))
                views[GLYPHS[index]].append((ink - ink.mean()) / (ink.std() + 1e-6))
    bar, plus = (np.stack(found).mean(0) for found in views.values())
    assert all(len(found) > 8 for found in views.values())
    nearer = [(ink * bar).mean() > (ink * plus).mean() for ink in views["1"]]
    nearer += [(ink * plus).mean() > (ink * bar).mean() for ink in views["+"]]
    assert np.mean(nearer) > 0.8
