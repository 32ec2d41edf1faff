"""What agents do, besides how often they are right: whom they call when, how hard a task they can take, what is wasted.

Axes: S seeds, N test tasks.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.bootstrap import Interval, equal_weights, mean_interval, task_counts
from benchmarks.learning import CurvePoint, curve_of
from benchmarks.metrics import model_recall, zero_advantage_share
from benchmarks.playing import Run
from benchmarks.replay import Replay, wasted_calls
from benchmarks.summary import RESAMPLES, correct_of
from maestro_env.recordings.recording import Recording
from maestro_env.types import Outcome

DIFFICULTIES = ("easy", "middling", "hard")
"""Thirds of each benchmark's test tasks, sorted by the factor `difficulty`."""

NUM_SEQUENCES = 5
"""The commonest ones of each agent that are listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallSequence:
    """Experts called one after another, and in how many episodes just these were."""

    experts: tuple[str, ...]
    """Empty: stopped at once."""
    share: float
    """Of the agent's episodes."""
    accuracy: float
    """In those episodes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """What one agent does on test."""

    agent: str
    calls: Mapping[str, Mapping[str, float]]
    """By benchmark, then expert: mean number of calls in an episode; experts that were not called are left out."""
    sequences: tuple[CallSequence, ...]
    """The commonest first."""
    by_difficulty: Mapping[str, Interval]
    """Accuracy on the benchmarks trained on, by `DIFFICULTIES`; empty where tasks do not say how hard they are."""
    wasted_calls: float
    """Mean number of calls in an episode after its answer was first right. That is hindsight: no agent can know it."""
    outcomes: Mapping[str, float]
    """Share of episodes by outcome, over all test tasks: failures of experts are no wrong answers."""
    latency_s: float
    """Mean over all episodes; recorded, or modelled from passes."""
    recall: Mapping[int, float]
    """By number of experts that are right about the whole picture: how often the first one called is among them."""
    same_outcome: float | None
    """Share of test tasks on which all seeds earn the same, so that they tell nothing apart; None for one seed."""
    learning: tuple[CurvePoint, ...]
    """Empty where the agent does not report what it earned."""


def behaviours_of(
    runs: Mapping[str, Sequence[Run]],
    *,
    test: Recording,
    unseen: Collection[str],
    replay: Replay,
    best: float = 1.0,
    seed: int = 0,
) -> tuple[Behaviour, ...]:
    """Return what each agent does.

    Args:
        runs: By agent, at least one each, over all of `test` in its order.
        test: N tasks.
        unseen: The benchmarks that were not trained on.
        replay: Of the same tasks.
        best: Reward an episode that regret is counted from.
        seed: Of the resampling.
    """
    trained = ~np.isin(test.task_benchmarks, list(unseen))
    thirds = thirds_of(test)
    rng = np.random.default_rng(seed)
    return tuple(
        Behaviour(
            agent=name,
            calls=_calls(own),
            sequences=_sequences(own),
            by_difficulty={
                level: _accuracy(own, test, (thirds == number) & trained, rng)
                for number, level in enumerate(DIFFICULTIES)
                if ((thirds == number) & trained).any()
            },
            wasted_calls=_wasted(own, replay),
            outcomes=_outcomes(own),
            latency_s=float(np.mean([episode.latency_s for run in own for episode in run.episodes])),
            recall=_recall(own, test),
            same_outcome=_same_outcome(own),
            learning=curve_of([run.learning for run in own], best=best),
        )
        for name, own in runs.items()
    )


def thirds_of(test: Recording) -> NDArray[np.int64]:
    """Return [N] which third of its own benchmark a task is in by difficulty: 0, 1 or 2; -1 where it does not say."""
    difficulty = np.array([float(task.factors.get("difficulty", np.nan)) for task in test.tasks])
    thirds = np.full(len(difficulty), -1, np.int64)
    for name in set(test.task_benchmarks):
        rows = np.flatnonzero((np.asarray(test.task_benchmarks) == name) & np.isfinite(difficulty))
        order = rows[np.argsort(difficulty[rows], kind="stable")]
        for number, part in enumerate(np.array_split(order, len(DIFFICULTIES))):
            thirds[part] = number
    return thirds


def _accuracy(runs: Sequence[Run], test: Recording, rows: NDArray[np.bool_], rng: np.random.Generator) -> Interval:
    strata = list(np.asarray(test.task_benchmarks)[rows])
    counts = task_counts(strata, resamples=RESAMPLES, rng=rng)
    return mean_interval(correct_of(runs)[:, rows], counts, weights=equal_weights(strata), rng=rng)


def _calls(runs: Sequence[Run]) -> dict[str, dict[str, float]]:
    episodes = Counter(episode.benchmark for run in runs for episode in run.episodes)
    called = Counter((e.benchmark, expert) for run in runs for e in run.episodes for expert in e.experts)
    return {
        name: {expert: number / episodes[name] for (own, expert), number in sorted(called.items()) if own == name}
        for name in sorted(episodes)
    }


def _sequences(runs: Sequence[Run]) -> tuple[CallSequence, ...]:
    episodes = [episode for run in runs for episode in run.episodes]
    number = Counter(episode.experts for episode in episodes)
    right = Counter(episode.experts for episode in episodes if episode.correct)
    # Of equally common ones the first by name, so that the order never depends on the order of episodes.
    common = sorted(number, key=lambda experts: (-number[experts], experts))[:NUM_SEQUENCES]
    return tuple(
        CallSequence(
            experts=experts,
            share=number[experts] / len(episodes),
            accuracy=right[experts] / number[experts],
        )
        for experts in common
    )


def _outcomes(runs: Sequence[Run]) -> dict[str, float]:
    found = Counter(episode.outcome for run in runs for episode in run.episodes)
    return {outcome.value: found[outcome] / found.total() for outcome in Outcome}


def _recall(runs: Sequence[Run], test: Recording) -> dict[int, float]:
    first = [
        (task, test.registry.ids.index(episode.experts[0]))
        for run in runs
        for task, episode in enumerate(run.episodes)
        if episode.experts
    ]
    if not first:
        return {}
    tasks, chosen = np.array(first).T
    return model_recall(test.score[tasks, 0], chosen)


def _same_outcome(runs: Sequence[Run]) -> float | None:
    rewards = np.array([[episode.reward for episode in run.episodes] for run in runs])
    return zero_advantage_share(list(rewards.T)) if len(runs) > 1 else None


def _wasted(runs: Sequence[Run], replay: Replay) -> float:
    return float(
        np.mean(
            [
                wasted_calls(replay.right_after(task, episode.experts))
                for run in runs
                for task, episode in enumerate(run.episodes)
            ]
        )
    )
