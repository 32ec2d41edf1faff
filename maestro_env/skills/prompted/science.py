"""`Science_Problem_Solver`: answers from the picture, a close-up, a description and the text in it."""

from PIL import Image

from maestro_env.skills.prompted.base import PromptedRun
from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import ask_with_evidence
from maestro_env.skills.prompted.gathering import Wants
from maestro_env.types import Context, Expert, Task

TIER2 = ()
WANTS = Wants(
    kinds=(Kind.CAPTION, Kind.OCR, Kind.ZOOM), focus="The finding, structure or label that decides the answer matters."
)
INSTRUCTIONS = (
    "Say first what kind of picture this is and how it was taken. Then name the findings in it that bear on the "
    "question, and bring in what is known of the subject. Weigh the choices against each other, if there are any. The "
    "picture counts for more than its description."
)


def science(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Ask once, with all evidence."""
    del expert
    return ask_with_evidence(task, context, images, wants=WANTS, instructions=INSTRUCTIONS)
