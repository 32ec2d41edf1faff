"""The grammar: what a policy wrote -> a move, and back. Pure; which experts there are is the business of names.py.

    generation = [ "<think>" words "</think>" ] ( search | answer )
    search     = "<search>" MODEL "@@" SKILL ":" words "</search>"
    answer     = "<answer>" words "</answer>"

White space may stand between the parts and around words, and nothing else may. Words hold none of the eight tags, not
even in a thought: every reader of a transcript, however simple, then finds the same action in it. Nothing is guessed
or repaired. What is wrong with a generation is data, a `Fault`, because a policy that learns makes many.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from maestro_env.errors import ProtocolError

TAGS = ("think", "search", "answer", "information")
"""Only the environment writes the last one."""

_TAG = re.compile(rf"</?(?:{'|'.join(TAGS)})>")
_BETWEEN = "@@"
_SHOWN_CHARS = 40
"""How much of a stray text a message quotes."""


class FaultKind(StrEnum):
    """What is wrong with a generation; the first that applies, in this order."""

    TOO_LONG = "too_long"
    FORGED_INFORMATION = "forged_information"
    """An information tag: the policy wrote a reply itself."""
    UNCLOSED_TAG = "unclosed_tag"
    UNOPENED_TAG = "unopened_tag"
    NESTED_TAG = "nested_tag"
    NO_ACTION = "no_action"
    SEVERAL_ACTIONS = "several_actions"
    TEXT_BEFORE_ACTION = "text_before_action"
    """Anything but one thought."""
    TEXT_AFTER_ACTION = "text_after_action"
    EMPTY_ANSWER = "empty_answer"
    MALFORMED_SEARCH = "malformed_search"
    """Not `Model@@Skill: query`."""
    EMPTY_QUERY = "empty_query"
    NO_CALL_LEFT = "no_call_left"
    """A search where only an answer is legal."""
    UNKNOWN_EXPERT = "unknown_expert"
    MASKED_EXPERT = "masked_expert"
    """An expert that cannot be called here (again). Well written, so not a format fault."""


FORMAT_FAULTS = frozenset(FaultKind) - {FaultKind.MASKED_EXPERT}


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """Call an expert.

    Raises:
        ProtocolError: A part that cannot be written, so that it would be read as something else.
    """

    model: str
    skill: str
    query: str
    think: str = ""
    """Empty if there is no thought."""

    def __post_init__(self) -> None:
        _check_name("model", self.model, without=_BETWEEN)
        _check_name("skill", self.skill, without=":")
        if self.model.endswith("@"):
            raise ProtocolError(f"The model {self.model!r} must not end with '@', which stands before the skill.")
        _check_words("query", self.query)
        _check_words("think", self.think, may_be_empty=True)

    @property
    def expert(self) -> str:
        """How the expert is written: `Model@@Skill`."""
        return f"{self.model}{_BETWEEN}{self.skill}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """End the episode with an answer.

    Raises:
        ProtocolError: A part that cannot be written, so that it would be read as something else.
    """

    text: str
    think: str = ""
    """Empty if there is no thought."""

    def __post_init__(self) -> None:
        _check_words("answer", self.text)
        _check_words("think", self.think, may_be_empty=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A generation that is no legal action."""

    kind: FaultKind
    message: str
    """What was written and what was expected, for whoever wrote it. May quote the generation."""


Move = Search | Answer | Fault


def render(move: Search | Answer) -> str:
    """Return how a move is written; `parse` returns the same move for it."""
    thought = f"<think> {move.think} </think>\n" if move.think else ""
    if isinstance(move, Answer):
        return f"{thought}<answer> {move.text} </answer>"
    return f"{thought}<search> {move.expert}: {move.query} </search>"


def parse(generation: str, *, max_chars: int | None = None) -> Move:
    """Return the move that a generation makes; in time linear in its length.

    Args:
        generation: What the policy wrote in this turn, without the control tokens of a chat template.
        max_chars: A longer one is a fault; None sets no limit.
    """
    if max_chars is not None and len(generation) > max_chars:
        return _fault(FaultKind.TOO_LONG, f"{len(generation)} characters; at most {max_chars} are read.")
    tags = list(_TAG.finditer(generation))
    problem = _problem_with_tags([tag[0] for tag in tags])
    if problem is not None:
        return problem
    # Tags alternate from here on: one opens a block, the next closes it.
    blocks = [
        _Block(name=first[0].strip("<>"), start=first.start(), body=generation[first.end() : last.start()].strip())
        for first, last in zip(tags[::2], tags[1::2], strict=True)
    ]
    actions = [block for block in blocks if block.name != "think"]
    if not actions:
        return _fault(FaultKind.NO_ACTION, "neither <search> nor <answer> was written; exactly one is expected.")
    if len(actions) > 1:
        return _fault(FaultKind.SEVERAL_ACTIONS, f"{len(actions)} actions; exactly one is expected.")
    stray = _stray_text(generation, tags, action_start=actions[0].start)
    if stray is not None:
        return stray
    if sum(block.start < actions[0].start for block in blocks) > 1:
        return _fault(FaultKind.TEXT_BEFORE_ACTION, "more than one <think>; at most one may come before the action.")
    if blocks[-1].name == "think":
        return _fault(FaultKind.TEXT_AFTER_ACTION, "<think> after the action; the action comes last.")
    think = blocks[0].body if blocks[0].name == "think" else ""
    if actions[0].name == "answer":
        if not actions[0].body:
            return _fault(FaultKind.EMPTY_ANSWER, "there is nothing in <answer>.")
        return Answer(text=actions[0].body, think=think)
    return _search(actions[0].body, think)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    name: str
    start: int
    """Where its opening tag begins."""
    body: str


def _problem_with_tags(tags: Sequence[str]) -> Fault | None:
    """Return what is wrong with the order of tags; None if each opening one is followed by its closing one."""
    if "<information>" in tags or "</information>" in tags:
        return _fault(FaultKind.FORGED_INFORMATION, "an information tag was written; only the environment does that.")
    opened = ""
    for place, tag in enumerate(tags):
        if not opened and tag.startswith("</"):
            return _fault(FaultKind.UNOPENED_TAG, f"{tag} closes nothing.")
        if not opened:
            opened = tag
        elif tag == opened.replace("<", "</"):
            opened = ""
        elif opened.replace("<", "</") in tags[place:]:
            return _fault(FaultKind.NESTED_TAG, f"{tag} stands inside {opened}; no tag may stand inside another.")
        else:
            break
    return _fault(FaultKind.UNCLOSED_TAG, f"{opened} is not closed.") if opened else None


def _stray_text(generation: str, tags: Sequence[re.Match[str]], *, action_start: int) -> Fault | None:
    """Return what stands outside all tags as a fault; None if that is white space."""
    starts = [0, *(tag.end() for tag in tags[1::2])]
    ends = [*(tag.start() for tag in tags[::2]), len(generation)]
    for start, end in zip(starts, ends, strict=True):
        stray = generation[start:end].strip()
        if stray:
            early = start < action_start
            kind = FaultKind.TEXT_BEFORE_ACTION if early else FaultKind.TEXT_AFTER_ACTION
            shown = repr(stray[:_SHOWN_CHARS]) + ("..." if len(stray) > _SHOWN_CHARS else "")
            return _fault(kind, f"{shown} stands {'before' if early else 'after'} the action, outside all tags.")
    return None


def _search(body: str, think: str) -> Move:
    model, between, rest = body.partition(_BETWEEN)
    skill, colon, query = rest.partition(":")
    if not between or not colon:
        return _fault(FaultKind.MALFORMED_SEARCH, "what is in <search> does not read 'Model@@Skill: query'.")
    if not query.strip():
        return _fault(FaultKind.EMPTY_QUERY, "there is no query after 'Model@@Skill:'.")
    try:
        return Search(model=model, skill=skill, query=query.strip(), think=think)
    except ProtocolError as error:
        return _fault(FaultKind.MALFORMED_SEARCH, str(error))


def _fault(kind: FaultKind, message: str) -> Fault:
    return Fault(kind=kind, message=message)


def _check_name(part: str, name: str, *, without: str) -> None:
    if not name or name != name.strip() or without in name or len(name.splitlines()) > 1 or _TAG.search(name):
        shown = repr(name[:_SHOWN_CHARS]) + ("..." if len(name) > _SHOWN_CHARS else "")
        raise ProtocolError(
            f"The {part} {shown} cannot be written in 'Model@@Skill: query'; expected a name of one line without tags, "
            f"without {without!r}, and without white space around it."
        )


def _check_words(part: str, words: str, *, may_be_empty: bool = False) -> None:
    if words != words.strip() or not (words or may_be_empty) or _TAG.search(words):
        raise ProtocolError(
            f"The {part} {words[:_SHOWN_CHARS]!r} cannot be written; expected words without the tags of the protocol "
            f"and without white space around them{'' if may_be_empty else ', and at least one'}."
        )
