"""Fixtures for language-model policies: a small text environment, and a tiny model where the extra `llm` is installed."""

from typing import Any

import pytest

from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from maestro_env.text.env import MaestroTextEnv


@pytest.fixture(scope="session")
def told() -> Recording:
    return fake_recording(num_tasks=60)


@pytest.fixture
def text_env(told: Recording) -> MaestroTextEnv:
    return MaestroTextEnv(recording=told, registry=None, split="train", prompt="compact", images=False, max_turns=2)


@pytest.fixture(scope="session")
def tiny(told: Recording) -> Any:
    """A model of random weights and its tokeniser; nothing may train it."""
    pytest.importorskip("transformers", reason="needs the extra llm")
    from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser
    from maestro_agents.llm.tiny import texts_of, tiny_model, tiny_tokeniser

    env = MaestroTextEnv(recording=told, registry=None, split="train", prompt="compact", images=False)
    tokenizer = tiny_tokeniser(texts_of(env), vocabulary=320)
    model = tiny_model(tokenizer, seed=0, layers=1, width=32, context_length=1024)
    return Pretrained(model=model.eval(), tokeniser=PretrainedTokeniser(tokenizer))
