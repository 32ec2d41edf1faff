"""What a skill is: a generator that asks the chosen model and returns one reply. It knows no backend.

A skill yields `Ask`s and is sent, for each, one `Reading` (or `Finding`) a view; it returns a `Reply`. So the same
few lines run one call at a time, or thousands of calls batched together by the recorder.
Costs are filled in by whoever drives the generator: it alone knows what a look costs.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

from PIL import Image

from maestro_env.types import Box, Context, Expert, Reply, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request to the expert's model: the question, put to each of some views."""

    views: tuple[Image.Image, ...]
    """RGB pictures; each is one look (one network evaluation)."""
    question: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a reader made of one view."""

    probabilities: Mapping[str, float]
    """Answer -> probability, over the whole answer vocabulary without `notvisible`; sums to at most 1.
    The rest, `1 - sum`, is the probability that the answer cannot be seen in this view."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Where a locator thinks that the answer is to be seen."""

    box: Box
    """In pixels of the view that was shown."""
    confidence: float
    """In [0, 1]."""


Look = Reading | Finding
SkillRun = Generator[Ask, tuple[Look, ...], Reply]
"""Yields requests, receives one look a view, returns the reply (without its costs)."""

SkillFunction = Callable[[Task, Context, Image.Image, Expert], SkillRun]
"""run(task, context, image, expert): `image` is the task's whole first image, `context.box` the part shown."""
