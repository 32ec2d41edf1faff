"""`Embodied_Scene_QA_Skill`: levels the view by its longest straight edges, then reads it (`Level`)."""

from PIL import Image

from maestro_env.skills.averaging import PICTURE_FRAMING, read_retouched
from maestro_env.skills.base import SkillRun
from maestro_env.skills.retouch import straightened
from maestro_env.types import Context, Expert, Task

LEVEL = "Level"
TIER2 = (LEVEL,)


def embodied(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Read the levelled view."""
    return read_retouched(task, context, image, expert, retouch=straightened, framing=PICTURE_FRAMING, tier2=LEVEL)
