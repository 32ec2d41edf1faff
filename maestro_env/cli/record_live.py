"""`maestro record --backend openai`: what experts behind endpoints reply to the tasks of a file."""

import argparse
import asyncio
import math
import platform
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

import maestro_env
from maestro_env.backends.cache import Cache
from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.connections import Connections, load_connections
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.live_recorder import CallDone, LivePlan, LiveResult, record_live, work_folder
from maestro_env.recordings.task_files import read_tasks
from maestro_env.registry import Registry
from maestro_env.types import SPLITS, Status, Task

SHOWN_REASONS = 8
"""Kinds of failures that a summary tells one by one."""

_REASON_CHARS = 300
"""Of a failure: enough for what a server says, and not for a page of HTML."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that only `--backend openai` has."""
    group = parser.add_argument_group("with --backend openai")
    group.add_argument("--tasks", type=Path, help="file of tasks, .jsonl or .parquet")
    group.add_argument("--max-usd", type=float, default=math.inf, help="stop when this was spent (default: no limit)")
    group.add_argument("--max-calls", type=float, default=math.inf, help="stop after so many requests")
    group.add_argument("--max-seconds", type=float, default=math.inf, help="stop after so much time")
    group.add_argument("--concurrent", type=int, default=64, help="calls at once (default: %(default)s)")
    group.add_argument(
        "--accept-failures", action="store_true", help="record calls that failed, as failures, instead of stopping"
    )


def run(arguments: argparse.Namespace, registry: Registry) -> None:
    """Record, with a progress bar; exits with 1 if calls are left for another run.

    Raises:
        ConfigurationError: No tasks were given, or a key is not in the environment.
    """
    if arguments.tasks is None:
        raise ConfigurationError("--backend openai records the tasks of a file; give --tasks FILE.jsonl or .parquet.")
    connections = load_connections(arguments.registry)
    plan = LivePlan(
        name=arguments.out.name,
        registry=registry,
        tasks=read_tasks(arguments.tasks),
        sampling=asdict(connections.sampling),
        made={
            "command": "maestro record --backend openai",
            "python": platform.python_version(),
            "maestro-env": maestro_env.__version__,
        },
    )
    purse = Purse(Budget(usd=arguments.max_usd, calls=arguments.max_calls, seconds=arguments.max_seconds))
    console = Console(soft_wrap=True)
    before = "Nothing left to do. " if arguments.out.exists() else ""
    console.print(_about_splits(plan.tasks), markup=False, highlight=False)
    with LiveProgress(console, num_calls=len(plan.tasks) * len(registry), purse=purse) as progress:
        result = asyncio.run(_record(plan, connections, purse, arguments, progress))
    for line in (*progress.reasons(), before + _summary(result, purse, arguments.out)):
        console.print(line, markup=False, highlight=False)
    if result.manifest is None:
        sys.exit(1)


def _about_splits(tasks: Sequence[Task]) -> str:
    """Return how many tasks each split has, and what will be missed: told before anything is spent."""
    counts = Counter(task.split for task in tasks)
    held = ", ".join(f"{counts[split]:,} {split}" for split in SPLITS)
    missing = [split for split in SPLITS if not counts[split]]
    if not missing:
        return f"Tasks: {held}."
    return (
        f"Tasks: {held}. Agents learn on train, are chosen on val and compared on test: without "
        f"{' and '.join(missing)} tasks that cannot be done. Where a task does not say its split, it is test."
    )


async def _record(
    plan: LivePlan, connections: Connections, purse: Purse, arguments: argparse.Namespace, progress: "LiveProgress"
) -> LiveResult:
    from maestro_env.backends.endpoints.caller import Caller  # brings aiohttp

    # Besides whole calls, the completions of calls that were cut short are kept, and shared by experts.
    completions = work_folder(arguments.out).with_suffix(".completions.sqlite")
    cache = Cache(completions, max_bytes=None)
    caller = Caller(connections, purse=purse, cache=cache)
    try:
        result = await record_live(
            plan,
            caller.call,
            arguments.out,
            concurrent=arguments.concurrent,
            accept_failures=arguments.accept_failures,
            on_call=progress.show,
        )
    finally:
        await caller.close()
        cache.close()
    if result.manifest is not None:
        for file in completions.parent.glob(f"{completions.name}*"):
            file.unlink()
    return result


class LiveProgress:
    """A progress bar over calls, with what was spent, the time to go and what failed.

    Rates come from the calls of this run: those of earlier runs took no time now.
    """

    def __init__(self, console: Console, *, num_calls: int, purse: Purse) -> None:
        self._num_calls = num_calls
        self._purse = purse
        self._done = self._new = 0
        self._failed: Counter[str] = Counter()
        self._failed_so: Counter[tuple[str, str]] = Counter()
        self._said: dict[tuple[str, str], str] = {}
        self._started_s = time.monotonic()
        self._bar = Progress(
            # Narrow, so that a terminal of 80 columns still shows what is said behind it.
            BarColumn(bar_width=8),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} calls · {task.fields[news]}"),
            console=console,
        )
        self._bar_id = self._bar.add_task("", total=num_calls, news="starting")

    def __enter__(self) -> "LiveProgress":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def show(self, done: CallDone) -> None:
        """Count a call."""
        self._done += 1
        self._new += not done.resumed
        # Calls in regions that were found on the way come on top of those that were foreseen.
        self._num_calls = max(self._num_calls, self._done)
        if done.reply.status is not Status.OK:
            self._failed[done.reply.status.value] += 1
            kind = done.expert.id, done.reply.status.value
            self._failed_so[kind] += 1
            self._said[kind] = done.reply.text
        self._bar.update(self._bar_id, completed=self._done, total=self._num_calls, news=self.news())

    def news(self) -> str:
        """Return what was spent, what failed and the time to go, as the bar shows them."""
        failed = "".join(f" · {status} {count:,}" for status, count in sorted(self._failed.items()))
        if not self._new:
            return "resumed"
        elapsed_s = max(time.monotonic() - self._started_s, 1e-3)
        minutes, seconds = divmod(round((self._num_calls - self._done) * elapsed_s / self._new), 60)
        return (
            f"{self._purse.usd:.4f} USD · {self._new / elapsed_s:,.1f} calls/s · {minutes}:{seconds:02d} to go{failed}"
        )

    def reasons(self) -> list[str]:
        """Return a line for each expert and way to fail, the most frequent first: how often, and what was said last."""
        lines = [
            f"{expert}, {count:,} times {self._said[expert, status][:_REASON_CHARS]}"
            for (expert, status), count in self._failed_so.most_common(SHOWN_REASONS)
        ]
        left = len(self._failed_so) - len(lines)
        return [*lines, f"and {left} more kinds of failures."] if left else lines


def _summary(result: LiveResult, purse: Purse, out: Path) -> str:
    spent = f"{purse.calls:,} requests, {purse.usd:.4f} USD."
    failed = ", ".join(f"{count:,} {status}" for status, count in sorted(result.failures.items()))
    if result.manifest is not None:
        tasks = sum(count for splits in result.manifest.benchmarks.values() for count in splits.values())
        return f"Recorded {tasks:,} tasks to {out}{f', with failures: {failed}' if failed else ''}. {spent}"
    left = f", {result.num_left:,} tasks not begun" if result.num_left else ""
    return (
        f"Not finished: {failed}{left}. What was answered is kept; run the same again to try the rest, or with "
        f"--accept-failures to record failures as such. {spent}"
    )
