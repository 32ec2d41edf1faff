"""`OCR_Problem_Solver`: dispatches a question about text in a picture to the tier-2 skill for it."""

from PIL import Image

from maestro_env.skills.prompted.base import PromptedRun
from maestro_env.skills.prompted.focused import FocusedSkill, chosen, run_focused, scores
from maestro_env.skills.prompted.text_reading.document_chart_qa import DOCUMENT_CHART_QA
from maestro_env.skills.prompted.text_reading.formula_recognition import FORMULA_RECOGNITION
from maestro_env.skills.prompted.text_reading.key_information_extraction import KEY_INFORMATION_EXTRACTION
from maestro_env.skills.prompted.text_reading.scene_text_qa import SCENE_TEXT_QA
from maestro_env.skills.prompted.text_reading.text_recognition import TEXT_RECOGNITION
from maestro_env.types import Context, Expert, Task

SKILLS = (FORMULA_RECOGNITION, KEY_INFORMATION_EXTRACTION, DOCUMENT_CHART_QA, SCENE_TEXT_QA, TEXT_RECOGNITION)
"""Earlier ones win ties."""
TIER2 = tuple(skill.name for skill in SKILLS)


def text_reading(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Dispatch by the words of the question."""
    del expert
    return run_focused(route(task.question), task, context, images)


def route(question: str) -> FocusedSkill:
    """Return the tier-2 skill for a question; where nothing speaks for any, the one for text in scenes."""
    return chosen(scores(question, SKILLS), SKILLS, otherwise=SCENE_TEXT_QA)
