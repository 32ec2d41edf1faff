"""The backend on a server: what is sent, what is kept, and what is refused. The client is a stand-in."""

from types import SimpleNamespace
from typing import Any

import pytest

from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.generation import Finish, Request, Sampling
from maestro_agents.llm.openai_generator import OpenAIGenerator
from maestro_env.errors import ConfigurationError

ASKED = Request(token_ids=(72, 105), seed=(1, 2))


class Client:
    """Answers every request with one choice, and keeps what it was asked."""

    def __init__(self, **choice: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self._choice = choice
        self.completions = self

    async def create(self, **asked: Any) -> Any:
        self.asked.append(asked)
        return SimpleNamespace(choices=[SimpleNamespace(model_dump=lambda: self._choice)])


def generator(client: Client) -> OpenAIGenerator:
    return OpenAIGenerator(client, model="m", tokeniser=ByteTokeniser(), context_length=10)


def test_openai__tokens_in_tokens_out() -> None:
    client = Client(token_ids=[65, 66], logprobs={"token_logprobs": [-0.5, -1.0]}, finish_reason="stop", text="zz")
    (written,) = generator(client).write([ASKED], Sampling(max_new_tokens=50))
    assert (written.token_ids, written.logprobs, written.finish) == ((65, 66), (-0.5, -1.0), Finish.STOP)
    assert client.asked[0]["prompt"] == [72, 105]
    assert client.asked[0]["max_tokens"] == 8  # 10 in the window, 2 taken


def test_openai__same_seed_same_request() -> None:
    client = Client(token_ids=[65], logprobs={"token_logprobs": [-0.5]}, finish_reason="length")
    generator(client).write([ASKED, ASKED, Request(token_ids=(72, 105), seed=(1, 3))], Sampling(max_new_tokens=5))
    seeds = [asked["seed"] for asked in client.asked]
    assert seeds[0] == seeds[1] != seeds[2]


@pytest.mark.parametrize(
    ("reason", "last", "finish"),
    [("length", 65, Finish.LENGTH), ("stop", ByteTokeniser().end_id, Finish.END), ("stop", 65, Finish.STOP)],
)
def test_openai__says_why_a_turn_ended(reason: str, last: int, finish: Finish) -> None:
    client = Client(token_ids=[last], logprobs={"token_logprobs": [-0.5]}, finish_reason=reason)
    assert generator(client).write([ASKED], Sampling(max_new_tokens=5))[0].finish is finish


@pytest.mark.parametrize(
    "choice", [{"text": "hello"}, {"token_ids": [1, 2], "logprobs": {"token_logprobs": [-0.5]}}, {"token_ids": [1]}]
)
def test_openai__text_alone_is_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="its text cannot be used instead"):
        generator(Client(**choice)).write([ASKED], Sampling(max_new_tokens=5))
