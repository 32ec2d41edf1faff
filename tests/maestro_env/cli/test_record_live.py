"""`maestro record --backend openai` and `maestro cache`, against a server that fails on purpose."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from maestro_env import MaestroEnv
from maestro_env.backends.cache import Cache
from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.backends.endpoints.caller import failure
from maestro_env.cli import main
from maestro_env.cli.record_live import SHOWN_REASONS, LiveProgress
from maestro_env.fault_server import FaultServer, answer_to
from maestro_env.recordings.format import read_recording
from maestro_env.recordings.live_recorder import CallDone
from maestro_env.skills.prompted.answers import ANSWER_FORM
from maestro_env.testing import fake_registry
from maestro_env.types import Context, Status

pytest.importorskip("aiohttp")

KEY = "sk-very-secret-0123"


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TEST_KEY", KEY)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def registry(server: FaultServer, tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(f"""
[[endpoint]]
name = "stub"
url = "{server.url}"
api_key_env = "TEST_KEY"
max_tries = 1

[[skill]]
name = "Direct"
description = "Asks once."

[[model]]
name = "stub"
description = "A stub."
endpoint = "stub"
usd_per_million_prompt_tokens = 10.0
skills = ["Direct"]
""")
    return path


def write_tasks(path: Path, *questions: str) -> Path:
    rows = [{"question": each, "gold": answer_to(f"{each}\n\n{ANSWER_FORM}")} for each in questions]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def record(registry: Path, tasks: Path, out: Path, *more: str) -> None:
    main(
        ["record", "--backend", "openai", "--registry", str(registry), "--tasks", str(tasks), "--out", str(out), *more]
    )


def record_in_part(registry: Path, tasks: Path, out: Path, *more: str) -> None:
    """Record where calls are left for another run."""
    with pytest.raises(SystemExit, match="1"):
        record(registry, tasks, out, *more)


def test_record__and_play_what_was_recorded(
    server: FaultServer, registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", *(f"What is {n}?" for n in range(8)))
    record(registry, tasks, tmp_path / "rec")
    assert f"Recorded 8 tasks to {tmp_path / 'rec'}. 8 requests, 0.0080 USD." in capsys.readouterr().out
    env = MaestroEnv(recording=tmp_path / "rec", split="test")
    env.reset(seed=0)
    assert env.step(1)[-1]["cost_usd"] == pytest.approx(0.001)
    assert env.step(0)[-1]["outcome"] == "correct"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.toml", "rec", "t.jsonl"]
    assert sum(server.journal.requests.values()) == 8


def test_record__a_failure_is_tried_again_by_the_next_run(
    server: FaultServer, registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", "Now?", "Later? [fault error x1]")
    record_in_part(registry, tasks, tmp_path / "rec")
    shown = capsys.readouterr().out
    assert "Not finished: 1 unreachable. What was answered is kept" in shown
    assert "stub/Direct, 1 times unreachable: " in shown
    assert "this is a test of error" in shown
    record(registry, tasks, tmp_path / "rec")
    assert "Recorded 2 tasks" in capsys.readouterr().out
    assert (read_recording(tmp_path / "rec").score == 1).all()
    assert sorted(server.journal.requests.values()) == [1, 2]


def test_record__failures_where_they_are_accepted(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", "Now?", "Never. [fault refused]")
    record(registry, tasks, tmp_path / "rec", "--accept-failures")
    assert "with failures: 1 refused" in capsys.readouterr().out
    env = MaestroEnv(recording=tmp_path / "rec", split="test")
    env.reset(options={"task": "t/000001"})
    env.step(1)
    *_, truncated, info = env.step(0)
    assert (truncated, info["outcome"]) == (True, "expert_error")


def test_record__stops_at_the_budget(
    server: FaultServer, registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", *(f"What is {n}?" for n in range(30)))
    record_in_part(registry, tasks, tmp_path / "rec", "--max-usd", "0.01", "--concurrent", "2")
    shown = capsys.readouterr().out
    assert "over_budget" in shown
    assert "tasks not begun" in shown
    # 0.001 USD a call: ten, and at most one more that was in flight.
    assert 10 <= sum(server.journal.requests.values()) <= 11
    record(registry, tasks, tmp_path / "rec")
    assert sum(server.journal.requests.values()) == 30


def test_record__the_key_is_in_no_file_and_no_output(
    registry: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", "Now?", "Echo! [fault echo]", "Why? [fault unauthorised]")
    for how, more in ((record_in_part, []), (record, ["--accept-failures"])):
        how(registry, tasks, tmp_path / "rec", *more)
        written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        assert KEY.encode() not in written
    output = capfd.readouterr()
    assert KEY not in output.out + output.err
    assert "Answer: [key]" in read_recording(tmp_path / "rec").texts


CONCURRENT = 8


def _killed(server: FaultServer, command: list[str], *, kills: int) -> int:
    """Run a command, killing it at random moments, then to its end; return how many kills came in time."""
    random = np.random.default_rng(kills)
    killed = 0
    for more in random.integers(5, 35, kills).tolist():
        seen = sum(server.journal.requests.values())
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
            while process.poll() is None:
                if sum(server.journal.requests.values()) >= seen + more:
                    os.killpg(process.pid, signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.002)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return killed


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_record__killed_at_random_moments_gives_the_undisturbed_recording(
    server: FaultServer, registry: Path, tmp_path: Path, kills: int
) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", *(f"What is {n}?" for n in range(40 * kills)))
    server.delay_s = 0.03
    start = "from maestro_env.cli import main; main()"
    command = [sys.executable, "-c", start, "record", "--backend", "openai", "--registry", str(registry)]
    command += ["--tasks", str(tasks), "--concurrent", str(CONCURRENT), "--out", str(tmp_path / "rec")]
    assert _killed(server, command, kills=kills) == kills
    requests = server.journal.requests
    assert len(requests) == 40 * kills
    # A kill repeats what was in flight, and nothing that was answered before.
    assert sum(requests.values()) - len(requests) <= CONCURRENT * kills
    record(registry, tasks, tmp_path / "calm" / "rec")
    disturbed, calm = read_recording(tmp_path / "rec"), read_recording(tmp_path / "calm" / "rec")
    assert (disturbed.tasks, disturbed.texts, disturbed.answers) == (calm.tasks, calm.texts, calm.answers)
    # All but what no two calls have in common: how long they took.
    for name in ("status", "answer", "text", "next_context", "cost_usd", "score", "tokens", "view", "question"):
        np.testing.assert_array_equal(getattr(disturbed, name), getattr(calm, name))


def test_record__says_before_it_spends_that_nothing_could_be_learned(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", "Now?")
    record(registry, tasks, tmp_path / "rec")
    shown = capsys.readouterr().out
    assert shown.startswith("Tasks: 0 train, 0 val, 1 test. Agents learn on train")
    assert "without train and val tasks that cannot be done" in shown
    record(registry, tasks, tmp_path / "rec")
    assert f"Nothing left to do. Recorded 1 tasks to {tmp_path / 'rec'}. 0 requests" in capsys.readouterr().out


def test_record__tells_the_most_frequent_failures_and_how_many_more_there_are() -> None:
    purse = Purse(Budget())
    progress = LiveProgress(Console(), num_calls=0, purse=purse)
    context = Context(id="whole")
    for number, expert in enumerate(fake_registry().experts):
        for status in (Status.TIMEOUT, Status.REFUSED):
            for _ in range(number + 1):
                progress.show(CallDone(expert=expert, reply=failure(status, "why", context=context), resumed=False))
    *lines, last = progress.reasons()
    assert len(lines) == SHOWN_REASONS
    last_id = fake_registry().experts[-1].id
    assert lines[0] == f"{last_id}, {len(fake_registry())} times timeout: why"
    assert last == f"and {2 * len(fake_registry()) - SHOWN_REASONS} more kinds of failures."


def test_record__without_tasks(registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["record", "--backend", "openai", "--registry", str(registry), "--out", str(tmp_path / "rec")])
    assert "give --tasks FILE.jsonl or .parquet" in capsys.readouterr().err


def test_record__without_its_key(
    registry: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_KEY")
    tasks = write_tasks(tmp_path / "t.jsonl", "Now?")
    with pytest.raises(SystemExit, match="2"):
        record(registry, tasks, tmp_path / "rec")
    assert "variable TEST_KEY, which is not set" in capsys.readouterr().err


def test_cache__shows_and_prunes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = Cache(tmp_path / "c")
    for n in range(10):
        cache.put(f"{n:08d}", "x" * 99_992)
    cache.close()
    main(["cache", str(tmp_path / "c")])
    assert f"{tmp_path / 'c'}: 10 entries, 1.00 MB of keys and values, 1." in capsys.readouterr().out
    main(["cache", str(tmp_path / "c"), "--prune-to-mb", "0.3"])
    shown = capsys.readouterr().out
    assert "Removed 7 entries." in shown
    assert "3 entries, 0.30 MB of keys and values, 0.3" in shown


@pytest.mark.parametrize(
    ("arguments", "says"), [(["nowhere"], "There is no cache nowhere"), (["c", "--prune-to-mb", "-1"], "at least 0")]
)
def test_cache__errors(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Cache(tmp_path / "c").close()
    with pytest.raises(SystemExit, match="2"):
        main(["cache", *arguments])
    assert says in capsys.readouterr().err
