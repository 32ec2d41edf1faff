"""The connection to a server: many requests at once, kept connections, and what becomes of one that fails."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="needs the extra openai")

from maestro_agents.llm.server import Patience, Server
from maestro_env.errors import ConfigurationError, ServerError


def after(*replies: Any) -> Callable[[str, Any], Any]:
    """Return what gives one reply after another, and the last for ever."""
    left = list(replies)
    return lambda path, body: left.pop(0) if len(left) > 1 else left[0]


def test_server__answers_in_order(stub: Any, server: Server) -> None:
    stub.reply = lambda path, body: (200, f'{{"path": "{path}", "n": {body["n"]}}}')
    answers = server.post("completions", [{"n": n} for n in range(20)])
    assert answers == [{"path": "/v1/completions", "n": n} for n in range(20)]
    assert server.post("completions", []) == []


def test_server__requests_are_under_way_together_up_to_the_concurrency(stub: Any) -> None:
    # Nobody is answered before three have come, and those three give a fourth the time to come as well.
    three, fourth = threading.Barrier(3, timeout=30), threading.Event()

    def reply(path: str, body: Any) -> Any:
        three.wait()
        if stub.most_at_once > 3:
            fourth.set()
        fourth.wait(timeout=0.2)
        return 200, '{"a": 1}'

    stub.reply = reply
    with Server(stub.base_url, concurrency=3) as server:
        server.post("completions", [{}] * 9)
    assert stub.most_at_once == 3


def test_server__keeps_its_connection_between_calls(stub: Any, server: Server) -> None:
    stub.reply = lambda path, body: (200, '{"a": 1}')
    for _ in range(3):
        server.post("completions", [{}])
    assert len(stub.connections) == 1


def test_server__opens_again_after_close(stub: Any, server: Server) -> None:
    stub.reply = lambda path, body: (200, '{"a": 1}')
    server.get("models")
    server.close()
    server.close()
    assert server.get("models") == {"a": 1}
    assert len(stub.connections) == 2


def test_server__ends_its_thread(stub: Any) -> None:
    with Server(stub.base_url) as server:
        stub.reply = lambda path, body: (200, '{"a": 1}')
        server.get("models")
    assert not [thread for thread in threading.enumerate() if stub.base_url in thread.name]


@pytest.mark.parametrize("bad", [(503, "busy"), (429, "slow down"), (500, "oh"), None])
def test_server__tries_again(bad: Any, stub: Any, server: Server) -> None:
    stub.reply = after(bad, bad, (200, '{"a": 1}'))
    assert server.post("completions", [{}]) == [{"a": 1}]
    assert len(stub.asked) == 3


@pytest.mark.parametrize(
    ("reply", "num_asked", "message"),
    [
        ((400, "too long"), 1, r"/v1/completions answered 400: too long\nChange the request as the server says"),
        ((401, "who?"), 1, r"answered 401: who\?\nSet OPENAI_API_KEY in the environment"),
        ((404, "what?"), 1, r"answered 404: what\?\nCheck the address, and that the model"),
        ((429, "slow down"), 3, r"answered 429, after 3 attempts: slow down\nSend it fewer requests"),
        ((500, "oh"), 3, r"answered 500, after 3 attempts: oh\nIts log says more"),
        ((200, "<html>"), 1, r"answered something that is no JSON: '<html>'. Check that the address"),
        ((200, "[1]"), 1, r"answered '\[1\]'; expected a JSON object"),
        ((200, "x" * 1000), 1, r"'x{300}\.\.\.'"),
        (None, 3, r"/v1/completions cannot be reached, after 3 attempts \(ServerDisconnectedError.*still runs"),
    ],
)
def test_server__says_what_is_wrong(reply: Any, num_asked: int, message: str, stub: Any, server: Server) -> None:
    stub.reply = after(reply)
    with pytest.raises(ServerError, match=message):
        server.post("completions", [{}])
    assert len(stub.asked) == num_asked


def test_server__that_is_gone(stub: Any, server: Server) -> None:
    stub.stop()
    with pytest.raises(ServerError, match=r"cannot be reached, after 3 attempts .*that the address is right"):
        server.get("models")


def test_server__that_hangs_is_given_up_at_the_deadline(stub: Any) -> None:
    stub.reply = stub.hang
    with (
        Server(stub.base_url, patience=Patience(deadline_s=0.2)) as server,
        pytest.raises(ServerError, match=r"no answer within 0.2 s. It hangs.*allow a longer deadline"),
    ):
        server.post("completions", [{}])
    assert len(stub.asked) == 1


def test_server__one_failure_gives_up_the_others(stub: Any, server: Server) -> None:
    stub.reply = lambda path, body: (400, "no") if body["n"] == 1 else stub.hang(path, body)
    with pytest.raises(ServerError, match="answered 400"):
        server.post("completions", [{"n": 0}, {"n": 1}])


def test_server__goes_on_after_a_failure(stub: Any, server: Server) -> None:
    stub.reply = after((400, "no"), (200, '{"a": 1}'))
    with pytest.raises(ServerError):
        server.get("models")
    assert server.get("models") == {"a": 1}


def test_server__key_comes_from_the_environment(stub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stub.reply = lambda path, body: (200, '{"a": 1}')
    for key in ("k1", ""):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with Server(stub.base_url) as server:
            server.get("models")
    assert stub.headers[0]["Authorization"] == "Bearer k1"
    assert "Authorization" not in stub.headers[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_url": "localhost:8000"}, r"base_url='localhost:8000' is no address"),
        ({"base_url": "http://a/v1", "concurrency": 0}, "concurrency=0 must be at least 1"),
    ],
)
def test_server__wrong_arguments(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Server(**arguments)


@pytest.mark.parametrize("wrong", [{"deadline_s": 0}, {"retries": -1}, {"first_pause_s": -0.1}])
def test_patience__wrong_numbers(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="must have a deadline above 0"):
        Patience(**wrong)
