"""`Diagram_Reasoning_Skill`: dispatches a question about a drawn diagram to the tier-2 skill for it."""

from PIL import Image

from maestro_env.skills.prompted.base import PromptedRun
from maestro_env.skills.prompted.diagrams.circle_contact_overlap import CIRCLE_CONTACT_OVERLAP
from maestro_env.skills.prompted.diagrams.geometric_shape_counting import GEOMETRIC_SHAPE_COUNTING
from maestro_env.skills.prompted.diagrams.grid_structure_parsing import GRID_STRUCTURE_PARSING
from maestro_env.skills.prompted.diagrams.highlighted_character_recognition import HIGHLIGHTED_CHARACTER_RECOGNITION
from maestro_env.skills.prompted.diagrams.intersection_route_counting import INTERSECTION_ROUTE_COUNTING
from maestro_env.skills.prompted.focused import FocusedSkill, chosen, run_focused, scores
from maestro_env.types import Context, Expert, Task

SKILLS = (
    HIGHLIGHTED_CHARACTER_RECOGNITION,
    GRID_STRUCTURE_PARSING,
    CIRCLE_CONTACT_OVERLAP,
    INTERSECTION_ROUTE_COUNTING,
    GEOMETRIC_SHAPE_COUNTING,
)
"""Earlier ones win ties."""
TIER2 = tuple(skill.name for skill in SKILLS)


def diagrams(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Dispatch by the words of the question."""
    del expert
    return run_focused(route(task.question), task, context, images)


def route(question: str) -> FocusedSkill:
    """Return the tier-2 skill for a question; where nothing speaks for any, the one that counts shapes."""
    return chosen(scores(question, SKILLS), SKILLS, otherwise=GEOMETRIC_SHAPE_COUNTING)
