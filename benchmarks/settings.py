"""What a comparison is told to do, and the world and the runs that follow from it. Doing them is running.py's job."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from benchmarks.contenders import STANDARD, contender
from benchmarks.own_agent import name_of
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
    agents: tuple[str, ...] = STANDARD
    seeds: int = 3
    """Runs of each agent whose results depend on its seed; the others are run once."""
    max_turns: int = 4
    cost_weight: float = 0.0
    """Reward lost per unit of cost, in all but the curves of accuracy against cost."""
    budgets: tuple[float, ...] = ()
    """More such weights: every agent is fitted at each of them too, for those curves."""
    answer_rule: str = "vote"
    processes: int = 2
    """1 runs everything in this process."""
    quick: bool = False

    def __post_init__(self) -> None:
        if not self.agents or self.seeds < 1 or self.processes < 1:
            raise ConfigurationError(
                f"{len(self.agents)} agents, {self.seeds} seeds, {self.processes} processes; give at least one of each."
            )
        names = [name_of(place) for place in self.agents]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"Two of the agents {names} have the same name; give each a name of its own.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run to be made."""

    agent: str
    """Of a contender, or the place of anyone's own, as own_agent.py reads it."""
    seed: int
    cost_weight: float

    @property
    def name(self) -> str:
        """The agent's name."""
        return name_of(self.agent)

    @property
    def label(self) -> str:
        """What a progress bar calls it."""
        price = f", weight {self.cost_weight:g}" if self.cost_weight else ""
        return f"{self.name}, seed {self.seed}{price}"

    @property
    def stem(self) -> str:
        """Name of its file, without the ending."""
        return f"{self.name}-{self.seed}-{self.cost_weight!r}"


def jobs_of(settings: Settings) -> list[Job]:
    """Return every run of a comparison: agent by agent, at each cost weight.

    Raises:
        UnknownNameError: No such agent.
    """
    return [
        Job(agent=name, seed=seed, cost_weight=cost_weight)
        for cost_weight in dict.fromkeys((settings.cost_weight, *settings.budgets))
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
    read: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return Settings(**read)
