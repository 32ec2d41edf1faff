"""Recording a plan in shards: by several processes, resumable after a kill at any moment.

A finished shard is a small recording of its own in the work folder; it appears whole or not at all. The recording is
joined from the shards, so it depends on the plan alone: not on the number of workers, nor on how often it was killed.
"""

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from maestro_env.errors import ConfigurationError, RecordingError
from maestro_env.recordings.build import join_recordings
from maestro_env.recordings.format import read_recording, write_recording
from maestro_env.recordings.manifest import Manifest, read_manifest
from maestro_env.recordings.plan import RecordingPlan
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.recordings.shard import ShardRecorder, Workbench
from maestro_env.recordings.work_folder import open_work_folder

_SHARDS = "shards"


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardDone:
    """News of a finished shard."""

    num_tasks: int
    num_calls: int
    resumed: bool
    """It was finished by an earlier run."""


def record(
    plan: RecordingPlan,
    bench: Workbench,
    out: Path,
    *,
    workers: int = 1,
    on_shard: Callable[[ShardDone], None] = lambda done: None,
) -> Manifest:
    """Record a plan into a new folder, going on where an earlier run of the same plan stopped.

    Args:
        plan: What is recorded.
        bench: With what.
        out: The recording's folder. Finished shards are kept beside it in `<out>.work` until it is complete.
        workers: Processes that record shards.
        on_shard: Called for every finished shard.

    Returns:
        The manifest of the recording.

    Raises:
        RecordingError: `out` exists and is not this plan's recording, `<out>.work` belongs to another plan, or a
            worker process was killed.
        ConfigurationError: Fewer than one worker.
    """
    if workers < 1:
        raise ConfigurationError(f"workers={workers}; expected 1 or more.")
    work = out.with_name(f"{out.name}.work")
    if out.exists():
        manifest = read_manifest(out)
        if manifest.made.get("plan_sha256") != plan.sha256:
            raise RecordingError(f"{out} holds another recording; remove it, or record to another folder.")
        shutil.rmtree(work, ignore_errors=True)
        return manifest
    open_work_folder(work, plan.to_json())
    (work / _SHARDS).mkdir(exist_ok=True)
    missing: list[int] = []
    for shard in range(plan.num_shards):
        done = _finished(work, shard)
        if done is None:
            missing.append(shard)
        else:
            on_shard(_news(done, resumed=True))
    for shard in _record_shards(missing, plan, bench, work, workers):
        on_shard(_news(read_recording(_folder(work, shard)), resumed=False))
    whole = join_recordings([read_recording(_folder(work, shard)) for shard in range(plan.num_shards)])
    # Written inside the work folder, so that a kill in between leaves nothing beside it.
    manifest = write_recording(
        work / "recording", whole, seeds=plan.seeds, made={**plan.made, "plan_sha256": plan.sha256}
    )
    (work / "recording").rename(out)
    shutil.rmtree(work)
    return manifest


def _folder(work: Path, shard: int) -> Path:
    return work / _SHARDS / f"{shard:05d}"


def _finished(work: Path, shard: int) -> Recording | None:
    """Return a finished shard; a damaged one counts as not recorded, and is removed."""
    folder = _folder(work, shard)
    if not folder.exists():
        return None
    try:
        return read_recording(folder)
    except RecordingError:
        shutil.rmtree(folder)
        return None


def _news(shard: Recording, *, resumed: bool) -> ShardDone:
    num_calls = int((shard.status != MISSING).sum())
    return ShardDone(num_tasks=len(shard.tasks), num_calls=num_calls, resumed=resumed)


def _record_shards(shards: list[int], plan: RecordingPlan, bench: Workbench, work: Path, workers: int) -> Iterator[int]:
    """Record shards in worker processes; yield each when it is finished."""
    if not shards:
        return
    # Spawned, not forked: torch does not survive a fork. One worker is a process too, so that the number of workers
    # changes nothing but the time.
    pool = ProcessPoolExecutor(
        max_workers=min(workers, len(shards)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start_worker,
        initargs=(plan, bench),
    )
    try:
        futures = {pool.submit(_work, shard, _folder(work, shard)): shard for shard in shards}
        for future in as_completed(futures):
            try:
                future.result()
            except BrokenProcessPool as error:
                raise RecordingError(
                    f"A worker process was ended from outside, perhaps for want of memory. Finished shards are kept in "
                    f"{work}; run again, with fewer than {workers} workers if memory is short."
                ) from error
            yield futures[future]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker: ShardRecorder | None = None
"""What a worker process records with; None in every other process."""


def _start_worker(plan: RecordingPlan, bench: Workbench) -> None:
    global _worker  # noqa: PLW0603 - the only way to keep state between the tasks of a process pool
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the main process's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = ShardRecorder(plan, bench)


def _end_with_parent() -> None:
    """End this process when its parent does: a killed parent cannot end its workers, and they would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(shard: int, folder: Path) -> None:
    assert _worker is not None
    try:
        write_recording(folder, _worker.record(shard))
    except (OSError, RecordingError):
        # A worker of a run that was killed a moment ago may have finished this shard first: then it is there, whole,
        # and the same.
        if not folder.exists():
            raise
