"""The architectures: shapes, and what a look costs."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from maestro_env.experts.glyphs import Glyphs  # noqa: E402
from maestro_env.experts.network import (  # noqa: E402
    LOCATOR_PX,
    MONOLITH_WIDTH,
    NOT_VISIBLE,
    READER_PX,
    VIEW_DIM,
    Locator,
    Reader,
    Viewer,
    multiply_adds,
)
from maestro_env.experts.tokens import MAX_TOKENS  # noqa: E402
from maestro_env.registry import load_registry  # noqa: E402
from maestro_env.skills.segmenting import GLYPH_PX  # noqa: E402
from maestro_env.types import Role  # noqa: E402


def _tokens(batch: int) -> Any:
    return torch.ones(batch, MAX_TOKENS, dtype=torch.int64)


def test_reader__gives_a_logit_an_answer_and_one_for_not_visible() -> None:
    logits = Reader().eval()(torch.rand(2, 3, READER_PX, READER_PX), _tokens(2))
    assert logits.shape == (2, NOT_VISIBLE + 1)


def test_reader__reads_the_question() -> None:
    torch.manual_seed(0)
    reader = Reader().eval()
    view = torch.rand(1, 3, READER_PX, READER_PX)
    assert not torch.equal(reader(view, _tokens(1)), reader(view, _tokens(1) * 2))


def test_locator__gives_a_logit_and_three_numbers_a_cell() -> None:
    heat, geometry = Locator().eval()(torch.rand(2, 3, LOCATOR_PX, LOCATOR_PX), _tokens(2))
    assert (heat.shape, geometry.shape) == ((2, 256), (2, 3, 256))


def test_viewer__embeddings_have_length_one() -> None:
    embedding, kinds = Viewer(num_kinds=5).eval()(torch.rand(3, 3, READER_PX, READER_PX))
    assert (embedding.shape, kinds.shape) == ((3, VIEW_DIM), (3, 5))
    torch.testing.assert_close(embedding.norm(dim=1), torch.ones(3))


def test_multiply_adds__worked_by_hand() -> None:
    # 3 x 3 x 3 x 8 weights at each of 4 x 4 places, then 8 x 5 weights once.
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2, padding=1),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(8, 5),
    )
    assert multiply_adds(network, torch.rand(1, 3, 8, 8)) == 216 * 16 + 40


def test_catalog__charges_a_look_by_its_multiply_adds() -> None:
    def spent(network: Reader | Locator | Glyphs, side_px: int) -> int:
        return multiply_adds(network.eval(), torch.rand(1, 3, side_px, side_px), _tokens(1))

    reader = spent(Reader(), READER_PX)
    others = {"monolith": spent(Reader(MONOLITH_WIDTH), READER_PX), "glyphs": spent(Glyphs(), GLYPH_PX)}
    for model in load_registry("monolith").models:
        usual = reader if model.role == Role.READER else spent(Locator(), LOCATOR_PX)
        expected = others.get(model.name, usual) / reader
        assert model.passes_per_look == pytest.approx(expected, rel=0.01), model.name
