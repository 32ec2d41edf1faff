"""Settings from TOML: what ships can be read, and what is wrong is named."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra llm")

from maestro_agents.llm.settings import CONFIGS, read_settings, shipped_configs
from maestro_env.errors import ConfigurationError, UnknownNameError
from maestro_env.text.env import MaestroTextEnv


@pytest.mark.parametrize("name", shipped_configs())
def test_settings__shipped(name: str) -> None:
    settings = read_settings(name)
    MaestroTextEnv(**settings.env)
    assert settings.grpo.group_size == 8
    assert settings.evaluation.num_tasks >= 240


def test_settings__three_ship() -> None:
    assert shipped_configs() == ["qwen3-vl-4b", "smollm2-135m", "tiny-cpu"]


def test_settings__changes() -> None:
    settings = read_settings("tiny-cpu", ["grpo.steps=3", "traces.source='hindsight'", "env.max_turns=2"])
    assert (settings.grpo.steps, settings.traces.source, settings.env["max_turns"]) == (3, "hindsight", 2)


def test_settings__unknown_configuration() -> None:
    with pytest.raises(UnknownNameError, match=r"'tiny-cqu'.*tiny-cpu"):
        read_settings("tiny-cqu")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("grpo.step=3", r"'step'.*steps"),
        ("grop.steps=3", r"'grop'.*grpo"),
        ("steps=3", "must read 'table.key=value'"),
        ("grpo.steps=three", r"no TOML.*grpo.steps='three'"),
        ("grpo.steps=3.5", "grpo.steps=3.5 must be a whole number"),
        ("grpo.steps=true", "grpo.steps=True must be a whole number"),
        ("grpo.lr=inf", "grpo.lr=inf must be a finite number"),
        ("grpo.lr='much'", "grpo.lr='much' must be a finite number"),
        ("model.single_tags=1", "model.single_tags=1 must be true or false"),
        ("model.place=1", "model.place=1 must be a text in quotes"),
        ("sampling.stop='</answer>'", "must be a list of texts"),
        ("sampling.stop=[1]", "must be a list of texts"),
        ("grpo.seed=-1", r"\[grpo\] seed=-1 must be at least 0"),
        ("grpo.lr_schedule='linea'", r"\[grpo\] Unknown lr_schedule 'linea'. Did you mean 'linear'"),
        ("grpo.loss_type='gpro'", "Unknown loss_type 'gpro'"),
        ("model.dtype='float33'", "Unknown dtype 'float33'. Did you mean 'float32'"),
        ("model.lora_rank=-1", "lora_rank=-1 must be at least 0"),
        ("model.layers=0", "layers=0 must be at least 1"),
        ("model.width=100", "width=100 must be a multiple of 32"),
        ("traces.most_calls=0", "most_calls=0 must be at least 1"),
        ("evaluation.every=0", "every=0 must be at least 1"),
        ("evaluation.temperature=-1", "temperature=-1.0 must be at least 0"),
        ("grpo.steps=0", "steps=0 must be above 0"),
        ("sampling.temperature=-1.0", "temperature=-1.0 must be"),
        ("sampling.max_new_tokens=0", "max_new_tokens=0 must be"),
    ],
)
def test_settings__wrong_change(change: str, message: str) -> None:
    with pytest.raises((ConfigurationError, UnknownNameError), match=message):
        read_settings("tiny-cpu", [change])


def test_settings__missing_key(tmp_path: Path) -> None:
    text = (CONFIGS / "tiny-cpu.toml").read_text("utf-8").replace("group_size = 8\n", "")
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=r"\[grpo\] lacks group_size"):
        read_settings(tmp_path / "mine.toml")


def test_settings__whole_numbers_stand_for_any_and_lists_for_texts() -> None:
    settings = read_settings("tiny-cpu", ["grpo.lr=1", "sampling.stop=['</answer>']"])
    assert (settings.grpo.lr, type(settings.grpo.lr)) == (1.0, float)
    assert settings.sampling.stop == ("</answer>",)


def test_settings__come_back_from_the_file_that_a_run_writes(tmp_path: Path) -> None:
    settings = read_settings("tiny-cpu", ["grpo.steps=3", "env.max_turns=2"])
    (tmp_path / "settings.json").write_text(json.dumps(settings.as_document()), "utf-8")
    assert read_settings(tmp_path / "settings.json") == settings


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("bad.toml", b"[grpo", "bad.toml' are no TOML"),
        ("bad.toml", b"\xff", "bad.toml' are no TOML"),
        ("bad.json", b"{", "bad.json' are no JSON"),
        ("bad.toml", b"grpo = 3", "grpo=3 in .* must be a table"),
    ],
)
def test_settings__file_that_cannot_be_read(name: str, text: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(ConfigurationError, match=says):
        read_settings(tmp_path / name)
    with pytest.raises(ConfigurationError, match=r"There is no file of settings .*none.toml"):
        read_settings(tmp_path / "none.toml")
