"""Scoring: a final answer against the gold answer. Strict: an answer is right or it is not."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from maestro_env.errors import unknown_name
from maestro_env.types import Task

Scorer = Callable[[str, str], float]
"""(answer, gold) -> score in [0, 1]."""


def normalise(text: str) -> str:
    """Return text in NFKC form, lower case, with runs of white space made one and a final full stop dropped."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return folded.removesuffix(".").rstrip()


def exact(answer: str, gold: str) -> float:
    """Score 1.0 if both are the same text once normalised; a substring is not an answer."""
    return float(normalise(answer) == normalise(gold))


def number(answer: str, gold: str) -> float:
    """Score 1.0 if both are the same number: signs count, `1,234` is 1234, `0.50` is 0.5; nothing is rounded."""
    given, wanted = _decimal(answer), _decimal(gold)
    return float(given is not None and given == wanted)


def relaxed(answer: str, gold: str) -> float:
    """Score 1.0 if both are numbers that differ by at most 5 % of the gold one, or the same text once normalised.

    A number with a percent sign counts in hundredths; only 0 is near 0.

    Source: relaxed accuracy, as ChartQA (Masry et al., 2022, https://arxiv.org/abs/2203.10244, section 5) takes it over
    from PlotQA.
    """
    given, wanted = _share_or_number(answer), _share_or_number(gold)
    if given is None or wanted is None:
        return exact(answer, gold)
    return float(abs(given - wanted) <= _RELAXED * abs(wanted))


def letter(answer: str, gold: str) -> float:
    """Score 1.0 if the answer names the option whose letter is gold: `B`, `(b)`, `B.` or `B: the lung` name B.

    The letter must come first and stand alone: neither `Bronchus` nor `A or B` names B.
    """
    named = _OPTION.fullmatch(unicodedata.normalize("NFKC", answer).strip())
    return float(named is not None and (named[1] or named[2]).casefold() == normalise(gold))


_RELAXED = Decimal("0.05")
_OPTION = re.compile(r"\(\s*([A-Za-z])\s*\)(?:[\s.:,].*)?|([A-Za-z])(?:\s*[.):].*)?", re.DOTALL)


def _share_or_number(text: str) -> Decimal | None:
    plain = normalise(text)
    value = _decimal(plain.removesuffix("%"))
    return value / 100 if value is not None and plain.endswith("%") else value


def _decimal(text: str) -> Decimal | None:
    plain = normalise(text).replace(",", "").replace("\N{MINUS SIGN}", "-")
    try:
        value = Decimal(plain)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


SCORERS: Mapping[str, Scorer] = {"exact": exact, "number": number, "relaxed": relaxed, "letter": letter}


def score(task: Task, answer: str | None) -> float:
    """Return the score of a final answer to a task, in [0, 1]; no answer scores 0.

    Raises:
        UnknownNameError: The task names a scorer that does not exist.
    """
    if task.scorer not in SCORERS:
        raise unknown_name("scorer", task.scorer, SCORERS)
    return 0.0 if answer is None else SCORERS[task.scorer](answer, task.gold)
