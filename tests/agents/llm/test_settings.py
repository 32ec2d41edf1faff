"""Settings from TOML: what ships can be read, and what is wrong is named."""

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
        ("grpo.steps=three", "no TOML"),
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
