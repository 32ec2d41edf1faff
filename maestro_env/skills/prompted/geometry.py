"""`Geometric_Problem_Solver`: writes a drawing down as facts, joins them with the evidence, solves, and verifies."""

from PIL import Image

from maestro_env.skills.prompted.answers import ANSWER_FORM, without_thinking
from maestro_env.skills.prompted.base import Prompt, PromptedRun
from maestro_env.skills.prompted.direct import question_of, reply_of, shown
from maestro_env.skills.prompted.evidence import Kind
from maestro_env.skills.prompted.focused import with_words
from maestro_env.skills.prompted.gathering import Wants, gather
from maestro_env.types import Context, Expert, Task

TIER2 = ()
WANTS = Wants(kinds=(Kind.CAPTION, Kind.OCR))

EXTRACT = (
    "Do not solve the problem yet. Write down what the drawing shows, under these headings: Points; Lines and "
    "segments; Angles; Circles and arcs; Labels and measures, each with what it belongs to; Relations (parallel, "
    "perpendicular, equal, tangent, on a line). Write 'unsure' beside whatever cannot be made out clearly."
)
FUSE = (
    "Join these into one list of facts about the drawing. Where they disagree, look at the drawing and say which one "
    "holds. Leave out what is neither drawn nor given in the question. Do not solve the problem yet."
)
SOLVE = (
    "Solve the problem from these facts, step by step. Name the theorem behind each step, set up the equations before "
    "you solve them, and keep exact values until the end."
)
VERIFY = (
    "Check this solution before it is handed in: the units; whether the value is possible at all, also in extreme "
    "cases; whether another way gives the same value; whether it fits the size of things in the drawing; and whether "
    "it is what the question asks for. Correct what is wrong."
)


def geometry(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Extract, fuse, solve, verify: four prompts to the model, each with the drawing and what came before."""
    del expert
    pictures = shown(images, context)
    question = f"Problem: {question_of(task)}"
    gathered = yield from gather(pictures, task.question, WANTS)
    (extracted,) = yield (Prompt(text=with_words(question, EXTRACT), images=pictures),)
    seen = f"Seen in the drawing:\n{without_thinking(extracted.text)}"
    (fused,) = yield (Prompt(text=with_words(question, seen, gathered.words, FUSE), images=gathered.images),)
    facts = f"Facts:\n{without_thinking(fused.text)}"
    (solved,) = yield (Prompt(text=with_words(question, facts, gathered.words, SOLVE), images=gathered.images),)
    solution = f"Solution:\n{without_thinking(solved.text)}"
    (verified,) = yield (
        Prompt(text=with_words(question, facts, gathered.words, solution, VERIFY, ANSWER_FORM), images=gathered.images),
    )
    return reply_of(verified.text, context=context)
