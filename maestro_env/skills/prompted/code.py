"""`Code_Problem_Solver`: has a program written, runs it against a check that the picture shows, and has it repaired.

The program runs in the sandbox, or not at all: where this machine cannot confine it, it is handed in unchecked.
"""

import ast
import re
from collections.abc import Generator
from functools import partial

from PIL import Image

from maestro_env.sandbox import Ended, run_confined
from maestro_env.skills.prompted.answers import without_thinking
from maestro_env.skills.prompted.base import Completion, Prompt, PromptedRun, Request, Work
from maestro_env.skills.prompted.direct import question_of, shown
from maestro_env.types import Context, Expert, Reply, Task

CHECKED, FAILED, UNCHECKED = TIER2 = ("Checked_Code", "Failed_Code", "Unchecked_Code")
"""Whether the program passed the check, failed it to the last, or met none: no check was found, or none could run."""

MAX_CHECK_TRIES = 2
MAX_ROUNDS = 3
PASSED, NOT_RUN = "passed", "not run"
"""What the first line of a check's outcome says; anything else is what went wrong."""

EXTRACT_CHECK = (
    "The picture shows an example of what the program has to give for some input. Write it as one line of Python that "
    "calls the function of the problem, of the form: assert f(input) == output\nWrite this line alone."
)
NO_CHECK = "Your last reply held no such line: it must begin with assert, and be valid Python by itself. "
WRITE = "Write the program in Python, complete and on its own, in one ```python block. Use the standard library only."
NO_BLOCK = "Your last reply held no ```python block that could be read. " + WRITE
REPAIR = "Find out why, look at the picture again, and write the whole program anew. " + WRITE

_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_MAX_CHARS = 50_000
"""More is no answer to such a problem, and is not searched."""


def code(task: Task, context: Context, images: tuple[Image.Image, ...], expert: Expert) -> PromptedRun:
    """Extract a check (up to two prompts), then write, run and repair (up to three)."""
    del expert
    pictures = shown(images, context)
    question = f"Problem: {question_of(task)}"
    check = yield from _extract_check(question, pictures)
    program, text, tier2 = "", "", UNCHECKED
    demand = f"{question}\n\n{WRITE}"
    for _ in range(MAX_ROUNDS):
        (written,) = yield (Prompt(text=demand, images=pictures),)
        text = without_thinking(written.text)
        block = program_in(text)
        if not block:
            demand = f"{question}\n\n{NO_BLOCK}"
            continue
        program = block
        if not check:
            break
        (outcome,) = yield (Work(run=partial(check_program, program, check)),)
        said = outcome.text.partition("\n")[0]
        tier2 = {PASSED: CHECKED, NOT_RUN: UNCHECKED}.get(said, FAILED)
        if tier2 != FAILED:
            break
        demand = (
            f"{question}\n\nThis program:\n```python\n{program}\n```\nwas run with the check `{check}` and failed:\n"
            f"{outcome.text}\n\n{REPAIR}"
        )
    return Reply(
        text=text, answer=program or None, confidence=None, next_context=context, skill_tier2=tier2 if program else ""
    )


def _extract_check(
    question: str, pictures: tuple[Image.Image, ...]
) -> Generator[tuple[Request, ...], tuple[Completion, ...], str]:
    demand = EXTRACT_CHECK
    for _ in range(MAX_CHECK_TRIES):
        (extracted,) = yield (Prompt(text=f"{question}\n\n{demand}", images=pictures),)
        check = check_in(without_thinking(extracted.text))
        if check:
            return check
        demand = NO_CHECK + EXTRACT_CHECK  # the same prompt, sampled greedily, would be answered the same
    return ""


def check_in(text: str) -> str:
    """Return the first line that is an `assert` statement of Python; empty if there is none."""
    for line in text[:_MAX_CHARS].splitlines():
        stripped = line.strip().strip("`")
        if stripped.startswith("assert") and _is_one_assert(stripped):
            return stripped
    return ""


def _is_one_assert(line: str) -> bool:
    try:
        body = ast.parse(line).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return len(body) == 1 and isinstance(body[0], ast.Assert)


def program_in(text: str) -> str:
    """Return the last block of code in a completion; empty if there is none."""
    blocks = [block.strip("\n") for block in _BLOCK.findall(text[:_MAX_CHARS])]
    return blocks[-1] if blocks and blocks[-1].strip() else ""


def check_program(program: str, check: str) -> str:
    """Run a program and a check after it, confined, and return the outcome: `PASSED`, `NOT_RUN`, or what went wrong."""
    result = run_confined(f"{program}\n\n{check}\n")
    if result.ended == Ended.FINISHED:
        return PASSED
    if result.ended == Ended.NOT_CONFINED:
        return f"{NOT_RUN}\n{result.error}"
    return f"failed: {result.ended}\n{result.error[-2000:]}"
