"""`Direct`: shows the model the current view once and takes its answer."""

from PIL import Image

from maestro_env.skills.base import Ask, SkillRun
from maestro_env.skills.crops import view_of
from maestro_env.skills.reading import readings, reply_to
from maestro_env.types import Context, Expert, Task

TIER2 = ()


def direct(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Ask once."""
    return look_once(task, context, image, expert, tier2="")


def look_once(task: Task, context: Context, image: Image.Image, expert: Expert, *, tier2: str) -> SkillRun:
    """Ask once, under the name of a tier-2 skill."""
    looks = yield Ask(views=(view_of(image, context),), question=task.question)
    return reply_to(readings(looks, expert)[0], context=context, tier2=tier2)
