"""Training the tiny orchestrator: the whole command in small, and that it goes on where it was left."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("trl", reason="needs the extra llm")

from benchmarks.orchestrate import CURVES, FIGURES, SUMMARY, gains, main

SMALL = (
    "traces.num_tasks=14", "sft.epochs=1", "model.layers=1", "model.width=32",
    "grpo.steps=2", "grpo.questions=2", "grpo.group_size=2", "grpo.episodes_at_once=4", "grpo.save_every=1",
    "sampling.max_new_tokens=8", "evaluation.num_tasks=7", "evaluation.every=1",
)  # fmt: skip


def test_orchestrate__gains_by_hand() -> None:
    before, after = [[1, 0, 0, 0], [1, 0, 0, -1], [1, 1, 1, 0]], [[1, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    found = gains(["a", "a", "b", "b"], np.array([[before, after]], float))
    assert [each.figure for each in found] == ["accuracy", "reward", "well-formed"]
    assert [each.before.mean for each in found] == pytest.approx([0.25, 0.0, 0.75])
    assert [each.after.mean for each in found] == pytest.approx([0.75, 0.75, 1.0])
    assert [each.gain.mean for each in found] == pytest.approx([0.5, 0.75, 0.25])
    assert all(each.gain.low <= each.gain.mean <= each.gain.high for each in found)


def test_orchestrate__trains_plays_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*(f"--set={change}" for change in SMALL), "--seeds", "3", "--test-tasks", "7", "--out", str(tmp_path)]
    assert main(command) == 0
    first = json.loads((tmp_path / SUMMARY).read_text("utf-8"))
    own = first["seeds"]["3"]
    assert own["seconds"]["warm-start"] > 0
    ways = [("val", "sampled"), ("val", "greedy"), ("test", "sampled"), ("test", "greedy")]
    assert [(part["split"], part["way"]) for part in own["played"]] == ways
    assert all([each["figure"] for each in part["figures"]] == list(FIGURES) for part in own["played"])
    assert [part["figures"] for part in first["all"]] == [part["figures"] for part in own["played"]]
    assert first["settings"]["grpo"]["seed"] == 3
    assert (tmp_path / CURVES).stat().st_size > 10_000
    # Killed in GRPO after its first checkpoint: it goes on, and comes to the same figures.
    trained = tmp_path / "seed-3" / "grpo"
    (trained / "seconds.json").unlink()
    shutil.rmtree(trained / "model")
    shutil.rmtree(trained / "checkpoints" / "checkpoint-2")
    capsys.readouterr()
    assert main(command) == 0
    assert "from its last checkpoint" in capsys.readouterr().out
    again = json.loads((tmp_path / SUMMARY).read_text("utf-8"))
    assert again["seeds"]["3"]["seconds"]["grpo"] is None
    assert again["all"] == first["all"]
    # Other settings are refused, where the figures would be those of the models that are there.
    assert main([*command, "--set=sft.lr=0.5"]) == 2
    assert "were trained with other settings" in " ".join(capsys.readouterr().err.split())


def test_orchestrate__settings_without_meaning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set=grpo.group_size=1", "--out", str(tmp_path)]) == 2
    assert "group_size=1 must be at least 2" in capsys.readouterr().err
