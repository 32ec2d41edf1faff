"""Calls experts behind endpoints: runs their skills, step by step, and makes one reply of all that they asked."""

import asyncio
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from maestro_env.backends.cache import Cache
from maestro_env.backends.endpoints.asker import Answered, Asker
from maestro_env.backends.endpoints.budget import Purse
from maestro_env.backends.endpoints.http import HttpClient
from maestro_env.backends.endpoints.prompter import Prompter
from maestro_env.connections import Connections
from maestro_env.errors import TaskError
from maestro_env.skills.prompted.base import EXPERT, Completion, Prompt, Request, Work
from maestro_env.skills.prompted.workflows import prompted_function
from maestro_env.tasks import load_image
from maestro_env.types import Context, Expert, Model, Reply, Status, Task

KEPT_PICTURES = 32
"""Pictures kept at hand besides those that calls hold: as many as fit in memory even if each is large."""


@dataclass(kw_only=True, slots=True)
class _Tally:
    """What a call has cost so far."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    latency_s: float = 0.0

    def add_step(self, answers: Sequence[Answered]) -> None:
        """Count prompts that were asked at the same time."""
        self.prompt_tokens += sum(answered.prompt_tokens for answered in answers)
        self.completion_tokens += sum(answered.completion_tokens for answered in answers)
        self.cost_usd += sum(answered.cost_usd for answered in answers)
        self.latency_s += max((answered.latency_s for answered in answers), default=0.0)

    def put_on(self, reply: Reply) -> Reply:
        """Return a reply with these costs, as float32 values, so that a recording replays them exactly."""
        return replace(
            reply,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost_usd=float(np.float32(self.cost_usd)),
            latency_s=float(np.float32(self.latency_s)),
        )


class Caller:
    """Calls experts. To be made, used and closed within one running event loop.

    Args:
        connections: Where models and services are served.
        purse: Is charged for every request.
        cache: Keeps completions; None asks every time.
        seed: Of the pauses between retries.
        load_image: Loads a picture by its reference.

    Raises:
        MissingExtraError: aiohttp is not installed.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        purse: Purse,
        cache: Cache | None = None,
        seed: int = 0,
        load_image: Callable[[str], Image.Image] = load_image,
    ) -> None:
        self._http = HttpClient()
        asker = Asker(connections.endpoints, self._http, purse, random=np.random.default_rng(seed))
        self._prompter = Prompter(connections, asker, cache=cache)
        self._connections = connections
        self._load_image = load_image
        self._pictures: OrderedDict[str, asyncio.Task[Image.Image]] = OrderedDict()
        self._in_use: weakref.WeakValueDictionary[str, Image.Image] = weakref.WeakValueDictionary()
        self._running: set[asyncio.Task[object]] = set()
        self._cancelled: set[asyncio.Task[object]] = set()

    async def close(self) -> None:
        """Give up what is under way, and close all connections."""
        self.cancel()
        await self._http.close()

    def cancel(self) -> None:
        """Give up every call that is under way: each returns with the status `cancelled`."""
        for task in self._running - self._cancelled:
            self._cancelled.add(task)
            task.cancel()
        self._prompter.cancel()

    @property
    def num_encoded(self) -> int:
        """Pictures encoded so far."""
        return self._prompter.pictures.num_encoded

    async def call(self, task: Task, context: Context, expert: Expert) -> Reply:
        """Return what an expert replies to a task in a context. A task of the event loop makes one call at a time.

        Raises:
            UnknownNameError: The expert's skill, a service it uses, or the endpoint of its model is not known.
            ConfigurationError: The key of an endpoint that is asked is not in the environment.
            TaskError: A picture cannot be loaded.
        """
        function = prompted_function(expert.skill.name)
        self._connections.endpoint_of(expert.model)
        running = asyncio.current_task()
        assert running is not None
        tally = _Tally()
        self._running.add(running)
        try:
            images = tuple([await self._image(reference) for reference in task.images])
            run = function(task, context, images, expert)
            try:
                requests = next(run)
                while True:
                    answers = [Answered() for _ in requests]
                    try:
                        await self._serve(requests, expert.model, answers)
                    finally:
                        tally.add_step(answers)
                    failed = _first_failure(requests, answers)
                    if failed is not None:
                        return tally.put_on(failure(failed.status, failed.detail, context=context))
                    completions = (Completion(text=each.text, status=each.status) for each in answers)
                    requests = run.send(tuple(completions))
            except StopIteration as end:
                return tally.put_on(end.value)
            finally:
                run.close()
        except asyncio.CancelledError:
            if running not in self._cancelled:
                raise
            running.uncancel()
            return tally.put_on(failure(Status.CANCELLED, "the call was given up", context=context))
        finally:
            self._running.discard(running)
            self._cancelled.discard(running)

    async def _serve(self, requests: Sequence[Request], model: Model, answers: Sequence[Answered]) -> None:
        """Answer requests at the same time, each into its place."""
        if len(requests) == 1:  # the usual case, without a task of its own
            await self._serve_one(requests[0], model, answers[0])
            return
        await asyncio.gather(
            *(self._serve_one(request, model, answered) for request, answered in zip(requests, answers, strict=True))
        )

    async def _serve_one(self, request: Request, model: Model, answered: Answered) -> None:
        if isinstance(request, Prompt):
            await self._prompter.ask(request, model, answered)
        else:
            answered.text = await _work(request)

    async def _image(self, reference: str) -> Image.Image:
        """Return a picture; who asks while it is being loaded waits for the same."""
        held = self._in_use.get(reference)
        if held is not None:
            return held
        loading = self._pictures.get(reference)
        if loading is None:
            loading = asyncio.ensure_future(asyncio.to_thread(self._load_image, reference))
            self._pictures[reference] = loading
            if len(self._pictures) > KEPT_PICTURES:
                self._pictures.popitem(last=False)
        try:
            image = await asyncio.shield(loading)
        except TaskError:
            self._pictures.pop(reference, None)  # the file may be there next time
            raise
        self._in_use[reference] = image
        return image


async def _work(work: Work) -> str:
    return await asyncio.to_thread(work.run)


def _first_failure(requests: Sequence[Request], answers: Sequence[Answered]) -> Answered | None:
    """Return what came of the first prompt to the expert's own model that failed."""
    for request, answered in zip(requests, answers, strict=True):
        if isinstance(request, Prompt) and request.to == EXPERT and answered.status is not Status.OK:
            return answered
    return None


def failure(status: Status, detail: str, *, context: Context) -> Reply:
    """Return the reply of a call that failed."""
    return Reply(text=f"{status.value}: {detail}", answer=None, confidence=None, next_context=context, status=status)
