"""What agents make of experts that they never saw."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import transfer
from benchmarks.transfer import Played, transfer_of


def test_transfer__is_paired_and_by_benchmark() -> None:
    # By hand: of four tasks of one benchmark a stranger answers two more, of four of another one fewer.
    without = np.array([0, 0, 1, 1, 1, 1, 0, 0], float)
    strangers = np.array([1, 1, 1, 1, 1, 0, 0, 0], float)
    played = Played(correct=np.stack([without, strangers]), calls=np.stack([np.full(8, 2.0), np.full(8, 1.0)]))
    found = transfer_of("x", [played], ["a"] * 4 + ["b"] * 4)
    assert found.gain.mean == pytest.approx(1 / 8)
    assert found.gain.low < 1 / 8 < found.gain.high
    assert {name: one.mean for name, one in found.gain_by_benchmark.items()} == pytest.approx({"a": 0.5, "b": -0.25})
    assert (found.without.mean, found.with_strangers.mean, found.calls) == (0.5, 0.625, (2.0, 1.0))


def test_transfer__writes_its_numbers_and_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--agents", "DescriptorRouter", "--quick", "--seeds", "1", "--processes", "1", "--out", str(tmp_path)]
    assert transfer.main(arguments) == 0
    (path,) = tmp_path.glob("transfer-*/transfer.json")
    (agent,) = json.loads(path.read_text("utf-8"))["agents"]
    assert agent["gain"]["mean"] == pytest.approx(agent["with_strangers"]["mean"] - agent["without"]["mean"])
    assert set(agent["gain_by_benchmark"]) == {"embodied", "ocr", "diagrams", "visual_code"}
    assert "with strangers" in capsys.readouterr().out


def test_transfer__an_agent_that_knows_its_experts_by_heart_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--agents", "FixedExpert", "--quick", "--processes", "1", "--out", str(tmp_path)]
    assert transfer.main(arguments) == 2
    assert "has no at(env)" in " ".join(capsys.readouterr().err.split())
