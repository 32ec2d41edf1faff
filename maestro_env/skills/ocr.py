"""`OCR_Problem_Solver`: finds the characters on signs, has each one classified, and joins them (`Segment_And_Read`)."""

import re
from collections.abc import Sequence
from functools import lru_cache
from math import dist, prod

from PIL import Image

from maestro_env.skills.base import Ask, Reading, SkillRun
from maestro_env.skills.crops import part_of
from maestro_env.skills.reading import best_answer, invisibility, readings, reply_with
from maestro_env.skills.segmenting import GlyphLine, sign_lines
from maestro_env.tasks.procedural.ocr import ALPHABET
from maestro_env.tasks.procedural.wordings import COLOURS
from maestro_env.types import Context, Expert, Task

SEGMENT_AND_READ = "Segment_And_Read"
TIER2 = (SEGMENT_AND_READ,)

MIN_CHARACTERS = 2
"""A sign says at least this much; a lone character is clutter that looks like one."""
MIN_SURENESS = 0.5
"""Mean probability of the characters from which on a line counts as text, whatever else is in the picture."""


def ocr(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Read the sign of the colour that the question names, or the one with the largest letters."""
    view = part_of(image, context)
    lines = sign_lines(view)
    glyphs = [glyph.view for line in lines for glyph in line.glyphs]
    # Where nothing looks like text, the model is shown the view as it is: every call asks, and costs, at least once.
    looks = yield Ask(views=tuple(glyphs) or (view,), question=task.question)
    seen = readings(looks, expert)
    texts: list[_Text] = []
    for line in lines:
        texts.append(_Text(line, seen[: len(line.glyphs)]))
        seen = seen[len(line.glyphs) :]
    chosen = _asked_for(task.question, [text for text in texts if len(text.text) >= MIN_CHARACTERS])
    if chosen is None:
        return reply_with(None, 0.0, context=context, tier2=SEGMENT_AND_READ)
    return reply_with(chosen.text, chosen.probability, context=context, tier2=SEGMENT_AND_READ)


class _Text:
    """What a line says."""

    def __init__(self, line: GlyphLine, seen: Sequence[Reading]) -> None:
        found = [read_character(reading, ALPHABET) for reading in seen]
        kept = [(character, probability) for character, probability in found if character]
        self.line = line
        self.text = "".join(character for character, _ in kept)
        self.probability = prod(probability for _, probability in kept)
        """That every character is right."""
        # A character that is none counts against the line: clutter has many.
        self.sureness = sum(probability for _, probability in kept) / max(1, len(found))


def read_character(reading: Reading, alphabet: str) -> tuple[str, float]:
    """Return the most probable character of an alphabet with its probability; an empty one where there is none.

    Args:
        reading: Of one character's view; its answers are characters.
        alphabet: What can stand there. A letter that it holds in one case only is taken in either, for the two differ
            by little but their size.
    """
    merged: dict[str, float] = {}
    for character, probability in reading.probabilities.items():
        meant = _meant(character, alphabet)
        if meant:
            merged[meant] = merged.get(meant, 0.0) + probability
    character, probability = best_answer(Reading(probabilities=merged))
    return (character, probability) if probability > invisibility(reading) else ("", 0.0)


@lru_cache(maxsize=1024)
def _meant(character: str, alphabet: str) -> str:
    """Return a character as the alphabet has it; empty if it has neither case."""
    return next((form for form in (character, character.swapcase()) if form in alphabet), "")


def _asked_for(question: str, texts: Sequence[_Text]) -> _Text | None:
    sure = [text for text in texts if text.sureness >= MIN_SURENESS]
    if not sure:
        return max(texts, key=lambda text: text.sureness, default=None)
    named = [colour for colour in COLOURS if re.search(rf"\b{colour}\b", question, re.IGNORECASE)]
    if named:
        wanted = COLOURS[named[0]]
        return min(sure, key=lambda text: dist(text.line.paper, wanted))
    return max(sure, key=lambda text: text.line.height_px)
