"""Cascade: asks from cheap to dear, and stops once a reply is sure enough or two experts agree.

A step of the cascade is a reader, or a locator and a reader on the region that it finds; the view then stays there for
the steps that follow. Which steps there are, and how sure a reply must be after each, is fitted on the training tasks:
steps are added greedily while the mean reward rises and the mean cost of an episode stays within `max_cost`.

Source: L. Chen, M. Zaharia, J. Zou, FrugalGPT: How to Use Large Language Models While Reducing Cost and Improving
Performance (2023), https://arxiv.org/abs/2305.05176, "LLM cascade". How we differ: a reply is judged by the confidence
that the expert states, and by agreement, instead of by a model trained to judge replies; steps are always in the order
of their mean cost, and found greedily instead of by one search over lists and thresholds; the environment's answer rule
settles the answer, which need not be the last one.

Axes: n tasks or observations, P experts, F features of an expert, L calls of the cascade.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.batch_play import Episodes, start
from maestro_agents.plan_following import action_at, as_actions, next_place
from maestro_agents.recorded_tasks import locators_in, recorded_tasks, terms_of
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.errors import ConfigurationError
from maestro_env.registry import STOP

_SURE = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 2.0)
"""Confidences tried as the one at which asking ends; nobody reaches the last one."""
_COLUMN = {name: place for place, name in enumerate(EXPERT_FEATURES)}

Step = tuple[int, ...]
"""Places in the registry: a reader, or a locator and a reader."""


@dataclass(frozen=True, kw_only=True)
class Trail:
    """What is known after each call of a sequence that nobody stops."""

    experts: tuple[int, ...]
    """[L] places in the registry, in the order of the calls."""
    sure: NDArray[np.float32]
    """[L, n] confidence of the call's answer; -1 where the call gave none, or was masked."""
    agreed: NDArray[np.bool_]
    """[L, n] whether the call answered and two experts agree."""
    score: NDArray[np.float64]
    """[L, n] of the settled answer if the episode stops then."""
    cost: NDArray[np.float64]
    """[L, n] spent by then."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A cascade, and what it earns on the tasks it was fitted on."""

    steps: tuple[Step, ...]
    trail: Trail
    sure: tuple[float, ...]
    """[L] how sure the reply to each call must be to be the last."""
    reward: float
    """Mean score less price x cost."""
    cost: float
    """Mean cost of an episode."""


@final
class Cascade(Agent):
    """One cascade for all tasks."""

    experts: tuple[int, ...]
    """[L] places in the registry, in the order of the calls."""
    sure: tuple[float, ...]
    """[L] how sure the reply to each call must be to be the last."""

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, max_cost: float | None = None) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Unused: nothing is drawn.
            max_cost: What an episode may cost on average over the training tasks; None: no limit.
        """
        super().__init__(env, seed=seed)
        self.max_cost = max_cost

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Fit the cascade on the environment's own tasks; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from, or every call costs more than `max_cost`.
        """
        del total_timesteps
        recording = recorded_tasks(self.env)
        beginning = start(recording, terms_of(self.env))
        limit = np.inf if self.max_cost is None else self.max_cost
        fit = fit_cascade(beginning, cheap_to_dear(beginning, locators_in(recording)), max_cost=limit)
        self.experts, self.sure = fit.trail.experts, fit.sure
        if progress is not None:
            progress(1.0)
        return self

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del deterministic
        size = len(observation["budget"])
        (place,) = (np.zeros(size, np.int64),) if state is None else state
        place = np.where(starts, 0, place)
        latest = np.maximum(place - 1, 0)
        features = observation["experts"].reshape(size, -1, len(EXPERT_FEATURES))
        sure, agreed = evidence_of(features, np.array(self.experts)[latest])
        enough = (place > 0) & (agreed | (sure >= np.array(self.sure, np.float32)[latest]))
        plans = np.repeat(as_actions([self.experts]), size, axis=0)
        place = next_place(plans, place, observation["action_mask"])
        actions = np.where(enough, STOP, action_at(plans, place))
        return actions, (np.minimum(place + 1, len(self.experts)),)

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "max_cost": self.max_cost}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {"experts": np.array(self.experts), "sure": np.array(self.sure)}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self.experts = tuple(learned["experts"].tolist())
        self.sure = tuple(learned["sure"].tolist())


def evidence_of(
    features: NDArray[np.float32], experts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return [n] how sure the latest reply of one expert is, -1 without an answer; and [n] whether two experts agree.

    Two agree if both gave the answer that most gave, and the one asked about answered, too.

    Args:
        features: [n, P, F] as in the observation.
        experts: [n] the expert asked about.
    """
    asked = features[np.arange(len(experts)), experts]
    answered = asked[:, _COLUMN["answered"]] > 0
    sure = np.where(answered, asked[:, _COLUMN["confidence"]], np.float32(-1))
    return sure, answered & ((features[:, :, _COLUMN["agrees"]] > 0).sum(axis=1) >= 2)


def trail_of(beginning: Episodes, experts: Sequence[int]) -> Trail:
    """Return what is known after each call of a sequence, at most as long as the episodes' turns."""
    episodes, moments = beginning, list[Episodes]()
    sure, agreed = list[NDArray[np.float32]](), list[NDArray[np.bool_]]()
    for expert in experts:
        made = episodes.legal[:, 1 + expert]
        episodes = episodes.step(np.full(len(made), 1 + expert))
        now_sure, now_agreed = evidence_of(episodes.experts, np.full(len(made), expert))
        sure.append(np.where(made, now_sure, np.float32(-1)))
        agreed.append(made & now_agreed)
        moments.append(episodes)
    return Trail(
        experts=tuple(experts),
        sure=np.stack(sure),
        agreed=np.stack(agreed),
        score=np.stack([moment.score for moment in moments]),
        cost=np.stack([moment.cost for moment in moments]),
    )


def last_calls(trail: Trail, sure: Sequence[float]) -> NDArray[np.int64]:
    """Return [n] the place of the call after which each episode stops.

    Args:
        trail: The calls.
        sure: [L] how sure the reply to each call must be to be the last.
    """
    enough = trail.agreed | (trail.sure >= np.array(sure, np.float32)[:, None])
    enough[-1] = True
    return enough.argmax(axis=0)


def cheap_to_dear(beginning: Episodes, locators: NDArray[np.bool_]) -> tuple[Step, ...]:
    """Return every step by rising mean cost on the tasks; of those that cost the same, the one that scores most first.

    Args:
        beginning: The episodes at their start.
        locators: [P] who locates.
    """
    readers, finders = np.flatnonzero(~locators).tolist(), np.flatnonzero(locators).tolist()
    steps: list[Step] = [(reader,) for reader in readers]
    if beginning.terms.max_turns > 1:
        steps += [(finder, reader) for finder in finders for reader in readers]
    ends = {step: trail_of(beginning, step) for step in steps}

    def rank(step: Step) -> tuple[float, float]:
        cost, score = ends[step].cost[-1].mean(), ends[step].score[-1].mean()
        # Sums of the same costs differ in their last digits; costs may be passes, or millionths of a dollar.
        return float(f"{cost:.5g}"), -float(score)

    return tuple(sorted(steps, key=rank))


def fit_cascade(beginning: Episodes, ordered: Sequence[Step], *, max_cost: float) -> Fit:
    """Return a cascade, greedily: each time the step that earns most is added, until none earns more.

    While steps are added, one threshold serves all; at the end each call's is fitted in turn.

    Args:
        beginning: The episodes at their start.
        ordered: The steps that may be taken, in the order in which cascades take them.
        max_cost: What an episode may cost on average.

    Raises:
        ConfigurationError: Every call costs more than `max_cost`.
    """
    best: Fit | None = None
    while True:
        chosen = () if best is None else best.steps
        found = best
        for step in ordered:
            if step in chosen:
                continue
            steps = tuple(sorted((*chosen, step), key=ordered.index))
            calls = [expert for taken in steps for expert in taken]
            if len(calls) > beginning.terms.max_turns:
                continue
            trail = trail_of(beginning, calls)
            tried = [_fit(beginning, steps, trail, (sure,) * len(calls)) for sure in _SURE]
            found = _better(found, tried, max_cost)
        if found is best:
            break
        best = found
    if best is None:
        raise ConfigurationError(
            f"Every call costs more than max_cost={max_cost} on average; give at least what the cheapest one costs."
        )
    for place in range(len(best.sure)):
        others = [(*best.sure[:place], sure, *best.sure[place + 1 :]) for sure in _SURE]
        best = _better(best, [_fit(beginning, best.steps, best.trail, sure) for sure in others], max_cost) or best
    return best


def _fit(beginning: Episodes, steps: tuple[Step, ...], trail: Trail, sure: tuple[float, ...]) -> Fit:
    last = last_calls(trail, sure)
    everyone = np.arange(len(last))
    cost = float(trail.cost[last, everyone].mean())
    score = float(trail.score[last, everyone].mean())
    return Fit(steps=steps, trail=trail, sure=sure, reward=score - beginning.terms.price * cost, cost=cost)


def _better(best: Fit | None, tried: Sequence[Fit], max_cost: float) -> Fit | None:
    """Return the first fit of highest reward within the limit: the best so far, or one of those tried."""
    for fit in tried:
        if fit.cost <= max_cost and (best is None or fit.reward > best.reward + 1e-9):  # more than rounding
            best = fit
    return best
