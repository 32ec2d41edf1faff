"""What a family is: code that draws one kind of figure, with questions whose answers are exact."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from maestro_env.tasks.procedural.wordings import Intent


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """One question that a figure can answer."""

    intent: Intent
    answer: str
    """A member of `wordings.ANSWERS`, unless the intent is open."""
    question: str = ""
    """A wording of the family's own, for plain tasks; empty where only a shared wording is used."""
    where: tuple[tuple[float, float], ...] = ()
    """Where the evidence lies, as fractions of the side: the centres of what is counted, or of the one target.
    Empty where the whole figure is needed. Tells what can be answered from a part of the picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A picture with the questions it answers."""

    image: Image.Image
    """RGB, square, at the size that was asked for."""
    queries: tuple[Query, ...]
    """At least one; at most one an intent carries no wording of its own, so that a shared wording has one answer."""
    factors: Mapping[str, float | int | str] = field(default_factory=dict[str, float | int | str])
    """What makes it hard; always holds `difficulty` in [0, 1] and `kind`, the sort of figure within the family."""


class Family(ABC):
    """One kind of figure. Families hold no state: the same generator state draws the same figure."""

    name: str
    """The benchmark that is made of plain figures of this family."""
    native_px: int
    """Side of a plain task's picture, in pixels."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, *, size_px: int, difficulty: float) -> Figure:
        """Draw a figure.

        Args:
            rng: The only source of randomness.
            size_px: Side of the square picture: `native_px` for a plain task, 110 to 200 inside a scene.
            difficulty: In [0, 1]; 0 is easy. More means more parts, less contrast, smaller margins.
        """

    @abstractmethod
    def check(self, figure: Figure) -> None:
        """Raise `TaskError` unless every answer is visible: contrast, pixels and margins above the family's floor."""
