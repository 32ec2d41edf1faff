"""Where models lie: those that ship with this package, by name, and anybody's own; and what is known of each."""

from pathlib import Path

from maestro_agents.llm.settings import RunSettings, read_settings
from maestro_env.errors import ConfigurationError

SHIPPED = Path(__file__).parent / "shipped"
"""A folder for each model."""


def shipped_models() -> list[str]:
    """Return the names of the models that ship."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/config.json"))


def place_of(asked: str | Path) -> str:
    """Return the folder of a model that ships; any other folder or id as it is."""
    return str(SHIPPED / str(asked)) if str(asked) in shipped_models() else str(asked)


def model_folder(asked: str | Path) -> Path:
    """Return the folder of a model.

    Args:
        asked: The name of a model that ships, or a folder.

    Raises:
        ConfigurationError: It is neither.
    """
    place = Path(place_of(asked))
    if not place.is_dir():
        raise ConfigurationError(
            f"There is no model {str(asked)!r}; give a folder that `python -m maestro_agents.llm.sft` or `grpo` wrote"
            f"{''.join(f', or {name!r}, which ships' for name in shipped_models())}."
        )
    return place


def settings_in(folder: Path, *, config: str | Path | None = None) -> RunSettings:
    """Return how a model was made, which says how it is to be talked to.

    Args:
        folder: Of the model; the commands leave their settings there.
        config: Taken instead; without either it is `tiny-cpu`.

    Raises:
        MaestroError: The settings cannot be read.
    """
    beside = folder / "settings.json"
    if config is None and beside.is_file():
        return read_settings(beside)
    return read_settings("tiny-cpu" if config is None else config)
