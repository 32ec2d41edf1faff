"""Runs every measurement of the world in order, the long ones side by side. Printing and writing is world.py's job."""

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.playing import first_tasks
from benchmarks.provenance import provenance
from benchmarks.world_gates.feedback import feedback, gate_4, gate_4b
from benchmarks.world_gates.findings import Bounds, Findings
from benchmarks.world_gates.frontiers import COSTS
from benchmarks.world_gates.intervals import Intervals
from benchmarks.world_gates.leaks import Probed, ProbeJob, gate_8, joined, leak_probe, naming_probes
from benchmarks.world_gates.monolith import compute_note, gate_5, training_compute
from benchmarks.world_gates.open_loop import gate_3, open_loop
from benchmarks.world_gates.scope import MAX_TURNS, Roles, Scope, benchmarks_of, scope_of
from benchmarks.world_gates.single_calls import gate_1, gate_2, single_calls
from benchmarks.world_gates.tables import benchmark_table, cheapest_right, hindsight_at
from benchmarks.world_gates.transfer import gate_6
from benchmarks.world_gates.usefulness import gate_7, skill_gains
from maestro_env.experts.weights_io import WEIGHTS_FOLDER
from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is spent; the quick one shows that everything runs, and its figures mean nothing."""

    seeds: int = 3
    """Re-splits of train and val."""
    max_calls: int = MAX_TURNS
    steps: int = 1500
    """Gradient steps of each network."""
    fitted: int = 200
    """Rendered tasks of each benchmark that the leak probe is fitted on."""
    tested: int = 300
    """Others that it is tested on, of benchmarks that are trained on; half as many of the others."""
    tasks: int | None = None
    """Tasks of each benchmark and split; None takes all."""
    processes: int = 2


QUICK = Effort(seeds=2, max_calls=2, steps=30, fitted=6, tested=6, tasks=12, processes=1)


def measure(
    recording: Recording,
    *,
    monolith: Recording | None,
    roles: Roles,
    core: Registry,
    effort: Effort,
    console: Console,
) -> Findings:
    """Measure every gate, and what the page tells besides.

    Args:
        recording: The world.
        monolith: The same tasks by the monolith; None if there is no such recording.
        roles: What each benchmark is for.
        core: The core registry.
        effort: How much is spent.
        console: Shows the progress.

    Raises:
        ConfigurationError: A trained-on benchmark lacks a split.
        UnknownNameError: A core expert that is not recorded.
    """
    source = provenance()  # before the measuring: the clone may change while it lasts
    if effort.tasks is not None:
        recording = first_tasks(recording, each=effort.tasks)
    scope = scope_of(recording, roles=roles, core=core, seeds=effort.seeds)
    with ExitStack() as stack:
        bars = stack.enter_context(_progress_bars(console))
        pool = stack.enter_context(_pool(effort.processes)) if effort.processes > 1 else None

        def stage(name: str, total: int) -> "Stage":
            return Stage(bars, name, total)

        jobs = _probe_jobs(roles, recording, effort)
        one = stage("one call", 1)
        calls = single_calls(scope, steps=effort.steps)
        one()
        plans = open_loop(
            scope, max_calls=effort.max_calls, pool=pool, advance=stage("open-loop plans", len(roles.trained))
        )
        policies = feedback(
            scope, plans, steps=effort.steps, pool=pool, advance=stage("closed loop and contextual plans", effort.seeds)
        )
        probed = joined(_probed(jobs, pool, stage("leak probes", len(jobs))))
        rest = stage("skills, strangers, tables", 4)
        skills = [gain for part in _test_parts(scope) for gain in skill_gains(part)]
        rest()
        tables = [
            benchmark_table(part, name) for part in _test_parts(scope) for name in dict.fromkeys(part.task_benchmarks)
        ]
        rest()
        compute = training_compute(WEIGHTS_FOLDER)
        owned = [core.ids, [name for name in recording.registry.ids if name not in core.ids]]
        intervals = Intervals(benchmarks_of(scope.test).tolist())
        strangers = gate_6(scope, steps=effort.steps)
        rest()
        gates = (
            gate_1(scope, calls, intervals),
            gate_2(scope, calls, intervals),
            gate_3(plans, calls, intervals),
            gate_4(policies, plans, intervals),
            gate_4b(policies, intervals),
            gate_5(scope, policies, monolith, pool=recording.registry, compute=compute),
            strangers,
            gate_7([scope.test, scope.extended], skills, owned),
            gate_8(probed, naming_probes(scope, steps=effort.steps)),
        )
        rest()
    return Findings(
        gates=gates,
        roles=roles,
        tables=tuple(tables),
        skills=tuple(skills),
        plans=plans,
        expert_ids=core.ids,
        policies=policies,
        bounds=_bounds(scope),
        rendered=probed.rendered,
        compute=compute_note(recording.registry, compute),
        seeds=effort.seeds,
        source=source,
    )


class Stage:
    """One bar; calling it advances it."""

    def __init__(self, bars: Progress, name: str, total: int) -> None:
        """Show the bar.

        Args:
            bars: Where.
            name: Of the stage.
            total: How many calls complete it.
        """
        self._bars = bars
        self._bar = bars.add_task(name, total=total)

    def __call__(self) -> None:
        """Advance by one."""
        self._bars.advance(self._bar)


def _pool(processes: int) -> ProcessPoolExecutor:
    # The processes share the cores already; threads inside each would only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Spawned, not forked: torch's threads do not survive a fork.
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))


def _probe_jobs(roles: Roles, recording: Recording, effort: Effort) -> list[ProbeJob]:
    recorded = set(recording.task_benchmarks)
    trained = [
        ProbeJob(benchmark=name, fitted=effort.fitted, tested=effort.tested, split="train", steps=effort.steps)
        for name in roles.trained
    ]
    others = [
        ProbeJob(benchmark=name, fitted=effort.fitted // 2, tested=effort.tested // 2, split="test", steps=effort.steps)
        for name in (*roles.unseen, *roles.extended)
        if name in recorded
    ]
    return [*trained, *others]


def _probed(jobs: Sequence[ProbeJob], pool: Executor | None, advance: Stage) -> list[Probed]:
    found: list[Probed] = []
    for probed in map(leak_probe, jobs) if pool is None else pool.map(leak_probe, jobs):
        found.append(probed)
        advance()
    return found


def _test_parts(scope: Scope) -> list[Recording]:
    return [part for part in (scope.test, scope.unseen, scope.extended) if part.tasks]


def _bounds(scope: Scope) -> Bounds:
    raw, sober = (cheapest_right(scope.test, confident=confident) for confident in (False, True))
    return Bounds(
        any_right=tuple(hindsight_at(raw, cost) for cost in COSTS),
        confident_only=tuple(hindsight_at(sober, cost) for cost in COSTS),
    )


def _progress_bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
