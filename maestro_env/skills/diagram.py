"""`Diagram_Reasoning_Skill`: trims the page around a diagram, then reads it (`Trim_And_Read`)."""

from PIL import Image

from maestro_env.skills.averaging import PAGE_FRAMING, read_retouched
from maestro_env.skills.base import SkillRun
from maestro_env.skills.retouch import trimmed
from maestro_env.types import Context, Expert, Task

TRIM_AND_READ = "Trim_And_Read"
TIER2 = (TRIM_AND_READ,)


def diagram(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Read a diagram without the empty page around it."""
    return read_retouched(task, context, image, expert, retouch=trimmed, framing=PAGE_FRAMING, tier2=TRIM_AND_READ)
