"""`Code_Problem_Solver`: reads a program character by character and says what it prints (`Read_And_Run`).

The program is run by the evaluator of its tiny language: what a picture says is never given to Python.
"""

from collections.abc import Mapping, Sequence
from math import prod

from PIL import Image

from maestro_env.errors import TaskError
from maestro_env.skills.base import Ask, SkillRun
from maestro_env.skills.crops import part_of
from maestro_env.skills.listing import program_lines
from maestro_env.skills.ocr import read_character
from maestro_env.skills.reading import readings, reply_with
from maestro_env.tasks.tiny_code import ALPHABET, INDENT, run_program
from maestro_env.types import Context, Expert, Task

READ_AND_RUN = "Read_And_Run"
TIER2 = (READ_AND_RUN,)


def code(task: Task, context: Context, image: Image.Image, expert: Expert) -> SkillRun:
    """Read the program in the view and run it; without a program that can be run there is no answer."""
    view = part_of(image, context)
    lines = program_lines(view)
    glyphs = [glyph for line in lines for glyph in line.glyphs]
    # Where nothing looks like a program, the model is shown the view as it is: every call asks at least once.
    looks = yield Ask(views=tuple(glyph.view for glyph in glyphs) or (view,), question=task.question)
    seen = iter(readings(looks, expert))
    rows: list[dict[int, str]] = []
    probabilities: list[float] = []
    for line in lines:
        row: dict[int, str] = {}
        for glyph in line.glyphs:
            character, probability = read_character(next(seen), ALPHABET)
            if character:
                row[glyph.column] = character
                probabilities.append(probability)
        if row:
            rows.append(row)
    try:
        answer = str(run_program(source_of(rows)))
    except TaskError:
        # A misread character: the reply says that there is no answer, and how sure the reading was.
        answer = None
    return reply_with(answer, prod(probabilities) if rows else 0.0, context=context, tier2=READ_AND_RUN)


def source_of(rows: Sequence[Mapping[int, str]]) -> str:
    """Return the text of a program.

    Args:
        rows: Each line's characters by their columns; gaps are spaces. Whatever is further right than the leftmost
            line is indented, by as much as the language wants.
    """
    margin = min((min(row) for row in rows), default=0)
    texts: list[str] = []
    for row in rows:
        first, last = min(row), max(row)
        text = "".join(row.get(column, " ") for column in range(first, last + 1))
        texts.append(" " * INDENT + text if first > margin else text)
    return "\n".join(texts)
