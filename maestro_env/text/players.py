"""Policies that write, as the command `maestro play` knows them: what one does, and finding one that is installed.

A package offers players as entry points of the group `maestro_env.players`. Each has the name of a player, or is called
`folder` and reads one from a folder; its value is a function that takes what was asked for, name or folder.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from maestro_env.errors import ConfigurationError, unknown_name
from maestro_env.text.transcript import Turn

GROUP = "maestro_env.players"
FROM_FOLDER = "folder"
"""The entry point that reads players from folders."""


class Player(Protocol):
    """A policy that writes its turns. What it keeps of an episode, tokens say, is its own business."""

    @property
    def env_arguments(self) -> Mapping[str, Any]:
        """Keyword arguments of `MaestroTextEnv` that it was made for; it plays badly, or not at all, under others."""
        ...

    def begin(self, turns: Sequence[Turn]) -> None:
        """Take in what the environment says after a reset; it forgets any episode before."""
        ...

    def write(self) -> str:
        """Return what it writes in its next turn."""
        ...

    def hear(self, said: str) -> None:
        """Take in what the environment said to that turn."""
        ...


def find_player(asked: str) -> Player:
    """Return a player by name, or one that is read from a folder.

    Raises:
        UnknownNameError: It is no folder, and no installed package offers a player of this name.
        ConfigurationError: It is a folder, and no installed package reads players from folders.
        MaestroError: Whatever is wrong with the player itself.
    """
    offered = {point.name: point for point in entry_points(group=GROUP)}
    names = sorted(offered.keys() - {FROM_FOLDER})
    is_folder = asked not in names and Path(asked).is_dir()
    if not is_folder and asked not in names:
        if not names:
            raise ConfigurationError(
                f"There is no folder {asked!r}, and no installed package offers players by name; expected entry points "
                f"of the group {GROUP!r}, such as maestro-env itself has once it is installed with pip."
            )
        raise unknown_name("agent", asked, names)
    if is_folder and FROM_FOLDER not in offered:
        raise ConfigurationError(
            f"No installed package reads players from folders such as {asked!r}; expected an entry point "
            f"{FROM_FOLDER!r} of the group {GROUP!r}, such as maestro-env itself has once it is installed with pip."
        )
    make: Callable[[str], Player] = offered[FROM_FOLDER if is_folder else asked].load()
    return make(asked)
