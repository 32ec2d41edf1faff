"""Without one of the extra's libraries, whatever needs it says which extra to install."""

import importlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

# All of it is loaded before anything is taken away: transformers remembers what it found at first.
pytest.importorskip("trl.trainer.grpo_trainer", reason="needs the extra llm")
pytest.importorskip("peft", reason="needs the extra llm")

import maestro_agents.llm
from maestro_agents.llm.agent import LLMAgent
from maestro_agents.llm.lora import lora_config, with_lora
from maestro_env.env import MaestroEnv
from maestro_env.errors import MissingExtraError
from maestro_env.recordings.recording import Recording

OURS = "maestro_agents.llm"

TakeAway = Callable[[str], None]


@pytest.fixture
def take_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[TakeAway]:
    """A function that makes every import of a library fail, and ours be carried out anew; undone at the end."""
    kept = {name: module for name, module in sys.modules.items() if name.startswith(f"{OURS}.")}
    attributes = dict(maestro_agents.llm.__dict__)

    def take(library: str) -> None:
        for name in kept:
            del sys.modules[name]
            # `from package import module` would find it there, and import nothing.
            maestro_agents.llm.__dict__.pop(name.rpartition(".")[2], None)
        for name in [library, *(name for name in sys.modules if name.startswith(f"{library}."))]:
            monkeypatch.setitem(sys.modules, name, None)

    yield take
    for name in [name for name in sys.modules if name.startswith(f"{OURS}.")]:
        del sys.modules[name]
    sys.modules.update(kept)
    maestro_agents.llm.__dict__.clear()
    maestro_agents.llm.__dict__.update(attributes)


@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("pretrained", "torch"),
        ("pretrained", "transformers"),
        ("convert_gguf", "transformers"),
        ("run", "torch"),
        ("supervised", "torch"),
        ("tiny", "tokenizers"),
        ("tiny", "transformers"),
        ("transformers_generator", "transformers"),
        ("trl_adapter", "datasets"),
        ("trl_adapter", "trl"),
        ("sft", "torch"),
        ("sft", "transformers"),
        ("grpo", "torch"),
        ("grpo", "trl"),
        ("evaluate", "torch"),
        ("evaluate", "tokenizers"),
    ],
)
def test_module__without_a_library_names_the_extra(module: str, library: str, take_away: TakeAway) -> None:
    take_away(library)
    with pytest.raises(MissingExtraError, match=rf"needs {library}.*pip install 'maestro-env\[llm\]'"):
        importlib.import_module(f"{OURS}.{module}")


def test_load__without_a_library_names_the_extra(told: Recording, take_away: TakeAway) -> None:
    env = MaestroEnv(recording=told, registry=None)
    take_away("transformers")
    with pytest.raises(MissingExtraError, match=r"needs transformers.*maestro-env\[llm\]"):
        LLMAgent.load("anywhere", env)


def test_lora__needs_peft_for_adapters_alone(take_away: TakeAway) -> None:
    take_away("peft")
    model: Any = object()
    assert with_lora(model, 0) is model
    for needs in (lambda: lora_config(4), lambda: with_lora(model, 4)):
        with pytest.raises(MissingExtraError, match=r"need peft.*maestro-env\[llm\].*lora_rank = 0"):
            needs()
