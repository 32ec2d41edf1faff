"""`Direct`: puts the plain question to the model, with all pictures, once."""

from PIL import Image

from maestro_env.skills.crops import box_of, crop
from maestro_env.skills.prompted.answers import ANSWER_FORM, final_answer, without_thinking
from maestro_env.skills.prompted.base import Prompt, PromptedRun
from maestro_env.types import Context, Expert, Reply, Task

TIER2 = ()


def direct(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Ask once."""
    del expert
    (completion,) = yield (Prompt(text=f"{question_of(task)}\n\n{ANSWER_FORM}", images=shown(images, context)),)
    return reply_of(completion.text, context=context)


def question_of(task: Task) -> str:
    """Return a task's question with its choices, as a prompt states them."""
    if not task.choices:
        return task.question
    return "\n".join([task.question, "Choices:", *(f"- {choice}" for choice in task.choices)])


def shown(images: tuple[Image.Image, ...], context: Context) -> tuple[Image.Image, ...]:
    """Return a task's pictures, the first one cut to what the context shows; in full resolution."""
    if context.box is None or not images:
        return images
    return (crop(images[0], box_of(images[0], context)), *images[1:])


def reply_of(text: str, *, context: Context, tier2: str = "") -> Reply:
    """Return the reply that a model's last completion gives: its words without its thinking, and its final answer."""
    return Reply(
        text=without_thinking(text),
        answer=final_answer(text),
        confidence=None,
        next_context=context,
        skill_tier2=tier2,
    )
