"""Many small figures of a family, and what was asked about them. Shared by the families' tests."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from maestro_env.tasks.procedural.family import Family, Figure


def figures(family: Family, num_seeds: int, *, size_px: int = 110, difficulty: float | None = None) -> Iterator[Figure]:
    """Draw figures; without a difficulty, all five quarters in turn."""
    for seed in range(num_seeds):
        hardness = seed % 5 / 4 if difficulty is None else difficulty
        yield family.draw(np.random.default_rng(seed), size_px=size_px, difficulty=hardness)


def shared_answers(family: Family, num_seeds: int) -> dict[str, set[str]]:
    """Return the answers to shared wordings, by `kind/intent`; they do not depend on the size, so pictures are tiny."""
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for figure in figures(family, num_seeds, size_px=24):
        for query in figure.queries:
            if not query.question:
                seen[f"{figure.factors['kind']}/{query.intent}"].add(query.answer)
    return dict(seen)


def first_of_kind(family: Family, kind: str) -> Figure:
    return next(figure for figure in figures(family, 100) if figure.factors["kind"] == kind)


def with_factors(figure: Figure, **factors: float) -> Figure:
    return replace(figure, factors={**figure.factors, **factors})


def shared_answer(figure: Figure, intent: str) -> str | None:
    return next((q.answer for q in figure.queries if q.intent == intent and not q.question), None)
