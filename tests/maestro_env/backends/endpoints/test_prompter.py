"""Prompts through the cache: asked once, also while they are under way; failures again."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from maestro_env.backends.cache import Cache
from maestro_env.backends.endpoints.asker import Answered, Asker
from maestro_env.backends.endpoints.prompter import Prompter
from maestro_env.backends.endpoints.requests import PreparedPrompt
from maestro_env.connections import Connections, Endpoint, Sampling
from maestro_env.errors import UnknownNameError
from maestro_env.skills.prompted.base import Prompt
from maestro_env.types import Model, Status

MODEL = Model(name="m", description="", endpoint="e")
OCR = Model(name="ocr", description="", endpoint="e", served_name="ocr-1b")
CONNECTIONS = Connections(endpoints={"e": Endpoint(name="e", url="http://x/v1")}, services={"ocr": OCR})


@dataclass(kw_only=True)
class FakeAsker:
    """Answers with the name of the model asked, or fails as the script says."""

    statuses: Sequence[Status] = ()
    asked: list[PreparedPrompt] = field(default_factory=list)
    was_cancelled: bool = False

    async def ask(self, prompt: PreparedPrompt, answered: Answered) -> None:
        self.asked.append(prompt)
        status = self.statuses[len(self.asked) - 1] if len(self.asked) <= len(self.statuses) else Status.OK
        answered.num_requests, answered.cost_usd, answered.latency_s = 1, 0.25, 1.5
        try:
            await asyncio.sleep(0.02)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        answered.status = status
        answered.text = prompt.model.name if status is Status.OK else ""


def prompter(asker: FakeAsker, cache: Cache | None, connections: Connections = CONNECTIONS) -> Prompter:
    return Prompter(connections, cast(Asker, asker), cache=cache)


async def ask(asked: Prompter, prompt: Prompt, model: Model = MODEL) -> Answered:
    answered = Answered()
    await asked.ask(prompt, model, answered)
    return answered


def test_prompter__to_the_expert_or_a_service() -> None:
    async def both() -> list[str]:
        asked = prompter(FakeAsker(), None)
        return [(await ask(asked, Prompt(text="x", to=to))).text for to in ("", "ocr")]

    assert asyncio.run(both()) == ["m", "ocr"]


def test_prompter__an_unknown_service() -> None:
    with pytest.raises(UnknownNameError, match=r"service 'orc'\. Did you mean 'ocr'"):
        asyncio.run(ask(prompter(FakeAsker(), None), Prompt(text="x", to="orc")))


def test_prompter__without_a_cache_asks_every_time() -> None:
    async def twice() -> int:
        asker = FakeAsker()
        asked = prompter(asker, None)
        await asyncio.gather(ask(asked, Prompt(text="x")), ask(asked, Prompt(text="x")))
        return len(asker.asked)

    assert asyncio.run(twice()) == 2


def test_prompter__asks_once_with_the_same_costs(tmp_path: Path) -> None:
    async def thrice() -> tuple[int, list[Answered]]:
        asker = FakeAsker()
        asked = prompter(asker, Cache(tmp_path / "c"))
        pair = await asyncio.gather(ask(asked, Prompt(text="x")), ask(asked, Prompt(text="x")))
        return len(asker.asked), [*pair, await ask(asked, Prompt(text="x"))]

    num_asked, answers = asyncio.run(thrice())
    assert num_asked == 1
    assert answers[0] == answers[1] == answers[2]
    assert (answers[2].text, answers[2].cost_usd, answers[2].latency_s) == ("m", 0.25, 1.5)


def test_prompter__a_failure_is_asked_again(tmp_path: Path) -> None:
    async def thrice() -> list[Status]:
        asked = prompter(FakeAsker(statuses=[Status.TIMEOUT]), Cache(tmp_path / "c"))
        return [(await ask(asked, Prompt(text="x"))).status for _ in range(3)]

    assert asyncio.run(thrice()) == [Status.TIMEOUT, Status.OK, Status.OK]
    assert Cache(tmp_path / "c").size().num_entries == 1


def test_prompter__what_a_completion_depends_on(tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (8, 8), colour) for colour in ("red", "blue"))
    prompts = (
        Prompt(text="x"),
        Prompt(text="y"),
        Prompt(text="x", system="s"),
        Prompt(text="x", max_tokens=5),
        Prompt(text="x", to="ocr"),
        Prompt(text="x", images=(red,)),
        Prompt(text="x", images=(blue,)),
        Prompt(text="x", images=(red, blue)),
        Prompt(text="x", images=(blue, red)),
    )

    async def all_twice() -> int:
        asker = FakeAsker()
        cache = Cache(tmp_path / "c")
        hotter = replace(CONNECTIONS, sampling=Sampling(temperature=1.0))
        for connections in (CONNECTIONS, CONNECTIONS, hotter):
            for prompt in prompts:
                await ask(prompter(asker, cache, connections), prompt)
        return len(asker.asked)

    assert asyncio.run(all_twice()) == 2 * len(prompts)


def test_prompter__what_is_paid_for_is_kept_even_if_nobody_waits(tmp_path: Path) -> None:
    async def give_up() -> tuple[int, Answered]:
        asker = FakeAsker()
        asked = prompter(asker, Cache(tmp_path / "c"))
        impatient = asyncio.ensure_future(ask(asked, Prompt(text="x")))
        await asyncio.sleep(0.005)
        impatient.cancel()
        return len(asker.asked), await ask(asked, Prompt(text="x"))

    num_asked, answered = asyncio.run(give_up())
    assert (num_asked, answered.text) == (1, "m")


def test_prompter__cancel_gives_up_what_is_under_way(tmp_path: Path) -> None:
    async def cancel() -> bool:
        asker = FakeAsker()
        asked = prompter(asker, Cache(tmp_path / "c"))
        waiting = asyncio.ensure_future(ask(asked, Prompt(text="x")))
        await asyncio.sleep(0.005)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return asker.was_cancelled

    assert asyncio.run(cancel())


def test_prompter__the_body_of_a_prompt() -> None:
    async def body() -> bytes:
        asker = FakeAsker()
        image = Image.new("RGB", (8, 8))
        await ask(prompter(asker, None), Prompt(text='say "ü"', system="s", images=(image,), to="ocr", max_tokens=7))
        return asker.asked[0].body

    document = json.loads(asyncio.run(body()))
    assert (document["model"], document["max_tokens"]) == ("ocr-1b", 7)
    system, user = document["messages"]
    assert system == {"role": "system", "content": "s"}
    assert [part["type"] for part in user["content"]] == ["image_url", "text"]
    assert user["content"][1]["text"] == 'say "ü"'
