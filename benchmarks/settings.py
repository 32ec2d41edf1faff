"""What a comparison is told to do, and the world and the runs that follow from it. Doing them is running.py's job."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from benchmarks.contenders import CONTENDERS, contender
from benchmarks.playing import World, first_tasks
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.load import load_recording
from maestro_env.types import AnswerRule

QUICK_TASKS = 12
"""Tasks of each benchmark and split in a smoke test."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is compared, and in what."""

    recording: str = "embedded"
    """Name or folder."""
    registry: str | None = None
    """Name or file of the experts that take part; None: `core` for the embedded recording, else all recorded ones."""
    agents: tuple[str, ...] = tuple(entry.name for entry in CONTENDERS)
    seeds: int = 3
    """Runs of each agent whose results depend on its seed; the others are run once."""
    max_turns: int = 4
    cost_weight: float = 0.0
    answer_rule: str = "vote"
    processes: int = 2
    """1 runs everything in this process."""
    quick: bool = False

    def __post_init__(self) -> None:
        if not self.agents or self.seeds < 1 or self.processes < 1:
            raise ConfigurationError(
                f"{len(self.agents)} agents, {self.seeds} seeds, {self.processes} processes; give at least one of each."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run to be made."""

    agent: str
    seed: int

    @property
    def label(self) -> str:
        """What a progress bar calls it."""
        return f"{self.agent}, seed {self.seed}"

    @property
    def stem(self) -> str:
        """Name of its file, without the ending."""
        return f"{self.agent}-{self.seed}"


def jobs_of(settings: Settings) -> list[Job]:
    """Return every run of a comparison, agent by agent.

    Raises:
        UnknownNameError: No such agent.
    """
    return [
        Job(agent=name, seed=seed)
        for name in settings.agents
        for seed in range(settings.seeds if contender(name).varies else 1)
    ]


@lru_cache(maxsize=1)
def world_of(settings: Settings) -> World:
    """Return the world of a comparison; each process loads it once."""
    recording = load_recording(settings.recording)
    return World(
        recording=first_tasks(recording, each=QUICK_TASKS) if settings.quick else recording,
        registry=settings.registry or ("core" if settings.recording == "embedded" else None),
        max_turns=settings.max_turns,
        cost_weight=settings.cost_weight,
        answer_rule=AnswerRule(settings.answer_rule),
    )


def as_json(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON holds them."""
    return asdict(settings)


def from_json(values: Mapping[str, Any]) -> Settings:
    """Return what `as_json` gave."""
    return Settings(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
