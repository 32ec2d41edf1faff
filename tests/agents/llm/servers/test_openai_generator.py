"""The backend on a server: what is sent, what is kept, and what is refused."""

import json
from math import isnan
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="needs the extra openai")

from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.generation import Finish, Request, Sampling
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.openai_generator import Exchange, OpenAIGenerator, served_model
from maestro_agents.llm.rollout import play
from maestro_agents.llm.server import Server
from maestro_env.errors import ConfigurationError, ServerError, UnknownNameError
from maestro_env.text.env import MaestroTextEnv

ASKED = Request(token_ids=(72, 105), seed=(1, 2))


def choosing(**choice: Any) -> Any:
    return lambda path, body: (200, json.dumps({"choices": [choice]}))


def generator(server: Server, exchange: Exchange = Exchange.TOKENS) -> OpenAIGenerator:
    return OpenAIGenerator(server, model="m", tokeniser=ByteTokeniser(), context_length=100, exchange=exchange)


def test_openai__tokens_in_tokens_out(stub: Any, server: Server) -> None:
    stub.reply = choosing(token_ids=[65, 66], logprobs={"token_logprobs": [-0.5, -1]}, finish_reason="stop", text="zz")
    (written,) = generator(server).write([ASKED], Sampling(max_new_tokens=500))
    assert (written.token_ids, written.logprobs, written.finish) == ((65, 66), (-0.5, -1.0), Finish.STOP)
    assert stub.asked[0]["prompt"] == [72, 105]
    assert stub.asked[0]["max_tokens"] == 98  # 100 in the window, 2 taken
    assert stub.asked[0]["stop"] == ["</search>", "</answer>"]
    assert (stub.asked[0]["return_token_ids"], stub.asked[0]["include_stop_str_in_output"]) == (True, True)


def test_openai__same_seed_same_request(stub: Any, server: Server) -> None:
    stub.reply = choosing(token_ids=[65], logprobs={"token_logprobs": [-0.5]}, finish_reason="length")
    for seed in ((1, 2), (1, 2), (1, 3)):
        generator(server).write([Request(token_ids=(72, 105), seed=seed)], Sampling(max_new_tokens=5))
    seeds = [asked["seed"] for asked in stub.asked]
    assert seeds[0] == seeds[1] != seeds[2]


@pytest.mark.parametrize(
    ("reason", "last", "finish"),
    [("length", 65, Finish.LENGTH), ("stop", ByteTokeniser().end_id, Finish.END), ("stop", 65, Finish.STOP)],
)
def test_openai__says_why_a_turn_ended(reason: str, last: int, finish: Finish, stub: Any, server: Server) -> None:
    stub.reply = choosing(token_ids=[last], logprobs={"token_logprobs": [-0.5]}, finish_reason=reason)
    assert generator(server).write([ASKED], Sampling(max_new_tokens=5))[0].finish is finish


@pytest.mark.parametrize(
    "choice",
    [
        {"text": "hello"},
        {"token_ids": [1, 2], "logprobs": {"token_logprobs": [-0.5]}},
        {"token_ids": [1]},
        {"token_ids": [1], "logprobs": "none"},
        {"token_ids": ["a"], "logprobs": {"token_logprobs": [-0.5]}},
        {"token_ids": [1], "logprobs": {"token_logprobs": [None]}},
    ],
)
def test_openai__text_alone_is_no_token(choice: dict[str, Any], stub: Any, server: Server) -> None:
    stub.reply = choosing(**choice)
    with pytest.raises(ServerError, match=r"gave no token ids.*exchange='text'"):
        generator(server).write([ASKED], Sampling(max_new_tokens=5))


@pytest.mark.parametrize("answer", ['{"error": "x"}', '{"choices": []}', '{"choices": "x"}', '{"choices": [1]}'])
def test_openai__answer_without_a_choice(answer: str, stub: Any, server: Server) -> None:
    stub.reply = lambda path, body: (200, answer)
    with pytest.raises(ServerError, match="expected one of `choices`"):
        generator(server).write([ASKED], Sampling(max_new_tokens=5))


# `stop_reason` is vLLM's; other servers leave out what stopped them and do not say what it was.
@pytest.mark.parametrize(
    ("choice", "text", "finish"),
    [
        ({"text": "<search> a", "finish_reason": "stop"}, "<search> a</search>", Finish.STOP),
        ({"text": "<answer> a", "finish_reason": "stop"}, "<answer> a</answer>", Finish.STOP),
        ({"text": "<search> or <answer> a", "finish_reason": "stop"}, "<search> or <answer> a</answer>", Finish.STOP),
        ({"text": "a", "finish_reason": "stop"}, "a", Finish.END),
        ({"text": "<search> a", "finish_reason": "length"}, "<search> a", Finish.LENGTH),
        ({"text": "<search> a", "finish_reason": "stop", "stop_reason": None}, "<search> a", Finish.END),
        ({"text": "<search> a", "finish_reason": "stop", "stop_reason": 2}, "<search> a", Finish.END),
        (
            {"text": "<search> a", "finish_reason": "stop", "stop_reason": "</search>"},
            "<search> a</search>",
            Finish.STOP,
        ),
    ],
)
def test_openai__text_is_closed_and_encoded(choice: Any, text: str, finish: Finish, stub: Any, server: Server) -> None:
    stub.reply = choosing(**choice)
    (written,) = generator(server, Exchange.TEXT).write([ASKED], Sampling(max_new_tokens=50))
    assert ByteTokeniser().decode(written.token_ids) == text
    assert written.finish is finish
    assert len(written.logprobs) == len(written.token_ids)
    assert all(map(isnan, written.logprobs))
    assert stub.asked[0]["prompt"] == "Hi"
    assert "return_token_ids" not in stub.asked[0]


def test_openai__chat_is_one_message(stub: Any, server: Server) -> None:
    paths: list[str] = []

    def reply(path: str, body: Any) -> Any:
        paths.append(path)
        return choosing(message={"content": "<answer> 7"}, finish_reason="stop")(path, body)

    stub.reply = reply
    (written,) = generator(server, Exchange.CHAT).write([ASKED], Sampling(max_new_tokens=50))
    assert ByteTokeniser().decode(written.token_ids) == "<answer> 7</answer>"
    assert paths == ["/v1/chat/completions"]
    assert stub.asked[0]["messages"] == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("choice", [{"text": None}, {"message": {"content": 3}}, {"message": "no"}])
def test_openai__choice_without_text(choice: Any, stub: Any, server: Server) -> None:
    stub.reply = choosing(**choice, finish_reason="stop")
    exchange = Exchange.TEXT if "text" in choice else Exchange.CHAT
    with pytest.raises(ServerError, match="expected text in the choice"):
        generator(server, exchange).write([ASKED], Sampling(max_new_tokens=5))


def test_openai__plays(stub: Any, server: Server, text_env: MaestroTextEnv) -> None:
    stub.reply = choosing(text="<answer> 7", finish_reason="stop")
    played = OpenAIGenerator(
        server, model="m", tokeniser=ByteTokeniser(), context_length=100_000, exchange=Exchange.TEXT
    )
    sampling = Sampling(max_new_tokens=50)
    rollouts = play(text_env, played, text_env.task_ids[:5], sampling=sampling, layout=Layout())
    assert all(rollout.well_formed and rollout.num_turns == 1 for rollout in rollouts)
    assert len(stub.asked) == 5


def test_openai__server_that_dies_half_way(stub: Any, server: Server, text_env: MaestroTextEnv) -> None:
    expert = text_env.registry.experts[0]
    turns = iter([f"<search> {expert.model.name}@@{expert.skill.name}: q"])

    def reply(path: str, body: Any) -> Any:
        turn = next(turns, None)
        return None if turn is None else choosing(text=turn, finish_reason="stop")(path, body)

    stub.reply = reply
    played = OpenAIGenerator(
        server, model="m", tokeniser=ByteTokeniser(), context_length=100_000, exchange=Exchange.TEXT
    )
    with pytest.raises(ServerError, match=r"cannot be reached, after 3 attempts"):
        play(text_env, played, text_env.task_ids[:1], sampling=Sampling(max_new_tokens=50), layout=Layout())
    assert len(stub.asked) == 4  # the first turn, and the second with two retries


def listing(*names: str) -> Any:
    return lambda path, body: (200, json.dumps({"data": [{"id": name, "max_model_len": 9} for name in names]}))


def test_served_model__named_or_the_only_one(stub: Any, server: Server) -> None:
    stub.reply = listing("a")
    assert served_model(server)["max_model_len"] == 9
    stub.reply = listing("a", "b")
    assert served_model(server, "b")["id"] == "b"


def test_served_model__that_is_not_there(stub: Any, server: Server) -> None:
    stub.reply = listing("smol", "qwen")
    with pytest.raises(UnknownNameError, match=r"'smoll'.*smol"):
        served_model(server, "smoll")
    with pytest.raises(ConfigurationError, match=r"serves \['qwen', 'smol'\]; say which one"):
        served_model(server)
    stub.reply = lambda path, body: (200, '{"data": "x"}')
    with pytest.raises(ConfigurationError, match=r"serves \[\]"):
        served_model(server)
