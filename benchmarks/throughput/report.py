"""What `python -m benchmarks.throughput` finds, and how it is shown: tables for a terminal and a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from rich.console import Group
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from benchmarks.provenance import Provenance
from benchmarks.throughput.cases import LARGE, Effort, groups
from benchmarks.throughput.measuring import Rates, by_turns
from benchmarks.throughput.memory import bytes_of_batch, bytes_of_scalars
from benchmarks.throughput.starting import Start, start
from benchmarks.throughput.targets import Target, targets

_Rows = Sequence[Sequence[str]]

_RATES = ("case", "steps a CPU second", "lowest", "highest", "steps a second")
_TARGETS = ("ratio", "median", "lowest", "highest", "asked", "")


_HOW = """\
All cases of a group are measured by turns in one process, so that what else the machine does falls on all alike; the
figures are medians over rounds, with the lowest and the highest. Useful steps are counted: one that an environment
spends on starting the next episode is not. Actions are random, drawn beforehand. A step of CartPole is arithmetic on
numbers in a cache; one of ours looks up a reply in a recording of many megabytes."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Everything that was measured."""

    rates: dict[str, Rates]
    """By case."""
    targets: tuple[Target, ...]
    bytes_per_env: dict[str, float]
    start: Start


def measure(effort: Effort, progress: Progress) -> Found:
    """Measure all cases, group by group."""
    rates: dict[str, Rates] = {}
    asked = groups(effort)
    bar = progress.add_task("cases", total=sum(len(group) * rounds for group, rounds in asked))
    for group, rounds in asked:
        cases = {name: make() for name, make in group.items()} if rounds else {}
        rates |= by_turns(cases, rounds=rounds, seconds=effort.seconds, told=lambda: progress.advance(bar))
    return Found(
        rates=rates,
        targets=targets(rates, effort),
        bytes_per_env={"scalar": bytes_of_scalars(64), f"batched {LARGE:,}": bytes_of_batch(LARGE)},
        start=start(effort.processes),
    )


def tables(found: Found, source: Provenance) -> Group:
    """Return the tables for a terminal."""
    return Group(
        _table("Useful steps, medians over rounds", _RATES, _rates(found)),
        Text(),
        _table("Ratios, in CPU seconds, round by round", _TARGETS, _targets(found)),
        Text(),
        *(Text(line) for line in (*_sizes(found), _made_by(source))),
    )


def page(found: Found, source: Provenance) -> str:
    """Return `docs/throughput.md`."""
    return "\n".join(
        (
            "# Throughput",
            "",
            _HOW,
            "",
            f"{_made_by(source)}.",
            "",
            "## Ratios",
            "",
            *_markdown(_TARGETS, _targets(found)),
            "",
            "## Useful steps",
            "",
            *_markdown(_RATES, _rates(found)),
            "",
            "## Memory and start",
            "",
            *(f"{line[0].upper()}{line[1:]}." for line in _sizes(found)),
            "",
        )
    )


def _rates(found: Found) -> _Rows:
    return [
        (name, *(f"{value:,.0f}" for value in (median(each.cpu), *each.spread, median(each.wall))))
        for name, each in found.rates.items()
    ]


def _targets(found: Found) -> _Rows:
    return [
        (each.what, *(f"{value:.2f}" for value in each.found), each.asked, _verdict(each)) for each in found.targets
    ]


def _verdict(target: Target) -> str:
    if not target.asked:
        return ""
    return "met" if target.met else "not met"


def _sizes(found: Found) -> tuple[str, str]:
    sizes = ", ".join(f"{name} {size / 1024:,.1f} KiB" for name, size in found.bytes_per_env.items())
    begun = found.start
    return (
        f"memory of an environment: {sizes}",
        f"a fresh process: import {begun.import_s:.2f} s, make {begun.make_s:.2f} s, first step "
        f"{1e3 * begun.first_step_s:.1f} ms, {begun.resident_mb:.0f} MB resident",
    )


def _made_by(source: Provenance) -> str:
    versions = ", ".join(f"{name} {source.versions[name]}" for name in ("gymnasium", "numpy", "stable-baselines3"))
    return (
        f"`{source.command}`, commit {source.commit[:10] or 'unknown'}, {source.cores} cores, {source.processor}, "
        f"Python {source.python}, {versions}"
    )


def _table(title: str, columns: Sequence[str], rows: _Rows) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _markdown(columns: Sequence[str], rows: _Rows) -> list[str]:
    rule = ["---", *["---:"] * (len(columns) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (columns, rule, *rows)]
