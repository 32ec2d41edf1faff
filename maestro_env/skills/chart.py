"""`Chart_Problem_Solver`: puts a chart right before reading it: by its axes (`Axes`), or by its disc (`Disc`)."""

from PIL import Image

from maestro_env.skills.averaging import (
    PAGE_FRAMING,
    PICTURE_FRAMING,
    mean_reading,
    read_views,
    region_framings,
    two_framings,
)
from maestro_env.skills.base import Ask, SkillRun
from maestro_env.skills.crops import view_of
from maestro_env.skills.reading import is_visible, readings, reply_to
from maestro_env.skills.retouch import straightened, tilt_of, trimmed
from maestro_env.types import Context, Expert, Task

AXES = "Axes"
DISC = "Disc"
TIER2 = (AXES, DISC)

AXES_STRAIGHTNESS = 2.8
"""A chart with axes and grid lines is at least this straight (bars and lines 3.3 and more; pies at most 2.4)."""

_WITHIN_FRAME = 0.7
"""The framing in which a region's chart is told from a disc: tight enough to leave a frame around it out."""


def chart(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Dispatch to `Axes` where long straight edges dominate, to `Disc` where they do not.

    The whole picture is looked at three times: as it is, and put right in two framings. `Axes` puts it
    right by levelling its straight edges, `Disc` by cutting out what is not page. The reply is the mean of the two
    views that were put right; where they do not show the answer, what the picture as it is shows.

    A region is looked at twice, in two framings, and never put right: it holds a frame and other things around it,
    which are straighter than any axis and no page.
    """
    if context.box is not None:
        return _region(task, context, image, expert)
    return _whole(task, context, image, expert)


def _whole(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    view = view_of(image, context)
    tier2 = _kind_of(view)
    if tier2 == AXES:
        put_right = two_framings(straightened(view), PICTURE_FRAMING)
    else:
        put_right = two_framings(trimmed(view), PAGE_FRAMING)
    looks = yield Ask(views=(view, *put_right), question=task.question)
    as_it_is, *rectified = readings(looks, expert)
    mean = mean_reading(rectified)
    return reply_to(mean if is_visible(mean) else as_it_is, context=context, tier2=tier2)


def _region(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    tier2 = _kind_of(view_of(image, context, framing=_WITHIN_FRAME))
    return (yield from read_views(region_framings(image, context), task, context, expert, tier2=tier2))


def _kind_of(view: Image.Image) -> str:
    return AXES if tilt_of(view).straightness >= AXES_STRAIGHTNESS else DISC
