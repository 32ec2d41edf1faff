"""Prompts to completions: pictures encoded once, and what was answered before taken from the cache."""

import asyncio
import json
from dataclasses import asdict, dataclass, fields

from maestro_env.backends.cache import Cache
from maestro_env.backends.endpoints.asker import Answered, Asker
from maestro_env.backends.endpoints.pictures import PictureEncoder
from maestro_env.backends.endpoints.requests import PreparedPrompt, request_body, request_key
from maestro_env.backends.local_services import local_service
from maestro_env.connections import Connections
from maestro_env.skills.prompted.base import EXPERT, Prompt
from maestro_env.types import Model, Status


@dataclass(kw_only=True, slots=True)
class _Shared:
    """A prompt that is being asked, for all who ask the same."""

    answered: Answered
    task: asyncio.Task[None]


class Prompter:
    """Answers prompts; the same prompt twice is asked once where there is a cache, also while it is under way.

    Args:
        connections: Where models and services are served.
        asker: Asks.
        cache: Keeps completions; None asks every time.
    """

    def __init__(self, connections: Connections, asker: Asker, *, cache: Cache | None) -> None:
        self._connections = connections
        self._asker = asker
        self._cache = cache
        self.pictures = PictureEncoder()
        self._under_way: dict[str, _Shared] = {}

    async def ask(self, prompt: Prompt, expert_model: Model, answered: Answered) -> None:
        """Answer a prompt, and write what came of it into `answered`: in whichever way this ends, its costs are there.

        A completion from the cache has the costs that it had when it was asked; the budget is not charged for it.

        Raises:
            UnknownNameError: The prompt is for a service, or a model of an endpoint, that is not listed.
            MissingExtraError: It is for a service in this process, whose library is not installed.
        """
        model = expert_model if prompt.to == EXPERT else self._connections.service(prompt.to)
        if prompt.to != EXPERT and model.network:
            await _ask_in_process(prompt, model, answered)
            return
        endpoint = self._connections.endpoint_of(model)
        pictures = [await self.pictures.encode(image) for image in prompt.images]
        sampling = self._connections.sampling
        body = request_body(
            prompt, model, sampling, pictures, stream=endpoint.stream, fixed_sampling=endpoint.fixed_sampling
        )
        prepared = PreparedPrompt(endpoint=endpoint, model=model, body=body)
        if self._cache is None:
            await self._asker.ask(prepared, answered)
            return
        key = request_key(prompt, model, sampling, pictures)
        kept = self._cache.get(key)
        if kept is not None:
            _copy(_from_json(kept), answered)
            return
        shared = self._under_way.get(key)
        if shared is None:
            draft = Answered()
            task = asyncio.ensure_future(self._ask_and_keep(key, prepared, draft, self._cache))
            shared = self._under_way[key] = _Shared(answered=draft, task=task)
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        try:
            # Shielded: it is paid for, and others may wait for it, so it is finished even if this call is given up.
            await asyncio.shield(shared.task)
        finally:
            _copy(shared.answered, answered)

    def cancel(self) -> None:
        """Give up what is under way."""
        for shared in self._under_way.values():
            shared.task.cancel()

    async def _ask_and_keep(self, key: str, prepared: PreparedPrompt, answered: Answered, cache: Cache) -> None:
        await self._asker.ask(prepared, answered)
        if answered.status is Status.OK:
            cache.put(key, json.dumps(asdict(answered)))


async def _ask_in_process(prompt: Prompt, model: Model, answered: Answered) -> None:
    """Ask a service that runs here; it costs nothing but time."""
    loop = asyncio.get_running_loop()
    service = local_service(model.network)
    answered.sent_s = loop.time()
    answered.text = await asyncio.to_thread(service, prompt.images)
    answered.latency_s = loop.time() - answered.sent_s


def _copy(source: Answered, target: Answered) -> None:
    for field in fields(Answered):
        setattr(target, field.name, getattr(source, field.name))


def _from_json(text: str) -> Answered:
    answered = Answered(**json.loads(text))
    answered.status = Status(answered.status)
    return answered
