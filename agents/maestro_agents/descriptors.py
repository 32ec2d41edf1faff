"""What can be known of an expert that was never asked: its description, its skill, its price. Pure functions.

Axes: n tasks, P experts, m remembered tasks, D length of a question's embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from maestro_agents.neighbours import nearest
from maestro_env.encoders import HashedQuestion
from maestro_env.types import Expert, Role

NUM_FEATURES = 9
_NEIGHBOURS = 20


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Tasks on which experts were seen at work."""

    features: NDArray[np.float32]
    """[m, F] question and view, scaled."""
    scores: NDArray[np.float32]
    """[m, P] of each expert in the whole picture; NaN in the columns of experts that count as never seen."""


def in_order(memory: Memory, known: Sequence[str], experts: Sequence[str]) -> Memory:
    """Return a memory of the experts `known`, with its columns in the order of other experts; strangers' hold NaN.

    Args:
        memory: Its columns are `known`.
        known: Ids.
        experts: Ids.
    """
    place = {expert_id: number for number, expert_id in enumerate(known)}
    scores = np.c_[memory.scores, np.full(len(memory.scores), np.nan, np.float32)]
    return replace(memory, scores=scores[:, [place.get(expert_id, -1) for expert_id in experts]])


def describe(
    experts: Sequence[Expert], *, question: NDArray[np.floating], features: NDArray[np.float32], memory: Memory
) -> NDArray[np.float32]:
    """Return [n, P, NUM_FEATURES] what may be known of each expert before it is asked about each task.

    Whether it was seen at work; its score on similar tasks if so; the best such score of any expert; how far the
    similar tasks are; how much the question's words overlap with the model's description, and with the skill's; whether
    it locates; whether its skill has tier-2 skills; the price of a look.

    Args:
        experts: P of them.
        question: [n, D] embeddings by `HashedQuestion(D)`; those of another encoder overlap with nothing but by chance.
        features: [n, F] as the memory's.
        memory: Its columns are the same experts.
    """
    near = nearest(features, memory.features, k=_NEIGHBOURS)
    seen = ~np.isnan(memory.scores).any(axis=0)
    alike = np.where(seen, np.nan_to_num(memory.scores)[near].mean(axis=1), 0.0)
    distance = np.sqrt(((features[:, None, :] - memory.features[near]) ** 2).sum(axis=2)).mean(axis=1)
    everyone = np.ones((len(features), len(experts)), np.float32)
    dim = question.shape[1]
    models = _embedded(tuple(expert.model.description for expert in experts), dim)
    skills = _embedded(
        tuple(f"{expert.skill.name.replace('_', ' ')} {expert.skill.description}" for expert in experts), dim
    )
    return np.stack(
        [
            everyone * seen,
            alike,
            everyone * alike.max(axis=1, keepdims=True),
            everyone * distance[:, None],
            question @ models.T,
            question @ skills.T,
            everyone * [expert.model.role == Role.LOCATOR for expert in experts],
            everyone * [bool(expert.skill.tier2) for expert in experts],
            everyone * np.log2([expert.model.passes_per_look for expert in experts]),
        ],
        axis=2,
    ).astype(np.float32)


@lru_cache(maxsize=64)
def _embedded(texts: tuple[str, ...], dim: int) -> NDArray[np.float32]:
    """Return [len(texts), dim]; kept, because agents ask at every step."""
    return HashedQuestion(dim).encode(texts)
