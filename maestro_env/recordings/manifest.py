"""The manifest of a recording: what is in its folder and how it was made, with a hash of every file."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from maestro_env.errors import RecordingError, RegistryError, unknown_name
from maestro_env.registry import Registry
from maestro_env.types import Expert, Model, Skill

SCHEMA_VERSION = 1
"""Raised whenever a reader of the old version would misread a new recording."""

MANIFEST = "manifest.json"
TASKS = "tasks.parquet"
CONTEXTS = "contexts.parquet"
REPLIES = "replies.parquet"
FILES = (TASKS, CONTEXTS, REPLIES)

_ENDPOINT_FIELDS = (
    "endpoint",
    "served_name",
    "usd_per_million_prompt_tokens",
    "usd_per_million_completion_tokens",
)

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileEntry:
    """What the manifest says of one file."""

    sha256: str
    num_bytes: int
    num_rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a recording is; equal manifests mean equal recordings, because every file's hash is in it."""

    name: str
    registry: Registry
    """The experts as they were when it was recorded."""
    cost_unit: str
    benchmarks: Mapping[str, Mapping[str, int]]
    """Benchmark -> split -> number of tasks."""
    question_encoder: str
    view_encoder: str
    seeds: Mapping[str, int] = field(default_factory=dict[str, int])
    made: Mapping[str, str] = field(default_factory=dict[str, str])
    """How it was made: the command, versions, hashes of weights. No times: the same plan gives the same manifest."""
    files: Mapping[str, FileEntry]


def registry_to_json(registry: Registry) -> dict[str, Any]:
    """Return a registry as a JSON object."""
    return {
        "name": registry.name,
        "models": [_model_to_json(model) for model in registry.models],
        "skills": [asdict(skill) for skill in registry.skills],
        "experts": [{"model": expert.model.name, "skill": expert.skill.name} for expert in registry.experts],
    }


def _model_to_json(model: Model) -> dict[str, Any]:
    """Without the fields of endpoints where they are empty: a recording of shipped networks reads as it always did."""
    return {key: value for key, value in asdict(model).items() if value or key not in _ENDPOINT_FIELDS}


def registry_from_json(document: Mapping[str, Any]) -> Registry:
    """Return the registry that `registry_to_json` wrote."""
    models = {entry["name"]: Model(**entry) for entry in document["models"]}
    skills = {
        entry["name"]: Skill(name=entry["name"], description=entry["description"], tier2=tuple(entry["tier2"]))
        for entry in document["skills"]
    }
    experts = tuple(Expert(model=models[entry["model"]], skill=skills[entry["skill"]]) for entry in document["experts"])
    return Registry(name=document["name"], experts=experts)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`."""
    document = {
        "format": "maestro-recording",
        "schema_version": SCHEMA_VERSION,
        "name": manifest.name,
        "cost_unit": manifest.cost_unit,
        "registry": registry_to_json(manifest.registry),
        "benchmarks": manifest.benchmarks,
        "encoders": {"question": manifest.question_encoder, "view": manifest.view_encoder},
        "seeds": manifest.seeds,
        "made": manifest.made,
        "files": {name: asdict(entry) for name, entry in manifest.files.items()},
    }
    (folder / MANIFEST).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read `manifest.json`.

    Raises:
        RecordingError: It is missing, is not a manifest, or has another schema version.
    """
    path = folder / MANIFEST
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecordingError(f"{folder} holds no {MANIFEST}, so it is not a recording; record it again.") from error
    except ValueError as error:
        raise RecordingError(f"{path} is not JSON ({error}); restore the file, or record again.") from error
    version = _checked(path, lambda: document["schema_version"])
    if version != SCHEMA_VERSION:
        cure = "upgrade maestro-env" if isinstance(version, int) and version > SCHEMA_VERSION else "record again"
        raise RecordingError(
            f"{path} has schema version {version!r}; this version of maestro-env reads {SCHEMA_VERSION}: {cure}."
        )
    return _checked(path, lambda: _from_json(document))


def _from_json(document: Mapping[str, Any]) -> Manifest:
    if document["cost_unit"] not in ("passes", "usd"):
        raise unknown_name("cost unit", document["cost_unit"], ("passes", "usd"))
    return Manifest(
        name=document["name"],
        registry=registry_from_json(document["registry"]),
        cost_unit=document["cost_unit"],
        benchmarks=document["benchmarks"],
        question_encoder=document["encoders"]["question"],
        view_encoder=document["encoders"]["view"],
        seeds=document["seeds"],
        made=document["made"],
        files={name: FileEntry(**document["files"][name]) for name in FILES},
    )


def _checked(path: Path, build: Callable[[], _Value]) -> _Value:
    try:
        return build()
    except KeyError as error:
        raise RecordingError(f"{path} lacks the key {error}; restore the file, or record again.") from error
    except (TypeError, AttributeError, RegistryError, LookupError) as error:
        raise RecordingError(f"{path} cannot be understood: {error} Restore the file, or record again.") from error


def file_entry(path: Path, *, num_rows: int) -> FileEntry:
    """Return a file's entry for the manifest."""
    content = path.read_bytes()
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), num_bytes=len(content), num_rows=num_rows)


def verified_bytes(folder: Path, name: str, entry: FileEntry) -> bytes:
    """Return a file's content, once it was found to be what the manifest says.

    Raises:
        RecordingError: The file is missing, truncated, or changed.
    """
    cure = "copy the whole folder again, or record again"
    try:
        content = (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise RecordingError(f"Recording {folder}: {name} is missing; {cure}.") from error
    if len(content) != entry.num_bytes:
        how = "truncated" if len(content) < entry.num_bytes else "longer than it was"
        raise RecordingError(
            f"Recording {folder}: {name} is {how}: {len(content):,} bytes, the manifest says {entry.num_bytes:,}; "
            f"{cure}."
        )
    digest = hashlib.sha256(content).hexdigest()
    if digest != entry.sha256:
        raise RecordingError(
            f"Recording {folder}: {name} has changed since it was recorded: its sha256 is {digest[:12]}…, "
            f"the manifest says {entry.sha256[:12]}…; {cure}."
        )
    return content
