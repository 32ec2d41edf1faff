"""The nouns: tasks, contexts, experts, replies and outcomes as frozen data. Behaviour lives elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SPLITS = ("train", "val", "test")
"""Every benchmark's splits: fit on train, select on val, report on test."""

WHOLE = "whole"
"""Id of the context in which every episode starts: the task's image as it is."""


class Status(StrEnum):
    """How a call went. Anything but `OK` is a failure of the expert, never a wrong answer."""

    OK = "ok"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    MALFORMED = "malformed"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    OVER_BUDGET = "over_budget"


class Outcome(StrEnum):
    """How an episode ended."""

    CORRECT = "correct"
    WRONG = "wrong"
    UNANSWERED = "unanswered"
    """No reply held an answer, and no call failed."""
    EXPERT_ERROR = "expert_error"
    """No reply held an answer, and at least one call failed."""


OUTCOMES = tuple(Outcome)
"""What outcomes are numbered by where many are kept as integers."""


class Role(StrEnum):
    """What a model's network gives for a view."""

    READER = "reader"
    """An answer."""
    LOCATOR = "locator"
    """A box in which the answer is to be seen."""


class AnswerRule(StrEnum):
    """Which answered reply settles the episode's answer."""

    VOTE = "vote"
    """The plurality among answered replies; the latest one wins ties."""
    CONFIDENCE = "confidence"
    """The most confident answered reply; the latest one wins ties; no confidence counts as 0."""
    LAST = "last"
    """The latest answered reply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A frozen question with its gold answer."""

    id: str
    """Unique within a recording, such as `chart/train/000017`."""
    benchmark: str
    split: str
    """One of `SPLITS`."""
    question: str
    images: tuple[str, ...]
    """References that `maestro_env.tasks.load_image` turns into pictures on demand."""
    choices: tuple[str, ...] = ()
    """The possible answers; empty where the answer is open."""
    gold: str
    scorer: str = "exact"
    """A name in `maestro_env.scoring.SCORERS`."""
    factors: Mapping[str, float | int | str] = field(default_factory=dict[str, float | int | str])
    """What makes the task hard (number of bars, contrast, size of the target, …)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """An axis-parallel region of a picture, in pixels; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """The evidence that experts see besides the question."""

    id: str
    """`whole`, or a name of its own such as `region:locator-a`; unique within a task."""
    parent: str = ""
    """Id of the context in which it was found; empty for `whole`."""
    box: Box | None = None
    """The region shown, in pixels of the task's first image; None shows the whole image."""
    text: str = ""
    """Text evidence from a tool; empty if there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A frozen expert model."""

    name: str
    description: str
    """What a policy may read about it: precise, and true."""
    network: str = ""
    """Name of the shipped network behind it; empty for models behind an endpoint."""
    role: str = Role.READER
    """A member of `Role`; tier-1 skills that suit both dispatch on it."""
    passes_per_look: float = 1.0
    """Cost of one network evaluation, in passes (multiply-adds relative to the small reader)."""
    usd_per_pass: float = 0.0
    """Price of one pass, in USD."""
    endpoint: str = ""
    """Name of the `[[endpoint]]` of the registry file that serves it; empty for shipped networks."""
    served_name: str = ""
    """What that endpoint calls it; empty if it goes by its own name."""
    usd_per_million_prompt_tokens: float = 0.0
    usd_per_million_completion_tokens: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """A tier-1 workflow around a model; it dispatches to its tier-2 skills."""

    name: str
    description: str
    tier2: tuple[str, ...] = ()
    """Names of the tier-2 skills it dispatches to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expert:
    """A compatible (model, skill) pair: what an action names."""

    model: Model
    skill: Skill

    @property
    def id(self) -> str:
        """`model/skill`."""
        return f"{self.model.name}/{self.skill.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """One call's result."""

    text: str
    """What the expert said, as a policy may read it."""
    answer: str | None
    """The answer it gave; None if it gave none (a locator, `notvisible`, a failure)."""
    confidence: float | None
    """In [0, 1]; None where the expert states none."""
    next_context: Context
    """Where the episode goes on: the context of the call, or the region that was found."""
    status: Status = Status.OK
    skill_tier2: str = ""
    """Which tier-2 skill ran."""
    cost_usd: float = 0.0
    passes: float = 0.0
    """Network evaluations, weighted by their multiply-adds; 0 for models behind an endpoint."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_s: float = 0.0
    """Seconds: measured by live backends, modelled from passes by the embedded experts."""
