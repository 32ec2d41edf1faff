"""Policies of one call, and the majority vote of all experts: what gates 1 and 2 are about, and the floor of gate 3.

Axes: S seeds, n or N tasks, P experts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.world_gates.gate import Condition, Gate
from benchmarks.world_gates.intervals import Intervals
from benchmarks.world_gates.scope import Partition, Scope, benchmarks_of, readers_of
from maestro_agents.chances import fit_chances
from maestro_agents.features import Features
from maestro_agents.neighbours import nearest
from maestro_agents.plan_search import as_votes
from maestro_env.recordings.recording import MISSING, Recording

BEST_SINGLE = (0.30, 0.50)
VOTE_GAIN = 0.05
ONE_SHOT = 0.60
PLAIN = 0.70
_NEIGHBOURS = (5, 15, 40, 100)


@dataclass(frozen=True, kw_only=True)
class SingleCalls:
    """Scores on test of everything that makes one call."""

    best: NDArray[np.float32]
    """[S, N] the best single expert."""
    best_names: tuple[str, ...]
    """[S] which it is."""
    vote: NDArray[np.float32]
    """[N] the majority vote of all experts on the whole picture."""
    by_benchmark: NDArray[np.float32]
    """[S, N] each benchmark's best expert."""
    by_benchmark_names: tuple[dict[str, str], ...]
    """[S] which they are."""
    learned: NDArray[np.float32]
    """[S, N] the learned router that is best on val: nearest neighbours or a network, on question and first view."""

    @property
    def one_shot(self) -> NDArray[np.float32]:
        """[S, N] of the last two the one with the higher mean on test, which is the harder one to beat."""
        return max(self.by_benchmark, self.learned, key=lambda scores: float(scores.mean()))


def single_calls(scope: Scope, *, steps: int) -> SingleCalls:
    """Fit all of them on each partition and score them on test.

    Args:
        scope: What is measured.
        steps: Gradient steps of the routing network.
    """
    test = scope.test.score[:, 0]
    rows = np.arange(len(test))
    of_test, of_pool = benchmarks_of(scope.test), benchmarks_of(scope.pooled)
    best: list[int] = []
    each: list[dict[str, int]] = []
    learned: list[NDArray[np.float32]] = []
    for seed, partition in enumerate(scope.partitions):
        scores, names = scope.pooled.score[partition.fit, 0], of_pool[partition.fit]
        best.append(int(scores.mean(axis=0, dtype=np.float64).argmax()))
        each.append({n: int(scores[names == n].mean(axis=0, dtype=np.float64).argmax()) for n in scope.roles.trained})
        learned.append(test[rows, _routed(scope, partition, seed=seed, steps=steps)])
    ids = scope.test.registry.ids
    return SingleCalls(
        best=np.stack([test[:, expert] for expert in best]),
        best_names=tuple(ids[expert] for expert in best),
        vote=majority_vote(scope.test),
        by_benchmark=np.stack([test[rows, [choice[name] for name in of_test]] for choice in each]),
        by_benchmark_names=tuple({name: ids[expert] for name, expert in choice.items()} for choice in each),
        learned=np.stack(learned),
    )


def majority_vote(recording: Recording) -> NDArray[np.float32]:
    """Return [N] the score of the answer that most experts give in the whole picture, the earlier expert's on a tie."""
    votes = as_votes(recording)[:, 0]
    count = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    winner = np.where(votes == MISSING, -1, count).argmax(axis=1)
    return recording.score[np.arange(len(votes)), 0, winner]


def _routed(scope: Scope, partition: Partition, *, seed: int, steps: int) -> NDArray[np.int64]:
    """Return [N] the expert that the router chooses whose kind and settings are best on val."""
    fit, val = partition.fit, partition.val
    question, view = scope.pooled.question, scope.pooled.view[:, 0].astype(np.float32)
    features = Features.fit(question[fit], view[fit])
    pool, test = features.of(question, view), features.of(scope.test.question, scope.test.view[:, 0])
    scores = scope.pooled.score[:, 0]
    wide = np.sqrt(np.float32(pool.shape[1] / 2))  # entries of about unit variance, as networks want them
    recorded = scope.pooled.status[fit, 0] != MISSING
    network = fit_chances(pool[fit] * wide, scores[fit], recorded, seed=seed, hidden=96, steps=steps)
    guesses = [(network.of(pool[val] * wide), network.of(test * wide))]
    for k in _NEIGHBOURS:
        near = (nearest(queries, pool[fit], k=k) for queries in (pool[val], test))
        on_val, on_test = (scores[fit][places].mean(axis=1) for places in near)
        guesses.append((on_val, on_test))
    rows = np.arange(len(val))
    on_val = [scores[val][rows, guess.argmax(axis=1)].mean(dtype=np.float64) for guess, _ in guesses]
    return guesses[int(np.argmax(on_val))][1].argmax(axis=1)


def gate_1(scope: Scope, calls: SingleCalls, intervals: Intervals) -> Gate:
    """Measure gate 1: no single expert suffices, nor does asking all of them."""
    low, high = BEST_SINGLE
    vote_gain = intervals.gain(calls.vote, calls.best)
    return Gate(
        gate="1",
        title="Best single expert 30 to 50 %, majority vote of all at most 5 points above it",
        conditions=(
            Condition(name="best single expert", figure=intervals.mean(calls.best), at_least=low, at_most=high),
            Condition(name="vote over it", figure=vote_gain, at_most=VOTE_GAIN),
        ),
        note=(
            f"Best on the fitted tasks: {', '.join(sorted(set(calls.best_names)))}. The vote of all "
            f"{int(readers_of(scope.test).sum())} readers on the whole picture scores {100 * calls.vote.mean():.1f}."
        ),
    )


def gate_2(scope: Scope, calls: SingleCalls, intervals: Intervals) -> Gate:
    """Measure gate 2: choosing one call well does not suffice, though the plain tasks can be read."""
    names = benchmarks_of(scope.test)
    plain = [name for name in scope.roles.trained if name != "scene"]
    each = {name: calls.by_benchmark[:, names == name] for name in plain}
    conditions = [
        Condition(name="best one-shot router", figure=intervals.mean(calls.one_shot), at_most=ONE_SHOT),
        *(
            Condition(name=name, figure=Intervals([name] * scores.shape[1]).mean(scores), at_least=PLAIN)
            for name, scores in each.items()
        ),
    ]
    return Gate(
        gate="2",
        title="Best one-shot router at most 60 %, best expert of each plain training benchmark 70 % or more",
        conditions=tuple(conditions),
        note=(
            f"Each benchmark's best expert scores {100 * calls.by_benchmark.mean():.1f} in all, the learned router "
            f"{100 * calls.learned.mean():.1f}; the better one counts."
        ),
    )
