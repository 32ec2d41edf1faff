"""Which folder a model is in, and what is known of it."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra llm")

from maestro_agents.llm import model_folders
from maestro_agents.llm.model_folders import model_folder, place_of, settings_in, shipped_models
from maestro_agents.llm.settings import read_settings
from maestro_env.errors import ConfigurationError


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the only model that ships."""
    folder = tmp_path / "shipped" / "small"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    monkeypatch.setattr(model_folders, "SHIPPED", folder.parent)
    return folder


def test_model_folder__by_name_and_by_itself(shipped: Path, tmp_path: Path) -> None:
    assert shipped_models() == ["small"]
    assert model_folder("small") == shipped
    assert model_folder(tmp_path) == tmp_path
    assert (place_of("small"), place_of("some/id")) == (str(shipped), "some/id")


def test_model_folder__unknown(shipped: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no model 'smal'.*sft.*or 'small', which ships"):
        model_folder("smal")


def test_settings__are_those_in_the_folder_unless_others_are_given(tmp_path: Path) -> None:
    assert settings_in(tmp_path) == read_settings("tiny-cpu")
    mine = read_settings("tiny-cpu", ["env.max_turns=2"])
    (tmp_path / "settings.json").write_text(json.dumps(mine.as_document()), "utf-8")
    assert settings_in(tmp_path) == mine
    assert settings_in(tmp_path, config="smollm2-135m") == read_settings("smollm2-135m")
