"""The comparison on recordings of experts behind endpoints: two of them, priced in dollars, without a confidence."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks import compare
from benchmarks.amounts import amount
from benchmarks.contenders import CONTENDERS, STANDARD, standard_on
from benchmarks.summary import PRICE
from maestro_env.backends.endpoints.caller import failure
from maestro_env.cli import main
from maestro_env.recordings.format import read_recording, write_recording
from maestro_env.recordings.live_recorder import LivePlan, record_live
from maestro_env.recordings.splits import with_splits
from maestro_env.registry import Registry
from maestro_env.types import SPLITS, Context, Expert, Model, Reply, Skill, Status, Task

LADDER = ("Random", "FixedExpert", "LinUCB", "OneShotRouter", "Cascade", "OpenLoopPlan", "FittedRules", "MaskablePPO")


def is_right(task: Task, expert: Expert) -> bool:
    """Each is good at a benchmark of its own, and right on every third task of the other."""
    return task.benchmark.startswith(expert.model.name[0]) or int(task.id.split("/")[-1]) % 3 == 0


@dataclass(frozen=True, kw_only=True)
class Served:
    """Experts as endpoints serve them."""

    right: Callable[[Task, Expert], bool] = is_right
    fails: Callable[[Task, Expert], bool] = lambda task, expert: False
    usd: float = 4e-5

    async def __call__(self, task: Task, context: Context, expert: Expert) -> Reply:
        if self.fails(task, expert):
            return failure(Status.TIMEOUT, "no answer", context=context)
        answer = task.gold if self.right(task, expert) else f"{task.gold}?"
        price = self.usd * (2 if expert.model.name == "words" else 1)
        return Reply(text=answer, answer=answer, confidence=None, next_context=context, cost_usd=price, latency_s=0.5)


def tasks(splits: tuple[str, ...] = SPLITS, *, each: int = 9, benchmarks: tuple[str, ...] = ("sums", "words")) -> Any:
    return tuple(
        Task(
            id=f"{benchmark}/{split}/{number}",
            benchmark=benchmark,
            split=split,
            question=f"{'What is 3 plus' if benchmark == 'sums' else 'How many letters has'} {number}?",
            images=(),
            gold=str(number),
        )
        for benchmark in benchmarks
        for split in splits
        for number in range(each)
    )


def recorded(out: Path, served: Served, given: tuple[Task, ...]) -> Path:
    skill = Skill(name="Direct", description="Asks once.")
    experts = tuple(
        Expert(model=Model(name=name, description=f"Good at {name}.", endpoint="here"), skill=skill)
        for name in ("sums", "words")
    )
    plan = LivePlan(name=out.name, registry=Registry(name="mine", experts=experts), tasks=given, sampling={})
    asyncio.run(record_live(plan, served, out, accept_failures=True))
    return out


def compared(recording: Path, out: Path, *agents: str, more: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Compare, and return what summary.json holds; it is refused where a number in it is none."""
    given = ["--agents", *agents] if agents else []
    arguments = ["--recording", str(recording), "--out", str(out), "--quick", "--seeds", "1", "--processes", "1"]
    assert compare.main([*arguments, *given, *more]) == 0
    (result,) = out.iterdir()

    def refused(constant: str) -> float:
        raise AssertionError(f"summary.json holds {constant}")

    return json.loads((result / "summary.json").read_text("utf-8"), parse_constant=refused)


def accuracy_of(summary: Mapping[str, Any]) -> dict[str, float]:
    return {agent["name"]: agent["accuracy"]["mean"] for agent in summary["agents"]}


def test_compare_live__everyone_plays(tmp_path: Path) -> None:
    summary = compared(recorded(tmp_path / "rec", Served(), tasks()), tmp_path / "out", "all")
    accuracy = accuracy_of(summary)
    assert list(accuracy) == [entry.name for entry in CONTENDERS]
    # One of nine tasks each: a single expert is right on all of its own and on a third of the other's, 2/3 in all.
    assert accuracy["FixedExpert"] == pytest.approx(2 / 3)
    assert accuracy["OpenLoopPlan"] == accuracy["BehaviourCloning"] == 1.0
    assert summary["cost_unit"] == "usd"
    assert summary["unseen"] == []


@pytest.mark.parametrize(
    ("served", "given"),
    [
        pytest.param(Served(usd=0.0), tasks(), id="at-no-cost"),
        pytest.param(Served(right=lambda task, expert: True), tasks(), id="all-right"),
        pytest.param(Served(right=lambda task, expert: False), tasks(), id="all-wrong"),
        pytest.param(Served(fails=lambda task, expert: task.id.endswith(("1", "4"))), tasks(), id="failures"),
        pytest.param(Served(fails=lambda task, expert: True), tasks(), id="all-fail"),
        pytest.param(Served(), tasks(each=1), id="a-task-each"),
        pytest.param(Served(), (*tasks(benchmarks=("sums",)), *tasks(("test",), benchmarks=("words",))), id="unseen"),
    ],
)
def test_compare_live__whatever_the_recording_holds(served: Served, given: tuple[Task, ...], tmp_path: Path) -> None:
    accuracy = accuracy_of(compared(recorded(tmp_path / "rec", served, given), tmp_path / "out", *LADDER))
    assert list(accuracy) == list(LADDER)


def test_compare_live__a_missing_split_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorded(tmp_path / "rec", Served(), tasks(("train", "test")))
    assert compare.main(["--recording", str(recording), "--out", str(tmp_path / "out")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "Recording 'rec' holds no val tasks of the benchmarks with train tasks, ['sums', 'words']" in said
    assert "`with_splits` of maestro_env.recordings.splits gives its tasks other splits" in said
    assert not (tmp_path / "out").exists()
    write_recording(tmp_path / "dealt", with_splits(read_recording(recording)))
    compared(tmp_path / "dealt", tmp_path / "out", "Random", "FixedExpert")


@pytest.mark.parametrize("splits", [("test",), ("train", "val")])
def test_compare_live__no_train_or_no_test_tasks(
    splits: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorded(tmp_path / "rec", Served(), tasks(splits))
    assert compare.main(["--recording", str(recording), "--out", str(tmp_path / "out")]) == 2
    missing = "test" if "train" in splits else "train"
    assert f"Recording 'rec' holds no {missing} tasks" in " ".join(capsys.readouterr().err.split())


def test_compare_live__shows_what_fractions_of_a_dollar_were_spent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = recorded(tmp_path / "rec", Served(), tasks())
    compared(recording, tmp_path / "out", "FixedExpert", "OneShotRouter")
    assert "0.000040" in capsys.readouterr().out
    (result,) = (tmp_path / "out").iterdir()
    assert "0.000040" in (result / "leaderboard.md").read_text("utf-8")
    assert "0.000040" in (result / "report.html").read_text("utf-8")
    main(["inspect", str(recording)])
    shown = capsys.readouterr().out
    assert "1,000 calls" in shown
    assert "0.04" in shown


@pytest.mark.parametrize(("weight", "price"), [("500", 500.0), ("0", PRICE)])
def test_compare_live__priced_at_what_the_agents_were_told(weight: str, price: float, tmp_path: Path) -> None:
    recording = recorded(tmp_path / "rec", Served(), tasks())
    summary = compared(recording, tmp_path / "out", "OneShotRouter", more=("--cost-weight", weight))
    (agent,) = summary["agents"]
    assert summary["price"] == price
    assert agent["priced"]["mean"] == pytest.approx(agent["accuracy"]["mean"] - price * agent["cost"]["mean"])


def test_standard_on__who_was_trained_beforehand_can_call_the_embedded_experts_only() -> None:
    assert standard_on("embedded") == STANDARD
    assert set(STANDARD) - set(standard_on("mine")) == {"TinyOrchestrator"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0.00"), (4.216, "4.22"), (0.1, "0.10"), (0.0999, "0.100"), (4.53e-5, "0.000045"), (-0.02, "-0.020")],
)
def test_amount__two_digits_that_count(value: float, shown: str) -> None:
    assert amount(value) == shown
