"""The fault run, small: every check holds, and each would show what it looks for."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from maestro_env.fault_server import Fault
from maestro_env.types import Status

pytest.importorskip("aiohttp")
from benchmarks.faults.__main__ import main
from benchmarks.faults.report import checks
from benchmarks.faults.running import FaultRun
from benchmarks.faults.scenario import planned_calls
from benchmarks.faults.speed import BARE, OPENAI, OURS, THREADED, Speed, targets


def test_plan__a_fifth_meets_faults_of_all_kinds() -> None:
    calls = planned_calls(380, seed=0)
    assert len({call.task.id for call in calls}) == len({call.prompt for call in calls}) == 380
    faults = Counter(call.fault for call in calls)
    assert faults.pop(None) == 304
    assert set(faults) == set(Fault)
    assert set(faults.values()) == {4}  # 76 faulty calls of 19 kinds
    assert sum(call.passes for call in calls) == 26  # half of those of the 13 kinds that are tried again


@pytest.mark.parametrize(
    ("fault", "passes", "status", "num_requests"),
    [
        (None, False, Status.OK, 1),
        (Fault.ERROR, False, Status.UNREACHABLE, 3),
        (Fault.ERROR, True, Status.OK, 2),
        (Fault.REFUSED, False, Status.REFUSED, 1),
        (Fault.SLOW, False, Status.OK, 1),
        (Fault.HANG, False, Status.TIMEOUT, 3),
    ],
)
def test_plan__what_must_become_of_a_call(fault: Fault | None, passes: bool, status: Status, num_requests: int) -> None:
    found = next(call for call in planned_calls(380, seed=1) if (call.fault, call.passes) == (fault, passes))
    assert (found.status, found.num_requests) == (status, num_requests)


@pytest.mark.slow
def test_faults__the_command(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "faults.json"
    main(["--calls", "190", "--rounds", "1", "--speed-calls", "40", "--json", str(path)])
    found = json.loads(path.read_text())
    assert found["run"]["num_faulty"] == 38
    assert sum(found["run"]["statuses"].values()) == 190
    assert {BARE, OURS, THREADED} <= set(found["speeds"])
    assert len(found["targets"]) == 3


GOOD = FaultRun(
    num_calls=100,
    num_faulty=20,
    seconds=1.0,
    cpu_ms_per_call=0.5,
    statuses={"ok": 90, "timeout": 10},
    lost=0,
    wrong_status=0,
    wrong_answer=0,
    wrong_requests=0,
    answered_twice=0,
    kept=90,
    kept_failures=0,
    asked_again=0,
    replies_changed=0,
    keys_seen=0,
    spent_usd=1.0,
    budget_usd=0.5,
    overspent_usd=0.05,
    in_flight_usd=0.05,
    resident_mb=(100.0, 100.0, 110.0, 114.0),
)


def test_checks__hold_where_all_is_well() -> None:
    assert all(holds for *_, holds in checks(GOOD))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lost", 1),
        ("wrong_status", 1),
        ("wrong_answer", 1),
        ("wrong_requests", 1),
        ("answered_twice", 1),
        ("kept_failures", 1),
        ("asked_again", 1),
        ("replies_changed", 1),
        ("keys_seen", 1),
        ("overspent_usd", 0.06),
        ("resident_mb", (100.0, 100.0, 116.0, 100.0)),
    ],
)
def test_checks__each_fails_alone(name: str, value: object) -> None:
    found = [holds for *_, holds in checks(replace(GOOD, **{name: value}))]
    assert found.count(False) == 1


def speed(*calls_per_s: float, cpu: float = 0.3) -> Speed:
    return Speed(calls_per_s=calls_per_s, cpu_ms_per_call=(cpu,) * len(calls_per_s))


def test_targets__ratios_are_taken_within_rounds() -> None:
    speeds = {BARE: speed(1000, 400, 900), OURS: speed(500, 400, 300), OPENAI: speed(100, 40, 20), THREADED: speed(1)}
    bare, threaded, cpu = targets(speeds)
    assert (bare.found, bare.met) == (2.0, True)  # of 2, 1 and 3
    assert (threaded.found, threaded.met) == (10.0, True)  # of 5, 10 and 15
    assert (cpu.found, cpu.met) == (0.3, True)
    slow, few, dear = targets({BARE: speed(900), OURS: speed(300, cpu=2.0), THREADED: speed(60)})
    assert [slow.met, few.met, dear.met] == [False, False, False]
