"""Accuracies and hit rates of the shipped networks."""

import pytest

pytest.importorskip("torch")

from maestro_env.errors import ConfigurationError, UnknownNameError
from maestro_env.experts.evaluate import hits, main
from maestro_env.experts.store import ReaderNetwork, load_network, load_view_encoder
from maestro_env.skills.base import Finding
from maestro_env.tasks.procedural.generate import render
from maestro_env.types import Box

TARGET = Box(left=100, top=100, right=200, bottom=200)


@pytest.mark.parametrize(
    ("box", "hit"),
    [
        (Box(left=90, top=90, right=210, bottom=210), True),
        # Off to the side, but the target's centre (150, 150) is inside.
        (Box(left=140, top=100, right=240, bottom=200), True),
        (Box(left=160, top=100, right=260, bottom=200), False),
        # 1.7 times as wide, and 0.6 times as wide.
        (Box(left=65, top=65, right=235, bottom=235), False),
        (Box(left=120, top=120, right=180, bottom=180), False),
    ],
)
def test_hits__centre_inside_and_about_the_size(box: Box, hit: bool) -> None:
    assert hits(Finding(box=box, confidence=0.5), TARGET) is hit


def test_main__prints_every_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--expert", "math", "--tasks", "2", "--split", "val"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("math:", "chart", "visual_math", "diagrams"))
    assert "ocr" not in shown  # open answers, which readers cannot give


def test_main__locators_by_family(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--expert", "locator-b", "--tasks", "1", "--split", "val"])
    shown = capsys.readouterr().out
    assert "locator-b:" in shown
    assert "microscopy" in shown


def test_main__the_glyph_reader_has_no_score_without_its_skills() -> None:
    with pytest.raises(ConfigurationError, match=r"'glyphs' reads single characters"):
        main(["--expert", "glyphs"])


def test_load_network__missing_weights_name_the_command(tmp_path: object) -> None:
    with pytest.raises(ConfigurationError, match=r"No weights .*--expert math"):
        load_network("math", tmp_path)  # type: ignore[arg-type]


def test_load_network__the_view_encoder_is_no_expert() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown expert network 'view'"):
        load_network("view")


def test_reader__probabilities_leave_room_for_not_visible() -> None:
    rendered = render("scene", "val", 0)
    network = load_network("generalist")
    assert isinstance(network, ReaderNetwork)
    reading = network.look([rendered.image], [rendered.task.question])[0]
    # A whole scene: its figures are too small to be read.
    assert 0.0 <= sum(reading.probabilities.values()) < 0.5


def test_view_encoder__same_view_same_embedding() -> None:
    image = render("chart", "val", 0).image
    first, second = load_view_encoder().encode([image, image])
    assert first.tolist() == second.tolist()
