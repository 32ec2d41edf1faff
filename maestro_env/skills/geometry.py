"""`Geometric_Problem_Solver`: trims the page around a drawing, then reads it (`Trim`)."""

from PIL import Image

from maestro_env.skills.averaging import PAGE_FRAMING, read_retouched
from maestro_env.skills.base import SkillRun
from maestro_env.skills.retouch import trimmed
from maestro_env.types import Context, Expert, Task

TRIM = "Trim"
TIER2 = (TRIM,)


def geometry(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Read a drawing without the empty page around it."""
    return read_retouched(task, context, image, expert, retouch=trimmed, framing=PAGE_FRAMING, tier2=TRIM)
