"""From what a network made of views to a reply. Choosing the views is the skills' job."""

from collections.abc import Sequence

import numpy as np

from maestro_env.errors import RegistryError
from maestro_env.skills.base import Finding, Look, Reading
from maestro_env.types import Context, Expert, Reply, Role

NOT_VISIBLE = "not visible"
"""The text of a reply without an answer: what was asked about cannot be seen in the view."""


def readings(looks: Sequence[Look], expert: Expert) -> list[Reading]:
    """Return the looks of a reader.

    Raises:
        RegistryError: The model's network is a locator.
    """
    found = [look for look in looks if isinstance(look, Reading)]
    if len(found) < len(looks):
        raise _wrong_role(expert, needed=Role.READER)
    return found


def findings(looks: Sequence[Look], expert: Expert) -> list[Finding]:
    """Return the looks of a locator.

    Raises:
        RegistryError: The model's network is a reader.
    """
    found = [look for look in looks if isinstance(look, Finding)]
    if len(found) < len(looks):
        raise _wrong_role(expert, needed=Role.LOCATOR)
    return found


def _wrong_role(expert: Expert, *, needed: Role) -> RegistryError:
    is_a = Role.LOCATOR if needed == Role.READER else Role.READER
    return RegistryError(
        f"Expert {expert.id!r} needs a {needed}, but the network {expert.model.network!r} is a {is_a}; "
        f"set role = '{is_a}' for the model, or pair it with another skill."
    )


def best_answer(reading: Reading) -> tuple[str, float]:
    """Return the most probable answer and its probability; the first one wins ties."""
    if not reading.probabilities:
        return "", 0.0
    answer = max(reading.probabilities, key=reading.probabilities.__getitem__)
    return answer, reading.probabilities[answer]


def invisibility(reading: Reading) -> float:
    """Return the probability that the answer cannot be seen in the view."""
    return max(0.0, 1.0 - sum(reading.probabilities.values()))


def is_visible(reading: Reading) -> bool:
    """Whether the most probable answer is more probable than that it cannot be seen."""
    return best_answer(reading)[1] > invisibility(reading)


def stated(probability: float) -> float:
    """Return a probability as replies state it: three decimals, as float32, so that a recording replays it exactly."""
    return float(np.float32(round(min(max(probability, 0.0), 1.0), 3)))


def reply_with(answer: str | None, probability: float, *, context: Context, tier2: str) -> Reply:
    """Return the reply of a reader that stays in its context; an answer of None says that it is not visible."""
    return Reply(
        text=NOT_VISIBLE if answer is None else answer,
        answer=answer,
        confidence=stated(probability),
        next_context=context,
        skill_tier2=tier2,
    )


def reply_to(reading: Reading, *, context: Context, tier2: str) -> Reply:
    """Return the reply that one reading gives.

    An unanswered reply states the largest answer probability: a policy should see that the reader was unsure.
    """
    answer, probability = best_answer(reading)
    return reply_with(answer if is_visible(reading) else None, probability, context=context, tier2=tier2)
