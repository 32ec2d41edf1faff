"""The fault run: all planned calls at once over one server, twice, then once more with half the money."""

import asyncio
import gc
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.scenario import EXPERT, USD_PER_COMPLETION, PlannedCall, connections_to
from benchmarks.faults.serving import RemoteServer
from maestro_env.backends.cache import Cache
from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.backends.endpoints.caller import Caller
from maestro_env.types import WHOLE, Context, Reply, Status

KEY_VARIABLE = "MAESTRO_FAULTS_KEY"
KEY = "sk-of-the-fault-run-0123456789"

_CONTEXT = Context(id=WHOLE)


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultRun:
    """What became of the calls."""

    num_calls: int
    num_faulty: int
    seconds: float
    cpu_ms_per_call: float
    statuses: dict[str, int]
    """Status -> calls."""
    lost: int
    """Calls without a reply."""
    wrong_status: int
    wrong_answer: int
    """Replies with the answer to another call, or with one where there can be none."""
    wrong_requests: int
    """Calls for which the server was sent more or fewer requests than it takes."""
    answered_twice: int
    """Calls for which the server wrote more than one completion, to be paid twice."""
    kept: int
    """Completions in the cache."""
    kept_failures: int
    """Those of them that belong to a call which failed."""
    asked_again: int
    """In a second run over the same cache: requests for calls that had been answered."""
    replies_changed: int
    """In the second run: replies to answered calls that differ from the first run's, costs and times included."""
    keys_seen: int
    """Replies, and bytes of the cache's files, that hold the key."""
    spent_usd: float
    budget_usd: float
    """Of the last run, with half of what the first one cost."""
    overspent_usd: float
    """In the last run; at most what is in flight."""
    in_flight_usd: float
    """What the calls in flight can cost."""
    resident_mb: tuple[float, ...]
    """Memory of the client's process, at each tenth of the first run."""


def run_faults(calls: Sequence[PlannedCall], server: RemoteServer, *, concurrent: int) -> FaultRun:
    """Run all calls, check each, and return what was found."""
    os.environ[KEY_VARIABLE] = KEY
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder) / "cache.sqlite", max_bytes=None)
        resident_mb: list[float] = []
        purse = Purse(Budget())
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        replies = asyncio.run(_play(calls, server.url, purse, cache, concurrent=concurrent, resident_mb=resident_mb))
        seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        first = server.journal()
        kept = cache.size().num_entries
        again = asyncio.run(_play(calls, server.url, Purse(Budget()), cache, concurrent=concurrent))
        second = server.journal()
        cache.close()
        in_files = sum(KEY.encode() in path.read_bytes() for path in Path(folder).iterdir())
    answered = [call for call in calls if call.status is Status.OK]
    halved = Purse(Budget(usd=purse.usd / 2))
    asyncio.run(_play(calls, server.url, halved, None, concurrent=concurrent))
    return FaultRun(
        num_calls=len(calls),
        num_faulty=sum(call.fault is not None for call in calls),
        seconds=seconds,
        cpu_ms_per_call=1000 * cpu_s / len(calls),
        statuses=dict(sorted(Counter(reply.status.value for reply in replies.values()).items())),
        lost=sum(call.task.id not in replies for call in calls),
        wrong_status=sum(replies[call.task.id].status is not call.status for call in calls),
        wrong_answer=sum(_is_wrong(replies[call.task.id], call) for call in calls),
        wrong_requests=sum(first.requests[call.prompt] != call.num_requests for call in calls),
        answered_twice=sum(first.completions[call.prompt] > 1 for call in calls),
        kept=kept,
        kept_failures=kept - len(answered),
        asked_again=sum(second.requests[call.prompt] - first.requests[call.prompt] for call in answered),
        replies_changed=sum(replies[call.task.id] != again[call.task.id] for call in answered),
        keys_seen=in_files + sum(KEY in repr(reply) for reply in replies.values()),
        spent_usd=purse.usd,
        budget_usd=purse.usd / 2,
        overspent_usd=max(0.0, halved.usd - purse.usd / 2),
        in_flight_usd=concurrent * USD_PER_COMPLETION,
        resident_mb=tuple(resident_mb),
    )


def _is_wrong(reply: Reply, call: PlannedCall) -> bool:
    if call.status is Status.OK:
        return call.answer is not None and reply.answer != call.answer
    return reply.answer is not None


async def _play(
    calls: Sequence[PlannedCall],
    url: str,
    purse: Purse,
    cache: Cache | None,
    *,
    concurrent: int,
    resident_mb: list[float] | None = None,
) -> dict[str, Reply]:
    """Make all calls, `concurrent` at a time, and return the replies by the id of the task."""
    caller = Caller(connections_to(url, concurrent=concurrent), purse=purse, cache=cache)
    replies: dict[str, Reply] = {}
    waiting = iter(calls)
    tenth = max(len(calls) // 10, 1)

    async def work() -> None:
        for call in waiting:
            reply = await caller.call(call.task, _CONTEXT, EXPERT)
            assert call.task.id not in replies, "a call was answered twice"
            replies[call.task.id] = reply
            if resident_mb is not None and len(replies) % tenth == 0:
                gc.collect()
                resident_mb.append(_resident_mb())

    await asyncio.gather(*(work() for _ in range(concurrent)))
    await caller.close()
    return replies


def _resident_mb() -> float:
    """Return the memory of this process now, in MB; 0 where the system does not tell."""
    status = Path("/proc/self/statm")
    if not status.is_file():
        return 0.0
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
