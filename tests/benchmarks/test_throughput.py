"""`python -m benchmarks.throughput`: its arithmetic, and a short run of the whole."""

import json
from pathlib import Path

import pytest

from benchmarks.throughput.__main__ import main
from benchmarks.throughput.cases import QUICK
from benchmarks.throughput.measuring import Rates, by_turns, ratio
from benchmarks.throughput.players import batched
from benchmarks.throughput.targets import Target, targets
from benchmarks.throughput.worlds import with_experts, with_tasks
from maestro_env.vector import MaestroVectorEnv


def test_ratio__is_taken_round_by_round() -> None:
    assert ratio([2.0, 9.0, 8.0], [1.0, 3.0, 8.0]) == (2.0, 1.0, 3.0)


def test_by_turns__plays_every_case_in_every_round() -> None:
    played: list[str] = []

    def play(name: str) -> int:
        played.append(name)
        return 5

    rates = by_turns(
        {"a": lambda: play("a"), "b": lambda: play("b")}, rounds=3, seconds=0.0001, told=lambda: played.append("told")
    )
    assert [len(each.cpu) for each in rates.values()] == [3, 3]
    rounds = [name for name, before in zip(played[2:], played[1:], strict=False) if name not in (before, "told")]
    assert rounds == ["a", "b"] * 3


@pytest.mark.parametrize(("found", "met"), [(0.99, False), (1.0, True)])
def test_target__is_met_at_its_limit(found: float, met: bool) -> None:
    assert Target(what="", at_least=1.0, at_most=None, found=(found, 0.0, 2.0)).met == met
    assert Target(what="", at_least=None, at_most=1.0, found=(2.0 - found, 0.0, 2.0)).met == met


def test_targets__leave_out_what_was_not_measured() -> None:
    rates = {f"scalar/{name}": Rates(cpu=(2.0,), wall=(1.0,)) for name in ("Maestro-v0", "CartPole-v1")}
    assert [target.what for target in targets(rates, QUICK)] == ["scalar / CartPole-v1"]


@pytest.mark.parametrize(("mode", "useful"), [("SameStep", 8 * 20), ("NextStep", 8 * 20 - 8 * 10)])
def test_batched__counts_useful_steps(mode: str, useful: int) -> None:
    env = MaestroVectorEnv(8, recording=with_tasks(1), registry=None, autoreset_mode=mode, max_turns=1)
    assert batched(env)() == useful


def test_worlds__have_the_size_asked_for() -> None:
    assert len(with_tasks(3).tasks) == 3 * len(with_tasks(1).tasks)
    assert len(with_experts(60).registry) == 60
    assert batched(MaestroVectorEnv(2, recording=with_experts(60), registry=None, autoreset_mode="SameStep"))() == 40


def test_command__prints_ratios_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--quick", "--json", str(tmp_path / "found.json"), "--page", str(tmp_path / "throughput.md")])
    assert "Ratios" in capsys.readouterr().out
    found = json.loads((tmp_path / "found.json").read_text("utf-8"))
    assert {"rates", "targets", "bytes_per_env", "start", "source"} == set(found)
    assert "| scalar / CartPole-v1 |" in (tmp_path / "throughput.md").read_text("utf-8")
