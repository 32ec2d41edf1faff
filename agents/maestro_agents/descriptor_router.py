"""DescriptorRouter: chooses experts by what is known of them, so that it can be handed experts that it never saw.

From an expert's description, skill and price, from how well it did on similar tasks if it was ever seen at work, and
from how unlike the remembered tasks the one at hand is, a small network guesses whether the expert is right. Experts
are asked in that order, one a model, until one is sure enough. What a stranger is worth on a strange task is learned by
pretending: a family of tasks is forgotten and its best readers are made strangers, or a well-known reader is.

Meant for `answer_rule="confidence"`, where the surest reply counts.

Axes: n tasks, P experts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self, cast, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State, registry_of
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.descriptors import NUM_FEATURES, Memory, describe, in_order
from maestro_agents.features import Features
from maestro_agents.lessons import familiar, forgetting, of_same_models, readers, specialists
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import STOP
from maestro_env.types import Expert, Role

_SURE = (0.2, 0.35, 0.5, 0.65, 0.8)
"""Confidences tried as the one at which asking ends. Where no expert states any, it ends with the first answer."""
_SPECIALIST = 0.8
"""A reader that is this good on a family, relative to the best one, is forgotten with the family."""
_FAMILIAR = "familiar"
"""The lesson in which a reader that could be well known is a stranger."""
_COLUMN = {name: place for place, name in enumerate(EXPERT_FEATURES)}


@final
class DescriptorRouter(Agent):
    """Zero-shot routing by description; asks on while nobody is sure."""

    sure: float
    """Confidence from which on nobody else is asked; 0 where no expert states any."""

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, seed: int = 0, memory: int = 3000, lesson: int = 400, steps: int = 1000
    ) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of what is drawn.
            memory: Tasks that are remembered.
            lesson: Tasks on which strangers are judged, for each benchmark that is forgotten.
            steps: Gradient steps of the network.
        """
        super().__init__(env, seed=seed)
        self.memory = memory
        self.lesson = lesson
        self.steps = steps

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Fit on the environment's own tasks; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps
        recording = recorded_tasks(self.env)
        self._price = terms_of(self.env).price
        self._features = Features.fit(recording.question, recording.view[:, 0])
        self._known = registry_of(self.env)
        everyone = self._features.of(recording.question, recording.view[:, 0])
        kept = self.rng.permutation(len(everyone))[: self.memory]
        self._remembered = Memory(features=everyone[kept], scores=recording.score[kept, 0].astype(np.float32))
        names = np.array(recording.task_benchmarks)
        benchmarks = sorted(set(recording.task_benchmarks))
        forgettable = benchmarks if len(benchmarks) > 1 else []  # with the only one, all would be forgotten
        lessons = [self._lesson(recording, everyone, names, name) for name in [*forgettable, _FAMILIAR]]
        rows = np.concatenate([rows for rows, _ in lessons])
        known = np.concatenate([features for _, features in lessons])
        self._network = fit_chances(
            known.reshape(-1, NUM_FEATURES),
            recording.score[rows, 0].reshape(-1, 1),
            (recording.status[rows, 0] != MISSING).reshape(-1, 1),
            seed=self.seed, hidden=32, steps=self.steps,
        )  # fmt: skip
        self.sure = self._best_sure(recording, rows, known)
        if progress is not None:
            progress(1.0)
        return self

    def at(self, env: gymnasium.Env[Any, Any]) -> "DescriptorRouter":
        """Return the agent, as it is, in another environment, whose registry may hold experts it never saw."""
        other = DescriptorRouter(env, **self._settings())
        other._restore(self._learned())
        return other

    def _lesson(
        self, recording: Recording, features: NDArray[np.float32], names: NDArray[np.str_], forgotten: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return [n] tasks and [n, P, F] what is known of the experts where a benchmark is forgotten."""
        experts, scores = recording.registry.experts, recording.score[:, 0].astype(np.float32)
        sizes = {"size": self.lesson, "memory": self.memory}
        if forgotten == _FAMILIAR:
            rows = familiar(len(names), **sizes, rng=self.rng)
            strange = of_same_models(experts, np.arange(len(experts)) == self.rng.integers(len(experts)))
        else:
            rows = forgetting(names, [forgotten], **sizes, rng=self.rng)
            strange = specialists(experts, scores[rows.asked], share=_SPECIALIST)
        seen = np.where(strange, np.nan, scores[rows.remembered])
        return rows.asked, describe(
            experts,
            question=recording.question[rows.asked],
            features=features[rows.asked],
            memory=Memory(features=features[rows.remembered], scores=seen),
        )

    def _best_sure(self, recording: Recording, rows: NDArray[np.int64], known: NDArray[np.float32]) -> float:
        """Return the confidence at which asking should end: the one that earns most in the lessons."""
        if np.isnan(recording.confidence).all():
            return 0.0
        values = self._values(recording.registry.experts, known)
        order = one_a_model(recording.registry.experts, values)[:, : terms_of(self.env).max_turns]
        everyone = np.arange(len(rows))
        confidence: NDArray[np.float32] = np.nan_to_num(recording.confidence[rows[:, None], 0, order], nan=0.0)
        score, cost = recording.score[rows[:, None], 0, order], recording.cost[rows[:, None], 0, order]
        earned: list[float] = []
        for sure in _SURE:
            enough: NDArray[np.bool_] = np.greater_equal(confidence, sure)
            # Asked are those before whom nobody was sure: they count as many sure ones as they are themselves.
            asked: NDArray[np.bool_] = np.equal(np.cumsum(enough, axis=1), enough)
            best = np.where(asked, confidence, -1.0).argmax(axis=1)
            earned.append(float((score[everyone, best] - self._price * (cost * asked).sum(axis=1)).mean()))
        return _SURE[int(np.argmax(earned))]

    def _values(self, experts: Sequence[Expert], known: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [n, P] the guessed chance that each expert is right, less the price of a look."""
        looks = np.array([expert.model.passes_per_look for expert in experts], np.float32)
        return (self._network.of(known)[..., 0] - self._price * looks).astype(np.float32)

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        size = len(observation["budget"])
        columns = observation["experts"].reshape(size, -1, len(EXPERT_FEATURES))
        asked = columns[:, :, _COLUMN["invoked"]] > 0
        answered = columns[:, :, _COLUMN["answered"]] > 0
        surest = np.where(answered, columns[:, :, _COLUMN["confidence"]], 0.0).max(axis=1)
        experts = cast(Any, self.env.unwrapped).registry.experts
        same_model = np.array([[one.model == other.model for other in experts] for one in experts])
        legal = observation["action_mask"][:, 1:].astype(bool) & ~(asked @ same_model)
        legal &= readers(experts)
        features = self._features.of(observation["question"], observation["view"])
        memory = in_order(self._remembered, self._known, registry_of(self.env))
        known = describe(experts, question=observation["question"], features=features, memory=memory)
        values = np.where(legal, self._values(experts, known), -np.inf)
        going_on = legal.any(axis=1) & (surest < self.sure if self.sure else ~answered.any(axis=1))
        return np.where(going_on, 1 + values.argmax(axis=1), STOP), state

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "memory": self.memory, "lesson": self.lesson, "steps": self.steps}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {
            "known": np.array(self._known, np.str_),
            "price": np.array(self._price),
            "sure": np.array(self.sure),
            "memory_features": self._remembered.features,
            "memory_scores": self._remembered.scores,
            **self._features.arrays(),
            **self._network.arrays("network"),
        }

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._known = tuple(str(name) for name in learned["known"])
        self._price, self.sure = float(learned["price"]), float(learned["sure"])
        self._remembered = Memory(features=learned["memory_features"], scores=learned["memory_scores"])
        self._features = Features.from_arrays(learned)
        self._network = Chances.from_arrays(learned, "network")


def one_a_model(experts: Sequence[Expert], values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return [n, M] readers by falling value, of each of M models the most valued one.

    Args:
        experts: P of them.
        values: [n, P]
    """
    models = list(dict.fromkeys(expert.model.name for expert in experts if expert.model.role != Role.LOCATOR))
    best = [
        np.where([expert.model.name == model for expert in experts], values, -np.inf).argmax(axis=1) for model in models
    ]
    choices = np.stack(best, axis=1)
    order = np.argsort(-np.take_along_axis(values, choices, axis=1), axis=1, kind="stable")
    return np.take_along_axis(choices, order, axis=1)
