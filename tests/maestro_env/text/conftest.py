"""Fixtures for tests of the text protocol: rules to change, and environments whose experts say what a test wants."""

from dataclasses import replace
from typing import Any, Protocol

import pytest

from maestro_env.recordings.recording import Recording
from maestro_env.testing import FakeBackend, fake_registry, fake_reply
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.rules import TextRules
from maestro_env.types import Reply, Status


@pytest.fixture
def rules() -> TextRules:
    """The environment's defaults."""
    return TextRules(
        prompt="full",
        images=True,
        show_benchmark=False,
        answer_source="policy",
        require_call=False,
        on_fault="end",
        on_failure="show",
        queries="noted",
        format_penalty=1.0,
        max_turns=4,
        max_prompt_chars=32_768,
        max_generation_chars=32_768,
        max_reply_chars=1_000,
    )


class Scripted(Protocol):
    def __call__(self, reply: Reply | None = None, **kwargs: Any) -> MaestroTextEnv: ...


@pytest.fixture
def scripted(fake: Recording) -> Scripted:
    """Return a function that makes an environment all of whose experts give one reply."""

    def make(reply: Reply | None = None, **kwargs: Any) -> MaestroTextEnv:
        said = fake_reply("1") if reply is None else reply
        backend = FakeBackend(dict.fromkeys(fake_registry().ids, said))
        return MaestroTextEnv(recording=fake, registry=None, backend=backend, **kwargs)

    return make


@pytest.fixture
def timeout() -> Reply:
    """A failed call."""
    return replace(fake_reply(None, confidence=None), text="no reply within 5 s", status=Status.TIMEOUT)
