"""`Embodied_Scene_QA_Skill`: dispatches a question about a robot's scene to the tier-2 skill for it."""

from PIL import Image

from maestro_env.skills.prompted.base import PromptedRun
from maestro_env.skills.prompted.embodied.action_adjustment import ACTION_ADJUSTMENT
from maestro_env.skills.prompted.embodied.multi_view_task import MULTI_VIEW_TASK
from maestro_env.skills.prompted.embodied.pointing_localization import POINTING_LOCALIZATION
from maestro_env.skills.prompted.embodied.spatial_mechanics import SPATIAL_MECHANICS
from maestro_env.skills.prompted.embodied.trajectory_outcome import TRAJECTORY_OUTCOME
from maestro_env.skills.prompted.focused import FocusedSkill, chosen, run_focused, scores
from maestro_env.types import Context, Expert, Task

SKILLS = (TRAJECTORY_OUTCOME, POINTING_LOCALIZATION, MULTI_VIEW_TASK, ACTION_ADJUSTMENT, SPATIAL_MECHANICS)
"""Earlier ones win ties."""
TIER2 = tuple(skill.name for skill in SKILLS)

SEVERAL_VIEWS = 2
"""What two pictures or more add to the score of the skill for several views."""


def embodied(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Dispatch by the words of the question and the number of pictures."""
    del expert
    return run_focused(route(task.question, num_pictures=len(images)), task, context, images)


def route(question: str, *, num_pictures: int) -> FocusedSkill:
    """Return the tier-2 skill for a question; where nothing speaks for any, the one for space and mechanics."""
    by_name = scores(question, SKILLS)
    if num_pictures > 1:
        by_name[MULTI_VIEW_TASK.name] += SEVERAL_VIEWS
    return chosen(by_name, SKILLS, otherwise=SPATIAL_MECHANICS)
