"""The closed-loop policy of the gates: the rules of FittedRules, with thresholds for each price from one fit.

Like FittedRules it weighs *stop*, *read* (the best reader for what is shown) and *locate* (a locator, then the best
reader in its region) by guessed chances that the episode ends right, and goes on while that pays. It differs in three
things, so that a whole frontier of score against cost comes from one fit: the chances know no price, the thresholds are
fitted for each price, on val; and the best reader is the one with the highest chance less price x its cost.

Axes: n tasks, P experts.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.world_gates.plan_table import Outcomes
from benchmarks.world_gates.scope import MAX_TURNS, PRICE, readers_of
from maestro_agents.batch_play import Episodes, play, start
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.features import Features
from maestro_agents.fitted_rules import situation_of
from maestro_agents.recorded_tasks import Terms
from maestro_agents.rules import Situation, Thresholds, decide, evidence, useful
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import STOP
from maestro_env.types import AnswerRule

PRICES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.2)
"""Of a pass, at which thresholds are fitted: from all that helps to only what is nearly sure and cheap."""
TERMS = Terms(max_turns=MAX_TURNS, answer_rule=AnswerRule.VOTE, price=PRICE)
_MARGINS = (-0.02, 0.0, 0.02, 0.05, 0.1, 0.2)
_RANDOM_SHARES = (1.0, 0.3, 0.2, 0.1)
"""Share of random calls in the situations of each round of fitting."""
_ROUNDS_KEPT = 2
_NETWORKS = 2
"""Averaged in the end; one is enough while situations are still being gathered."""
_INVOKED = EXPERT_FEATURES.index("invoked")


class ClosedLoop:
    """Fits on recorded tasks; plays any recording of the same experts, at any price."""

    def __init__(self, recording: Recording, *, seed: int, hidden: int = 96, steps: int = 1500) -> None:
        """Keep the tasks to fit on.

        Args:
            recording: Replies to them.
            seed: Of everything that is drawn.
            hidden: Hidden units of the networks.
            steps: Gradient steps of each.
        """
        self._recording, self._seed, self._hidden, self._steps = recording, seed, hidden, steps
        self._rng = np.random.default_rng(seed)
        self._features = Features.fit(recording.question, recording.view.reshape(-1, recording.view.shape[2]))
        self._locators: NDArray[np.bool_] = ~readers_of(recording)
        recorded = (recording.status[:, 1:] != MISSING).sum(axis=(0, 1))
        self._whole_costs = recording.cost[:, 0].mean(axis=0)
        self._region_costs = recording.cost[:, 1:].sum(axis=(0, 1)) / np.maximum(recorded, 1).astype(np.float32)
        self._readers: list[Chances] = []
        self._macros: list[Chances] = []

    def fit(self) -> "ClosedLoop":
        """Fit the chances, and return the policy."""
        beginning = start(self._recording, TERMS)
        rounds: list[list[Episodes]] = []
        for number, share in enumerate(_RANDOM_SHARES):
            rounds.append(play(beginning, lambda episodes, share=share: self._explore(episodes, share))[:-1])
            last = number + 1 == len(_RANDOM_SHARES)
            self._fit([*itertools.chain(*rounds[-_ROUNDS_KEPT:])], networks=_NETWORKS if last else 1)
        return self

    def thresholds(self, recording: Recording, price: float) -> Thresholds:
        """Return the thresholds that earn most on a recording's tasks, at a price."""
        tried = [Thresholds(again=again, elsewhere=elsewhere) for again in _MARGINS for elsewhere in _MARGINS]
        earned: list[float] = []
        for thresholds in tried:
            outcomes = self.outcomes(recording, price, thresholds)
            earned.append(float((outcomes.score - price * outcomes.cost).mean(dtype=np.float64)))
        return tried[int(np.argmax(earned))]

    def outcomes(self, recording: Recording, price: float, thresholds: Thresholds) -> Outcomes:
        """Play every task of a recording once, and return what came of it."""
        end = play(start(recording, TERMS), lambda episodes: self._decide(situation_of(episodes), price, thresholds))[
            -1
        ]
        return Outcomes(score=end.score.astype(np.float32), cost=end.cost.astype(np.float32))

    def _explore(self, episodes: Episodes, random_share: float) -> NDArray[np.int64]:
        """Return random legal calls in a share of the episodes, and the best calls in the others; none stops."""
        legal = episodes.legal[:, 1:]
        lots = np.where(legal, self._rng.random(legal.shape), -1.0)
        actions = np.where(legal.any(axis=1), 1 + lots.argmax(axis=1), STOP)
        if random_share < 1.0:
            eager = self._decide(situation_of(episodes), PRICE, None)
            actions = np.where(self._rng.random(len(actions)) < random_share, actions, eager)
        return actions

    def _fit(self, moments: Sequence[Episodes], *, networks: int) -> None:
        situations = [situation_of(episodes) for episodes in moments]
        running = np.concatenate([~episodes.ended for episodes in moments])
        inputs = np.concatenate([self._inputs(situation) for situation in situations])[running]

        def fitted(scores: NDArray[np.floating[Any]], known: NDArray[np.bool_]) -> list[Chances]:
            return [
                fit_chances(
                    inputs, scores[running], known[running], seed=self._seed + 101 * number, hidden=self._hidden,
                    steps=self._steps,
                )
                for number in range(networks)
            ]  # fmt: skip

        after = np.concatenate([episodes.scores_after() for episodes in moments])
        self._readers = fitted(after, np.concatenate([s.legal & ~self._locators for s in situations]))
        scores, known = zip(*(self._scores_after_macros(episodes) for episodes in moments), strict=True)
        self._macros = fitted(np.concatenate(scores), np.concatenate(known))

    def _scores_after_macros(self, episodes: Episodes) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """[n, P + 2] what the answer scores after each locator, after reading, after stopping; and which are known."""
        rows = np.arange(len(episodes.slot))
        situation = situation_of(episodes)
        scores = np.zeros((len(rows), len(self._locators) + 2), np.float32)
        for locator in np.flatnonzero(self._locators):
            there = episodes.step(np.full(len(rows), 1 + locator))
            scores[:, locator] = there.scores_after()[rows, self._best_reader(situation_of(there), PRICE)]
        scores[:, -2] = episodes.scores_after()[rows, self._best_reader(situation, PRICE)]
        scores[:, -1] = episodes.score
        finds = useful(situation, self._locators) & self._locators
        reads = (situation.legal & ~self._locators).any(axis=1)
        return scores, np.c_[finds, reads, np.ones(len(rows), bool)]

    def _costs(self, situation: Situation) -> NDArray[np.float32]:
        """[n, P] the mean cost of each call where the episode is: in the whole picture, or in a region."""
        located = np.any(situation.experts[:, self._locators, _INVOKED] > 0, axis=1, keepdims=True)
        return np.where(located, self._region_costs, self._whole_costs)

    def _best_reader(self, situation: Situation, price: float) -> NDArray[np.int64]:
        chances = _average(self._readers, self._inputs(situation)) - price * self._costs(situation)
        return np.where(situation.legal & ~self._locators, chances, -np.inf).argmax(axis=1)

    def _decide(self, situation: Situation, price: float, thresholds: Thresholds | None) -> NDArray[np.int64]:
        """Return actions by the rules; without thresholds, the best call in any case."""
        inputs, rows = self._inputs(situation), np.arange(len(situation.view))
        macros = _average(self._macros, inputs)
        costs, reader = self._costs(situation), self._best_reader(situation, price)
        read_cost = costs[rows, reader]
        worth = np.where(self._locators, macros[:, :-2] - price * (costs + 1.0), -np.inf)  # a region is read once, too
        worth[rows, reader] = macros[:, -2] - price * read_cost
        return decide(
            situation,
            worth=worth,
            stopping=np.full(len(rows), -10.0) if thresholds is None else macros[:, -1],
            thresholds=thresholds or Thresholds(again=0.0, elsewhere=0.0),
            locators=self._locators,
        )

    def _inputs(self, situation: Situation) -> NDArray[np.float32]:
        question, view, experts = situation.question, situation.view, situation.experts
        # Scaled to a variance of about 1 an entry, which is what the networks' first weights are drawn for.
        widths = [question.shape[1]] * question.shape[1] + [view.shape[1]] * view.shape[1]
        shown = self._features.of(question, view) * np.sqrt(np.array(widths, np.float32))
        return np.concatenate([shown, experts.reshape(len(experts), -1), evidence(experts)], axis=1)


def _average(networks: Sequence[Chances], inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.mean([network.of(inputs) for network in networks], axis=0)


Fitted = Callable[[Recording], list[Outcomes]]
"""Returns what comes of a policy at each of `PRICES`."""


def fitted_at_prices(fit: Recording, val: Recording, *, seed: int, steps: int = 1500) -> Fitted:
    """Fit the policy on some tasks, its thresholds for each price on others, and return how it plays."""
    policy = ClosedLoop(fit, seed=seed, steps=steps).fit()
    rules = [(price, policy.thresholds(val, price)) for price in PRICES]
    return lambda recording: [policy.outcomes(recording, price, thresholds) for price, thresholds in rules]
