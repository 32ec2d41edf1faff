"""Reading several views of the same thing and averaging what was read. Choosing the views is each skill's job."""

from collections.abc import Callable, Sequence

from PIL import Image

from maestro_env.skills.base import Ask, Reading, SkillRun
from maestro_env.skills.crops import framings_of, view_of
from maestro_env.skills.reading import readings, reply_to
from maestro_env.skills.retouch import reframed
from maestro_env.types import Context, Expert, Task

PAGE_FRAMING = 1.15
"""A page goes on around its content: the second view of a trimmed one shows this much more, as of a region."""
PICTURE_FRAMING = 0.97
"""A picture that fills the view ends there: its second view leaves out one of a reader's 64 pixels at each edge. More
ground around it misleads readers, who have seen none (a reader of slices falls from 0.91 to 0.63 of 120)."""


def read_views(views: Sequence[Image.Image], task: Task, context: Context, expert: Expert, *, tier2: str) -> SkillRun:
    """Ask about all views at once and reply with the mean of the readings."""
    looks = yield Ask(views=tuple(views), question=task.question)
    return reply_to(mean_reading(readings(looks, expert)), context=context, tier2=tier2)


def read_retouched(
    task: Task,
    context: Context,
    image: Image.Image,
    expert: Expert,
    *,
    retouch: Callable[[Image.Image], Image.Image],
    framing: float,
    tier2: str,
) -> SkillRun:
    """Undo how the whole picture was taken, then read it in two framings and average.

    What falls between two of a reader's pixels in one framing may not in the other.
    A region is read in two framings as it is: it holds a frame and other things around its figure, which mislead
    whoever looks for the edges, the light or the page of a picture.
    """
    whole = context.box is None
    views = two_framings(retouch(view_of(image, context)), framing) if whole else region_framings(image, context)
    return read_views(views, task, context, expert, tier2=tier2)


def mean_reading(seen: Sequence[Reading]) -> Reading:
    """Return the mean probability of each answer; an answer that a reading does not name has none there."""
    total: dict[str, float] = {}
    for reading in seen:
        for answer, probability in reading.probabilities.items():
            total[answer] = total.get(answer, 0.0) + probability
    return Reading(probabilities={answer: probability / len(seen) for answer, probability in total.items()})


def two_framings(view: Image.Image, framing: float) -> tuple[Image.Image, Image.Image]:
    """Return a view, and the same in another framing: `PAGE_FRAMING` or `PICTURE_FRAMING`."""
    return view, reframed(view, framing)


def region_framings(image: Image.Image, context: Context) -> tuple[Image.Image, ...]:
    """Return a region as it is and with more around it."""
    return framings_of(image, context, (1.0, PAGE_FRAMING))
