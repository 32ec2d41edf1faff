"""Gate 6: handed experts that it never saw, a policy does better on the benchmarks that they are for.

Axes: S seeds, N test tasks of the extended benchmarks.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.world_gates.gate import Condition, Gate, not_measured
from benchmarks.world_gates.intervals import Intervals
from benchmarks.world_gates.scope import MAX_TURNS, PRICE, Partition, Scope, benchmarks_of
from maestro_agents.batch_play import Episodes, play, start
from maestro_agents.descriptor_router import DescriptorRouter
from maestro_agents.recorded_tasks import take, terms_of
from maestro_env.env import MaestroEnv
from maestro_env.recordings.recording import Recording

GAIN = 0.10
_TITLE = "A policy that never saw the extended registry gains at least 10 points from it on the extended benchmarks"


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Scores of the same zero-shot policy without and with the experts that it never saw."""

    without: NDArray[np.float64]
    """[S, N]"""
    with_strangers: NDArray[np.float64]
    """[S, N]"""
    cost_without: float
    cost_with: float
    best_known: NDArray[np.float32]
    """[N] the best extended expert of each benchmark, chosen with hindsight: what there was to find."""


def transfer(scope: Scope, *, steps: int) -> Transfer:
    """Fit the zero-shot policy on each partition with the core experts, and play it on the extended benchmarks.

    Args:
        scope: Must hold tasks of extended benchmarks.
        steps: Gradient steps of its network.
    """
    core = scope.pooled.registry
    alone = take(scope.extended, np.arange(len(scope.extended.tasks)), registry=core)
    played: list[tuple[Episodes, Episodes]] = []
    for seed, partition in enumerate(scope.partitions):
        env = _env(_fit_tasks(scope, partition), "train")
        router = DescriptorRouter(env, seed=seed, steps=steps).learn(0)
        played.append((_played(router, alone), _played(router, scope.extended)))
    names, scores = benchmarks_of(scope.extended), scope.extended.score[:, 0]
    best = {name: int(scores[names == name].mean(axis=0).argmax()) for name in np.unique(names).tolist()}
    return Transfer(
        without=np.stack([without.score for without, _ in played]),
        with_strangers=np.stack([with_strangers.score for _, with_strangers in played]),
        cost_without=float(np.mean([without.cost.mean() for without, _ in played])),
        cost_with=float(np.mean([with_strangers.cost.mean() for _, with_strangers in played])),
        best_known=scores[np.arange(len(names)), [best[name] for name in names]],
    )


def _fit_tasks(scope: Scope, partition: Partition) -> Recording:
    """Return the tasks to fit on, called train whatever they were before the re-split."""
    fit = take(scope.pooled, partition.fit)
    return replace(fit, tasks=tuple(replace(task, split="train") for task in fit.tasks))


def _env(recording: Recording, split: str) -> MaestroEnv:
    return MaestroEnv(
        recording=recording, registry=None, split=split, max_turns=MAX_TURNS, cost_weight=PRICE,
        answer_rule="confidence",
    )  # fmt: skip


def _played(router: DescriptorRouter, recording: Recording) -> Episodes:
    env = _env(recording, "test")
    there = router.at(env)

    def act(episodes: Episodes) -> NDArray[np.int64]:
        size, rows = len(episodes.slot), np.arange(len(episodes.slot))
        observation = {
            "question": recording.question,
            "view": recording.view[rows, episodes.slot],
            "experts": episodes.experts.reshape(size, -1),
            "budget": np.stack([episodes.turns_left / MAX_TURNS, np.zeros(size)], axis=1).astype(np.float32),
            "action_mask": episodes.legal.astype(np.int8),
        }
        return there.predict(observation)[0]

    return play(start(recording, terms_of(env)), act)[-1]


def gate_6(scope: Scope, *, steps: int) -> Gate:
    """Measure gate 6."""
    if not scope.extended.tasks:
        return not_measured("6", _TITLE, "the recording holds no task of the extended benchmarks.")
    found = transfer(scope, steps=steps)
    names = benchmarks_of(scope.extended)
    intervals = Intervals(names.tolist())
    by_benchmark = ", ".join(
        f"{name} {100 * found.without[:, names == name].mean():.1f} to "
        f"{100 * found.with_strangers[:, names == name].mean():.1f} (best expert with hindsight "
        f"{100 * found.best_known[names == name].mean():.1f})"
        for name in np.unique(names).tolist()
    )
    return Gate(
        gate="6",
        title=_TITLE,
        conditions=(
            Condition(
                name="with over without", figure=intervals.gain(found.with_strangers, found.without), at_least=GAIN
            ),
        ),
        note=f"{by_benchmark}; {found.cost_without:.2f} to {found.cost_with:.2f} passes. Policy: DescriptorRouter.",
    )
