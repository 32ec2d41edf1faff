"""What a prompted skill is: a generator that sends prompts to its model and to services, and returns one reply.

A skill yields a tuple of requests, which run at the same time, and is sent one `Completion` each, in their order; it
returns a `Reply` without costs. A prompt to the expert's own model that fails ends the call with its status: the skill
is closed, and what was spent until then is counted. A service that fails is sent to the skill as a completion whose
status says so, so that it can go on and tell its model that this evidence is missing.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from PIL import Image

from maestro_env.types import Context, Expert, Reply, Status, Task

EXPERT = ""
"""Addresses the model of the expert that was called."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prompt:
    """One request to a model: text and pictures in, text out."""

    text: str
    images: tuple[Image.Image, ...] = ()
    """RGB pictures, shown before the text; hand over a task's own objects unchanged, they are encoded once."""
    system: str = ""
    """The system message; empty for none."""
    to: str = EXPERT
    """`EXPERT`, or the name of a `[[service]]` of the registry file: `ocr`, `caption`, …"""
    max_tokens: int | None = None
    """Most tokens of the completion; None takes the registry file's."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Work:
    """One request to this machine that may take long, such as running a program: done in a thread, at no cost."""

    run: Callable[[], str]
    """Returns the text of the completion. What it raises ends the call as a bug does: fail by what you return."""


Request = Prompt | Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """What came of one request."""

    text: str
    """As the model wrote it, with its thinking; empty unless the status is OK."""
    status: Status = Status.OK


PromptedRun = Generator[tuple[Request, ...], tuple[Completion, ...], Reply]
"""Yields requests that run at the same time, receives their completions, returns the reply (without its costs)."""

PromptedFunction = Callable[[Task, Context, tuple[Image.Image, ...], Expert], PromptedRun]
"""run(task, context, images, expert): `images` are all of the task's pictures, whole; `context.box` is the part of the
first one that is shown."""
