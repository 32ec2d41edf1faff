"""A script that the tests start and kill: records the small plan slowly and says what it did."""

import multiprocessing
import sys
from pathlib import Path

from maestro_env.recordings.recorder import ShardDone, record
from tests.maestro_env.recordings.fake_bench import fake_bench, small_plan


def say(done: ShardDone) -> None:
    workers = " ".join(str(process.pid) for process in multiprocessing.active_children())
    sys.stdout.write(f"{'resumed' if done.resumed else 'recorded'} {workers}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    folder, shard_tasks, delay_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    record(small_plan(shard_tasks=shard_tasks), fake_bench(delay_s=delay_s), folder, workers=2, on_shard=say)
