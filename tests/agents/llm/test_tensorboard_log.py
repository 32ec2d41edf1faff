"""Figures for TensorBoard: every number, read back with TensorBoard's own reader."""

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra llm")

from maestro_agents.llm.tensorboard_log import TensorboardLog
from maestro_env.errors import MissingExtraError


def read_back(folder: Path) -> dict[str, list[tuple[int, float]]]:
    accumulator: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(folder)).Reload()
    return {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_tensorboard__holds_every_number(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra llm")
    log = TensorboardLog(tmp_path)
    log.add("batch", 0, {"reward": 0.5, "zero_advantage": 1, "faults": {"no_action": 2}, "name": "not a number"})
    log.add("batch", 1, {"reward": 0.75})
    log.close()
    assert read_back(tmp_path) == {
        "batch/reward": [(0, 0.5), (1, 0.75)],
        "batch/zero_advantage": [(0, 1.0)],
        "batch/faults/no_action": [(0, 2.0)],
    }


def test_tensorboard__a_run_that_goes_on_hides_what_it_says_again(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra llm")
    for from_step, reward in ((0, 0.25), (2, 0.5)):
        log = TensorboardLog(tmp_path, from_step=from_step)
        for step in range(from_step, 4):
            log.add("batch", step, {"reward": reward})
        log.close()
    assert read_back(tmp_path) == {"batch/reward": [(0, 0.25), (1, 0.25), (2, 0.5), (3, 0.5)]}


def test_tensorboard__without_it_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"needs tensorboard.*maestro-env\[llm\]"):
        TensorboardLog(tmp_path / "new")
    assert not (tmp_path / "new").exists()
