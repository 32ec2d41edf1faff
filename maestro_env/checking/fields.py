"""The keys of one table: known, present, of their types and in their ranges, as the dataclass behind the table says."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, cast

from maestro_env.connections import Endpoint, Sampling
from maestro_env.errors import unknown_name
from maestro_env.serving import Server
from maestro_env.types import Model, Skill


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairing:
    """A `[[pairing]]` table: which further skills a model of the extended registry goes with."""

    model: str
    skills: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelTable(Model):
    """A `[[model]]` table: the model, and the skills it goes with."""

    skills: tuple[str, ...] = ()


KINDS: Mapping[str, type] = {
    "skill": Skill,
    "model": ModelTable,
    "pairing": Pairing,
    "service": Model,
    "endpoint": Endpoint,
    "server": Server,
    "sampling": Sampling,
}
"""What stands behind each table of a registry file."""

_IN_WORDS: Mapping[object, str] = {
    str: "a text in quotation marks",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    tuple[str, ...]: "a list of texts in quotation marks",
}


def problems_of_fields(table: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, message) for each key of a table that is unknown, missing, of a wrong type or out of range."""
    known: dict[str, Field[Any]] = {field.name: field for field in fields(KINDS[table])}
    for key in values:
        if key not in known:
            yield key, f"{unknown_name('key', key, known)} Correct or remove it."
    for name, field in known.items():
        if name in values:
            message = _type_problem(values[name], field.type) or _range_problem(table, name, values[name])
            if message:
                yield name, message
        elif field.default is MISSING and field.default_factory is MISSING:
            yield name, f"It is missing; add {name} = ..., {_IN_WORDS[field.type]}."


def _type_problem(value: object, wanted: object) -> str:
    fits: Mapping[object, bool] = {
        str: isinstance(value, str),
        float: isinstance(value, (int, float)) and not isinstance(value, bool),
        int: isinstance(value, int) and not isinstance(value, bool),
        bool: isinstance(value, bool),
        tuple[str, ...]: isinstance(value, list) and all(isinstance(x, str) for x in cast("list[Any]", value)),
    }
    plain = int if wanted == int | None else wanted
    return "" if fits[plain] else f"Given {value!r}; expected {_IN_WORDS[plain]}."


def _range_problem(table: str, key: str, value: object) -> str:
    if key in ("name", "url", "weights", "endpoint", "model") and table != "model" and value == "":
        return "It is empty; write a name."
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return ""
    if table == "endpoint" and not value > 0:
        return f"Given {value!r}; expected a number above 0."
    if key in ("top_p", "memory_share") and not 0 < value <= 1:
        return f"Given {value!r}; expected a number above 0, and 1 at most."
    if key == "max_tokens" and value < 1:
        return f"Given {value!r}; expected 1 or more."
    if not value >= 0:
        return f"Given {value!r}; expected 0 or more."
    return ""
