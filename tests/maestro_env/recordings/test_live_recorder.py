"""Recording experts that may fail: nothing lost, nothing repeated, failures tried again and never taken for answers."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from maestro_env.errors import ConfigurationError, RecordingError
from maestro_env.recordings.format import read_recording
from maestro_env.recordings.live_recorder import CallDone, LivePlan, LiveResult, record_live, work_folder
from maestro_env.recordings.recording import MISSING, STATUSES
from maestro_env.registry import Registry
from maestro_env.testing import fake_reply
from maestro_env.types import WHOLE, Box, Context, Expert, Model, Reply, Skill, Status, Task

DIRECT = Skill(name="Direct", description="Asks once.")
REGISTRY = Registry(
    name="two",
    experts=tuple(Expert(model=Model(name=name, description=name, endpoint="e"), skill=DIRECT) for name in "ab"),
)
TASKS = tuple(
    Task(id=f"t/{n}", benchmark="t", split="test", question=f"What is {n}?", images=(), gold=str(n)) for n in range(6)
)
PLAN = LivePlan(name="rec", registry=REGISTRY, tasks=TASKS, sampling={"temperature": 0.0})


@dataclass(kw_only=True)
class Scripted:
    """Answers with the gold answer, unless the script says otherwise."""

    script: Mapping[tuple[str, str], Sequence[Reply]] = field(default_factory=dict)
    """(task id, expert id) -> what is replied the first, second, … time; then the gold answer."""
    calls: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    open_now: int = 0
    most_open: int = 0

    async def __call__(self, task: Task, context: Context, expert: Expert) -> Reply:
        self.calls[task.id, context.id, expert.id] += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        await asyncio.sleep(0)
        self.open_now -= 1
        nth = self.calls[task.id, context.id, expert.id] - 1
        script = self.script.get((task.id, expert.id), ())
        if nth < len(script) and context.id == WHOLE:
            return script[nth]
        return replace(fake_reply(task.gold, confidence=None, context=context), cost_usd=0.5)


def record(call: Scripted, out: Path, plan: LivePlan = PLAN, **kwargs: object) -> LiveResult:
    return asyncio.run(record_live(plan, call, out, **kwargs))  # type: ignore[arg-type]


def failed(status: Status) -> Reply:
    return replace(fake_reply(None, confidence=None), text=status.value, status=status)


def test_record__every_expert_on_every_task(tmp_path: Path) -> None:
    call = Scripted()
    news: list[CallDone] = []
    result = record(call, tmp_path / "rec", on_call=news.append)
    assert result.manifest is not None
    assert (result.failures, result.num_left) == ({}, 0)
    recording = read_recording(tmp_path / "rec")
    assert recording.tasks == TASKS
    assert recording.cost_unit == "usd"
    assert (recording.score == 1).all()
    assert (recording.cost_usd == 0.5).all()
    assert set(call.calls.values()) == {1}
    assert len(news) == 12
    assert not any(done.resumed for done in news)
    assert not work_folder(tmp_path / "rec").exists()


def test_record__failures_are_tried_again_and_nothing_else_is(tmp_path: Path) -> None:
    call = Scripted(
        script={("t/1", "a/Direct"): [failed(Status.TIMEOUT)], ("t/4", "b/Direct"): [failed(Status.REFUSED)]}
    )
    first = record(call, tmp_path / "rec")
    assert (first.manifest, first.failures) == (None, {"timeout": 1, "refused": 1})
    assert not (tmp_path / "rec").exists()
    second = record(call, tmp_path / "rec")
    assert second.manifest is not None
    assert Counter(call.calls.values()) == {1: 10, 2: 2}
    assert (read_recording(tmp_path / "rec").score == 1).all()


def test_record__failures_as_such_where_they_are_accepted(tmp_path: Path) -> None:
    call = Scripted(script={("t/1", "a/Direct"): [failed(Status.TIMEOUT)] * 9})
    result = record(call, tmp_path / "rec", accept_failures=True)
    assert result.failures == {"timeout": 1}
    recording = read_recording(tmp_path / "rec")
    assert STATUSES[recording.status[1, 0, 0]] is Status.TIMEOUT
    assert recording.answer[1, 0, 0] == MISSING


@pytest.mark.parametrize("status", [Status.OVER_BUDGET, Status.CANCELLED])
def test_record__what_this_side_gave_up_is_never_recorded(tmp_path: Path, status: Status) -> None:
    call = Scripted(script={("t/5", "a/Direct"): [failed(status)]})
    result = record(call, tmp_path / "rec", accept_failures=True, concurrent=1)
    assert (result.manifest, result.failures) == (None, {status.value: 1})


def test_record__stops_where_the_budget_does(tmp_path: Path) -> None:
    call = Scripted(script={("t/2", "a/Direct"): [failed(Status.OVER_BUDGET)]})
    result = record(call, tmp_path / "rec", concurrent=1)
    assert (result.manifest, result.num_left) == (None, 3)  # tasks 3, 4 and 5
    assert record(call, tmp_path / "rec").manifest is not None
    assert Counter(call.calls.values()) == {1: 11, 2: 1}


def test_record__no_more_calls_at_once_than_asked_for(tmp_path: Path) -> None:
    call = Scripted()
    record(call, tmp_path / "rec", concurrent=3)
    assert call.most_open == 3


def region(name: str, left: float) -> Context:
    return Context(id=f"region:{name}", parent=WHOLE, box=Box(left=left, top=0, right=left + 10, bottom=10))


def test_record__contexts_that_turn_up_are_visited(tmp_path: Path) -> None:
    found = replace(fake_reply(None, context=region("a", 5)), confidence=None)
    call = Scripted(script={("t/3", "a/Direct"): [found]})
    record(call, tmp_path / "rec")
    recording = read_recording(tmp_path / "rec")
    assert recording.context_ids[3] == (WHOLE, "region:a")
    assert recording.status[3, 1].tolist() == [0, 0]
    assert recording.status[2, 1].tolist() == [MISSING, MISSING]
    assert call.calls["t/3", "region:a", "b/Direct"] == 1
    assert np.isnan(recording.boxes[2]).all()


def test_record__one_name_for_two_regions(tmp_path: Path) -> None:
    call = Scripted(
        script={
            ("t/3", "a/Direct"): [fake_reply(None, context=region("x", 5))],
            ("t/3", "b/Direct"): [fake_reply(None, context=region("x", 7))],
        }
    )
    with pytest.raises(RecordingError, match=r"'t/3': the context 'region:x' was found twice"):
        record(call, tmp_path / "rec")


def test_record__again_is_no_work(tmp_path: Path) -> None:
    record(Scripted(), tmp_path / "rec")
    call = Scripted()
    result = record(call, tmp_path / "rec")
    assert result.manifest is not None
    assert not call.calls


def test_record__another_plan(tmp_path: Path) -> None:
    hotter = replace(PLAN, sampling={"temperature": 1.0})
    record(Scripted(script={("t/1", "a/Direct"): [failed(Status.TIMEOUT)]}), tmp_path / "half")
    with pytest.raises(RecordingError, match=r"half.work holds shards of another plan"):
        record(Scripted(), tmp_path / "half", plan=hotter)
    record(Scripted(), tmp_path / "rec")
    with pytest.raises(RecordingError, match="rec holds another recording; remove it"):
        record(Scripted(), tmp_path / "rec", plan=hotter)


def test_record__refuses_to_do_nothing_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="concurrent=0; expected 1 or more"):
        record(Scripted(), tmp_path / "rec", concurrent=0)


RECORDER = """
import asyncio, sys
from pathlib import Path
from maestro_env.recordings.live_recorder import record_live
from tests.maestro_env.recordings.test_live_recorder import PLAN, Scripted, many

async def call(task, context, expert):
    print("begin", task.id, expert.id, flush=True)
    await asyncio.sleep(0.01)
    return await Scripted()(task, context, expert)

result = asyncio.run(record_live(many(), call, Path(sys.argv[1]), concurrent=4))
print("finished", result.manifest is not None, flush=True)
"""


def many() -> LivePlan:
    return replace(PLAN, tasks=tuple(replace(TASKS[0], id=f"t/{n}", gold=str(n)) for n in range(150)))


def _killed_runs(out: Path, *, kills: int) -> list[list[str]]:
    """Record, killing the first runs at different moments; return what each run began."""
    begun: list[list[str]] = []
    for run in range(kills + 1):
        with subprocess.Popen([sys.executable, "-c", RECORDER, str(out)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line.strip())
                if run < kills and len(lines) == 7 + 11 * run:
                    process.kill()
            begun.append(lines)
    return begun


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_record__killed_again_and_again_gives_the_undisturbed_recording(tmp_path: Path, kills: int) -> None:
    runs = _killed_runs(tmp_path / "rec", kills=kills)
    assert runs[-1][-1] == "finished True"
    repeated = Counter(line for lines in runs for line in lines if line.startswith("begin"))
    assert len(repeated) == 300
    # Four calls at once: each kill repeats at most those that were in flight.
    assert sum(count - 1 for count in repeated.values()) <= 4 * kills
    asyncio.run(record_live(many(), Scripted(), tmp_path / "calm"))
    disturbed, calm = read_recording(tmp_path / "rec"), read_recording(tmp_path / "calm")
    assert disturbed.texts == calm.texts
    for name in ("status", "answer", "text", "cost_usd", "latency_s", "score", "view", "question"):
        np.testing.assert_array_equal(getattr(disturbed, name), getattr(calm, name))
