import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maestro_env.errors import ConfigurationError, RecordingError, UnknownNameError
from maestro_env.recordings import recorder
from maestro_env.recordings.format import read_recording, write_recording
from maestro_env.recordings.recorder import ShardDone, record
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.recordings.shard import RememberedLooks, ShardRecorder
from tests.maestro_env.recordings.fake_bench import fake_bench, small_plan

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small plan, recorded by one worker in one go."""
    out = tmp_path_factory.mktemp("undisturbed") / "recording"
    record(small_plan(), fake_bench(), out)
    return out


def start(out: Path, *, shard_tasks: int = 4, delay_s: float = 0.05) -> subprocess.Popen[str]:
    module = "tests.maestro_env.recordings.record_slowly"
    command = [sys.executable, "-m", module, str(out), str(shard_tasks), str(delay_s)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def kill(process: subprocess.Popen[str]) -> None:
    """Send SIGKILL; what the process leaves running may keep its output open, so that is not waited for."""
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def finished_shards(out: Path) -> dict[str, int]:
    """Shard -> inode of its manifest: a shard that was recorded again has another."""
    work = out.with_name(f"{out.name}.work")
    return {path.parent.name: path.stat().st_ino for path in work.glob("shards/[0-9]*/manifest.json")}


def wait_until(true: Callable[[], bool], *, timeout_s: float = 180) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def same_bytes(first: Path, second: Path) -> bool:
    names = sorted(path.name for path in first.iterdir())
    return names == sorted(path.name for path in second.iterdir()) and all(
        (first / name).read_bytes() == (second / name).read_bytes() for name in names
    )


def test_record__killed_five_times_gives_the_undisturbed_recording(tmp_path: Path) -> None:
    # 24 tasks in shards of 2 are 12 shards: two workers cannot finish them before the last kill.
    undisturbed = tmp_path / "undisturbed"
    record(small_plan(shard_tasks=2), fake_bench(), undisturbed)
    out = tmp_path / "recording"
    rng = np.random.default_rng(7)
    before: dict[str, int] = {}
    # Two kills at any moment from the start on, three some moment after another shard was finished.
    for more_shards in (0, 1, 0, 1, 1):
        process = start(out, shard_tasks=2, delay_s=0.15)
        enough = len(before) + more_shards
        wait_until(lambda p=process, n=enough: p.poll() is not None or len(finished_shards(out)) >= n)
        time.sleep(rng.uniform(0.0, 0.4 if more_shards else 2.5))
        assert process.poll() is None
        kill(process)
        assert not out.exists()
        after = finished_shards(out)
        assert before.items() <= after.items()  # none lost, none repeated
        before = after
    assert len(before) >= 3
    process = start(out, shard_tasks=2, delay_s=0.0)
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 0
    assert said.count("recorded") + said.count("resumed") == 12
    assert said.count("resumed") >= len(before)
    assert same_bytes(out, undisturbed)
    assert {path.name for path in tmp_path.iterdir()} == {"recording", "undisturbed"}


def test_record__takes_a_shard_that_a_killed_run_finished_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = ShardRecorder(small_plan(), fake_bench()).record(0)
    folder = tmp_path / "00000"

    class Overtaken:
        def record(self, number: int) -> Recording:
            assert number == 0
            write_recording(folder, shard)
            return shard

    monkeypatch.setattr(recorder, "_worker", Overtaken())
    recorder._work(0, folder)
    assert len(read_recording(folder).tasks) == len(shard.tasks)


def test_record__a_shard_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def record(self, number: int) -> Recording:
            raise RecordingError(f"shard {number} is broken")

    monkeypatch.setattr(recorder, "_worker", Broken())
    with pytest.raises(RecordingError, match="shard 3 is broken"):
        recorder._work(3, tmp_path / "00003")


def test_record__workers_end_with_a_killed_recorder(tmp_path: Path) -> None:
    process = start(tmp_path / "recording")
    assert process.stdout is not None
    workers = [int(pid) for pid in process.stdout.readline().split()[1:]]
    assert workers
    kill(process)
    try:
        wait_until(lambda: not any(map(is_running, workers)), timeout_s=10)
    finally:
        for pid in filter(is_running, workers):
            os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_record__does_not_depend_on_the_number_of_workers(undisturbed: Path, tmp_path: Path) -> None:
    record(small_plan(), fake_bench(), tmp_path / "recording", workers=3)
    assert same_bytes(tmp_path / "recording", undisturbed)


def test_record__a_complete_recording_is_not_recorded_again(undisturbed: Path) -> None:
    news: list[ShardDone] = []
    record(small_plan(), fake_bench(), undisturbed, on_shard=news.append)
    assert news == []


def test_record__refuses_to_replace_another_recording(undisturbed: Path) -> None:
    with pytest.raises(RecordingError, match="holds another recording; remove it"):
        record(small_plan(name="other"), fake_bench(), undisturbed)


def test_record__refuses_to_resume_with_another_plan(tmp_path: Path) -> None:
    work = tmp_path / "recording.work"
    work.mkdir()
    (work / "plan.json").write_text(small_plan(shard_tasks=5).to_json())
    with pytest.raises(RecordingError, match="holds shards of another plan"):
        record(small_plan(), fake_bench(), tmp_path / "recording")


def test_record__a_damaged_shard_is_recorded_again(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "recording"
    process = start(out)
    wait_until(lambda: len(finished_shards(out)) >= 1)
    kill(process)
    shards = sorted((tmp_path / "recording.work" / "shards").glob("[0-9]*"))
    (shards[0] / "replies.parquet").write_bytes(b"half")
    news: list[ShardDone] = []
    record(small_plan(), fake_bench(), out, on_shard=news.append)
    assert sum(done.resumed for done in news) == len(shards) - 1
    assert same_bytes(out, undisturbed)


def test_record__a_failing_worker_stops_the_recorder_and_leaves_no_recording(tmp_path: Path) -> None:
    plan = small_plan(num_tasks=2)
    readers = tuple(replace(e, model=replace(e.model, role="locator")) for e in plan.registry.experts)
    broken = replace(plan, registry=replace(plan.registry, experts=readers))
    # Readers that the catalog calls locators give readings where `Locate` expects a finding.
    with pytest.raises(Exception, match="needs a locator, but the network 'reader-b' is a reader"):
        record(broken, fake_bench(), tmp_path / "recording")
    assert not (tmp_path / "recording").exists()


def test_recording__holds_every_call_in_every_context(undisturbed: Path) -> None:
    recording = read_recording(undisturbed)
    # Both locators find a region in each of 24 tasks: 3 contexts, 6 experts, no cell empty.
    assert recording.status.shape == (24, 3, 6)
    assert (recording.status != MISSING).all()
    assert set(recording.context_ids) == {("whole", "region:locator-a", "region:locator-b")}
    # By benchmark in the plan's order, then split: 6 + 6 of counting, 12 of chart.
    assert [task.id for task in recording.tasks][5:8] == [
        "counting/train/000005", "counting/test/000000", "counting/test/000001",
    ]  # fmt: skip


def test_recording__a_locator_asked_in_a_region_finds_the_same(undisturbed: Path) -> None:
    recording = read_recording(undisturbed)
    locators = [recording.registry.index_of(f"locator-{x}/Perception_Problem_Solver") for x in "ab"]
    for slot, p in enumerate(locators, start=1):
        assert (recording.next_context[..., p] == slot).all()
        assert (recording.confidence[..., p] == recording.confidence[:, :1, p]).all()


def test_remembered_looks__asks_once_for_a_whole_picture_and_always_for_crops() -> None:
    asked: list[int] = []

    def look(views, questions):
        asked.append(len(views))
        return fake_bench().load_network("locator-a").look(views, questions)

    whole, crop = (fake_bench().render("chart", "val", index).image for index in (0, 1))
    looks = RememberedLooks(look, [whole])
    first = looks([whole, crop, whole], ["q", "q", "q"])
    again = looks([whole, crop], ["q", "q"])
    assert asked == [2, 1]
    assert first[0] is first[2] is again[0]
    looks([whole], ["another question"])
    assert asked == [2, 1, 1]


def test_shard_recorder__two_regions_of_one_id_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without memory for whole pictures, a locator that finds something else each time gives two boxes one id.
    monkeypatch.setattr("maestro_env.recordings.shard.RememberedLooks", lambda look, pictures: look)
    bench = fake_bench()
    rng = np.random.default_rng(0)

    def load_network(name: str):
        network = bench.load_network(name)
        if name.startswith("locator"):
            find = network.look
            network.look = lambda views, questions: find(views, [f"{q}{rng.random()}" for q in questions])  # type: ignore[method-assign]
        return network

    with pytest.raises(RecordingError, match="'region:locator-a' was found twice"):
        ShardRecorder(small_plan(), replace(bench, load_network=load_network)).record(0)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"counts": {"chart": {"valid": 3}}}, UnknownNameError, "Unknown split of benchmark 'chart' 'valid'.*'val'"),
        ({"counts": {"chart": {"val": -1}}}, ConfigurationError, "chart/val: -1 tasks; expected 0 or more"),
        ({"counts": {"chart": {"val": 0}}}, ConfigurationError, "holds no tasks"),
        ({"shard_tasks": 0}, ConfigurationError, "shard_tasks=0; expected 1 or more"),
        ({"group_tasks": 0}, ConfigurationError, "group_tasks=0; expected 1 or more"),
    ],
)
def test_plan__refuses_what_has_no_meaning(change: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        replace(small_plan(), **change)


def test_plan__the_last_shard_holds_the_rest() -> None:
    plan = small_plan(num_tasks=5, shard_tasks=4)
    # 10 tasks in shards of 4: 4 + 4 + 2.
    assert [len(plan.shard(i)) for i in range(plan.num_shards)] == [4, 4, 2]


def test_record__leaves_no_other_process(undisturbed: Path) -> None:
    del undisturbed
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("This kernel does not list children.")
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.read_text().split()]
    assert not [command for command in commands if b"spawn_main" in command]
