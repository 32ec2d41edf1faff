"""A dry run: what a run would be, by sizes alone, offline."""

from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the extra llm")

from maestro_agents.llm import grpo
from maestro_agents.llm.dry_run import lines_of, num_parameters
from maestro_agents.llm.pretrained import Pretrained
from maestro_agents.llm.settings import read_settings
from maestro_env.errors import ConfigurationError

PAGE = Path(__file__).parents[3] / "docs" / "agents" / "llm.md"
"""Shows what the command prints."""


def told(name: str, *changes: str) -> dict[str, str]:
    lines = lines_of(read_settings(name, changes), command="maestro_agents.llm.grpo --out runs/x")
    return dict(line.split(": ", 1) for line in lines)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_dry_run__the_papers_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert grpo.main(["--config", "qwen3-vl-4b", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert printed in PAGE.read_text("utf-8")
    lines = dict(line.split(": ", 1) for line in printed.splitlines())
    assert lines["parameters"].startswith("4,437,815,808, 415 million of them for pictures; bfloat16, all trained")
    assert lines["steps"] == "380 of 1 x 8 = 8 episodes, 3,040 in all"
    assert lines["a step"] == "4 processes x 1 at once x 2 passes, then the optimiser"
    # A token for every 32 x 32 pixels.
    assert lines["prompt of chart/train/000000"].endswith("320 x 320 px in 100 tokens")
    # 4 numbers of 2 bytes a parameter; 2 x 36 layers x 8 heads x 128 numbers of 2 bytes a token.
    assert lines["memory of each process"].startswith("35.5 GB for weights")
    assert "; 147 kB for each token" in lines["memory of each process"]
    expected = "accelerate launch --multi_gpu --num_processes 4 -m maestro_agents.llm.grpo --config qwen3-vl-4b"
    assert lines["start"] == f"{expected} --out FOLDER"


def test_dry_run__model_built_from_nothing() -> None:
    lines = told("tiny-cpu")
    assert lines["model"] == "built from nothing"
    assert lines["a step"] == "1 process x 128 at once x 1 passes, then the optimiser"
    assert lines["start"] == "python -m maestro_agents.llm.grpo --out runs/x"


def test_dry_run__model_that_is_not_at_hand() -> None:
    with pytest.raises(ConfigurationError, match=r"'nobody/nothing' is not at hand.*downloads nothing"):
        told("tiny-cpu", "model.place='nobody/nothing'")


def test_dry_run__settings_that_cannot_be_run() -> None:
    with pytest.raises(ConfigurationError, match=r"chat template; give layout = 'plain'"):
        told("tiny-cpu", "model.layout='chat'")


def test_num_parameters__are_those_of_the_model(seeing: Pretrained) -> None:
    number, visual = num_parameters(seeing.model.config)
    assert number == sum(weight.numel() for weight in seeing.model.parameters())
    assert visual == sum(weight.numel() for name, weight in seeing.model.named_parameters() if ".visual." in name)


def test_grpo__needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        grpo.main([])
    assert "give --out FOLDER, or --dry-run" in capsys.readouterr().err
