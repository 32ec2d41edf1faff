"""`maestro play --agent`: what is shown of an episode that an agent plays."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from maestro_env.cli import main, play
from maestro_env.recordings.format import write_recording
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from maestro_env.text.transcript import Turn


class Scripted:
    """Writes given turns, and keeps what it hears."""

    def __init__(self, *turns: str) -> None:
        self.env_arguments = {"registry": None, "prompt": "compact", "images": False, "max_turns": 2}
        self._turns = iter(turns)
        self.heard: list[str] = []

    def begin(self, turns: Sequence[Turn]) -> None:
        self.heard = [turns[-1].text]

    def write(self) -> str:
        return next(self._turns)

    def hear(self, said: str) -> None:
        self.heard.append(said)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return fake_recording(num_tasks=12, benchmarks=("chart",))


@pytest.fixture
def folder(recording: Recording, tmp_path: Path) -> str:
    write_recording(tmp_path / "fake", recording)
    return str(tmp_path / "fake")


def shown(player: Scripted, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(play, "find_player", lambda asked: {"me": player}[asked])
    main(["play", *argv, "--agent", "me"])
    return capsys.readouterr().out


def test_watch__shows_thoughts_calls_replies_and_the_end(
    recording: Recording, folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = next(task for task in recording.tasks if task.split == "val")
    n = recording.index_of(task.id)
    reply = recording.texts[recording.text[n, 0, 2]]
    player = Scripted(
        "<think> a [bold] chart </think> <search> chart@@Direct: what? </search>",
        f"<answer> {task.gold} </answer>",
    )
    text = shown(player, monkeypatch, capsys, folder, "--task", task.id)
    assert task.question in text
    assert "thinks: a [bold] chart" in text
    assert "asks chart@@Direct: what?" in text
    assert f"chart/Direct replies: {reply}" in text
    assert f"answers {task.gold}" in text
    assert f"correct: '{task.gold}'; the gold answer is '{task.gold}'. Reward 1, 1 calls." in text
    assert "<information>" in player.heard[1]


def test_watch__shows_a_fault_as_it_was_written(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown(Scripted("well [red] <answer> 1"), monkeypatch, capsys, folder, "--seed", "0")
    assert "It writes: well [red] <answer> 1" in text
    assert "This is a fault: unclosed_tag." in text
    assert "unanswered: no answer; the gold answer is" in text
    assert "Reward -1, 0 calls." in text


def test_watch__arguments_go_before_what_the_agent_was_made_for(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = [f"<search> {name}@@Direct: what? </search>" for name in ("chart", "counting", "radiology")]
    text = shown(Scripted(*calls), monkeypatch, capsys, folder, "--seed", "0", "--max-turns", "1")
    assert "This is a fault: no_call_left." in text
    assert "1 calls." in text
    assert "2 calls." in shown(Scripted(*calls), monkeypatch, capsys, folder, "--seed", "0")


def test_watch__a_picture_is_not_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["play", "--agent", "me", "--picture", str(tmp_path / "view.png")])
    assert "--picture is for playing yourself" in capsys.readouterr().err
