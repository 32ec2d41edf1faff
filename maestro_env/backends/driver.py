"""Running skills: one call, or many calls of one model batched together. Both backends and the recorder drive these."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from PIL import Image

from maestro_env.skills.base import Ask, Finding, Look, Reading, SkillRun
from maestro_env.types import Expert, Model, Reply

LATENCY_S_PER_PASS = 0.002
"""Seconds that a pass is modelled to take: what the small reader needs for one view on one CPU core."""

MAX_BATCH = 128
"""Views put to a network at once: larger batches are no faster on a CPU, and hold more memory."""

LookFunction = Callable[[Sequence[Image.Image], Sequence[str]], Sequence[Look]]
"""look(views, questions) -> one look a view, in their order."""


class Network(Protocol):
    """A frozen network: a reader gives `Reading`s, a locator `Finding`s."""

    def look(self, views: Sequence[Image.Image], questions: Sequence[str]) -> list[Reading] | list[Finding]:
        """Return one look a view; `questions` holds one question a view."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A started call of an expert."""

    expert: Expert
    run: SkillRun


@dataclass(kw_only=True, slots=True)
class _Pending:
    """A call that waits for looks."""

    place: int
    ask: Ask
    num_looks: int = 0


def drive(calls: Sequence[Call], look: LookFunction) -> list[Reply]:
    """Run calls of one model to their ends, batching what they ask.

    The batches depend on nothing but the calls and their order, so that the same calls always give the same replies.

    Args:
        calls: Calls whose experts share one model.
        look: What answers the model's requests.

    Returns:
        The replies, in the order of the calls, with their costs.
    """
    replies: dict[int, Reply] = {}
    pending = [_Pending(place=place, ask=next(call.run)) for place, call in enumerate(calls)]
    while pending:
        looks = iter(_look_in_batches(pending, look))
        still_pending: list[_Pending] = []
        for waiting in pending:
            call = calls[waiting.place]
            waiting.num_looks += len(waiting.ask.views)
            answer = tuple(next(looks) for _ in waiting.ask.views)
            try:
                waiting.ask = call.run.send(answer)
            except StopIteration as end:
                replies[waiting.place] = with_costs(end.value, call.expert.model, num_looks=waiting.num_looks)
            else:
                still_pending.append(waiting)
        pending = still_pending
    return [replies[place] for place in range(len(calls))]


def _look_in_batches(pending: Sequence[_Pending], look: LookFunction) -> list[Look]:
    """Return one look for each view that is asked about; the same question about the same view is put once."""
    asked = [(view, waiting.ask.question) for waiting in pending for view in waiting.ask.views]
    keys = [(id(view), question) for view, question in asked]
    distinct = dict(zip(keys, asked, strict=True))
    views = [view for view, _ in distinct.values()]
    questions = [question for _, question in distinct.values()]
    looks: list[Look] = []
    for start in range(0, len(views), MAX_BATCH):
        looks.extend(look(views[start : start + MAX_BATCH], questions[start : start + MAX_BATCH]))
    look_of = dict(zip(distinct, looks, strict=True))
    return [look_of[key] for key in keys]


def with_costs(reply: Reply, model: Model, *, num_looks: int) -> Reply:
    """Return a reply with what its looks cost, as float32 values, so that a recording replays them exactly."""
    passes = num_looks * model.passes_per_look
    return replace(
        reply,
        passes=float(np.float32(passes)),
        cost_usd=float(np.float32(passes * model.usd_per_pass)),
        latency_s=float(np.float32(passes * LATENCY_S_PER_PASS)),
    )
