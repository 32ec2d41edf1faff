"""Which agents differ: the paired interval of every two of them, and letters that say the same in little room.

The intervals are not widened for how many pairs are looked at: of twenty pairs that are really alike, about one is
expected to be called different.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase

import numpy as np

from benchmarks.bootstrap import Interval, difference_interval, equal_weights, task_counts
from benchmarks.metrics import probability_of_improvement
from benchmarks.playing import Run
from benchmarks.summary import RESAMPLES, correct_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two agents, and by how much the first is the more accurate."""

    first: str
    second: str
    accuracy: Interval
    """Paired over the test tasks of the benchmarks trained on."""
    probability: float
    """Of improvement: the chance that a run of the first beats a run of the second on a random benchmark."""


def pairs_of(
    runs: Mapping[str, Sequence[Run]], *, benchmarks: Sequence[str], unseen: Collection[str], seed: int = 0
) -> tuple[Pair, ...]:
    """Return every two agents, the more accurate one first.

    Args:
        runs: By agent, at least one each.
        benchmarks: [N] of each test task.
        unseen: The benchmarks that were not trained on.
        seed: Of the resampling.
    """
    rng = np.random.default_rng(seed)
    counts = task_counts(benchmarks, resamples=RESAMPLES, rng=rng)
    weights = equal_weights(benchmarks, among=set(benchmarks) - set(unseen))
    right = {name: correct_of(own) for name, own in runs.items()}
    members = [np.flatnonzero(np.equal(benchmarks, name)) for name in sorted(set(benchmarks) - set(unseen))]
    by_benchmark = {
        name: np.stack([correct[:, rows].mean(axis=1) for rows in members], axis=1) for name, correct in right.items()
    }
    order = sorted(right, key=lambda name: -float((right[name] * weights).sum(axis=1).mean()))
    return tuple(
        Pair(
            first=first,
            second=second,
            accuracy=difference_interval(right[first], right[second], counts, weights=weights, rng=rng),
            probability=probability_of_improvement(by_benchmark[first], by_benchmark[second]),
        )
        for first, second in combinations(order, 2)
    )


def letters_of(names: Sequence[str], pairs: Collection[Pair]) -> dict[str, str]:
    """Return letters for each agent: two share one where they are not shown to differ.

    Args:
        names: The agents; `a` goes to the group of the first of them.
        pairs: Every two of them.
    """
    alike: dict[str, set[str]] = {name: set() for name in names}
    for pair in pairs:
        if not pair.accuracy.excludes_zero:
            alike[pair.first].add(pair.second)
            alike[pair.second].add(pair.first)
    groups = sorted(sorted(map(names.index, group)) for group in _largest_groups(set(), set(names), set(), alike))
    letters = dict.fromkeys(names, "")
    for letter, group in zip(_letters(), groups, strict=False):
        for place in group:
            letters[names[place]] += letter
    return letters


def _largest_groups(
    group: set[str], open_: set[str], done: set[str], alike: Mapping[str, set[str]]
) -> Iterator[set[str]]:
    """Yield every group of agents that are all alike and to which no other could be added.

    Source: C. Bron, J. Kerbosch, Algorithm 457: Finding All Cliques of an Undirected Graph (1973).
    """
    if not open_ and not done:
        yield group
    for name in sorted(open_):
        yield from _largest_groups(group | {name}, open_ & alike[name], done & alike[name], alike)
        open_, done = open_ - {name}, done | {name}


def _letters() -> Iterator[str]:
    yield from ascii_lowercase
    yield from (first + second for first in ascii_lowercase for second in ascii_lowercase)
