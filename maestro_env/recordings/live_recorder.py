"""Recording experts that cost money and may fail: call by call, resumable after a kill at any moment.

Every reply is kept on disk as it comes. Failures are not: they are tried again by the next run, and stand in a
recording, as the statuses they are, only where that is asked for.
"""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from maestro_env.backends.cache import Cache, reply_from_json, reply_to_json
from maestro_env.encoders import question_encoder, view_encoder
from maestro_env.errors import ConfigurationError, RecordingError
from maestro_env.recordings.build import RecordedTask, build_recording
from maestro_env.recordings.format import write_recording
from maestro_env.recordings.manifest import Manifest, read_manifest, registry_to_json
from maestro_env.recordings.untouched import QUESTION_ENCODER, VIEW_ENCODER
from maestro_env.recordings.work_folder import open_work_folder
from maestro_env.registry import Registry
from maestro_env.skills.crops import view_of
from maestro_env.tasks import load_image
from maestro_env.types import WHOLE, Context, Expert, Reply, Status, Task

_GIVEN_UP = (Status.OVER_BUDGET.value, Status.CANCELLED.value)
"""Failures of this side: they say nothing about an expert, so no recording holds them."""


class AsyncCall(Protocol):
    """Who is called; `Caller.call` is one."""

    def __call__(self, task: Task, context: Context, expert: Expert) -> Awaitable[Reply]: ...


@dataclass(frozen=True, kw_only=True)
class LivePlan:
    """What is to be recorded: every expert on every task, in every context that turns up."""

    name: str
    registry: Registry
    tasks: tuple[Task, ...]
    sampling: Mapping[str, object]
    """How completions are sampled."""
    made: Mapping[str, str] = field(default_factory=dict[str, str])
    """What else the replies depend on, in words."""
    cost_unit: str = "usd"
    question_encoder: str = QUESTION_ENCODER
    view_encoder: str = VIEW_ENCODER

    def to_json(self) -> str:
        """Return all that must be the same for a recording to be resumed."""
        tasks = json.dumps([asdict(task) for task in self.tasks], sort_keys=True)
        document = {
            "name": self.name,
            "registry": registry_to_json(self.registry),
            "tasks": {"number": len(self.tasks), "sha256": hashlib.sha256(tasks.encode()).hexdigest()},
            "sampling": dict(self.sampling),
            "made": dict(self.made),
        }
        return json.dumps(document, indent=1, ensure_ascii=False) + "\n"

    @property
    def sha256(self) -> str:
        """Of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class CallDone:
    """News of a call."""

    expert: Expert
    reply: Reply
    resumed: bool
    """An earlier run had made it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveResult:
    """How a run ended."""

    manifest: Manifest | None
    """Of the recording; None where calls are left for another run."""
    failures: Mapping[str, int]
    """Status -> calls that failed, and will be tried again by another run."""
    num_left: int
    """Tasks that were not begun, because the budget was used up."""


async def record_live(
    plan: LivePlan,
    call: AsyncCall,
    out: Path,
    *,
    concurrent: int = 64,
    accept_failures: bool = False,
    on_call: Callable[[CallDone], None] = lambda done: None,
) -> LiveResult:
    """Record a plan into a new folder, going on where an earlier run of the same plan stopped.

    Args:
        plan: What is recorded.
        call: Answers calls; a failing expert is a reply with a status.
        out: The recording's folder. Replies are kept beside it in `<out>.work` until it is complete.
        concurrent: Calls at once.
        accept_failures: Whether calls that failed become part of the recording, with their statuses.
        on_call: Called for every call, also for those of earlier runs.

    Raises:
        RecordingError: `out` exists and is not this plan's recording, or `<out>.work` belongs to another plan.
        ConfigurationError: Fewer than one call at once.
        TaskError: A task's picture cannot be loaded.
    """
    if concurrent < 1:
        raise ConfigurationError(f"concurrent={concurrent}; expected 1 or more.")
    work = work_folder(out)
    if out.exists():
        manifest = read_manifest(out)
        if manifest.made.get("plan_sha256") != plan.sha256:
            raise RecordingError(f"{out} holds another recording; remove it, or record to another folder.")
        shutil.rmtree(work, ignore_errors=True)
        return LiveResult(manifest=manifest, failures={}, num_left=0)
    open_work_folder(work, plan.to_json())
    kept = Cache(work / "replies.sqlite", max_bytes=None)
    try:
        run = _Run(plan, call, kept, concurrent=concurrent, on_call=on_call)
        await run.record_all()
    finally:
        kept.close()
    given_up = any(status in run.failures for status in _GIVEN_UP)
    if run.num_left or given_up or (run.failures and not accept_failures):
        return LiveResult(manifest=None, failures=run.failures, num_left=run.num_left)
    whole = build_recording(plan, [_encoded(plan, visit) for visit in run.visits])
    # Written inside the work folder, so that a kill in between leaves nothing beside it.
    manifest = write_recording(work / "recording", whole, made={**plan.made, "plan_sha256": plan.sha256})
    (work / "recording").rename(out)
    shutil.rmtree(work)
    return LiveResult(manifest=manifest, failures=run.failures, num_left=0)


def work_folder(out: Path) -> Path:
    """Return the folder in which a recording is made."""
    return out.with_name(f"{out.name}.work")


@dataclass(kw_only=True)
class _Visit:
    """A task with the contexts found so far and the replies given in them."""

    task: Task
    contexts: list[Context] = field(default_factory=lambda: [Context(id=WHOLE)])
    replies: dict[tuple[int, int], Reply] = field(default_factory=dict[tuple[int, int], Reply])
    """(slot, expert) -> reply."""

    def enter(self, context: Context) -> None:
        """Take in where a reply goes on."""
        known = {each.id: each for each in self.contexts}
        if context.id not in known:
            self.contexts.append(context)
        elif known[context.id] != context:
            raise RecordingError(
                f"Task {self.task.id!r}: the context {context.id!r} was found twice, as {known[context.id]} and as "
                f"{context}; a skill must give different regions different ids."
            )


class _Run:
    """One run over a plan."""

    def __init__(
        self, plan: LivePlan, call: AsyncCall, kept: Cache, *, concurrent: int, on_call: Callable[[CallDone], None]
    ) -> None:
        self._plan = plan
        self._call = call
        self._kept = kept
        self._on_call = on_call
        self._places = asyncio.Semaphore(concurrent)
        self._num_workers = min(concurrent, len(plan.tasks))
        self._over_budget = False
        self.visits = [_Visit(task=task) for task in plan.tasks]
        self.failures: dict[str, int] = {}
        self.num_left = 0

    async def record_all(self) -> None:
        """Visit all tasks; if one raises, the others are given up."""
        waiting = iter(self.visits)

        async def work() -> None:
            for visit in waiting:
                if self._over_budget:
                    self.num_left += 1
                else:
                    await self._record(visit)

        workers = [asyncio.ensure_future(work()) for _ in range(self._num_workers)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _record(self, visit: _Visit) -> None:
        """Call every expert in every context of a task; what they find is visited next."""
        slot = 0
        while slot < len(visit.contexts):
            context = visit.contexts[slot]
            experts = self._plan.registry.experts
            replies = await asyncio.gather(*(self._reply(visit.task, context, expert) for expert in experts))
            for place, reply in enumerate(replies):
                visit.replies[slot, place] = reply
                visit.enter(reply.next_context)
            slot += 1

    async def _reply(self, task: Task, context: Context, expert: Expert) -> Reply:
        key = json.dumps([task.id, context.id, expert.id])
        kept = self._kept.get(key)
        if kept is not None:
            reply = reply_from_json(kept)
        else:
            async with self._places:
                reply = await self._call(task, context, expert)
            if reply.status is Status.OK:
                self._kept.put(key, reply_to_json(reply))
            else:
                self.failures[reply.status.value] = self.failures.get(reply.status.value, 0) + 1
                self._over_budget |= reply.status is Status.OVER_BUDGET
        self._on_call(CallDone(expert=expert, reply=reply, resumed=kept is not None))
        return reply


def _encoded(plan: LivePlan, visit: _Visit) -> RecordedTask:
    """Return a task with its replies, its question and views encoded."""
    views = view_encoder(plan.view_encoder)
    shown = np.zeros((len(visit.contexts), views.dim), np.float32)
    if visit.task.images:
        image = load_image(visit.task.images[0])
        shown = views.encode([view_of(image, context) for context in visit.contexts])
    return RecordedTask(
        task=visit.task,
        contexts=tuple(visit.contexts),
        question=question_encoder(plan.question_encoder).encode([visit.task.question])[0],
        views=shown,
        replies=visit.replies,
    )
