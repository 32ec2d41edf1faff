"""What a run is made with: a TOML file, read into frozen dataclasses. Three ship with the package, in `configs/`."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from maestro_agents.llm.generation import Sampling
from maestro_agents.llm.grpo_settings import GrpoSettings
from maestro_agents.llm.supervised import Fit
from maestro_env.errors import ConfigurationError, unknown_name

CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSettings:
    """Which model, and how it is talked to."""

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
    vocabulary: int = 540


@dataclass(frozen=True, kw_only=True, slots=True)
class TraceSettings:
    """What the warm start imitates."""

    source: str
    """`random`, `hindsight`, or a file."""
    num_tasks: int
    """Drawn from the environment's; 0 leaves the warm start out."""
    most_calls: int
    """Of random traces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSettings:
    """The fixed held-out set."""

    split: str
    num_tasks: int
    """Drawn once, with `seed`; at least 240, or the interval says little."""
    temperature: float
    every: int
    """Steps of training between two evaluations."""
    seed: int


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
        place: The name of a shipped configuration, or a file.
        changes: `table.key=value`, with values as TOML writes them.

    Raises:
        UnknownNameError: No such configuration, table or key.
        ConfigurationError: A file that is no TOML, a missing key, or a value without meaning.
    """
    path = Path(place) if str(place).endswith(".toml") else CONFIGS / f"{place}.toml"
    if not path.is_file():
        raise unknown_name("configuration", str(place), shipped_configs())
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        for change in changes:
            _change(document, change)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The settings {str(place)!r} are no TOML: {error}.") from error
    for table in document:
        if table not in {*_TABLES, "env"}:
            raise unknown_name("table of settings", table, (*_TABLES, "env"))
    tables = {name: _read_table(name, kind, document.get(name, {})) for name, kind in _TABLES.items()}
    return RunSettings(env=document.get("env", {}), **tables)


def _change(document: dict[str, Any], change: str) -> None:
    name, equals, value = change.partition("=")
    table, dot, key = name.partition(".")
    if not (equals and dot):
        raise ConfigurationError(f"The change {change!r} must read 'table.key=value', such as 'grpo.steps=10'.")
    document.setdefault(table, {})[key] = tomllib.loads(f"value = {value}")["value"]


def _read_table(name: str, kind: Any, table: Mapping[str, Any]) -> Any:
    known = {field.name: field for field in fields(kind)}
    for key in table:
        if key not in known:
            raise unknown_name(f"setting in [{name}]", key, known)
    missing = [key for key, field in known.items() if field.default is MISSING and key not in table]
    if missing:
        raise ConfigurationError(f"[{name}] lacks {', '.join(missing)}.")
    return kind(**table)
