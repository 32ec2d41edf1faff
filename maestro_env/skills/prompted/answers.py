"""What a model's completion answers: its thinking removed, and the final answer found in the rest."""

import re

_THINKING = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)
_END_OF_THINKING = "</think>"
_ANSWER_LINE = re.compile(
    r"^[\s*_#>]*(?:final\s+)?answer\s*[*_]*\s*:\s*[*_]*\s*(.+?)[\s*_]*$", re.IGNORECASE | re.MULTILINE
)
_BOXED = re.compile(r"\\boxed\s*\{")
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)

ANSWER_FORM = "End with one line of this form, and nothing after it:\nAnswer: <your answer>"
"""What a prompt says where `final_answer` is to read the completion."""


def without_thinking(text: str) -> str:
    """Return a completion without what the model thought: `<think>` blocks, and all before a lone `</think>`."""
    kept = _THINKING.sub("", text)
    return kept.rpartition(_END_OF_THINKING)[2].strip()


def final_answer(text: str) -> str | None:
    r"""Return the final answer that a completion states; None if it states none.

    The last `Answer:` line counts; without one the last `<answer>` block, then the last `\boxed{}`, then the text
    itself if it is a single line. Unfinished thinking states nothing.
    """
    said = without_thinking(text)
    if "<think>" in said.lower():
        return None
    for found in (_ANSWER_LINE.findall(said), _TAGGED.findall(said), _boxed(said)):
        if found and found[-1].strip():
            return found[-1].strip()
    return said if said and "\n" not in said else None


def _boxed(text: str) -> list[str]:
    r"""Return what stands in each `\boxed{}`, whose braces may hold others."""
    bodies: list[str] = []
    for match in _BOXED.finditer(text):
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        if not depth:
            bodies.append(text[match.end() : end - 1])
    return bodies
