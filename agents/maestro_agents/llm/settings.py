"""What a run is made with: a TOML file, read into frozen dataclasses. Three ship with the package, in `configs/`."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any, TypeGuard, cast, get_type_hints

from maestro_agents.llm.generation import Sampling
from maestro_agents.llm.grpo_settings import GrpoSettings
from maestro_agents.llm.supervised import Fit
from maestro_env.errors import ConfigurationError, UnknownNameError, unknown_name

CONFIGS = Path(__file__).parent / "configs"
DTYPES = ("float32", "bfloat16", "float16")
"""Of weights, as torch calls them."""

_KINDS: Mapping[Any, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    tuple[str, ...]: "a list of texts",
}
"""What a setting may be, in words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSettings:
    """Which model, and how it is talked to.

    Raises:
        UnknownNameError: No such dtype.
        ConfigurationError: A number that has no meaning.
    """

    place: str
    """A folder or an id; empty builds a tiny model from nothing."""
    layout: str
    """`plain` or `chat`."""
    instructions: bool
    """Whether prompts say how to play and whom it can call."""
    dtype: str
    device: str
    lora_rank: int
    """Of low-rank adapters; 0 trains all weights."""
    single_tags: bool
    """Whether the tokeniser must have each protocol tag as one token."""
    sizes: str = ""
    """A file beside the shipped configurations, for a dry run where the model itself is not at hand."""
    layers: int = 2
    """This and the next three are of a model that is built."""
    width: int = 128
    context_length: int = 2048
    vocabulary: int = 700

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise unknown_name("dtype", self.dtype, DTYPES)
        _at_least(0, lora_rank=self.lora_rank)
        _at_least(1, layers=self.layers, context_length=self.context_length, vocabulary=self.vocabulary)
        if self.width < 32 or self.width % 32:
            raise ConfigurationError(f"width={self.width!r} must be a multiple of 32, the size of an attention head.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceSettings:
    """What the warm start imitates.

    Raises:
        ConfigurationError: A number that has no meaning.
    """

    source: str
    """`random`, `hindsight`, or a file."""
    num_tasks: int
    """Drawn from the environment's; 0 leaves the warm start out."""
    most_calls: int
    """Of random traces."""

    def __post_init__(self) -> None:
        _at_least(0, num_tasks=self.num_tasks)
        _at_least(1, most_calls=self.most_calls)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSettings:
    """The fixed held-out set.

    Raises:
        ConfigurationError: A number that has no meaning.
    """

    split: str
    num_tasks: int
    """Drawn once, with `seed`; at least 240, or the interval says little."""
    temperature: float
    every: int
    """Steps of training between two evaluations."""
    seed: int

    def __post_init__(self) -> None:
        _at_least(0, temperature=self.temperature, seed=self.seed)
        _at_least(1, num_tasks=self.num_tasks, every=self.every)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSettings:
    """One run."""

    model: ModelSettings
    env: dict[str, Any]
    """Keyword arguments of `MaestroTextEnv`."""
    sampling: Sampling
    traces: TraceSettings
    sft: Fit
    grpo: GrpoSettings
    evaluation: EvaluationSettings

    def as_document(self) -> dict[str, Any]:
        """Return the settings as JSON holds them."""
        return asdict(self)


_TABLES: Mapping[str, Any] = {
    "model": ModelSettings,
    "sampling": Sampling,
    "traces": TraceSettings,
    "sft": Fit,
    "grpo": GrpoSettings,
    "evaluation": EvaluationSettings,
}


def shipped_configs() -> list[str]:
    """Return the names of the configurations that ship."""
    return sorted(path.stem for path in CONFIGS.glob("*.toml"))


def read_settings(place: str | Path, changes: Sequence[str] = ()) -> RunSettings:
    """Read the settings of a run.

    Args:
        place: The name of a shipped configuration, or a file: TOML, or the `settings.json` of a run.
        changes: `table.key=value`, with values as TOML writes them.

    Raises:
        UnknownNameError: No such configuration, table or key.
        ConfigurationError: A file that cannot be read, a missing key, or a value of another type or without meaning.
    """
    is_file = Path(place).suffix in (".toml", ".json")
    path = Path(place) if is_file else CONFIGS / f"{place}.toml"
    if is_file and not path.is_file():
        raise ConfigurationError(f"There is no file of settings {str(place)!r}.")
    if not path.is_file():
        raise unknown_name("configuration", str(place), shipped_configs())
    read: Any = json.loads if path.suffix == ".json" else tomllib.loads
    try:
        document: dict[str, Any] = read(path.read_text("utf-8"))
    except ValueError as error:  # of both formats, and of bytes that are no text
        kind = path.suffix.removeprefix(".").upper()
        raise ConfigurationError(f"The settings {str(place)!r} are no {kind}: {error}.") from error
    for change in changes:
        _change(document, change)
    for name, table in document.items():
        if name not in {*_TABLES, "env"}:
            raise unknown_name("table of settings", name, (*_TABLES, "env"))
        if not isinstance(table, dict):
            raise ConfigurationError(f"{name}={table!r} in {str(place)!r} must be a table, [{name}], of settings.")
    tables = {name: _read_table(name, kind, document.get(name, {})) for name, kind in _TABLES.items()}
    return RunSettings(env=document.get("env", {}), **tables)


def _change(document: dict[str, Any], change: str) -> None:
    name, equals, value = change.partition("=")
    table, dot, key = name.partition(".")
    if not (equals and dot):
        raise ConfigurationError(f"The change {change!r} must read 'table.key=value', such as 'grpo.steps=10'.")
    try:
        document.setdefault(table, {})[key] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"The value of the change {change!r} is no TOML: {error}. Texts stand in quotes: {name}='{value}'."
        ) from error


def _read_table(name: str, kind: Any, table: Mapping[str, Any]) -> Any:
    known = {field.name: field for field in fields(kind)}
    for key in table:
        if key not in known:
            raise unknown_name(f"setting in [{name}]", key, known)
    missing = [key for key, field in known.items() if field.default is MISSING and key not in table]
    if missing:
        raise ConfigurationError(f"[{name}] lacks {', '.join(missing)}.")
    kinds = get_type_hints(kind)
    typed = {key: _typed(f"{name}.{key}", value, kinds[key]) for key, value in table.items()}
    try:
        return kind(**typed)
    except (ConfigurationError, UnknownNameError) as error:
        raise type(error)(f"[{name}] {error}") from error


def _typed(name: str, value: Any, kind: Any) -> Any:
    """Return a value as a setting holds it: TOML writes whole numbers where any are meant, and has lists alone."""
    if kind is float and type(value) is int:
        return float(value)
    if kind == tuple[str, ...] and _are_texts(value):
        return tuple(value)
    if type(value) is not kind or (kind is float and not isfinite(value)):
        raise ConfigurationError(f"{name}={value!r} must be {_KINDS[kind]}.")
    return value


def _are_texts(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(each, str) for each in cast("list[object]", value))


def _at_least(least: int, **values: float) -> None:
    for name, value in values.items():
        if value < least:
            raise ConfigurationError(f"{name}={value!r} must be at least {least}.")
