import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from maestro_env.cli import build_parser, main
from maestro_env.cli.play import Game, chosen_action, half_blocks
from maestro_env.cli.record import RecordingProgress
from maestro_env.env import MaestroEnv
from maestro_env.errors import ActionError, UnknownNameError
from maestro_env.recordings.format import read_recording, write_recording
from maestro_env.recordings.recorder import ShardDone
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from tests.maestro_env.recordings import fake_bench


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="module")
def recording() -> Recording:
    return fake_recording(num_tasks=40, failing=0.05, missing=0.1)


@pytest.fixture
def folder(recording: Recording, tmp_path: Path) -> Path:
    write_recording(tmp_path / "fake", recording, made={"command": "by hand"})
    return tmp_path / "fake"


def fails(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Run a command that must exit with 2 and return the one line it printed."""
    with pytest.raises(SystemExit) as exit_info:
        main(argv)
    assert exit_info.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def test_cli__names_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("record", "inspect", "play"))


@pytest.mark.parametrize("command", ["inspect", "play"])
def test_cli__an_unknown_recording_is_one_line(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert fails(capsys, command, "no-such").startswith("error: Unknown recording 'no-such'.")


def test_cli__a_damaged_recording_is_one_line(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "replies.parquet").write_bytes(b"")
    assert "replies.parquet is truncated: 0 bytes" in fails(capsys, "inspect", str(folder))


def test_cli__an_interrupt_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr("maestro_env.cli.inspect.recording_folder", interrupted)
    with pytest.raises(SystemExit, match="130"):
        main(["inspect"])


def test_inspect__shows_what_is_in_a_recording(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    main(["inspect", str(folder), "--split", "test"])
    shown = capsys.readouterr().out
    for text in (
        "Accuracy in % on whole images, test tasks",
        "Accuracy in % in regions that were found, test tasks",
        "generalist/Perception_Problem_Solver",
        "swered",
        # 40 tasks with three contexts each.
        "120, 3.00 a task",
        "timeout",
        "replies.parquet",
        "by hand",
    ):
        assert text in shown


def test_inspect__accuracy_is_that_of_the_recording(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recording = fake_recording(num_tasks=12, benchmarks=("chart",))
    score = np.zeros_like(recording.score)
    score[:3, 0, 2] = 1  # 3 of 12 on whole images
    write_recording(tmp_path / "fake", replace(recording, score=score))
    main(["inspect", str(tmp_path / "fake")])
    row = next(line for line in capsys.readouterr().out.splitlines() if "chart/Direct" in line)
    assert row.split()[1:3] == ["25", "25"]


def play(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], keys: str, *argv: str) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(keys))
    main(["play", *argv])
    return capsys.readouterr().out


def test_play__an_episode_by_numbers_and_ids(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recording = fake_recording(num_tasks=12, benchmarks=("chart",))
    write_recording(tmp_path / "fake", recording)
    task = next(task for task in recording.tasks if task.split == "val")
    n = recording.index_of(task.id)
    keys = "7\nchart/Direct\n9\nchart/Dirct\n3\nstop\n"
    shown = play(monkeypatch, capsys, keys, str(tmp_path / "fake"), "--task", task.id)
    assert task.question in shown
    assert "locator-a/Perception_Problem_Solver: found a region" in shown
    answer = recording.answers[recording.answer[n, 1, 2]]
    sure = f"{recording.confidence[n, 1, 2]:.0%} sure"
    assert f"chart/Direct: {answer} ({sure}, 1 passes)" in shown
    assert "Action 9 does not exist; expected 0 (stop) to 8." in shown
    assert "Unknown expert 'chart/Dirct'. Did you mean 'chart/Direct'" in shown
    assert "That expert was already called here" in shown
    assert "3  chart/Direct (already called here)" in shown
    outcome = "correct" if answer == task.gold else "wrong"
    assert f"{outcome}: '{answer}'; the gold answer is '{task.gold}'" in shown
    assert "No picture: Image 'fake:" in shown


@pytest.mark.parametrize("keys", ["q\n", ""])
def test_play__can_be_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, keys: str
) -> None:
    shown = play(monkeypatch, capsys, keys, str(folder), "--seed", "3")
    assert shown.endswith("Left before the end.\n")


def test_play__saves_the_picture_that_experts_look_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], recording: Recording, tmp_path: Path
) -> None:
    tasks = tuple(replace(task, images=("procedural:scene/val/0",)) for task in recording.tasks)
    write_recording(tmp_path / "fake", replace(recording, tasks=tasks))
    picture = tmp_path / "view.png"
    keys = "7\nq\n"  # locator-a moves the view
    shown = play(monkeypatch, capsys, keys, str(tmp_path / "fake"), "--seed", "1", "--picture", str(picture))
    assert f"You look at whole: {picture}" in shown
    assert f"You look at region:locator-a: {picture}" in shown
    # Fake regions are 160 px; a tenth more on either side is 192.
    with Image.open(picture) as view:
        assert view.size == (192, 192)


def test_play__shows_the_picture_where_true_colours_are(recording: Recording) -> None:
    tasks = tuple(replace(task, images=("procedural:chart/val/0",)) for task in recording.tasks)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, color_system="truecolor", width=40)
    env = MaestroEnv(recording=replace(recording, tasks=tasks), registry=None, split="val")
    Game(env, console, io.StringIO("q\n"), picture=None).play(seed=0, task=None)
    # 40 columns of a square picture are 20 rows of half blocks.
    assert screen.getvalue().count("▀") == 40 * 20


def test_half_blocks__show_two_pixels_a_character() -> None:
    image = Image.new("RGB", (1, 2))
    image.putpixel((0, 0), (255, 0, 0))
    image.putpixel((0, 1), (0, 0, 255))
    text = half_blocks(image, columns=1)
    assert text.plain == "▀\n"
    assert str(text.spans[0].style) == "#ff0000 on #0000ff"


def test_chosen_action__by_number_id_or_stop(recording: Recording) -> None:
    registry = recording.registry
    assert [chosen_action(line, registry) for line in ("0\n", " STOP \n", "4\n", "counting/Direct\n")] == [0, 0, 4, 5]
    with pytest.raises(ActionError, match="Action -1 does not exist"):
        chosen_action("-1", registry)
    with pytest.raises(UnknownNameError, match="Unknown expert 'countin/Direct'"):
        chosen_action("countin/Direct", registry)


CATALOG = """
[[skill]]
name = "Direct"
description = "Asks once."

[[model]]
name = "reader"
network = "reader-a"
description = "Reads."
skills = ["Direct"]
"""


def test_record__records_with_the_networks_of_the_catalog(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("maestro_env.cli.record.load_shipped_network", fake_bench.load_network)
    (tmp_path / "mine.toml").write_text(CATALOG)
    out = tmp_path / "recording"
    argv = ["record", "--out", str(out), "--registry", str(tmp_path / "mine.toml"), "--benchmarks", "chart"]
    argv += ["--plain", "2", "1", "1", "--workers", "1", "--view-encoder", "grid-32", "--shard-tasks", "3"]
    main(argv)
    # 4 tasks, one context, one expert.
    assert "Recorded 4 tasks" in (shown := capsys.readouterr().out)
    assert "4 calls now" in shown
    recording = read_recording(out)
    assert [task.id for task in recording.tasks] == [
        "chart/train/000000", "chart/train/000001", "chart/val/000000", "chart/test/000000",
    ]  # fmt: skip
    assert recording.status.shape == (4, 1, 1)
    assert (recording.question.shape, recording.view.shape) == ((4, 64), (4, 1, 32))
    main(argv)
    assert "calls now" not in capsys.readouterr().out


def test_record__unknown_names_are_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = str(tmp_path / "recording")
    assert "Did you mean 'chart'" in fails(capsys, "record", "--out", out, "--benchmarks", "charts")
    assert "Unknown registry 'cor'. Did you mean 'core'" in fails(capsys, "record", "--out", out, "--registry", "cor")
    assert list(tmp_path.iterdir()) == []


def test_recording_progress__rates_come_from_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("maestro_env.cli.record.time.monotonic", lambda: now_s[0])
    progress = RecordingProgress(Console(file=io.StringIO()), num_tasks=100)
    progress.show(ShardDone(num_tasks=40, num_calls=4000, resumed=True))
    assert progress.rate == ""
    now_s[0] = 110.0
    progress.show(ShardDone(num_tasks=20, num_calls=3000, resumed=False))
    # 3,000 calls in 10 s; 40 tasks are left at 2 a second.
    assert progress.rate == "3,000 calls now, 300 calls/s"
    assert progress.rate_and_rest() == "300 calls/s · 0:20 to go"


def test_parser__defaults_are_the_shipped_recording() -> None:
    arguments = build_parser().parse_args(["record", "--out", "x"])
    assert (arguments.plain, arguments.scenes) == ((1000, 250, 500), (10_000, 1000, 2000))
    assert arguments.test_only == (0, 0, 500)
