"""Tier-2 skills that fetch evidence and ask once: what one is, which one a question is for, and how it runs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

from maestro_env.skills.prompted.answers import ANSWER_FORM
from maestro_env.skills.prompted.base import Prompt, PromptedRun
from maestro_env.skills.prompted.direct import question_of, reply_of, shown
from maestro_env.skills.prompted.gathering import Wants, gather
from maestro_env.types import Context, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class FocusedSkill:
    """A tier-2 skill: for which questions it is, what it fetches, and what its model is told."""

    name: str
    cues: Mapping[str, int]
    """Whole words and phrases of questions that speak for it, each with its weight; plurals count as well."""
    wants: Wants
    instructions: str
    """How to answer such a question."""


def scores(question: str, skills: Sequence[FocusedSkill]) -> dict[str, int]:
    """Return how much a question speaks for each skill, by its name: the weights of its cues that occur in it."""
    return {
        skill.name: sum(weight for cue, weight in skill.cues.items() if _pattern(cue).search(question))
        for skill in skills
    }


def chosen(by_name: Mapping[str, int], skills: Sequence[FocusedSkill], *, otherwise: FocusedSkill) -> FocusedSkill:
    """Return the skill with the highest score; the earlier one wins ties, and `otherwise` where all are 0."""
    best = max(skills, key=lambda skill: by_name[skill.name])
    return best if by_name[best.name] > 0 else otherwise


@lru_cache(maxsize=1024)
def _pattern(cue: str) -> re.Pattern[str]:
    words = r"\s+".join(re.escape(word) for word in cue.split())
    return re.compile(rf"(?<!\w){words}(?:s|es)?(?!\w)", re.IGNORECASE)


def ask_with_evidence(
    task: Task, context: Context, images: tuple[Image.Image, ...], *, wants: Wants, instructions: str, tier2: str = ""
) -> PromptedRun:
    """Fetch evidence and ask once, with all of it."""
    gathered = yield from gather(shown(images, context), task.question, wants)
    text = with_words(gathered.words, f"Question: {question_of(task)}", instructions, ANSWER_FORM)
    (completion,) = yield (Prompt(text=text, images=gathered.images),)
    return reply_of(completion.text, context=context, tier2=tier2)


def run_focused(skill: FocusedSkill, task: Task, context: Context, images: tuple[Image.Image, ...]) -> PromptedRun:
    """Run a tier-2 skill."""
    return ask_with_evidence(
        task, context, images, wants=skill.wants, instructions=skill.instructions, tier2=skill.name
    )


def with_words(*parts: str) -> str:
    """Return the parts of a prompt that are not empty, a blank line between them."""
    return "\n\n".join(part for part in parts if part)
