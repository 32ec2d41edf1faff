"""Skills over endpoints: every call is counted, to services and to the expert's own model, wherever they run."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from maestro_env.connections import Connections, Endpoint
from maestro_env.fault_server import FaultServer
from maestro_env.types import WHOLE, Context, Expert, Model, Skill, Status, Task

pytest.importorskip("aiohttp")
from maestro_env.backends import local_services
from maestro_env.backends.openai import OpenAIBackend

CONTEXT = Context(id=WHOLE)


def priced(name: str, endpoint: str, usd_per_million: float) -> Model:
    return Model(
        name=name, description="", endpoint=endpoint, usd_per_million_prompt_tokens=usd_per_million,
        usd_per_million_completion_tokens=usd_per_million,
    )  # fmt: skip


EXPERT = Expert(model=priced("m", "e", 1.0), skill=Skill(name="Geometric_Problem_Solver", description=""))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(kept_bodies=100) as running:
        yield running


@pytest.fixture
def task(tmp_path: Path) -> Task:
    Image.new("RGB", (60, 40), "white").save(tmp_path / "a.png")
    return Task(
        id="t", benchmark="b", split="test", question="How long is AB?", images=(str(tmp_path / "a.png"),), gold="x"
    )


def backend_of(server: FaultServer, *services: Model) -> OpenAIBackend:
    endpoint = Endpoint(name="e", url=server.url, max_tries=1, deadline_s=20.0)
    endpoints = {
        "e": endpoint,
        "fixed": replace(endpoint, name="fixed", fixed_sampling=True),
        "gone": replace(endpoint, name="gone", url="http://127.0.0.1:9/v1"),
    }
    return OpenAIBackend(Connections(endpoints=endpoints, services={service.name: service for service in services}))


def test_costs__of_services_and_of_every_prompt_are_counted(server: FaultServer, task: Task) -> None:
    backend = backend_of(server, priced("caption", "fixed", 100.0), priced("ocr", "e", 10.0))
    reply = backend.invoke(task, CONTEXT, EXPERT)
    backend.close()
    assert reply.status is Status.OK
    # Two services and four prompts, each of 100 and 10 tokens: 110 x (100 + 10 + 4 x 1) USD a million.
    assert (reply.prompt_tokens, reply.completion_tokens) == (600, 60)
    assert reply.cost_usd == pytest.approx(110 * 114 / 1e6)
    assert server.journal.requests.total() == 6


def test_service__that_samples_as_it_likes_is_sent_no_temperature(server: FaultServer, task: Task) -> None:
    backend = backend_of(server, priced("caption", "fixed", 0.0), priced("ocr", "e", 0.0))
    backend.invoke(task, CONTEXT, EXPERT)
    backend.close()
    by_model = {body["model"]: body for body in server.journal.bodies}
    assert {"temperature", "top_p", "max_tokens", "seed"} <= set(by_model["ocr"])
    assert not {"temperature", "top_p", "max_tokens", "seed"} & set(by_model["caption"])
    assert by_model["caption"]["max_completion_tokens"] == 2048


def test_service__that_is_down_is_missing_evidence(server: FaultServer, task: Task) -> None:
    backend = backend_of(server, priced("caption", "gone", 0.0), priced("ocr", "e", 0.0))
    reply = backend.invoke(task, CONTEXT, EXPERT)
    backend.close()
    assert reply.status is Status.OK
    final = server.journal.bodies[-1]["messages"][-1]["content"][-1]["text"]
    assert "Description (picture 1): missing, because the service failed (unreachable)" in final


def test_service__in_this_process(server: FaultServer, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(pictures: Sequence[Image.Image]) -> str:
        return f"a sign of {pictures[0].width} pixels"

    monkeypatch.setattr(local_services, "LOCAL_SERVICES", {"rapidocr": read})
    here = Model(name="ocr", description="", network="rapidocr")
    backend = backend_of(server, priced("caption", "e", 0.0), here)
    reply = backend.invoke(task, CONTEXT, EXPERT)
    backend.close()
    final = server.journal.bodies[-1]["messages"][-1]["content"][-1]["text"]
    assert "Text read (picture 1): a sign of 60 pixels" in final
    assert reply.prompt_tokens == 500
