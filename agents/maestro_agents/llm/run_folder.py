"""The folder of a run: what is written there, so that whoever is killed leaves nothing half-written behind."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maestro_agents.llm.pretrained import Pretrained
from maestro_agents.llm.rollout import Rollout
from maestro_agents.llm.settings import RunSettings
from maestro_env.errors import ConfigurationError


def refuse_full(place: str | Path) -> None:
    """Raise unless a folder can be a new run's: commands ask before they do anything, and write only later.

    Raises:
        ConfigurationError: It exists and holds something, or is a file; nothing is overwritten.
    """
    folder = Path(place)
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigurationError(f"The folder {str(folder)!r} is not empty; give another one. Nothing is overwritten.")
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"{str(folder)!r} is a file; give a folder.")


def new_folder(place: str | Path, settings: RunSettings, *, goes_on: bool = False) -> Path:
    """Return a folder for a run, with its settings in it.

    Raises:
        ConfigurationError: It exists and holds something; nothing is overwritten.
    """
    folder = Path(place)
    if not goes_on:
        refuse_full(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "settings.json", _document_of(settings))
    return folder


def check_goes_on(place: str | Path, settings: RunSettings) -> None:
    """Raise unless a folder holds an unfinished run that was started with the same settings.

    Raises:
        ConfigurationError: It does not; the message says which settings differ.
    """
    folder = Path(place)
    if not (folder / "settings.json").is_file():
        raise ConfigurationError(f"There is no run in {str(folder)!r} to go on from; start without --resume.")
    if (folder / "model").is_dir():
        raise ConfigurationError(f"The run in {str(folder)!r} has come to its end; its model is in its folder 'model'.")
    then: Any = json.loads((folder / "settings.json").read_text("utf-8"))
    now: Any = json.loads(_document_of(settings))
    keys = [(table, key) for table in now for key in {**then.get(table, {}), **now[table]}]
    differ = [
        f"{table}.{key} (then {then.get(table, {}).get(key)!r}, now {now[table].get(key)!r})"
        for table, key in sorted(keys)
        if then.get(table, {}).get(key) != now[table].get(key)
    ]
    if differ:
        raise ConfigurationError(
            f"The run in {str(folder)!r} was started with other settings: {', '.join(differ)}. Give those it was "
            "started with, or start another run."
        )


def save_model(pretrained: Pretrained, folder: Path, settings: RunSettings) -> None:
    """Write a model into the folder `model` of a run, with the run's settings; there is never half a model there."""
    beside = folder / "model.part"
    if beside.is_dir():
        shutil.rmtree(beside)
    pretrained.save(beside)
    (beside / "settings.json").write_text(_document_of(settings), "utf-8")
    beside.rename(folder / "model")


class Log:
    """A file of JSON lines, each with the step it is about."""

    def __init__(self, path: Path, *, from_step: int = 0) -> None:
        """Open it, and drop what a run that goes on from a step will say again."""
        self._path = path
        # Whoever is killed while it writes leaves a last line without its end.
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.is_file() else []
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] < from_step]
        _replace(path, "".join(kept))

    def add(self, step: int, figures: Mapping[str, Any]) -> None:
        """Append a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")


def write_evaluation(folder: Path, name: str, rollouts: Sequence[Rollout], figures: Mapping[str, Any]) -> None:
    """Write figures, and what each episode said, into a folder."""
    _replace(folder / f"{name}-episodes.jsonl", "".join(f"{json.dumps(_record_of(each))}\n" for each in rollouts))
    _replace(folder / f"{name}.json", json.dumps(figures, indent=2) + "\n")


def _record_of(rollout: Rollout) -> dict[str, Any]:
    return {
        "task_id": rollout.task_id,
        "turns": [turn.text for turn in rollout.turns if turn.role == "assistant"],
        "reward": rollout.reward,
        "outcome": rollout.outcome.value,
        "answer": rollout.answer,
        "gold": rollout.gold,
        "experts": rollout.experts,
        "faults": rollout.faults,
    }


def _document_of(settings: RunSettings) -> str:
    return json.dumps(settings.as_document(), indent=2) + "\n"


def _replace(path: Path, text: str) -> None:
    """Write a file; whoever is killed meanwhile leaves the old one, whole."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(text, "utf-8")
    beside.replace(path)
