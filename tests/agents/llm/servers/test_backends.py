"""Backends by name: what each needs is said, and the command plays by them."""

import json
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="needs the extra openai")
pytest.importorskip("transformers", reason="needs the extra llm")

from maestro_agents.llm import evaluate
from maestro_agents.llm.backends import Choice, opened
from maestro_agents.llm.settings import read_settings
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_env.errors import ConfigurationError, UnknownNameError

SETTINGS = read_settings("tiny-cpu")


def serving(turn: str) -> Any:
    """Return a server's replies: one model, which always writes the same."""

    def reply(path: str, body: Any) -> Any:
        if path == "/v1/models":
            return 200, '{"data": [{"id": "m", "max_model_len": 2048}]}'
        choice = {"text": turn, "message": {"content": turn}, "finish_reason": "stop"}
        return 200, json.dumps({"choices": [choice]})

    return reply


def test_backends__transformers_from_a_folder(tiny: Any, tmp_path: Any) -> None:
    tiny.save(tmp_path)
    with opened(Choice(model=str(tmp_path)), SETTINGS) as player:
        assert isinstance(player.generator, TransformersGenerator)
        assert not player.layout.instructions


@pytest.mark.parametrize(
    ("choice", "kind", "message"),
    [
        ({"backend": "vlm"}, UnknownNameError, r"'vlm'.*Did you mean 'vllm'"),
        ({"backend": "openai"}, ConfigurationError, "needs the server's address: --base-url"),
        ({"backend": "openai", "base_url": "http://a/v1"}, ConfigurationError, "give its folder with --tokeniser"),
        (
            {"backend": "openai", "base_url": "http://a/v1", "tokeniser": "no/such/folder"},
            ConfigurationError,
            "There is no tokeniser 'no/such/folder'",
        ),
    ],
)
def test_backends__what_is_missing(choice: Any, kind: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(kind, match=message), opened(Choice(**choice), SETTINGS):
        pass


def test_backends__window_and_name_come_from_the_server(stub: Any, tiny: Any, tmp_path: Any) -> None:
    tiny.save(tmp_path)
    stub.reply = serving("<answer> 7")
    with opened(Choice(backend="openai", base_url=stub.base_url, tokeniser=str(tmp_path)), SETTINGS) as player:
        assert player.generator.context_length == 2048
        assert player.generator.tokeniser.encode("a") == tiny.tokeniser.encode("a")


@pytest.mark.parametrize("exchange", ["text", "chat"])
def test_evaluate__by_a_server(exchange: str, stub: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stub.reply = serving("<answer> 7")
    given = ["--backend", "openai", "--base-url", stub.base_url, "--exchange", exchange]
    assert evaluate.main([*given, "--set", "evaluation.num_tasks=5", "--set", "model.instructions=true"]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (figures["num_episodes"], figures["well_formed"], figures["direct_answers"]) == (5, 1.0, 1.0)


def test_evaluate__server_that_fails(stub: Any, capsys: pytest.CaptureFixture[str]) -> None:
    stub.reply = lambda path, body: (401, "who?")
    given = ["--backend", "openai", "--base-url", stub.base_url, "--exchange", "text"]
    assert evaluate.main(given) == 2
    assert "/v1/models answered 401: who?\nSet OPENAI_API_KEY" in capsys.readouterr().err
