"""What a policy is worth, by a log of another policy's decisions. Drawing and reading logs is logs.py's job.

**The value** is the policy's mean reward over the population that the log's tasks were drawn from. For a log that
`draw_log` drew, the population is the recording, so the value is the mean over all N recorded tasks: `true_value`.
Intervals suppose that decisions are independent draws, tasks included. Where each task stands in the log just once,
they still hold for the population, and are wider than need be for the mean over those very tasks.

Axes: N recorded tasks, P experts, L logged decisions, F features (a constant, the question, the view).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.logs import Log, checked_policy, rewards_of
from benchmarks.metrics import Estimate, doubly_robust, ips, snips
from maestro_agents.features import Features
from maestro_agents.ridge import estimates, ridges_of
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording

FOLDS = 5


@dataclass(frozen=True, kw_only=True)
class LogValues:
    """Three estimates of one value, each with its interval and its effective size."""

    ips: Estimate
    snips: Estimate
    doubly_robust: Estimate


def estimated_values(log: Log, policy: ArrayLike, recording: Recording, *, seed: int = 0) -> LogValues:
    """Return what a policy would have earned, by a log: neither scores nor costs of the recording are looked at.

    Args:
        log: Decisions of a policy that may call whoever the new one may; what it never does, no log can tell.
        policy: [N, P] the new policy's chances of calling each expert first.
        recording: Whose tasks and experts the log counts.
        seed: Of the folds of the reward model.

    Raises:
        ConfigurationError: Chances that are none; or a log of fewer than two tasks, or of no action that the new policy
            takes.
    """
    chances = checked_policy(policy, recording)[log.task]
    guesses = cross_fitted(log, recording, seed=seed)
    rows = np.arange(len(log))
    new = chances[rows, log.action]
    return LogValues(
        ips=ips(log.reward, log.propensity, new),
        snips=snips(log.reward, log.propensity, new),
        doubly_robust=doubly_robust(
            log.reward,
            log.propensity,
            new,
            guessed=guesses[rows, log.action],
            guessed_value=(chances * guesses).sum(axis=1),
        ),
    )


def cross_fitted(log: Log, recording: Recording, *, seed: int = 0) -> NDArray[np.float64]:
    """Return [L, P] guesses of what each expert would have earned, each by a model that never saw the task.

    The model is a ridge regression for each expert. Tasks are dealt to `FOLDS` folds; decisions on those of one fold
    are guessed by models of all others, so that guesses do not depend on the rewards that they are to correct.

    Args:
        log: Of two tasks or more.
        recording: Holds the tasks' embeddings.
        seed: Of how tasks are dealt.

    Raises:
        ConfigurationError: The log is of one task.
    """
    tasks, place = np.unique(log.task, return_inverse=True)
    if len(tasks) < 2:
        raise ConfigurationError("A log of one task; the reward model of doubly robust estimates needs two or more.")
    fold_of = np.random.default_rng(seed).permutation(len(tasks)) % FOLDS
    fold = fold_of[place]
    x = _features(recording, log.task)
    guesses = np.zeros((len(log), len(recording.registry)))
    for held_out in range(min(FOLDS, len(tasks))):
        here = fold == held_out
        ridges = ridges_of(x[~here], log.action[~here], log.reward[~here], num_arms=guesses.shape[1])
        guesses[here] = estimates(ridges.inverses, ridges.sums, x[here])
    return guesses


def true_value(recording: Recording, policy: ArrayLike, *, cost_weight: float = 0.0) -> float:
    """Return a policy's mean reward over all N recorded tasks, known because every expert's reply is.

    Args:
        recording: N tasks.
        policy: [N, P] chances of calling each expert first.
        cost_weight: Reward given up for one unit of cost.

    Raises:
        ConfigurationError: Chances that are none.
    """
    chances = checked_policy(policy, recording)
    # A call that was not recorded has the chance 0 here, and NaN for a reward.
    return float((chances * np.nan_to_num(rewards_of(recording, cost_weight=cost_weight))).sum(axis=1).mean())


def _features(recording: Recording, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """[L, F] of the tasks in these rows, scaled by themselves."""
    question, view = recording.question[rows], recording.view[rows, 0]
    parts = Features.fit(question, view).of(question, view)
    return np.concatenate([np.ones((len(rows), 1)), parts], axis=1, dtype=np.float64)
