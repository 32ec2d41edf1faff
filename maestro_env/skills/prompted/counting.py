"""`Counting_Problem_Solver`: lists what is to be counted, one by one, and verifies the list against the picture."""

from PIL import Image

from maestro_env.skills.prompted.answers import ANSWER_FORM, without_thinking
from maestro_env.skills.prompted.base import Prompt, PromptedRun
from maestro_env.skills.prompted.direct import question_of, reply_of, shown
from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import with_words
from maestro_env.skills.prompted.gathering import Wants, gather
from maestro_env.types import Context, Expert, Task

TIER2 = ()
WANTS = Wants(
    kinds=(Kind.DETECTION, Kind.ZOOM),
    max_zooms=None,
    focus="Where the things to be counted are small, crowded or partly hidden matters.",
)
LIST = (
    "List every single thing that the question asks to be counted: number it, say where it is and how it is told "
    "apart. Boxes may be missing, doubled or wrong: go by the picture. Do not answer yet."
)
VERIFY = (
    "Verify this list against the picture. Strike what is listed twice or does not meet every condition of the "
    "question; add what was missed at the edges, behind others, or far away. Then count what is left."
)


def counting(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """List, then verify: two prompts to the model, both with boxes and close-ups."""
    del expert
    question = f"Question: {question_of(task)}"
    gathered = yield from gather(shown(images, context), task.question, WANTS)
    (listed,) = yield (Prompt(text=with_words(gathered.words, question, LIST), images=gathered.images),)
    found = f"List:\n{without_thinking(listed.text)}"
    text = with_words(gathered.words, question, found, VERIFY, ANSWER_FORM)
    (verified,) = yield (Prompt(text=text, images=gathered.images),)
    return reply_of(verified.text, context=context)
