"""FittedRules: a closed loop of three macro-actions, whose worth is fitted on the training tasks.

At every turn each macro-action is worth the chance that the episode ends right if it is taken and the episode stops
then: *stop* now; *read*, that is call the best reader for what is shown; *locate*, that is call one locator and then
the best reader on the region it finds. The rule (rules.py): take what is worth most. Once there is an answer, a second
reading of the same view must be worth `again` more than stopping, and locating `elsewhere` more.

The chances are guessed by small networks from the observation. They are fitted on every macro-action at once, as the
recording tells how each would have ended, in situations from episodes of rising quality: first random calls, then the
rules themselves with some random calls among them.

Axes: n observations, P experts, F features of an expert.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.batch_play import Episodes, play, start
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.features import Features
from maestro_agents.recorded_tasks import Terms, locators_in, recorded_tasks, take, terms_of
from maestro_agents.rules import Situation, Thresholds, decide, evidence, useful
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.recordings.recording import Recording
from maestro_env.registry import STOP

_MARGINS = (-0.02, 0.0, 0.02, 0.05, 0.1, 0.2)
"""Thresholds tried; below 0, because worth leaves out what may still be done after the next call."""
_FITTED_SHARE = 0.85
"""Share of the training tasks that the networks are fitted on. Thresholds are fitted on the others, because chances
look too good on the tasks they were fitted on."""
_RANDOM_SHARES = (1.0, 0.3, 0.2, 0.1)
"""Share of random calls in the episodes of each round."""
_ROUNDS_KEPT = 2
"""Networks are fitted on the situations of this many rounds, the latest: those of random calls are soon untypical."""


@final
class FittedRules(Agent):
    """Locate if that is worth more, choose the reader by what is shown, go on while it pays."""

    thresholds: Thresholds
    _locators: NDArray[np.bool_]

    def __init__(self, env: gymnasium.Env[Any, Any], *, seed: int = 0, hidden: int = 96, steps: int = 1500) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the networks' first weights, the random calls, and which tasks are held out.
            hidden: Hidden units of the networks that guess chances.
            steps: Gradient steps of each of them, in each round.
        """
        super().__init__(env, seed=seed)
        self.hidden = hidden
        self.steps = steps

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Fit chances and thresholds on the environment's own tasks; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps
        terms = terms_of(self.env)
        recording = recorded_tasks(self.env)
        self._features = Features.fit(recording.question, recording.view.reshape(-1, recording.view.shape[2]))
        self._locators = locators_in(recording)
        costs = recording.cost[:, 0].mean(axis=0)
        costs[self._locators] += np.median(costs[~self._locators])  # a region has to be read, too
        self._prices = (terms.price * costs).astype(np.float32)
        self._max_turns = terms.max_turns
        self.thresholds = Thresholds(again=0.0, elsewhere=0.0)
        order = self.rng.permutation(len(recording.tasks))
        cut = max(1, int(_FITTED_SHARE * len(order)))
        beginning = start(take(recording, order[:cut]), terms)
        rounds: list[list[Episodes]] = []
        for number, share in enumerate(_RANDOM_SHARES):
            rounds.append(play(beginning, lambda episodes, share=share: self._explore(episodes, share))[:-1])
            self._fit([*itertools.chain(*rounds[-_ROUNDS_KEPT:])])
            if progress is not None:
                progress((number + 1) / (len(_RANDOM_SHARES) + 1))
        held_out = take(recording, order[cut:]) if cut < len(order) else recording
        self._fit_thresholds(held_out, terms)
        if progress is not None:
            progress(1.0)
        return self

    def _explore(self, episodes: Episodes, random_share: float) -> NDArray[np.int64]:
        """Return random legal calls in a share of the episodes, and the best calls in the others; none stops."""
        legal = episodes.legal[:, 1:]
        lots = np.where(legal, self.rng.random(legal.shape), -1.0)
        actions = np.where(legal.any(axis=1), 1 + lots.argmax(axis=1), STOP)
        if random_share < 1.0:
            situation = situation_of(episodes)
            worth, stopping = self._worth(situation)
            eager = decide(
                situation,
                worth=worth,
                stopping=np.full_like(stopping, -10.0),  # anything is worth more
                thresholds=self.thresholds,
                locators=self._locators,
            )
            actions = np.where(self.rng.random(len(actions)) < random_share, actions, eager)
        return actions

    def _fit(self, moments: Sequence[Episodes]) -> None:
        """Fit both networks anew."""
        running = [~episodes.ended for episodes in moments]
        situations = [situation_of(episodes) for episodes in moments]
        inputs = [self._inputs(situation)[kept] for situation, kept in zip(situations, running, strict=True)]
        together = np.concatenate(inputs)
        readable = [situation.legal & ~self._locators for situation in situations]
        after = [episodes.scores_after() for episodes in moments]
        self._readers = fit_chances(
            together, _kept(after, running), _kept(readable, running), seed=self.seed, hidden=self.hidden,
            steps=self.steps,
        )  # fmt: skip
        scores, known = zip(*(self._scores_after_macros(episodes) for episodes in moments), strict=True)
        self._macros = fit_chances(
            together, _kept(scores, running), _kept(known, running), seed=self.seed, hidden=self.hidden,
            steps=self.steps,
        )  # fmt: skip

    def _scores_after_macros(self, episodes: Episodes) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """[n, P + 2] what the answer scores after each locator, after reading, after stopping; and which are known."""
        rows = np.arange(len(episodes.slot))
        situation = situation_of(episodes)
        scores = np.zeros((len(rows), len(self._locators) + 2), np.float32)
        for locator in np.flatnonzero(self._locators):
            there = episodes.step(np.full(len(rows), 1 + locator))
            scores[:, locator] = there.scores_after()[rows, self._best_reader(situation_of(there))]
        scores[:, -2] = episodes.scores_after()[rows, self._best_reader(situation)]
        scores[:, -1] = episodes.score
        finds = useful(situation, self._locators) & self._locators
        reads = (situation.legal & ~self._locators).any(axis=1)
        return scores, np.c_[finds, reads, np.ones(len(rows), bool)]

    def _best_reader(self, situation: Situation) -> NDArray[np.int64]:
        chances = self._readers.of(self._inputs(situation))
        return np.where(situation.legal & ~self._locators, chances, -1.0).argmax(axis=1)

    def _inputs(self, situation: Situation) -> NDArray[np.float32]:
        shown = self._features.network_inputs(situation.question, situation.view)
        experts = situation.experts
        return np.concatenate([shown, experts.reshape(len(experts), -1), evidence(experts)], axis=1)

    def _worth(self, situation: Situation) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[n, P] worth of each call less its price, and [n] worth of stopping."""
        macros = self._macros.of(self._inputs(situation))
        worth = np.where(self._locators, macros[:, :-2], -np.inf)
        rows = np.arange(len(worth))
        worth[rows, self._best_reader(situation)] = macros[:, -2]
        return worth - self._prices, macros[:, -1]

    def _decide(self, situation: Situation, thresholds: Thresholds) -> NDArray[np.int64]:
        worth, stopping = self._worth(situation)
        return decide(situation, worth=worth, stopping=stopping, thresholds=thresholds, locators=self._locators)

    def _fit_thresholds(self, recording: Recording, terms: Terms) -> None:
        beginning = start(recording, terms)
        best = -np.inf
        for again, elsewhere in itertools.product(_MARGINS, repeat=2):
            tried = Thresholds(again=again, elsewhere=elsewhere)
            end = play(beginning, lambda episodes, tried=tried: self._decide(situation_of(episodes), tried))[-1]
            reward = float((end.score - terms.price * end.cost).mean())
            if reward > best:
                best, self.thresholds = reward, tried

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        size = len(observation["budget"])
        situation = Situation(
            question=observation["question"],
            view=observation["view"],
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
            "thresholds": np.array(astuple(self.thresholds)),
            "locators": self._locators,
            "prices": self._prices,
            "max_turns": np.array(self._max_turns),
            **self._features.arrays(),
            **self._readers.arrays("readers"),
            **self._macros.arrays("macros"),
        }

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        again, elsewhere = learned["thresholds"].tolist()
        self.thresholds = Thresholds(again=again, elsewhere=elsewhere)
        self._locators = learned["locators"]
        self._prices = learned["prices"]
        self._max_turns = int(learned["max_turns"])
        self._features = Features.from_arrays(learned)
        self._readers = Chances.from_arrays(learned, "readers")
        self._macros = Chances.from_arrays(learned, "macros")


def _kept(values: Sequence[NDArray[Any]], running: Sequence[NDArray[np.bool_]]) -> NDArray[Any]:
    return np.concatenate([value[kept] for value, kept in zip(values, running, strict=True)])


def situation_of(episodes: Episodes) -> Situation:
    """Return what the rules see of episodes that are played on a recording."""
    rows = np.arange(len(episodes.slot))
    return Situation(
        question=episodes.recording.question,
        view=episodes.recording.view[rows, episodes.slot],
        experts=episodes.experts,
        legal=episodes.legal[:, 1:],
        last_turn=episodes.turns_left <= 1,
    )
