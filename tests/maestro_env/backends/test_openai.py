"""The backend of endpoints against a server that fails on purpose: every failure is a status, and nothing leaks."""

import asyncio
import gc
import io
import logging
import pickle
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from maestro_env.backends.endpoints.budget import Budget, Purse
from maestro_env.connections import Connections, Endpoint, Sampling
from maestro_env.errors import ConfigurationError, TaskError, UnknownNameError
from maestro_env.fault_server import Fault, FaultServer, answer_to
from maestro_env.registry import Registry
from maestro_env.skills.prompted.answers import ANSWER_FORM
from maestro_env.skills.prompted.direct import question_of
from maestro_env.testing import check_backend
from maestro_env.types import WHOLE, Box, Context, Expert, Model, Skill, Status, Task

pytest.importorskip("aiohttp")
from maestro_env.backends.endpoints.caller import Caller
from maestro_env.backends.openai import OpenAIBackend

KEY = "sk-very-secret-0123"
MODEL = Model(
    name="m",
    description="A model.",
    endpoint="e",
    usd_per_million_prompt_tokens=1.0,
    usd_per_million_completion_tokens=10.0,
)
EXPERT = Expert(model=MODEL, skill=Skill(name="Direct", description="Asks once."))
CONTEXT = Context(id=WHOLE)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(kept_bodies=100) as running:
        yield running


def task(question: str = "How many?", **changes: object) -> Task:
    return replace(
        Task(id=question, benchmark="b", split="test", question=question, images=(), gold="x"),
        **changes,  # type: ignore[arg-type]
    )


def endpoint(server: FaultServer) -> Endpoint:
    return Endpoint(
        name="e", url=server.url, timeout_s=1.0, deadline_s=20.0, max_tries=2, first_pause_s=0.01, breaker_failures=1000
    )


def backend_of(server: FaultServer, **changes: object) -> OpenAIBackend:
    return OpenAIBackend(Connections(endpoints={"e": replace(endpoint(server), **changes)}))  # type: ignore[arg-type]


def prompt_of(asked: Task) -> str:
    return f"{question_of(asked)}\n\n{ANSWER_FORM}"


def test_invoke__a_reply_with_its_costs(server: FaultServer) -> None:
    backend = backend_of(server)
    reply = backend.invoke(task(), CONTEXT, EXPERT)
    assert reply.status is Status.OK
    assert reply.answer == answer_to(prompt_of(task()))
    assert reply.next_context == CONTEXT
    # The server says 100 and 10 tokens: 100 x 1e-6 + 10 x 10e-6 USD.
    assert (reply.prompt_tokens, reply.completion_tokens) == (100, 10)
    assert reply.cost_usd == pytest.approx(0.0002)
    assert reply.latency_s > 0
    backend.close()


def test_invoke__what_is_sent(server: FaultServer, tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    backend = backend_of(server)
    backend.invoke(task(choices=("1", "2"), images=(str(tmp_path / "a.png"),)), CONTEXT, EXPERT)
    (body,) = server.journal.bodies
    assert (body["model"], body["temperature"], body["top_p"], body["seed"], body["max_tokens"]) == ("m", 0, 1, 0, 2048)
    (message,) = body["messages"]
    picture, text = message["content"]
    assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/")
    assert text["text"] == "How many?\nChoices:\n- 1\n- 2\n\n" + ANSWER_FORM
    backend.close()


def test_invoke__its_own_name_and_sampling(server: FaultServer) -> None:
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=5, seed=None)
    backend = OpenAIBackend(Connections(endpoints={"e": endpoint(server)}, sampling=sampling))
    backend.invoke(task(), CONTEXT, replace(EXPERT, model=replace(MODEL, served_name="org/m-8b")))
    (body,) = server.journal.bodies
    assert (body["model"], body["temperature"], body["top_p"], body["max_tokens"]) == ("org/m-8b", 0.7, 0.9, 5)
    assert "seed" not in body
    backend.close()


PERMANENT = {
    Fault.HANG: Status.TIMEOUT,
    Fault.RESET: Status.UNREACHABLE,
    Fault.BROKEN_OFF: Status.UNREACHABLE,
    Fault.TOO_MANY: Status.RATE_LIMITED,
    Fault.TOO_MANY_LATER: Status.RATE_LIMITED,
    Fault.ERROR: Status.UNREACHABLE,
    Fault.REFUSED: Status.REFUSED,
    Fault.UNAUTHORISED: Status.REFUSED,
    Fault.REDIRECT: Status.REFUSED,
    Fault.TRUNCATED_JSON: Status.MALFORMED,
    Fault.INVALID_JSON: Status.MALFORMED,
    Fault.INVALID_UTF8: Status.MALFORMED,
    Fault.WRONG_MODEL: Status.MALFORMED,
    Fault.NO_CHOICES: Status.MALFORMED,
    Fault.EMPTY: Status.MALFORMED,
    Fault.HUGE: Status.MALFORMED,
}
NOT_REPEATED = (
    Fault.REFUSED,
    Fault.UNAUTHORISED,
    Fault.REDIRECT,
    Fault.WRONG_MODEL,
    Fault.EMPTY,
    Fault.HUGE,
)
HARMLESS = (Fault.SLOW, Fault.TAGS, Fault.ECHO)


def test_faults__each_is_in_the_tables() -> None:
    assert {*PERMANENT, *HARMLESS} == set(Fault)


@pytest.mark.parametrize("fault", PERMANENT)
def test_invoke__a_fault_that_stays_is_a_status(server: FaultServer, fault: Fault) -> None:
    backend = backend_of(server, timeout_s=0.1)
    asked = task(f"What? [fault {fault}]")
    reply = backend.invoke(asked, CONTEXT, EXPERT)
    assert (reply.status, reply.answer, reply.next_context) == (PERMANENT[fault], None, CONTEXT)
    assert reply.text.startswith(f"{PERMANENT[fault]}: ")
    assert reply.latency_s > 0
    assert server.journal.requests[prompt_of(asked)] == (1 if fault in NOT_REPEATED else 2)
    backend.close()


@pytest.mark.parametrize("fault", [fault for fault in PERMANENT if fault not in NOT_REPEATED])
def test_invoke__a_fault_that_passes_is_tried_again(server: FaultServer, fault: Fault) -> None:
    backend = backend_of(server, timeout_s=0.3)
    asked = task(f"What? [fault {fault} x1]")
    reply = backend.invoke(asked, CONTEXT, EXPERT)
    assert (reply.status, reply.answer) == (Status.OK, answer_to(prompt_of(asked)))
    assert server.journal.requests[prompt_of(asked)] == 2
    backend.close()


@pytest.mark.parametrize("fault", HARMLESS)
@pytest.mark.parametrize("stream", [False, True])
def test_invoke__harmless_oddities(server: FaultServer, fault: Fault, *, stream: bool) -> None:
    backend = backend_of(server, stream=stream)
    reply = backend.invoke(task(f"What? [fault {fault}]"), CONTEXT, EXPERT)
    assert reply.status is Status.OK
    backend.close()


def test_invoke__streamed(server: FaultServer) -> None:
    backend = backend_of(server, stream=True)
    reply = backend.invoke(task(), CONTEXT, EXPERT)
    assert (reply.answer, reply.prompt_tokens) == (answer_to(prompt_of(task())), 100)
    assert server.journal.bodies[0]["stream_options"] == {"include_usage": True}
    backend.close()


def test_invoke__streamed_and_cut_off(server: FaultServer) -> None:
    backend = backend_of(server, stream=True, max_completion_chars=5000)
    reply = backend.invoke(task("What? [fault huge]"), CONTEXT, EXPERT)
    assert reply.status is Status.MALFORMED
    assert reply.text == "malformed: cut off: the completion has more than 5,000 characters"
    assert reply.completion_tokens == 6  # pieces of 1,000 characters that came; what the server counted never did
    backend.close()


def test_invoke__nobody_listens() -> None:
    nowhere = Endpoint(name="e", url="http://127.0.0.1:9/v1", max_tries=2, first_pause_s=0.01)
    backend = OpenAIBackend(Connections(endpoints={"e": nowhere}))
    reply = backend.invoke(task(), CONTEXT, EXPERT)
    assert reply.status is Status.UNREACHABLE
    backend.close()


def test_backend__keeps_the_contract(server: FaultServer) -> None:
    backend = backend_of(server)
    check_backend(
        backend,
        tasks=[task(), task("[fault refused]"), task("[fault empty]")],
        registry=Registry(name="r", experts=(EXPERT,)),
    )
    backend.close()


def test_backend__unknown_names(server: FaultServer) -> None:
    backend = backend_of(server)
    with pytest.raises(UnknownNameError, match=r"endpoint of model 'm' 'f'.*'e'"):
        backend.invoke(task(), CONTEXT, replace(EXPERT, model=replace(MODEL, endpoint="f")))
    with pytest.raises(UnknownNameError, match="'m' names no endpoint"):
        backend.invoke(task(), CONTEXT, replace(EXPERT, model=replace(MODEL, endpoint="")))
    with pytest.raises(UnknownNameError, match=r"prompted skill 'Direkt'.*'Direct'"):
        backend.invoke(task(), CONTEXT, replace(EXPERT, skill=replace(EXPERT.skill, name="Direkt")))
    backend.close()


def test_backend__a_picture_that_is_missing_may_be_there_next_time(server: FaultServer, tmp_path: Path) -> None:
    backend = backend_of(server)
    asked = task(images=(str(tmp_path / "a.png"),))
    with pytest.raises(TaskError, match="cannot be read"):
        backend.invoke(asked, CONTEXT, EXPERT)
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    assert backend.invoke(asked, CONTEXT, EXPERT).status is Status.OK
    backend.close()


def test_backend__shows_the_region_of_the_context(server: FaultServer, tmp_path: Path) -> None:
    Image.new("RGB", (400, 300), "red").save(tmp_path / "a.png")
    region = Context(id="region:x", parent=WHOLE, box=Box(left=100, top=100, right=200, bottom=200))
    backend = backend_of(server)
    reply = backend.invoke(task(images=(str(tmp_path / "a.png"),)), region, EXPERT)
    assert reply.next_context == region
    url = server.journal.bodies[0]["messages"][0]["content"][0]["image_url"]["url"]
    import base64

    shown = Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))
    assert shown.size == (120, 120)  # the region of 100 pixels, with a tenth of margin on each side
    backend.close()


def test_backend__calls_of_many_threads_overlap(server: FaultServer) -> None:
    server.delay_s = 0.2
    backend = backend_of(server)
    with ThreadPoolExecutor(16) as threads:
        replies = list(threads.map(lambda n: backend.invoke(task(f"q {n}"), CONTEXT, EXPERT), range(16)))
    assert [reply.answer for reply in replies] == [answer_to(prompt_of(task(f"q {n}"))) for n in range(16)]
    assert server.journal.most_open > 8
    backend.close()


def test_backend__no_more_requests_at_once_than_the_endpoint_takes(server: FaultServer) -> None:
    server.delay_s = 0.02
    backend = backend_of(server, max_concurrent=3)
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda n: backend.invoke(task(f"q {n}"), CONTEXT, EXPERT), range(16)))
    assert server.journal.most_open == 3
    backend.close()


def test_backend__encodes_a_picture_once_for_all_experts(server: FaultServer, tmp_path: Path) -> None:
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")

    async def call() -> int:
        connections = Connections(endpoints={"e": endpoint(server)})
        caller = Caller(connections, purse=Purse(Budget()))
        experts = [replace(EXPERT, model=replace(MODEL, name=f"m{n}")) for n in range(6)]
        asked = task(images=(str(tmp_path / "a.png"),))
        await asyncio.gather(*(caller.call(asked, CONTEXT, expert) for expert in experts))
        await caller.call(asked, CONTEXT, EXPERT)
        await caller.close()
        return caller.num_encoded

    assert asyncio.run(call()) == 1


def test_backend__a_body_of_megabytes(server: FaultServer) -> None:
    backend = backend_of(server)
    assert backend.invoke(task("long " * 500_000), CONTEXT, EXPERT).status is Status.OK
    backend.close()


def test_cancel__calls_under_way_return_and_later_ones_run(server: FaultServer) -> None:
    backend = backend_of(server, timeout_s=60.0)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(backend.invoke, task(f"{n} [fault hang]"), CONTEXT, EXPERT) for n in range(4)]
        while sum(server.journal.requests.values()) < 4:
            threading.Event().wait(0.01)
        backend.cancel()
        replies = [each.result(timeout=20) for each in waiting]
    assert {reply.status for reply in replies} == {Status.CANCELLED}
    assert all(reply.latency_s > 0 for reply in replies)
    assert backend.invoke(task(), CONTEXT, EXPERT).status is Status.OK
    backend.close()


def test_close__gives_up_calls_and_opens_again(server: FaultServer) -> None:
    backend = backend_of(server, timeout_s=60.0)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(backend.invoke, task("[fault hang]"), CONTEXT, EXPERT)
        while not server.journal.requests:
            threading.Event().wait(0.01)
        backend.close()
        assert waiting.result(timeout=20).status is Status.CANCELLED
    assert backend.invoke(task(), CONTEXT, EXPERT).status is Status.OK
    backend.close()


def test_close__of_a_backend_that_nobody_holds(server: FaultServer) -> None:
    backend = backend_of(server)
    backend.invoke(task(), CONTEXT, EXPERT)
    (thread,) = (each for each in threading.enumerate() if each.name == "maestro-endpoints")
    del backend
    gc.collect()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_cancel__of_the_callers_own_task_is_its_own(server: FaultServer) -> None:
    async def give_up() -> None:
        caller = Caller(Connections(endpoints={"e": endpoint(server)}), purse=Purse(Budget()))
        call = asyncio.ensure_future(caller.call(task("[fault hang]"), CONTEXT, EXPERT))
        while not server.journal.requests:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await caller.close()

    asyncio.run(give_up())


def test_budget__is_kept_over_all_threads(server: FaultServer) -> None:
    backend = OpenAIBackend(Connections(endpoints={"e": endpoint(server)}), budget=Budget(calls=10))
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda n: backend.invoke(task(f"q {n}"), CONTEXT, EXPERT), range(30)))
    statuses = [reply.status for reply in replies]
    assert (statuses.count(Status.OK), statuses.count(Status.OVER_BUDGET)) == (10, 20)
    assert sum(server.journal.requests.values()) == backend.purse.calls == 10
    backend.close()


def test_key__is_sent_and_seen_nowhere(
    server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    for stream in (False, True):
        backend = backend_of(server, api_key_env="TEST_KEY", stream=stream, timeout_s=0.05)
        for fault in Fault:
            reply = backend.invoke(task(f"What? [fault {fault}]"), CONTEXT, EXPERT)
            seen.append(repr(reply))
        caller = backend._caller
        assert caller is not None
        seen += [repr(vars(each)) for each in (backend, caller, caller._http, caller._prompter)]
        backend.close()
    assert "[key]" in "".join(seen)  # the server repeated the key it was sent
    output = capfd.readouterr()
    assert KEY not in "".join([*seen, caplog.text, output.out, output.err])


def test_key__in_pieces_of_a_stream(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    backend = backend_of(server, api_key_env="TEST_KEY", stream=True)
    assert backend.invoke(task("What? [fault echo]"), CONTEXT, EXPERT).text == "Answer: [key]"
    backend.close()


def test_key__is_not_in_the_traceback_of_an_error(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    backend = backend_of(server, api_key_env="TEST_KEY")
    with pytest.raises(TaskError) as raised:
        backend.invoke(task(images=("missing.png",)), CONTEXT, EXPERT)
    shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    assert KEY not in "".join(shown.format())
    assert KEY.encode() not in pickle.dumps(backend.connections)
    backend.close()


def test_key__of_an_endpoint_that_nobody_asks_is_not_needed(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    keyed = replace(endpoint(server), name="keyed", api_key_env="TEST_KEY")
    backend = OpenAIBackend(Connections(endpoints={"e": endpoint(server), "keyed": keyed}))
    assert backend.invoke(task(), CONTEXT, EXPERT).status is Status.OK
    backend.close()


def test_key__that_is_not_set(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    backend = backend_of(server, api_key_env="TEST_KEY")
    with pytest.raises(ConfigurationError, match="TEST_KEY, which is not set"):
        backend.invoke(task(), CONTEXT, EXPERT)
    backend.close()
