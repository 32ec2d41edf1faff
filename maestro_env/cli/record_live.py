"""`maestro record --backend openai`: what experts behind endpoints reply to the tasks of a file."""

import argparse
import asyncio
import math
import platform
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import maestro_env
from maestro_env.backends.cache import Cache
from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.connections import Connections, load_connections
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.live_recorder import CallDone, LivePlan, LiveResult, record_live, work_folder
from maestro_env.recordings.task_files import read_tasks
from maestro_env.registry import Registry
from maestro_env.types import Status


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
    """Record, with a progress bar.

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
    console = Console()
    with LiveProgress(console, num_calls=len(plan.tasks) * len(registry), purse=purse) as progress:
        result = asyncio.run(_record(plan, connections, purse, arguments, progress))
    console.print(_summary(result, purse, arguments.out), highlight=False)


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
    """A progress bar over calls, with what was spent and the time to go.

    Rates come from the calls of this run: those of earlier runs took no time now.
    """

    def __init__(self, console: Console, *, num_calls: int, purse: Purse) -> None:
        self._num_calls = num_calls
        self._purse = purse
        self._done = self._new = 0
        self._failed: Counter[str] = Counter()
        self._started_s = time.monotonic()
        self._bar = Progress(
            TextColumn("recording"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("calls · {task.fields[news]}"),
            TimeElapsedColumn(),
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
        self._bar.update(self._bar_id, completed=self._done, total=self._num_calls, news=self.news())

    def news(self) -> str:
        """Return what was spent, what failed and the time to go, as the bar shows them."""
        failed = "".join(f" · {status} {count:,}" for status, count in sorted(self._failed.items()))
        if not self._new:
            return "resumed"
        elapsed_s = max(time.monotonic() - self._started_s, 1e-3)
        minutes, seconds = divmod(round((self._num_calls - self._done) * elapsed_s / self._new), 60)
        return (
            f"{self._purse.usd:.4f} USD{failed} · {self._new / elapsed_s:,.1f} calls/s · {minutes}:{seconds:02d} to go"
        )


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
