"""FittedRules: a closed loop of a few rules, with chances and thresholds fitted on the training tasks.

The rules, at every turn:

1. Each reader is worth its chance to be right on what is shown now; each locator is worth the chance that the best
   reader is right on the region that it would find. Both are guessed from the question and the current view.
2. As long as there is no answer, the most valuable expert is called. Locators are out of the question in the last turn.
3. Once there is an answer, the belief that it is right is worked out from the confidence, the chance of its reader and
   how many replies agree. Another reader is then worth only `again` of its chance, and another locator `elsewhere` of
   its: what one expert cannot read is often hard for all. If something is still worth more than the belief, and the
   belief is below `sure`, it is called; else the episode stops.

Axes: n observations, P experts, F features of an expert.
"""

import itertools
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.batch_play import Moment, play
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.features import Features
from maestro_agents.recorded_tasks import Terms, recorded_tasks, take, terms_of
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import STOP

_COLUMN = {name: place for place, name in enumerate(EXPERT_FEATURES)}


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The numbers in the rules, all in [0, 1]."""

    sure: float
    again: float
    elsewhere: float


@dataclass(frozen=True, kw_only=True)
class Situation:
    """All that the rules look at."""

    chances: NDArray[np.float32]
    """[n, P] worth of each expert in the current context."""
    experts: NDArray[np.float32]
    """[n, P, F] as in the observation."""
    legal: NDArray[np.bool_]
    """[n, P]"""
    last_turn: NDArray[np.bool_]
    """[n]"""


def answered(situation: Situation) -> NDArray[np.bool_]:
    """Return [n] whether any expert's latest reply holds an answer."""
    return situation.experts[:, :, _COLUMN["answered"]].max(axis=1) > 0


def evidence(situation: Situation) -> NDArray[np.float64]:
    """Return [n, 6] what speaks for the plurality's answer.

    A constant; the log-odds of the highest confidence among the experts that agree; the log-odds of that expert's
    chance here, and whether it was asked here (else that chance is set to even); how many more agree; how many differ.
    """
    agrees = situation.experts[:, :, _COLUMN["agrees"]] > 0
    confidence = np.where(agrees, situation.experts[:, :, _COLUMN["confidence"]], -1.0)
    speaker = confidence.argmax(axis=1)
    rows = np.arange(len(speaker))
    here = situation.experts[rows, speaker, _COLUMN["invoked_here"]] > 0
    votes = agrees.sum(axis=1)
    others = (situation.experts[:, :, _COLUMN["answered"]] > 0).sum(axis=1) - votes
    return np.stack(
        [
            np.ones(len(rows)),
            _log_odds(np.maximum(confidence[rows, speaker], 0.0)),
            np.where(here, _log_odds(situation.chances[rows, speaker]), 0.0),
            here.astype(np.float64),
            np.maximum(votes - 1, 0),
            others,
        ],
        axis=1,
    )


def decide(
    situation: Situation,
    *,
    belief: NDArray[np.floating],
    thresholds: Thresholds,
    locators: NDArray[np.bool_],
    prices: NDArray[np.floating],
) -> NDArray[np.int64]:
    """Return [n] actions by the rules above.

    Args:
        situation: What is known.
        belief: [n] chance that the settled answer is right; only looked at where there is one.
        thresholds: The numbers in the rules.
        locators: [P] which experts locate.
        prices: [P] reward that a call is expected to cost.
    """
    has_answer = answered(situation)
    kept = np.where(locators, thresholds.elsewhere, thresholds.again)
    worth = np.where(has_answer[:, None], kept * situation.chances, situation.chances) - prices
    callable_now = situation.legal & ~(locators & situation.last_turn[:, None])
    worth = np.where(callable_now, worth, -np.inf)
    best = worth.argmax(axis=1)
    most = worth.max(axis=1)
    settled = (belief >= thresholds.sure) | (most <= belief)
    stops = (has_answer & settled) | (~has_answer & (most <= 0.0))
    return np.where(stops, STOP, 1 + best).astype(np.int64)


def fit_logistic(inputs: NDArray[np.float64], right: NDArray[np.float64], *, ridge: float = 1.0) -> NDArray[np.float64]:
    """Return the [K] weights of a ridge-penalised logistic regression, by Newton's method.

    Args:
        inputs: [m, K].
        right: [m] scores in [0, 1].
        ridge: Penalty on the squared weights.
    """
    weights = np.zeros(inputs.shape[1])
    for _ in range(20):  # Newton doubles the digits each time; it starts from even odds
        chance = _logistic(inputs @ weights)
        gradient = inputs.T @ (chance - right) + ridge * weights
        curvature = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + ridge * np.eye(len(weights))
        weights -= np.linalg.solve(curvature, gradient)
    return weights


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


def _log_odds(chance: NDArray[np.floating]) -> NDArray[np.float64]:
    inside = np.clip(chance.astype(np.float64), 0.01, 0.99)  # a stated 0 or 1 must not outweigh everything
    return np.log(inside / (1 - inside))


_GRID = {
    "sure": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    "again": (0.0, 0.3, 0.5, 0.7, 0.9),
    "elsewhere": (0.0, 0.3, 0.5, 0.7, 0.9),
}
_FITTED_SHARE = 0.7
"""Share of the training tasks that chances are fitted on; beliefs and thresholds are fitted on the others, because
chances look too good on the tasks they were fitted on."""


@final
class FittedRules(Agent):
    """Locate if that is worth more, choose the reader by what is shown, go on while unsure."""

    thresholds: Thresholds

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, hidden: int = 64, steps: int = 1500) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the networks' first weights, and of which tasks are held out.
            hidden: Hidden units of the networks that guess chances.
            steps: Gradient steps of each of them.
        """
        super().__init__(env, seed=seed)
        self.hidden = hidden
        self.steps = steps

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Fit chances, beliefs and thresholds on the environment's own tasks; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps
        report: Progress = progress or (lambda _: None)
        terms = terms_of(self.env)
        recording = recorded_tasks(self.env)
        self._prepare(recording, terms)
        order = self.rng.permutation(len(recording.tasks))
        cut = max(1, int(_FITTED_SHARE * len(order)))
        fitted = take(recording, order[:cut])
        held_out = take(recording, order[cut:]) if cut < len(order) else fitted
        self._fit_chances(fitted)
        report(0.6)
        self._fit_belief(held_out, terms)
        self._fit_thresholds(held_out, terms)
        report(1.0)
        return self

    def _prepare(self, recording: Recording, terms: Terms) -> None:
        self._features = Features.fit(recording.question, recording.view.reshape(-1, recording.view.shape[2]))
        self._locators = recording.next_context[:, 0].max(axis=0) > 0  # whoever moves away from the whole image
        self._prices = (terms.price * recording.cost[:, 0].mean(axis=0)).astype(np.float32)
        self._max_turns = terms.max_turns

    def _inputs(self, question: NDArray[np.floating], view: NDArray[np.floating]) -> NDArray[np.float32]:
        # Scaled to a variance of about 1 an entry, which is what the networks' first weights are drawn for.
        rows = self._features.of(question, view)
        widths = [question.shape[1]] * question.shape[1] + [view.shape[1]] * view.shape[1]
        return rows * np.sqrt(np.array(widths, np.float32))

    def _in_every_context(self, recording: Recording) -> NDArray[np.float32]:
        """[N, C, D + V] the networks' inputs."""
        _, slots, _ = recording.view.shape
        parts = [self._inputs(recording.question, recording.view[:, slot]) for slot in range(slots)]
        return np.stack(parts, axis=1)

    def _fit_chances(self, recording: Recording) -> None:
        inputs = self._in_every_context(recording)
        size, slots, width = inputs.shape
        seen = (recording.status != MISSING).any(axis=2)
        flat = inputs.reshape(-1, width)[seen.reshape(-1)]
        known = recording.status != MISSING
        self._readers = self._fit(flat, recording.score[seen], known[seen] & ~self._locators)
        best = np.where(known & ~self._locators, self._readers.of(inputs), -1.0).argmax(axis=2)
        rows = np.arange(int(size))
        gains = np.stack([recording.score[rows, slot, best[:, slot]] for slot in range(slots)], axis=1)
        # Locators look at the whole image wherever they are called, so what they find does not depend on the context.
        found = recording.next_context[:, 0]
        located = np.repeat(gains[rows[:, None], np.maximum(found, 0)][:, None], slots, axis=1)
        usable = np.repeat((known[:, 0] & self._locators)[:, None], slots, axis=1)
        self._finders = self._fit(flat, located[seen], usable[seen])

    def _fit(self, inputs: NDArray[np.float32], right: NDArray[np.float32], known: NDArray[np.bool_]) -> Chances:
        return fit_chances(inputs, right, known, seed=self.seed, hidden=self.hidden, steps=self.steps)

    def _chances(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.where(self._locators, self._finders.of(inputs), self._readers.of(inputs))

    def _situations(self, recording: Recording) -> Any:
        everywhere = self._chances(self._in_every_context(recording))
        rows = np.arange(len(everywhere))

        def situation(moment: Moment) -> Situation:
            return Situation(
                chances=everywhere[rows, moment.slot],
                experts=moment.experts,
                legal=moment.legal[:, 1:],
                last_turn=moment.turns_left <= 1,
            )

        return situation

    def _fit_belief(self, recording: Recording, terms: Terms) -> None:
        """Learn how often the settled answer is right from episodes that never stop early."""
        situation = self._situations(recording)
        inputs: list[NDArray[np.float64]] = []
        right: list[NDArray[np.float32]] = []
        for again, elsewhere in itertools.product((0.5, 0.9), repeat=2):
            eager = Thresholds(sure=1.0, again=again, elsewhere=elsewhere)

            def policy(moment: Moment, eager: Thresholds = eager) -> NDArray[np.int64]:
                now = situation(moment)
                nothing = np.full(len(now.chances), -np.inf)
                return decide(now, belief=nothing, thresholds=eager, locators=self._locators, prices=self._prices)

            for moment in play(recording, terms, policy):
                now = situation(moment)
                settled = answered(now) & ~moment.ended
                inputs.append(evidence(now)[settled])
                right.append(moment.score[settled])
        self._belief = fit_logistic(np.concatenate(inputs), np.concatenate(right).astype(np.float64))

    def _fit_thresholds(self, recording: Recording, terms: Terms) -> None:
        situation = self._situations(recording)
        best = -np.inf
        for values in itertools.product(*_GRID.values()):
            tried = Thresholds(**dict(zip(_GRID, values, strict=True)))
            end = play(recording, terms, lambda moment, tried=tried: self._decide(situation(moment), tried))[-1]
            reward = float((end.score - terms.price * end.cost).mean())
            if reward > best:
                best, self.thresholds = reward, tried

    def _decide(self, situation: Situation, thresholds: Thresholds) -> NDArray[np.int64]:
        belief = _logistic(evidence(situation) @ self._belief)
        return decide(situation, belief=belief, thresholds=thresholds, locators=self._locators, prices=self._prices)

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        size = len(observation["budget"])
        situation = Situation(
            chances=self._chances(self._inputs(observation["question"], observation["view"])),
            experts=observation["experts"].reshape(size, -1, len(EXPERT_FEATURES)),
            legal=observation["action_mask"][:, 1:].astype(bool),
            # A share of turns left is a multiple of 1 / max_turns; 1.5 lies between one turn left and two.
            last_turn=observation["budget"][:, 0] * self._max_turns < 1.5,
        )
        return self._decide(situation, self.thresholds), state

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "hidden": self.hidden, "steps": self.steps}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {
            "belief": self._belief,
            "thresholds": np.array(astuple(self.thresholds)),
            "locators": self._locators,
            "prices": self._prices,
            "max_turns": np.array(self._max_turns),
            **self._features.arrays(),
            **self._readers.arrays("readers"),
            **self._finders.arrays("finders"),
        }

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._belief = learned["belief"]
        sure, again, elsewhere = learned["thresholds"].tolist()
        self.thresholds = Thresholds(sure=sure, again=again, elsewhere=elsewhere)
        self._locators = learned["locators"]
        self._prices = learned["prices"]
        self._max_turns = int(learned["max_turns"])
        self._features = Features.from_arrays(learned)
        self._readers = Chances.from_arrays(learned, "readers")
        self._finders = Chances.from_arrays(learned, "finders")
