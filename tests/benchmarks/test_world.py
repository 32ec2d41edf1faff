"""The whole measuring on a made-up world: every gate is there, and what it leaves behind can be read."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.world_gates.findings import Findings
from benchmarks.world_gates.measuring import QUICK, measure
from benchmarks.world_gates.scope import Roles
from benchmarks.world_gates.writing import gate_listing, write_gates, write_page
from maestro_env.registry import Registry
from maestro_env.testing import fake_recording

GATES = ["1", "2", "3", "4", "4b", "5", "6", "7", "8"]


@pytest.fixture(scope="module")
def findings() -> Findings:
    recording = fake_recording(num_tasks=240)
    core = Registry(name="core", experts=tuple(e for e in recording.registry.experts if e.model.name != "radiology"))
    roles = Roles(trained=("chart", "scene"), unseen=("counting",), extended=("radiology",))
    return measure(recording, monolith=recording, roles=roles, core=core, effort=QUICK, console=Console(quiet=True))


def test_measure__every_gate_is_measured(findings: Findings) -> None:
    assert [gate.gate for gate in findings.gates] == GATES
    for gate in findings.gates:
        assert gate.conditions, gate.note
        for condition in gate.conditions:
            assert condition.figure.low - 1e-9 <= condition.figure.mean <= condition.figure.high + 1e-9


def test_measure__tells_of_every_benchmark(findings: Findings) -> None:
    assert [table.benchmark for table in findings.tables] == ["chart", "scene", "counting", "radiology"]
    # The stranger is no core expert: it is only tried where the extended registry plays.
    assert ["radiology/Direct" in table.accuracy for table in findings.tables] == [False, False, False, True]


def test_write_gates__a_list_of_objects(findings: Findings, tmp_path: Path) -> None:
    written = json.loads(write_gates(findings, tmp_path / "new").read_text("utf-8"))
    assert [gate["gate"] for gate in written] == GATES
    assert all(set(gate) == {"gate", "value", "low", "high", "threshold", "passed", "note"} for gate in written)
    assert all(isinstance(gate["passed"], bool) for gate in written)


def test_write_page__its_pictures_are_there(findings: Findings, tmp_path: Path) -> None:
    text = write_page(findings, tmp_path).read_text("utf-8")
    for name in ("chart", "scene", "counting", "radiology", "frontiers", "difficulty"):
        assert f"images/world/{name}.png" in text
        assert (tmp_path / "images" / "world" / f"{name}.png").is_file()
    assert all(f"**Gate {gate}.**" in text for gate in GATES)
    assert "| `radiology/Direct` |" in text


def test_gate_listing__names_every_gate(findings: Findings) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(gate_listing(findings.gates))
    text = console.export_text()
    assert all(f" {gate} " in text for gate in GATES)
    assert "…" not in text
    assert sum(text.count(verdict) for verdict in ("pass ", "fail ", "not measured")) >= len(GATES)
