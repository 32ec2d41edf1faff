"""How turns become tokens, in plain text and in a chat's markup."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.layout import Layout, chat_layout
from maestro_env.errors import ConfigurationError
from maestro_env.text.transcript import Role, Turn

TOKENISER = ByteTokeniser()
TURNS = (Turn(role=Role.SYSTEM, text="rules\n\n"), Turn(role=Role.USER, text="question\n"))


def forgetful(messages: Sequence[Mapping[str, Any]]) -> str:
    """A template that opens a thought for the assistant, as those of thinking models do."""
    said = "".join(f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in messages)
    return f"{said}<|im_start|>assistant\n<think>\n"


def test_plain__appends_what_was_said() -> None:
    assert TOKENISER.decode(Layout().opening(TURNS, TOKENISER)) == "rules\n\nquestion\n"
    assert TOKENISER.decode(Layout().reply("\nsaid\n", TOKENISER, ended_itself=False)) == "\nsaid\n"


def test_plain__without_instructions() -> None:
    assert TOKENISER.decode(Layout(instructions=False).opening(TURNS, TOKENISER)) == "question\n"


def test_chat__is_what_the_template_would_write() -> None:
    layout = chat_layout(forgetful)
    messages = [{"role": "system", "content": "rules"}, {"role": "user", "content": "question"}]
    prompt = layout.opening(TURNS, TOKENISER)
    assert TOKENISER.decode(prompt) == forgetful(messages)
    wrote = TOKENISER.encode("hm</think> <answer> 1 </answer>")
    reply = layout.reply("said", TOKENISER, ended_itself=False)
    expected = "hm</think> <answer> 1 </answer><|im_end|>\n<|im_start|>user\nsaid<|im_end|>\n"
    opened = "<|im_start|>assistant\n<think>\n"
    assert TOKENISER.decode(wrote + reply) == expected + opened


def test_chat__end_token_is_not_written_twice() -> None:
    reply = chat_layout(forgetful).reply("said", TOKENISER, ended_itself=True)
    assert TOKENISER.decode(reply).startswith("\n<|im_start|>user\nsaid")


def test_chat__opened_thought_belongs_to_the_turn() -> None:
    assert chat_layout(forgetful).opened == "<think>\n"


def test_chat__template_that_drops_words() -> None:
    with pytest.raises(ConfigurationError, match=r"does not hold them word for word.*layout='plain'"):
        chat_layout(lambda messages: "nothing")
