"""`Science_Problem_Solver`: evens out the light of a slide, map or slice, then reads it (`Relight`)."""

from PIL import Image

from maestro_env.skills.averaging import PICTURE_FRAMING, read_retouched
from maestro_env.skills.base import SkillRun
from maestro_env.skills.retouch import relit
from maestro_env.types import Context, Expert, Task

RELIGHT = "Relight"
TIER2 = (RELIGHT,)


def science(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Read the picture in even light of full contrast."""
    return read_retouched(task, context, image, expert, retouch=relit, framing=PICTURE_FRAMING, tier2=RELIGHT)
