"""The comparison from end to end on a made-up recording, and the numbers it writes."""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rich.console import Console

from benchmarks import compare
from benchmarks.bounds import oracle_bounds
from benchmarks.contenders import CONTENDERS, LADDER, contender, standard_on
from benchmarks.playing import Run, World, first_tasks
from benchmarks.plots import accuracy_against_cost, spread
from benchmarks.provenance import provenance
from benchmarks.results import new_folder, write_json
from benchmarks.settings import QUICK_TASKS, Settings
from benchmarks.summary import PRICE, Summary, summarise
from benchmarks.table import tables
from maestro_agents.evaluate import EpisodeRecord
from maestro_agents.recorded_tasks import recorded_tasks
from maestro_env.errors import UnknownNameError
from maestro_env.recordings.format import write_recording
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from maestro_env.types import AnswerRule, Outcome


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording on disk."""
    path = tmp_path_factory.mktemp("recordings") / "fake"
    write_recording(path, fake_recording(num_tasks=240))
    return path


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a quick comparison of everyone, run in this process."""
    out = tmp_path_factory.mktemp("results")
    arguments = ["--recording", str(folder), "--out", str(out), "--quick", "--seeds", "2", "--processes", "1"]
    assert compare.main(arguments) == 0
    (result,) = out.iterdir()
    return result


@pytest.fixture(scope="module")
def written(finished: Path) -> Mapping[str, Any]:
    return json.loads((finished / "summary.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def episodes(finished: Path) -> list[Mapping[str, Any]]:
    """Every episode, a dictionary each."""
    return pq.read_table(finished / "episodes").to_pylist()


def test_compare__writes_numbers_episodes_tasks_a_report_and_a_figure(finished: Path) -> None:
    assert sorted(path.name for path in finished.iterdir()) == [
        "accuracy-against-cost.png", "episodes", "leaderboard.md", "report.html", "settings.json", "summary.json",
        "tasks.parquet",
    ]  # fmt: skip
    with Image.open(finished / "accuracy-against-cost.png") as picture:
        assert picture.width > 1000
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 50  # something was drawn


def test_compare__its_leaderboard_is_a_table_of_markdown(finished: Path, written: Mapping[str, Any]) -> None:
    text = (finished / "leaderboard.md").read_text("utf-8")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {9}
    best = max(written["agents"], key=lambda agent: agent["accuracy"]["mean"])
    assert rows[2][0] == f"`{best['name']}`"
    assert len(rows) == 2 + len(written["agents"])
    assert rows[2][1].startswith(f"{100 * best['accuracy']['mean']:.1f} [")
    assert f"over `{rows[3][0].strip('`')}`" in text or f"`{rows[3][0].strip('`')}` over" in text


def test_compare__everyone_takes_part_with_the_seeds_they_need(
    written: Mapping[str, Any], episodes: list[Mapping[str, Any]]
) -> None:
    standard = [contender(name) for name in standard_on("mine")]
    seeds = {e.name: sorted({one["seed"] for one in episodes if one["agent"] == e.name}) for e in standard}
    assert seeds == {entry.name: [0, 1] if entry.varies else [0] for entry in standard}
    assert [agent["name"] for agent in written["agents"]] == [entry.name for entry in standard]


def test_contenders__are_each_listed_once() -> None:
    names = [entry.name for entry in CONTENDERS]
    assert len(set(names)) == len(names)
    assert all(contender(name).name == name for name in names)


def test_compare__those_who_are_named_take_part(folder: Path, tmp_path: Path) -> None:
    names = [entry.name for entry in CONTENDERS if entry.name not in standard_on("mine")]
    arguments = ["--recording", str(folder), "--out", str(tmp_path), "--quick", "--seeds", "1", "--processes", "1"]
    assert compare.main([*arguments, "--agents", *names]) == 0
    (result,) = tmp_path.iterdir()
    summary = json.loads((result / "summary.json").read_text("utf-8"))
    assert [agent["name"] for agent in summary["agents"]] == names


def test_compare__keeps_every_episode(finished: Path, episodes: list[Mapping[str, Any]]) -> None:
    tasks = pq.read_table(finished / "tasks.parquet")["id"].to_pylist()
    assert len(tasks) == 4 * QUICK_TASKS
    assert all("/test/" in task for task in tasks)
    for run in {(one["agent"], one["seed"]) for one in episodes}:
        assert [one["task_id"] for one in episodes if (one["agent"], one["seed"]) == run] == tasks


def test_compare__intervals_hold_the_means_of_the_episodes(
    written: Mapping[str, Any], episodes: list[Mapping[str, Any]]
) -> None:
    for agent in written["agents"]:
        own = [one for one in episodes if one["agent"] == agent["name"]]
        right = np.mean([one["outcome"] == "correct" for one in own])
        spent = np.mean([one["passes"] for one in own])
        for name, mean in (("accuracy", right), ("cost", spent), ("priced", right - PRICE * spent)):
            found = agent[name]
            assert found["mean"] == pytest.approx(mean)
            assert found["low"] - 1e-9 <= found["mean"] <= found["high"] + 1e-9


def test_compare__gaps_climb_the_ladder(written: Mapping[str, Any]) -> None:
    gaps = written["gaps"]
    assert [gap["worse"] for gap in gaps] == list(LADDER)
    assert [gap["better"] for gap in gaps[:-1]] == list(LADDER[1:])
    assert contender(gaps[-1]["better"]).closed_loop
    accuracy = {agent["name"]: agent["accuracy"]["mean"] for agent in written["agents"]}
    for gap in gaps:
        assert gap["accuracy"]["mean"] == pytest.approx(accuracy[gap["better"]] - accuracy[gap["worse"]])


def test_compare__nobody_exceeds_the_bound(finished: Path, episodes: list[Mapping[str, Any]]) -> None:
    tasks = pq.read_table(finished / "tasks.parquet", columns=["id", "within_turns"]).to_pylist()
    bound = {task["id"]: task["within_turns"] for task in tasks}
    assert all((one["outcome"] == "correct") <= bound[one["task_id"]] for one in episodes)


def test_compare__says_where_its_figures_come_from(written: Mapping[str, Any]) -> None:
    source = written["source"]
    assert source["versions"]["numpy"] == np.__version__
    assert source["cores"] >= 1
    assert source["processor"]
    assert written["settings"]["quick"] is True


def test_compare__spawned_processes_give_the_same_figures(
    folder: Path, tmp_path: Path, episodes: list[Mapping[str, Any]]
) -> None:
    settings = Settings(recording=str(folder), agents=("Random", "OneShotRouter"), seeds=2, processes=2, quick=True)
    result = compare.compare(settings, out=tmp_path, console=Console(quiet=True))
    again = pq.read_table(result / "episodes").to_pylist()
    assert again == [one for one in episodes if one["agent"] in ("Random", "OneShotRouter")]


def test_compare__an_unknown_agent_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert compare.main(["--agents", "FixedExprt", "--out", str(tmp_path)]) == 2
    assert "Did you mean 'FixedExpert'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_compare__an_unknown_recording_is_an_error(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert compare.main(["--recording", "embeded", "--out", str(tmp_path)]) == 2
    assert "'embeded'" in capsys.readouterr().err


def test_compare__help_runs_as_a_module(repository: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.compare", "--help"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert "--quick" in done.stdout


def test_contender__unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'OpenLopPlan'.*Did you mean 'OpenLoopPlan'"):
        contender("OpenLopPlan")


def test_first_tasks__keeps_every_benchmark_and_split() -> None:
    kept = first_tasks(fake_recording(num_tasks=240), each=3)
    groups = [(task.benchmark, task.split) for task in kept.tasks]
    assert {groups.count(group) for group in groups} == {3}
    assert len(set(groups)) == 4 * 3


def test_new_folder__never_takes_an_existing_one(tmp_path: Path) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5)
    names = [new_folder(tmp_path, "compare", now=now).name for _ in range(3)]
    assert names == ["compare-20260102-030405", "compare-20260102-030405-2", "compare-20260102-030405-3"]


def test_write_json__refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"value": float("nan")})


def test_provenance__names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.orig_argv", ["/somewhere/python3", "-m", "benchmarks.compare", "--seeds", "5"])
    assert provenance().command.endswith("-m benchmarks.compare --seeds 5")
    assert "/somewhere" not in provenance().command


def test_spread__moves_neighbours_apart_upwards() -> None:
    # 10 stays; 11 must go to 14; 30 is far enough; the order of the arguments is kept.
    assert spread([11.0, 30.0, 10.0], gap=4.0, top=99.0) == [14.0, 30.0, 10.0]


def test_spread__stays_below_the_top() -> None:
    # Three at 98 would reach 106; under a top of 99 they stand at 99, 95 and 91.
    assert spread([98.0, 98.0, 98.0], gap=4.0, top=99.0) == [91.0, 95.0, 99.0]


@pytest.fixture(scope="module")
def test_tasks() -> Recording:
    recording = fake_recording(num_tasks=80)
    return recorded_tasks(World(recording=recording).env("test"))


def made_up_run(agent: str, test: Recording, right: list[bool], *, passes: float, val_reward: float = 0.5) -> Run:
    episode = EpisodeRecord(
        task_id="", benchmark="", outcome=Outcome.WRONG, answer="", gold="", reward=0.0, experts=("x",), turns=1,
        passes=passes, cost_usd=0.0, latency_s=0.0,
    )  # fmt: skip
    outcomes = (Outcome.CORRECT if is_right else Outcome.WRONG for is_right in right)
    return Run(
        agent=agent,
        seed=0,
        settings={},
        val_reward=val_reward,
        seconds=1.0,
        episodes=tuple(
            replace(episode, task_id=task.id, benchmark=task.benchmark, outcome=outcome)
            for task, outcome in zip(test.tasks, outcomes, strict=True)
        ),
    )


@pytest.fixture(scope="module")
def summary(test_tasks: Recording) -> Summary:
    size = len(test_tasks.tasks)
    runs = [
        made_up_run("MaskablePPO", test_tasks, [True] * size, passes=3.0, val_reward=0.8),
        made_up_run("FixedExpert", test_tasks, [False] * size, passes=1.0),
        made_up_run("FittedRules", test_tasks, [True] * size, passes=2.0, val_reward=0.9),
    ]
    bounds = oracle_bounds(test_tasks, max_turns=2, rule=AnswerRule.VOTE)
    return summarise(runs, test=test_tasks, bounds=bounds)


def test_summarise__keeps_the_order_of_the_contenders(summary: Summary) -> None:
    assert [agent.name for agent in summary.agents] == ["FixedExpert", "FittedRules", "MaskablePPO"]


def test_summarise__the_last_rung_is_the_closed_loop_that_was_best_on_val(summary: Summary) -> None:
    (gap,) = summary.gaps
    assert (gap.better, gap.worse) == ("FittedRules", "FixedExpert")
    assert gap.accuracy.mean == 1.0
    assert gap.priced.mean == pytest.approx(1.0 - PRICE)  # one pass more


def test_summarise__unseen_benchmarks_stay_out_of_the_headline(test_tasks: Recording) -> None:
    right = [name != "scene" for name in test_tasks.task_benchmarks]
    run = made_up_run("FixedExpert", test_tasks, right, passes=1.0)
    bounds = oracle_bounds(test_tasks, max_turns=2, rule=AnswerRule.VOTE)
    summary = summarise([run], test=test_tasks, bounds=bounds, unseen=["scene"])
    (agent,) = summary.agents
    assert agent.accuracy.mean == agent.accuracy_over_benchmarks.mean == 1.0
    assert agent.unseen is not None
    assert agent.unseen.mean == 0.0
    assert summary.unseen == ("scene",)
    assert list(summary.benchmarks)[-1] == "scene"
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(tables(summary))
    assert "scene*" in console.export_text()


def test_summarise__without_unseen_benchmarks_there_is_no_such_number(summary: Summary) -> None:
    assert summary.unseen == ()
    assert all(agent.unseen is None for agent in summary.agents)


def test_summarise__experts_are_scored_on_the_whole_image(summary: Summary, test_tasks: Recording) -> None:
    assert [expert.id for expert in summary.experts] == list(test_tasks.registry.ids)
    first = summary.experts[0]
    assert first.accuracy == pytest.approx(float(np.mean(test_tasks.score[:, 0, 0])))
    assert first.cost == 1.0


def test_tables__show_every_agent_and_gap(summary: Summary) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(tables(summary))
    text = console.export_text()
    for word in ("FixedExpert", "FittedRules", "MaskablePPO", "+100.0", "best sequence within the turns", "counting"):
        assert word in text


def test_tables__cut_nothing_off_in_a_narrow_terminal(summary: Summary) -> None:
    names = [entry.name for entry in CONTENDERS]
    many = [replace(summary.agents[number % len(summary.agents)], name=name) for number, name in enumerate(names)]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(tables(replace(summary, agents=tuple(many))))
    assert "…" not in console.export_text()


def test_accuracy_against_cost__labels_every_agent_and_bound(summary: Summary) -> None:
    figure = accuracy_against_cost(summary, source="where it comes from")
    (axes,) = figure.axes
    labels = " ".join(text.get_text() for text in axes.texts)
    for word in ("FixedExpert", "FittedRules", "MaskablePPO", "any expert right", "confident replies only"):
        assert word in labels
