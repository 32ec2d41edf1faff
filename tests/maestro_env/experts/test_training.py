"""Training: resumable, seeded, and refusing another plan's checkpoint. On a pool of a few pictures."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from maestro_env.errors import ConfigurationError, UnknownNameError  # noqa: E402
from maestro_env.experts import pool, training  # noqa: E402
from maestro_env.experts.batches import draw_batch, load_source  # noqa: E402
from maestro_env.experts.network import NOT_VISIBLE  # noqa: E402
from maestro_env.experts.recipes import RECIPES, Architecture, recipe_of  # noqa: E402
from maestro_env.experts.training import Plan  # noqa: E402
from maestro_env.experts.weights_io import load_weights, read_metadata  # noqa: E402
from maestro_env.tasks.procedural.counting import MAX_WIDE_SHAPES  # noqa: E402

LOCATOR = replace(recipe_of("locator-a"), sources={"locate/chart": 1.0}, batch_size=4)


@pytest.fixture(scope="module")
def small_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A pool of two shards a source, four figures a shard."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "SHARD_FIGURES", 4)
        patch.setattr(training, "NUM_SHARDS", dict.fromkeys(training.NUM_SHARDS, 2))
        patch.setattr(training, "HELD_OUT_ROWS", 8)
        yield tmp_path_factory.mktemp("pool")


def _train(folder: Path, out: Path, *, steps: int = 6, seed: int = 0) -> Path:
    plan = Plan(pool=folder, out=out, seed=seed, steps=steps)
    return training.train(LOCATOR, plan=plan, report=lambda steps_done, loss: None)


def test_train__killed_and_resumed_gives_the_same_weights(
    small_pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_STEPS", 2)
    undisturbed = load_weights(_train(small_pool, tmp_path / "undisturbed"))

    class KilledError(Exception):
        """Stands for a kill: nothing after it runs."""

    def killed_after_five(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 5:
            raise KilledError
        return draw_batch(*arguments, **options)  # type: ignore[arg-type]

    calls: list[int] = []
    monkeypatch.setattr(training, "draw_batch", killed_after_five)
    with pytest.raises(KilledError):
        _train(small_pool, tmp_path / "killed")
    calls.clear()
    monkeypatch.setattr(training, "draw_batch", lambda *a, **k: (calls.append(1), draw_batch(*a, **k))[1])
    resumed = load_weights(_train(small_pool, tmp_path / "killed"))
    # Steps 4 and 5 again, a view to count multiply-adds on, the held-out batch: it went on after step 4.
    assert len(calls) == 4
    for name, tensor in undisturbed.items():
        torch.testing.assert_close(resumed[name], tensor, rtol=0, atol=0, msg=name)


def test_train__finished_weights_are_left_alone_unless_the_plan_is_another(small_pool: Path, tmp_path: Path) -> None:
    path = _train(small_pool, tmp_path, steps=2)
    written = path.stat().st_mtime_ns
    assert not (tmp_path / f"{LOCATOR.expert}.checkpoint.safetensors").exists()
    assert _train(small_pool, tmp_path, steps=2).stat().st_mtime_ns == written
    _train(small_pool, tmp_path, steps=3)
    assert read_metadata(path)["steps"] == "3"


def test_train__counts_three_forward_passes_a_view(small_pool: Path, tmp_path: Path) -> None:
    # A locator's look takes 76,128,256 multiply-adds; two steps of four pictures, forward and twice as much backward.
    path = _train(small_pool, tmp_path, steps=2)
    assert int(read_metadata(path)["multiply_adds"]) == 3 * 2 * 4 * 76_128_256


def test_train__another_seed_gives_other_weights(small_pool: Path, tmp_path: Path) -> None:
    one = load_weights(_train(small_pool, tmp_path / "one", steps=2))
    other = load_weights(_train(small_pool, tmp_path / "other", steps=2, seed=1))
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_train__refuses_the_checkpoint_of_another_plan(
    small_pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: None)  # as if killed before it was removed
    _train(small_pool, tmp_path, steps=2)
    with pytest.raises(ConfigurationError, match=r"belongs to .*'steps': '2'.*delete it or choose another --out"):
        _train(small_pool, tmp_path, steps=3)


def test_train__a_specialist_needs_the_generalist_first(
    small_pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(recipe_of("math"), start_from="nobody")
    plan = Plan(pool=small_pool, out=tmp_path, steps=1)
    with pytest.raises(ConfigurationError, match=r"nobody.*--expert nobody"):
        training.train(recipe, plan=plan, report=lambda steps_done, loss: None)


def test_recipe_of__unknown_expert_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'chart'.*Did you mean 'chart-"):
        recipe_of("chart")


def test_recipes__shares_sum_to_one_and_starts_come_first() -> None:
    known: set[str] = set()
    for recipe in RECIPES.values():
        assert sum(recipe.sources.values()) == pytest.approx(1.0)
        assert not recipe.start_from or recipe.start_from in known
        known.add(recipe.expert)


@pytest.mark.parametrize("architecture", list(Architecture))
def test_loss__falls_when_one_batch_is_repeated(small_pool: Path, architecture: Architecture) -> None:
    own = {Architecture.LOCATOR: {"locate/chart": 1.0}, Architecture.GLYPHS: {"glyph/lines": 1.0}}
    sources = own.get(architecture, {"plain/chart": 0.5, "patch/chart": 0.5})
    recipe = replace(recipe_of("generalist"), architecture=architecture, sources=sources)
    loaded = {name: load_source([pool.build_shard(small_pool, name, 0)]) for name in sources}
    torch.manual_seed(0)
    network = training.make_network(recipe).train()
    batch = draw_batch(recipe, loaded, np.random.default_rng(0), 16)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses: list[float] = []
    for _ in range(12):
        loss = training.loss_of(network, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_learning_rate__warms_up_then_falls_to_zero() -> None:
    # 100 steps warm up for 10: the first is a tenth of the peak, the tenth the peak itself.
    assert training.learning_rate(0, 100, 2.0) == pytest.approx(0.2)
    assert training.learning_rate(9, 100, 2.0) == pytest.approx(2.0)
    assert training.learning_rate(55, 100, 2.0) == pytest.approx(1.0)
    assert training.learning_rate(100, 100, 2.0) == pytest.approx(0.0)


def test_fingerprint__tells_sources_apart_and_sees_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprint = pool.fingerprint.__wrapped__  # without its memory
    before = fingerprint("plain/chart")
    assert before == fingerprint("plain/chart") != fingerprint("plain/counting")
    monkeypatch.setattr("maestro_env.tasks.procedural.chart.TOP_VALUE", 8)
    assert fingerprint("plain/chart") != before


def test_draw_shard__same_number_same_shard(small_pool: Path) -> None:
    one, same, other = (pool.draw_shard("patch/earth", number) for number in (0, 0, 1))
    np.testing.assert_array_equal(one["images"], same["images"])
    assert not np.array_equal(one["images"][0], other["images"][0])


def test_draw_shard__a_wrong_frame_is_not_visible(small_pool: Path) -> None:
    shard = pool.draw_shard("patch/chart", 0)
    # One question a figure names a frame that is not there.
    assert int((shard["answer"] == NOT_VISIBLE).sum()) == pool.SHARD_FIGURES


def test_draw_shard__tiles_count_only_what_they_show(small_pool: Path) -> None:
    shard = pool.draw_shard("window/counting", 0)
    # Two windows a figure, never more shapes in a window than a figure can hold.
    assert len(shard["images"]) == 2 * pool.SHARD_FIGURES
    assert 0 <= int(shard["answer"].min()) <= int(shard["answer"].max()) <= MAX_WIDE_SHAPES
