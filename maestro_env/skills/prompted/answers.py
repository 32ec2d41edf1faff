"""What a model's completion answers: its thinking removed, and the final answer found in the rest.

Completions may be hostile, so everything here takes time in proportion to their length.
"""

import re

_THINKING_BEGINS = re.compile(r"<think>", re.IGNORECASE)
_THINKING_ENDS = re.compile(r"</think>", re.IGNORECASE)
_ANSWER_LINE = re.compile(r"[ \t*_#>]{0,8}(?:final )?answer[ *_]{0,4}:(.*)", re.IGNORECASE)
_ANSWER_BEGINS, _ANSWER_ENDS = "<answer>", "</answer>"
_BOX_BEGINS = "\\boxed{"
_MARKS = " \t*_"
"""What may stand around an answer and is not part of it: white space and marks of bold print."""

ANSWER_FORM = "End with one line of this form, and nothing after it:\nAnswer: <your answer>"
"""What a prompt says where `final_answer` is to read the completion."""


def without_thinking(text: str) -> str:
    """Return what a completion says after its thinking, which ends with `</think>`; empty where it never ends."""
    ends = [match.end() for match in _THINKING_ENDS.finditer(text)]
    said = text[ends[-1] :] if ends else text
    return "" if _THINKING_BEGINS.search(said) else said.strip()


def final_answer(text: str) -> str | None:
    r"""Return the final answer that a completion states; None if it states none.

    The last `Answer:` line counts; without one the last `<answer>` block, then the last `\boxed{}`, then the text
    itself if it is a single line. Unfinished thinking states nothing.
    """
    said = without_thinking(text)
    alone = "" if "\n" in said or _ANSWER_LINE.match(said) else said
    return _after_answer(said) or _tagged(said) or _boxed(said) or alone or None


def _after_answer(text: str) -> str:
    """Return what follows the last `Answer:` at the start of a line, there or on the next line that says anything."""
    lines = text.splitlines()
    for place in range(len(lines) - 1, -1, -1):
        found = _ANSWER_LINE.match(lines[place])
        if found is not None:
            rest = (found.group(1), *lines[place + 1 :])
            return next((said for line in rest if (said := line.strip(_MARKS))), "")
    return ""


def _tagged(text: str) -> str:
    before, end, _ = text.rpartition(_ANSWER_ENDS)
    return before.rpartition(_ANSWER_BEGINS)[2].strip() if end and _ANSWER_BEGINS in before else ""


def _boxed(text: str) -> str:
    r"""Return what stands in the last `\boxed{}`, whose braces may hold others."""
    _, begin, body = text.rpartition(_BOX_BEGINS)
    depth = 1
    for place, character in enumerate(body if begin else ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return body[:place].strip()
    return ""
