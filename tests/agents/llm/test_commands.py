"""The commands sft, grpo and evaluate, from their arguments to the files they leave behind, on a made-up recording."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the extra llm")

from safetensors.torch import load_file

from maestro_agents.llm import evaluate, grpo, sft
from maestro_agents.llm.settings import read_settings

WAIT_S = 300.0
"""For a process to come to where it is killed; far more than it needs."""


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def same_weights(one: Path, other: Path) -> bool:
    ours, theirs = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return ours.keys() == theirs.keys() and all(ours[name].equal(theirs[name]) for name in ours)


def untimed(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key != "tokens_per_second"} for line in lines]


@pytest.fixture(scope="session")
def warm(tiny_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a warm start."""
    folder = tmp_path_factory.mktemp("runs") / "warm"
    assert sft.main(["--config", str(tiny_config), "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def grpo_arguments(tiny_config: Path, warm: Path) -> list[str]:
    return ["--config", str(tiny_config), "--model", str(warm / "model")]


@pytest.fixture(scope="session")
def trained(grpo_arguments: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of six steps that nothing disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    assert grpo.main([*grpo_arguments, "--out", str(folder)]) == 0
    return folder


def test_sft__leaves_a_model_and_its_figures(warm: Path, tiny_config: Path) -> None:
    assert files_in(warm) == {"settings.json", "sft.json", "model", "evaluation.json", "evaluation-episodes.jsonl"}
    assert {"config.json", "model.safetensors", "tokenizer.json", "settings.json"} <= files_in(warm / "model")
    losses = json.loads((warm / "sft.json").read_text("utf-8"))["losses"]
    assert len(losses) == 60  # 24 traces in batches of 8: 3 steps, in each of 20 epochs
    assert losses[-1] < 0.5 * losses[0]
    figures = json.loads((warm / "evaluation.json").read_text("utf-8"))
    episodes = lines_of(warm / "evaluation-episodes.jsonl")
    assert figures["num_episodes"] == len(episodes) == 6
    assert figures["accuracy"] == sum(each["outcome"] == "correct" for each in episodes) / 6
    assert read_settings(warm / "model" / "settings.json") == read_settings(tiny_config)


def test_grpo__leaves_a_model_its_checkpoints_and_its_figures(trained: Path, warm: Path) -> None:
    assert files_in(trained / "checkpoints") >= {"checkpoint-2", "checkpoint-4", "checkpoint-6"}
    assert [line["step"] for line in lines_of(trained / "training.jsonl")] == [0, 1, 2, 3, 4, 5]
    held_out = lines_of(trained / "held-out.jsonl")
    assert [line["step"] for line in held_out] == [0, 2, 4, 6]
    figures = json.loads((trained / "evaluation.json").read_text("utf-8"))
    assert {"step": 6, **figures} == held_out[-1]
    # The first evaluation is of the model that the warm start left, on the same tasks.
    at_first = json.loads((warm / "evaluation.json").read_text("utf-8"))
    assert untimed(held_out[:1]) == untimed([{"step": 0, **at_first}])
    assert all(0 <= line["zero_advantage"] <= 1 for line in lines_of(trained / "training.jsonl"))
    assert not same_weights(trained / "model", warm / "model")


def test_evaluate__prints_the_figures_that_it_writes(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = trained / "model"
    out = tmp_path / "figures"
    arguments = ["--config", str(model / "settings.json"), "--model", str(model), "--out", str(out)]
    assert evaluate.main([*arguments, "--split", "test", "--set", "evaluation.num_tasks=5"]) == 0
    shown = capsys.readouterr().out.splitlines()
    figures = json.loads((out / "evaluation.json").read_text("utf-8"))
    assert json.loads(shown[-1]) == figures
    assert shown[0].startswith(f"accuracy {figures['accuracy']:.3f} [")
    assert {line["task_id"].split("/")[1] for line in lines_of(out / "evaluation-episodes.jsonl")} == {"test"}
    assert json.loads((out / "settings.json").read_text("utf-8"))["evaluation"]["num_tasks"] == 5


def test_evaluate__endless_turns_are_cut_and_counted_as_faults(
    tiny_config: Path, warm: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", str(tiny_config), "--model", str(warm / "model")]
    assert evaluate.main([*arguments, "--set", "sampling.max_new_tokens=3"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["cut_turns"] == sum(figures["faults"].values()) == figures["num_episodes"] == 6
    assert figures["well_formed"] == figures["accuracy"] == 0.0
    assert figures["reward"] == -1.0


def killed_at(step: int, arguments: Sequence[str], folder: Path) -> None:
    """Start a run in a process of its own, and kill it in the middle of a step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "maestro_agents.llm.grpo", *arguments, "--out", str(folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    batches = folder / "training.jsonl"
    deadline = time.monotonic() + WAIT_S
    try:
        while not batches.is_file() or len(batches.read_bytes().splitlines()) <= step:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "the run has not come so far"
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("step", [0, 3])
def test_grpo__killed_and_resumed_ends_where_an_undisturbed_run_does(
    step: int, grpo_arguments: list[str], trained: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    killed_at(step, grpo_arguments, folder)
    assert not (folder / "model").exists()
    assert grpo.last_checkpoint(folder / "checkpoints") == (folder / "checkpoints" / "checkpoint-2" if step else None)
    assert grpo.main([*grpo_arguments, "--out", str(folder), "--resume"]) == 0
    assert same_weights(folder / "model", trained / "model")
    for name in ("training.jsonl", "held-out.jsonl"):
        assert untimed(lines_of(folder / name)) == untimed(lines_of(trained / name))


def test_grpo__tensorboard_shows_groups_that_teach_nothing_and_signs_of_collapse(
    grpo_arguments: list[str], tmp_path: Path
) -> None:
    reader: Any = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder = tmp_path / "run"
    assert grpo.main([*grpo_arguments, "--out", str(folder), "--tensorboard", "--set", "grpo.steps=2"]) == 0
    events = reader.EventAccumulator(str(folder / "tensorboard")).Reload()
    batches = lines_of(folder / "training.jsonl")
    for name in ("zero_advantage", "one_policy", "first_call_entropy", "commonest_first_call", "well_formed", "reward"):
        shown = [(event.step, event.value) for event in events.Scalars(f"batch/{name}")]
        assert shown == [(line["step"], pytest.approx(line[name])) for line in batches]
    assert [event.step for event in events.Scalars("held-out/accuracy")] == [0, 2]
    assert {"optimiser/loss", "optimiser/grad_norm"} <= set(events.Tags()["scalars"])


def test_checkpoint__that_is_not_whole_is_passed_over(tmp_path: Path) -> None:
    for step, state in ((5, "{}"), (10, "{}"), (15, '{"epoch": 1')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-20").mkdir()
    assert grpo.last_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert grpo.last_checkpoint(tmp_path / "none") is None


def refusal(
    command: Callable[[Sequence[str]], int], arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """Run a command that must refuse, and return the one line that it says."""
    capsys.readouterr()
    assert command(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = (line for line in shown.err.splitlines() if line and not line.startswith("Loading weights"))
    return line


@pytest.mark.parametrize("command", [sft.main, grpo.main, evaluate.main])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("grpo.steps='ten'", "grpo.steps='ten' must be a whole number"),
        ("grpo.steps=ten", "Texts stand in quotes: grpo.steps='ten'"),
        ("grpo.step=10", "Unknown setting in [grpo] 'step'"),
        ("grop.steps=10", "Unknown table of settings 'grop'"),
        ("env.max_turns=0", "max_turns=0 must be an integer of at least 1"),
        ("env.max_turns='two'", "max_turns='two' must be an integer"),
        ("env.max_turn=2", "Unknown argument 'max_turn'"),
        ("env.recording='nowhere'", "Unknown recording 'nowhere'"),
        ("model.context_length=40", "context window is 40"),
        ("model.device='cuda:99'", "model.device='cuda:99' cannot be used here"),
        ("model.place='nowhere'", "There is no model 'nowhere'"),
        ("model.layout='plane'", "Unknown layout 'plane'"),
        ("evaluation.num_tasks=1000", "1000 tasks are asked for, and there are"),
    ],
)
def test_commands__wrong_settings_are_one_line_and_leave_nothing_behind(
    command: Any, change: str, says: str, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", str(tiny_config), "--out", str(tmp_path / "new"), "--set", change]
    assert says in refusal(command, arguments, capsys)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("command", "change", "says"),
    [
        (sft.main, "traces.num_tasks=1000", "1000 tasks are asked for"),
        (sft.main, "traces.source='none.jsonl'", "There is no file of traces 'none.jsonl'"),
        (sft.main, "model.context_length=205", "tokens, and the model's context window is 205. Give prompt"),
        (grpo.main, "grpo.questions=99", "tasks are fewer than the 99 questions"),
    ],
)
def test_command__wrong_settings_of_its_own(
    command: Any, change: str, says: str, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--config", str(tiny_config), "--out", str(tmp_path / "new"), "--set", change]
    assert says in refusal(command, arguments, capsys)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", [sft.main, grpo.main, evaluate.main])
def test_commands__overwrite_nothing(
    command: Any, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    given = ["--config", str(tiny_config), "--out"]
    assert "is not empty; give another one" in refusal(command, [*given, str(tmp_path)], capsys)
    assert "is a file; give a folder" in refusal(command, [*given, str(tmp_path / "mine.txt")], capsys)
    assert files_in(tmp_path) == {"mine.txt"}


@pytest.mark.parametrize("command", [sft.main, grpo.main, evaluate.main])
def test_commands__tokeniser_without_the_tags(
    command: Any, tiny_config: Path, tagless: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change = ["--set", f"model.place={str(tagless)!r}"]
    arguments = ["--config", str(tiny_config), "--out", str(tmp_path / "new"), *change]
    assert "lacks the tags ['<think>'" in refusal(command, arguments, capsys)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", [sft.main, grpo.main, evaluate.main])
def test_commands__registry_whose_names_collide(
    command: Any, tiny_config: Path, colliding: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = [part for key, value in colliding.items() for part in ("--set", f"env.{key}={value!r}")]
    arguments = ["--config", str(tiny_config), "--out", str(tmp_path / "new"), *changes]
    says = refusal(command, arguments, capsys)
    assert "The model names 'chart' and 'Chart' differ in upper and lower case" in says
    assert not (tmp_path / "new").exists()


def test_resume__only_the_same_unfinished_run(
    grpo_arguments: list[str], trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def resumed(folder: Path, *more: str) -> str:
        return refusal(grpo.main, [*grpo_arguments, "--out", str(folder), "--resume", *more], capsys)

    assert "There is no run in" in resumed(tmp_path / "none")
    assert "has come to its end" in resumed(trained)
    (tmp_path / "settings.json").write_text((trained / "settings.json").read_text("utf-8"), "utf-8")
    says = resumed(tmp_path, "--set", "grpo.lr=0.5", "--set", "env.max_turns=1")
    assert "other settings: env.max_turns (then 2, now 1), grpo.lr (then 0.01, now 0.5)." in says


def test_model__that_is_killed_while_it_is_written_is_no_model(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def half(self: Any, path: Path) -> None:
        path.mkdir()
        (path / "config.json").write_text("{")
        raise KilledError

    monkeypatch.setattr("maestro_agents.llm.pretrained.Pretrained.save", half)
    arguments = ["--config", str(tiny_config), "--set", "sft.epochs=1", "--out", str(tmp_path / "warm")]
    with pytest.raises(KilledError):
        sft.main(arguments)
    assert not (tmp_path / "warm" / "model").exists()
