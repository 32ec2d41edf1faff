"""`maestro record`: what every expert replies to the embedded world's tasks, with the shipped networks.

With `--backend openai` it is record_live.py's.
"""

import argparse
import hashlib
import os
import platform
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import metadata, resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from maestro_env.backends.local import load_shipped_network, load_shipped_view_encoder
from maestro_env.cli import record_live
from maestro_env.encoders import NETWORK_VIEWS, question_encoder, view_encoder
from maestro_env.errors import unknown_name
from maestro_env.recordings.plan import RecordingPlan
from maestro_env.recordings.recorder import ShardDone, record
from maestro_env.recordings.shard import Workbench
from maestro_env.registry import Registry, load_registry
from maestro_env.tasks.benchmarks import BENCHMARKS, TRAINED
from maestro_env.tasks.procedural.generate import WORLD_SEED, render
from maestro_env.types import SPLITS

SUMMARY = "Record every expert on tasks; run again after a kill, it goes on where it stopped."

_SCENE = "scene"
_PLAIN_COUNTS = (1000, 250, 500)
_SCENE_COUNTS = (10_000, 1000, 2000)
_TEST_ONLY_COUNTS = (0, 0, 500)
_DEPENDENCIES = ("maestro-env", "numpy", "pillow", "torch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="folder of the recording; must not hold another one")
    parser.add_argument(
        "--registry", default="extended", help="name or TOML file of the experts (default: %(default)s)"
    )
    parser.add_argument(
        "--backend",
        choices=("local", "openai"),
        default="local",
        help="local: shipped networks on tasks of the embedded world; openai: endpoints on the tasks of a file "
        "(default: %(default)s)",
    )
    parser.add_argument("--models", nargs="+", metavar="NAME", help="only the experts of these models (default: all)")
    parser.add_argument("--benchmarks", nargs="+", default=BENCHMARKS, metavar="NAME", help="default: all")
    for flag, counts, what in (
        ("--plain", _PLAIN_COUNTS, "each plain benchmark to train on"),
        ("--scenes", _SCENE_COUNTS, f"the benchmark {_SCENE!r}"),
        ("--test-only", _TEST_ONLY_COUNTS, "each benchmark that no policy trains on"),
    ):
        parser.add_argument(
            flag, nargs=3, type=int, default=counts, metavar=("TRAIN", "VAL", "TEST"),
            help=f"number of tasks of {what} (default: {' '.join(map(str, counts))})",
        )  # fmt: skip
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s)")
    parser.add_argument(
        "--view-encoder", default=NETWORK_VIEWS, help=f"{NETWORK_VIEWS} or a name in encoders.py (default: %(default)s)"
    )
    parser.add_argument("--shard-tasks", type=int, default=150, help="tasks a shard (default: %(default)s)")
    record_live.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Record, with a progress bar."""
    registry = load_registry(arguments.registry)
    if arguments.models:
        registry = registry.of_models(arguments.models)
    if arguments.backend == "openai":
        record_live.run(arguments, registry)
        return
    plan = RecordingPlan(
        name=arguments.out.name,
        registry=registry,
        counts=_counts(arguments),
        question_encoder="hashed-64",
        view_encoder=arguments.view_encoder,
        seeds={"world": WORLD_SEED},
        made=_made(registry),
        shard_tasks=arguments.shard_tasks,
    )
    bench = Workbench(
        render=render,
        load_network=load_shipped_network,
        encode_questions=partial(_encode_questions, plan.question_encoder),
        encode_views=partial(_encode_views, plan.view_encoder),
    )
    console = Console()
    with RecordingProgress(console, num_tasks=len(plan.requests)) as progress:
        record(plan, bench, arguments.out, workers=arguments.workers, on_shard=progress.show)
    console.print(f"Recorded {len(plan.requests):,} tasks to {arguments.out}. {progress.rate}", highlight=False)


class RecordingProgress:
    """A progress bar over tasks, with calls per second and time to go.

    Both come from the shards of this run: those of earlier runs took no time now.
    """

    def __init__(self, console: Console, *, num_tasks: int) -> None:
        self._num_tasks = num_tasks
        self._tasks_done = self._new_tasks = self._new_calls = 0
        self._started_s = time.monotonic()
        self._bar = Progress(
            TextColumn("recording"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("tasks · {task.fields[rate]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._bar_id = self._bar.add_task("", total=num_tasks, rate="starting")

    def __enter__(self) -> "RecordingProgress":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    @property
    def rate(self) -> str:
        """Calls per second of this run; empty if it recorded nothing."""
        if not self._new_calls:
            return ""
        return f"{self._new_calls:,} calls now, {self._new_calls / self._elapsed_s:,.0f} calls/s"

    @property
    def _elapsed_s(self) -> float:
        return max(time.monotonic() - self._started_s, 1e-3)

    def show(self, done: ShardDone) -> None:
        """Count a finished shard."""
        self._tasks_done += done.num_tasks
        if not done.resumed:
            self._new_tasks += done.num_tasks
            self._new_calls += done.num_calls
        self._bar.update(self._bar_id, completed=self._tasks_done, rate=self.rate_and_rest())

    def rate_and_rest(self) -> str:
        """Return calls per second and time to go, as the bar shows them."""
        if not self._new_tasks:
            return "resumed"
        rest_s = (self._num_tasks - self._tasks_done) * self._elapsed_s / self._new_tasks
        minutes, seconds = divmod(round(rest_s), 60)
        return f"{self._new_calls / self._elapsed_s:,.0f} calls/s · {minutes}:{seconds:02d} to go"


def _counts(arguments: argparse.Namespace) -> Mapping[str, Mapping[str, int]]:
    for benchmark in arguments.benchmarks:
        if benchmark not in BENCHMARKS:
            raise unknown_name("benchmark", benchmark, BENCHMARKS)
    plain: Sequence[int] = arguments.plain
    test_only: Sequence[int] = arguments.test_only
    by_role = {**dict.fromkeys(TRAINED, plain), _SCENE: arguments.scenes}
    return {
        benchmark: dict(zip(SPLITS, by_role.get(benchmark, test_only), strict=True))
        for benchmark in BENCHMARKS
        if benchmark in arguments.benchmarks
    }


def _made(registry: Registry) -> dict[str, str]:
    """What the replies depend on besides the plan: another one of these may give other last digits."""
    made = {"command": "maestro record", "python": platform.python_version(), "machine": platform.machine()}
    made |= {name: metadata.version(name) for name in _DEPENDENCIES}
    weights = resources.files("maestro_env.experts") / "weights"
    for network in ("view", *dict.fromkeys(model.network for model in registry.models if model.network)):
        path = Path(str(weights)) / f"{network}.safetensors"
        if path.is_file():
            made[f"weights of {network}"] = f"sha256 {_sha256(path)}"
    return made


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# The next two are functions of this module, not lambdas, because worker processes import them.


def _encode_questions(name: str, texts: Sequence[str]) -> NDArray[np.float32]:
    return question_encoder(name).encode(texts)


def _encode_views(name: str, images: Sequence[Image.Image]) -> NDArray[np.float32]:
    encoder = load_shipped_view_encoder() if name == NETWORK_VIEWS else view_encoder(name)
    return encoder.encode(images)
