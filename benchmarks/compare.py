"""Compare agents: train on train, choose settings on val, report on test. `python -m benchmarks.compare --help`.

The headline is the mean accuracy over test tasks. Every agent is played on every test task, so that all comparisons are
paired; learned and random agents are run with several seeds.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.contenders import CONTENDERS, standard_on
from benchmarks.duration import forecast
from benchmarks.episodes import write_tasks
from benchmarks.findings import Findings, document, find
from benchmarks.markdown import leaderboard
from benchmarks.plots import accuracy_against_cost
from benchmarks.provenance import provenance
from benchmarks.report import write_report
from benchmarks.results import FIGURE, LEADERBOARD, REPORT, SUMMARY, TASKS, Folder, begin, reopen, write_json
from benchmarks.running import make_runs
from benchmarks.settings import Settings, jobs_of, world_of
from benchmarks.table import tables
from maestro_env.errors import MaestroError
from maestro_env.types import AnswerRule


def compare(settings: Settings, *, out: Path, console: Console) -> Path:
    """Run a comparison and write its folder.

    Args:
        settings: What is compared.
        out: Parent of the new folder.
        console: Shows the progress and the tables.

    Returns:
        The new folder; results.py tells what it holds.

    Raises:
        UnknownNameError: An agent, recording or answer rule that does not exist.
        ConfigurationError: `out` holds a comparison itself, or the recording lacks a split.
    """
    jobs_of(settings)
    world_of(settings).check()  # what cannot be loaded or played is told before a folder is made
    return _finish(begin(out, settings, provenance()), console)


def resume(path: Path, *, console: Console) -> Path:
    """Go on with a comparison that was interrupted: only the runs that are missing are made.

    Args:
        path: Its folder.
        console: Shows the progress and the tables.

    Returns:
        The folder.

    Raises:
        ConfigurationError: There is no unfinished comparison of this commit.
    """
    return _finish(reopen(path, now=provenance()), console)


def _finish(folder: Folder, console: Console) -> Path:
    jobs = jobs_of(folder.settings)
    missing = [job for job in jobs if not folder.file_of(job).is_file()]
    if len(missing) < len(jobs):
        console.print(f"{len(jobs) - len(missing)} of {len(jobs)} runs are done already.")
    if missing:
        console.print(forecast(missing, folder.settings, folder.path.parent))
    make_runs(missing, folder, console)
    # All are read from disk, so that a comparison that was interrupted gives the same figures to the last digit.
    runs = [folder.run_of(job) for job in jobs]
    with console.status("intervals, bounds and the report"):
        findings = find(runs, world=world_of(folder.settings), settings=folder.settings, source=folder.source)
        _write(findings, folder.path)
    console.print(tables(findings.summary))
    console.print(f"\nReport: {folder.path / REPORT}\nNumbers: {folder.path / SUMMARY}")
    return folder.path


def _write(findings: Findings, path: Path) -> None:
    source = findings.source
    write_tasks(path / TASKS, findings.test, findings.bounds)
    footer = f"{source.command}   commit {source.commit[:10] or 'unknown'}   {source.cores} cores, {source.processor}"
    accuracy_against_cost(findings.summary, source=footer).savefig(path / FIGURE)
    write_report(path / REPORT, findings)
    (path / LEADERBOARD).write_text(leaderboard(findings), "utf-8")
    write_json(path / SUMMARY, document(findings))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command's arguments."""
    default = Settings()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("--recording", default=default.recording, help="name or folder of a recording")
    parser.add_argument("--registry", help="name or file of the experts (default: core, or all of one's own recording)")
    parser.add_argument("--out", type=Path, default=Path("results"), help="where the new folder is made")
    parser.add_argument("--resume", type=Path, metavar="FOLDER", help="go on with an interrupted comparison, as begun")
    parser.add_argument(
        "--agents", nargs="+", metavar="AGENT", help="who takes part (default: a ladder of ours); all: everyone"
    )
    parser.add_argument(
        "--agent", action="append", default=[], metavar="MODULE:CLASS[=SAVED]",
        help="your own agent as well, to learn here or as it was saved; can be repeated",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, default=default.seeds, help="runs of each agent that depends on its seed")
    parser.add_argument("--max-turns", type=int, default=default.max_turns)
    parser.add_argument("--cost-weight", type=float, default=default.cost_weight, help="reward lost per unit of cost")
    parser.add_argument(
        "--budget", nargs="+", type=float, default=[], metavar="WEIGHT",
        help="more cost weights: everyone is fitted at each too, for curves of accuracy against cost",
    )  # fmt: skip
    parser.add_argument("--answer-rule", default=default.answer_rule, choices=[rule.value for rule in AnswerRule])
    parser.add_argument("--processes", type=int, default=default.processes, help="runs side by side")
    parser.add_argument("--quick", action="store_true", help="few tasks and tiny training: a smoke test, no result")
    return parser.parse_args(arguments)


def _named(given: argparse.Namespace) -> Sequence[str]:
    """Return the agents of ours that were asked for."""
    if given.agents == ["all"]:
        return [entry.name for entry in CONTENDERS]
    return given.agents or standard_on(given.recording)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    given = parse(arguments)
    console = Console()
    try:
        if given.resume is not None:
            resume(given.resume, console=console)
            return 0
        settings = Settings(
            recording=given.recording,
            registry=given.registry,
            agents=(*_named(given), *given.agent),
            seeds=given.seeds,
            max_turns=given.max_turns,
            cost_weight=given.cost_weight,
            budgets=tuple(given.budget),
            answer_rule=given.answer_rule,
            processes=given.processes,
            quick=given.quick,
        )
        compare(settings, out=given.out, console=console)
    except MaestroError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
