"""`Geometric_Problem_Solver`: reads a drawing without its page (`Trim`), or a marked letter from near (`Close_Up`)."""

import re

from PIL import Image

from maestro_env.skills.averaging import PAGE_FRAMING, read_retouched, read_views
from maestro_env.skills.base import SkillRun
from maestro_env.skills.crops import view_of
from maestro_env.skills.marking import close_up
from maestro_env.skills.retouch import trimmed
from maestro_env.types import Context, Expert, Task

TRIM = "Trim"
CLOSE_UP = "Close_Up"
TIER2 = (TRIM, CLOSE_UP)

FRAMINGS = (1.0, 1.6)
"""Of the two close-ups: a label that lies on its mark, and one that stands a little beside it."""
_WITHIN_FRAME = 0.85
"""The framing in which a region is searched for a mark: a coloured frame around the figure would be the densest."""
_LETTER = re.compile(r"\bletter\b", re.IGNORECASE)
_COMPARISON = re.compile(r"\b(longest|shortest|greatest|least)\b", re.IGNORECASE)


def geometry(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Dispatch to `Close_Up` where the question asks for the letter that is marked, else to `Trim`."""
    if asks_for_marked_letter(task.question):
        return _close_up(task, context, image, expert)
    return read_retouched(task, context, image, expert, retouch=trimmed, framing=PAGE_FRAMING, tier2=TRIM)


def asks_for_marked_letter(question: str) -> bool:
    """Whether a question asks for a letter, and not for that of what is longest or shortest."""
    return bool(_LETTER.search(question)) and not _COMPARISON.search(question)


def _close_up(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Read what is marked by colour from near, in two framings, and average."""
    view = view_of(image, context, framing=_WITHIN_FRAME)
    drawing = trimmed(view) if context.box is None else view
    views = [close_up(drawing, framing) for framing in FRAMINGS]
    return read_views(views, task, context, expert, tier2=CLOSE_UP)
