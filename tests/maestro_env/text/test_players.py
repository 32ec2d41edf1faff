"""Finding players: by name, from a folder, and what is said where there is none."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from maestro_env.errors import ConfigurationError, UnknownNameError
from maestro_env.text import players
from maestro_env.text.players import find_player


def make_echo(asked: str) -> str:
    """Stands for a player that knows what it was asked for."""
    return f"player {asked}"


def offer(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    points = [EntryPoint(name=name, value=f"{__name__}:make_echo", group=players.GROUP) for name in names]
    monkeypatch.setattr(players, "entry_points", lambda *, group: points if group == players.GROUP else [])
    # This module has no name that can be imported in every mode of pytest.
    monkeypatch.setattr(EntryPoint, "load", lambda point: make_echo)


def test_find_player__by_name_and_from_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offer(monkeypatch, "tiny", "folder")
    assert find_player("tiny") == "player tiny"
    assert find_player(str(tmp_path)) == f"player {tmp_path}"


def test_find_player__a_name_goes_before_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offer(monkeypatch, "tiny")
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_player("tiny") == "player tiny"


def test_find_player__unknown_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, "tiny-orchestrator", "folder")
    with pytest.raises(UnknownNameError, match=r"Unknown agent 'tiny-orchestator'. Did you mean 'tiny-orchestrator'"):
        find_player("tiny-orchestator")


def test_find_player__where_nobody_offers_any(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offer(monkeypatch)
    with pytest.raises(ConfigurationError, match="no installed package offers players by name"):
        find_player("tiny")
    with pytest.raises(ConfigurationError, match="No installed package reads players from folders"):
        find_player(str(tmp_path))


def test_group__is_what_this_package_offers(repository: Path) -> None:
    assert f'[project.entry-points."{players.GROUP}"]' in (repository / "pyproject.toml").read_text("utf-8")
