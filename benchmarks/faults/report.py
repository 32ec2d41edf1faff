"""What the fault run found, as tables."""

from collections.abc import Mapping, Sequence
from statistics import median

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.faults.running import FaultRun
from benchmarks.faults.speed import Speed, Target
from benchmarks.provenance import Provenance

FLAT = 1.15
"""Memory is flat if its largest value over the last half of a run is at most this times that over the first half."""


def tables(run: FaultRun, speeds: Mapping[str, Speed], targets: Sequence[Target], source: Provenance) -> Group:
    """Return the tables for a terminal."""
    return Group(
        _table(
            f"{run.num_calls:,} calls, {run.num_faulty:,} of them with a fault",
            ("what must hold", "found", "asked", ""),
            [(what, found, asked, "holds" if holds else "DOES NOT HOLD") for what, found, asked, holds in checks(run)],
        ),
        Text(", ".join(f"{status} {count:,}" for status, count in run.statuses.items())),
        Text(f"{run.seconds:.1f} s, {run.cpu_ms_per_call:.2f} ms of CPU a call, faults and cache included"),
        Text(),
        _table(
            "A server that answers after 50 ms, medians over rounds",
            ("client", "calls/s", "lowest", "highest", "CPU ms a call"),
            [
                (
                    name,
                    f"{median(speed.calls_per_s):,.0f}",
                    f"{min(speed.calls_per_s):,.0f}",
                    f"{max(speed.calls_per_s):,.0f}",
                    f"{median(speed.cpu_ms_per_call):.2f}",
                )
                for name, speed in speeds.items()
            ],
        ),
        _table(
            "Ratios, round by round",
            ("ratio", "median", "asked", ""),
            [(each.what, f"{each.found:.2f}", each.asked, "met" if each.met else "not met") for each in targets],
        ),
        Text(
            f"{source.command}, commit {source.commit[:10] or 'unknown'}, {source.cores} cores, {source.processor}, "
            f"Python {source.python}"
        ),
    )


def checks(run: FaultRun) -> list[tuple[str, str, str, bool]]:
    """Return what must hold: what it is, what was found, what is asked, and whether it holds."""
    none_allowed = (
        ("calls lost", run.lost),
        ("wrong statuses", run.wrong_status),
        ("wrong answers", run.wrong_answer),
        ("calls with a wrong number of requests", run.wrong_requests),
        ("calls answered twice", run.answered_twice),
        ("failures kept in the cache", run.kept_failures),
        ("answered calls asked again by a second run", run.asked_again),
        ("replies that a second run changed", run.replies_changed),
        ("replies and files that hold the key", run.keys_seen),
    )
    early, late = _memory(run)
    return [
        *((what, f"{number:,}", "0", number == 0) for what, number in none_allowed),
        (
            f"spent beyond a budget of {run.budget_usd:.4f} USD",
            f"{run.overspent_usd:.4f} USD",
            f"at most {run.in_flight_usd:.4f} USD, in flight",
            run.overspent_usd <= run.in_flight_usd,
        ),
        (
            "memory, first and last half",
            f"{early:.0f} and {late:.0f} MB",
            f"at most {FLAT:g} x",
            late <= FLAT * early,
        ),
    ]


def _memory(run: FaultRun) -> tuple[float, float]:
    middle = len(run.resident_mb) // 2
    return max(run.resident_mb[:middle], default=0.0), max(run.resident_mb[middle:], default=0.0)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    return table
