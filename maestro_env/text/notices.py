"""What the environment says after a turn of the policy: an expert's reply or its failure, or what was wrong."""

from maestro_env.text.escaping import cut, escape
from maestro_env.text.grammar import Fault
from maestro_env.text.prompt import calls_left
from maestro_env.text.rules import TextRules
from maestro_env.text.transcript import IMAGE


def reply_notice(
    *,
    expert: str,
    reply: str,
    status: str,
    confidence: float | None,
    moved_to: str,
    evidence: str,
    num_images: int,
    left: int | None,
    rules: TextRules,
) -> str:
    """Return an expert's reply.

    Args:
        expert: As it is written, `Model@@Skill`.
        reply: What it said, or what its failure said.
        status: `ok`, or how it failed.
        confidence: In [0, 1]; None if it stated none.
        moved_to: The new view in words; empty if the view is what it was.
        evidence: Text that the new view holds; empty if there is none.
        num_images: Pictures of the new view that are shown.
        left: Calls that may still be made; None if the episode is over.
        rules: How much of a text is shown.
    """
    said = escape(cut(reply, rules.max_reply_chars))
    sure = "" if confidence is None else f" (confidence {confidence:.2f})"
    if status == "ok":
        lines = [f"{escape(expert)} replies: {said}{sure}"]
    else:
        lines = [f"{escape(expert)} failed ({status}): {said}"]
    if moved_to:
        lines.append(f"The view is now {moved_to}.")
    if evidence:
        lines.append(f"It holds this text: {escape(cut(evidence, rules.max_reply_chars))}")
    return _information([*lines, *[IMAGE] * num_images, _next(left)])


def fault_notice(fault: Fault, *, left: int | None, rules: TextRules) -> str:
    """Return what was wrong with a turn; `left` as above."""
    wrong = f"Not done ({fault.kind}): {escape(cut(fault.message, rules.max_reply_chars))}"
    return _information([wrong, _next(left)])


def _next(left: int | None) -> str:
    return "The task is over." if left is None else calls_left(left)


def _information(lines: list[str]) -> str:
    """Return lines as a block that can be appended to whatever the policy wrote."""
    return "\n".join(["", "<information>", *lines, "</information>", ""])
