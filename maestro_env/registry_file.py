"""A registry file as it lies on disk: TOML, whose tables become dataclasses.

What its tables say of experts is read by registry.py, of endpoints by connections.py, and of servers by serving.py.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar, cast

from maestro_env.errors import RegistryError, unknown_name

_Entry = TypeVar("_Entry")

_KEYS = ("extends", "model", "skill", "pairing", "endpoint", "service", "sampling", "server")


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryFile:
    """The text of a registry file."""

    name: str
    text: str


def registry_names() -> tuple[str, ...]:
    """Names of the registries that ship with the package."""
    files = resources.files("maestro_env.catalog").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


def read_registry_file(name_or_path: str | Path) -> RegistryFile:
    """Return a shipped registry's file by its name, or anyone's own TOML file by its path.

    Raises:
        UnknownNameError: Neither a shipped name nor an existing file; the message names the nearest.
        RegistryError: The file is not UTF-8.
    """
    name = str(name_or_path)
    if name in registry_names():
        text = resources.files("maestro_env.catalog").joinpath(f"{name}.toml").read_text("utf-8")
        return RegistryFile(name=name, text=text)
    path = Path(name_or_path)
    if not path.is_file():
        raise unknown_name("registry", name, registry_names())
    try:
        return RegistryFile(name=path.stem, text=path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise RegistryError(f"{path} is not UTF-8 ({error}); save it as UTF-8.") from error


def tables_in(text: str, *, name: str) -> dict[str, Any]:
    """Return the tables of the text of a registry file.

    Raises:
        RegistryError: Not TOML, or an unknown table.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RegistryError(f"Registry {name!r} is not valid TOML: {error}.") from error
    for key in document:
        if key not in _KEYS:
            raise RegistryError(f"Registry {name!r}: {unknown_name('key', key, _KEYS)}")
    return document


def entry_of(kind: type[_Entry], table: Mapping[str, Any], *, where: str) -> _Entry:
    """Return a table as the dataclass that stands behind it; lists become tuples.

    Args:
        kind: The dataclass.
        table: Its fields by their names.
        where: What messages call it.

    Raises:
        RegistryError: An unknown or a missing key.
    """
    known: Mapping[str, Any] = getattr(kind, "__dataclass_fields__")  # noqa: B009 - pyright knows no such attribute
    for key in table:
        if key not in known:
            raise RegistryError(f"{where}: {unknown_name('key', key, known)}")
    values: dict[str, Any] = {
        key: tuple(cast("list[Any]", value)) if isinstance(value, list) else value for key, value in table.items()
    }
    try:
        return kind(**values)
    except TypeError as error:
        raise RegistryError(f"{where}: {error}; expected the keys {list(known)}.") from error
