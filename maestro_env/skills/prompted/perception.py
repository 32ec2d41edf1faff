"""`Perception_Problem_Solver`: answers from the whole picture and a close-up of the part that matters."""

from PIL import Image

from maestro_env.skills.prompted.base import PromptedRun
from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import ask_with_evidence
from maestro_env.skills.prompted.gathering import Wants
from maestro_env.types import Context, Expert, Task

TIER2 = ()
WANTS = Wants(kinds=(Kind.ZOOM,), focus="Small things matter: choose the part as tight as it can be.")
INSTRUCTIONS = (
    "Observe before you answer. Take place and relations from the whole picture, and details from the close-up, if "
    "there is one. Say what you see there, not what such scenes usually hold."
)


def perception(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Ask once, with the whole and the close-up."""
    del expert
    return ask_with_evidence(task, context, images, wants=WANTS, instructions=INSTRUCTIONS)
