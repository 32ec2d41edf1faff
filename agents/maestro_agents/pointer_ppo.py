"""PointerPPO: PPO whose policy points at experts by what is known of them, so that it can be handed others.

One small network scores every expert (`pointer_network`), from what it has said so far and from what may be known of it
before it is asked (`descriptors.describe`: how well it did on similar tasks if it was seen at work, how much the
question's words overlap with its description, its role, its price). Another, fitted beforehand on the replies of all
experts in the lessons, sums the latter up in the chance that asking helps: an episode tells of the few experts that it
called, a recording of all.

The weights know neither the number of the experts nor their order, nor which is which: question and view come in only
through what they say about an expert, because a network that saw them beside a description would learn 25 experts by
heart.

It is trained on lessons. In each the network is to make do with a memory of other tasks than those it plays: in some
two benchmarks are forgotten and their best models are strangers, so that strangers must be told apart; in some a few
models are strangers on tasks of every kind; in some nobody is.

Source: J. Schulman et al., Proximal Policy Optimization Algorithms (2017), https://arxiv.org/abs/1707.06347.

Axes: n observations, P experts, K numbers known of an expert, C contexts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, cast, final

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State, registry_of
from maestro_agents.chances import Chances, fit_chances
from maestro_agents.descriptors import NUM_FEATURES, Memory, describe, in_order
from maestro_agents.features import Features
from maestro_agents.lessons import Rows, familiar, forgetting, of_same_models, specialists, usefulness
from maestro_agents.ppo_settings import arguments_of, settings_of
from maestro_agents.recorded_tasks import recorded_tasks, take
from maestro_env.env import MaestroEnv
from maestro_env.errors import MissingExtraError
from maestro_env.recordings.recording import MISSING, Recording

try:
    import torch
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.utils import ConstantSchedule

    from maestro_agents.pointer_network import PointerPolicy
    from maestro_agents.sb3_agent import Report, arrays_of, fill, many
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.pointer_ppo needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error

_NUM_KNOWN = NUM_FEATURES + 1
"""K: the description, and the chance."""
_SPECIALIST = 0.9
"""The model of a reader that is this good on a benchmark, relative to the best one, is forgotten with it."""
_ROUNDS = 2
"""How often each benchmark is forgotten, each time with another one: about half of the lessons are such."""
_FAMILIAR_LESSONS = 16
"""Lessons in which no benchmark is forgotten; enough that about every model is a stranger in some."""
_STRANGERS = 3
"""In such a lesson 0 to this many models are strangers."""


@final
class PointerPPO(Agent):
    """PPO that scores experts by what is known of them; `at` hands it others."""

    policy: PointerPolicy
    earned: NDArray[np.float64]
    """[E] reward of each episode of the lessons, in the order in which they ended."""

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        *,
        seed: int = 0,
        num_envs: int = 64,
        rollout_steps: int = 128,
        batch_size: int = 2048,
        epochs: int = 4,
        learning_rate: float = 2e-3,
        entropy_weight: float = 0.01,
        hidden: int = 48,
        memory: int = 3000,
        lesson: int = 300,
    ) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in; many like it are played side by side.
            seed: Of the networks, the sampled actions, the tasks and the lessons.
            num_envs: How many are played side by side.
            rollout_steps: Steps of each between two updates.
            batch_size: Steps in a gradient step.
            epochs: How often each step is learned from.
            learning_rate: At the start; it falls linearly to 0.
            entropy_weight: Weight of the entropy bonus.
            hidden: H.
            memory: Tasks that are remembered.
            lesson: Tasks of each lesson, at most.
        """
        super().__init__(env, seed=seed)
        self.num_envs = num_envs
        self.rollout_steps = rollout_steps
        self.batch_size = batch_size
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.entropy_weight = entropy_weight
        self.hidden = hidden
        self.memory = memory
        self.lesson = lesson

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Make lessons of the environment's own tasks, and play `total_timesteps` steps of them.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        recording = recorded_tasks(self.env)
        torch.set_num_threads(1)  # the networks are too small to gain from more, and seeds are run side by side
        self._features = Features.fit(recording.question, recording.view[:, 0])
        lessons = _lessons(recording, self._features, self.rng, size=self.lesson, memory=self.memory)
        kept = self.rng.permutation(len(recording.tasks))[: self.memory]
        self._remembered = _memory_of(recording, self._features, kept)
        described = np.concatenate([lesson.described for lesson in lessons])
        self._range = np.stack([described.min(axis=(0, 1, 2)), described.max(axis=(0, 1, 2))])
        tasks = np.concatenate([lesson.rows for lesson in lessons])
        self._chances = fit_chances(
            described.reshape(-1, NUM_FEATURES),
            usefulness(recording, tasks).reshape(-1, 1),
            (recording.status[tasks] != MISSING).reshape(-1, 1),
            seed=self.seed,
            hidden=self.hidden,
        )
        model = MaskablePPO(
            PointerPolicy,
            many(_lesson_env(self.env, take(recording, tasks), self._known(described)), self.num_envs),
            **arguments_of(self),
            policy_kwargs={"hidden": self.hidden},
        )
        report = Report(progress, total_timesteps)
        model.learn(total_timesteps, callback=report)
        self.earned = np.array(report.earned)
        self.policy = cast("PointerPolicy", model.policy)
        return self

    def at(self, env: gymnasium.Env[Any, Any]) -> "PointerPPO":
        """Return the agent, as it is, in another environment, whose registry may hold experts it never saw."""
        other = PointerPPO(env, **self._settings())
        other._restore(self._learned())
        return other

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts
        masks = observation["action_mask"].astype(bool)
        actions, _ = self.policy.predict(self._seen(observation), action_masks=masks, deterministic=deterministic)
        return actions.astype(np.int64), state

    def _seen(self, observation: Observation) -> dict[str, NDArray[Any]]:
        """Return what the policy sees of n observations: what is known of the experts in place of the view."""
        experts = cast(Any, self.env.unwrapped).registry.experts
        described = describe(
            experts,
            question=observation["question"],
            features=self._features.of(observation["question"], observation["view"]),
            memory=self._remembered,
        )
        return {**observation, "view": self._known(described).reshape(len(described), -1)}

    def _known(self, described: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [..., K]: the description, and the chance that asking helps."""
        # Nothing is said of a stranger that could not have been said in a lesson, such as a price below all others.
        within = described.clip(*self._range)
        return np.concatenate([within, self._chances.of(within)], axis=-1)

    def _settings(self) -> dict[str, Any]:
        return {**settings_of(self), "hidden": self.hidden, "memory": self.memory, "lesson": self.lesson}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {
            "known": np.array(registry_of(self.env), np.str_),
            "range": self._range,
            "memory_features": self._remembered.features,
            "memory_scores": self._remembered.scores,
            **self._features.arrays(),
            **self._chances.arrays("chances"),
            "earned": self.earned,
            **arrays_of(self.policy),
        }

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._range, self.earned = learned["range"], learned["earned"]
        memory = Memory(features=learned["memory_features"], scores=learned["memory_scores"])
        self._remembered = in_order(memory, learned["known"].tolist(), registry_of(self.env))
        self._features = Features.from_arrays(learned)
        self._chances = Chances.from_arrays(learned, "chances")
        space = cast("spaces.Dict", self.env.observation_space)
        num_experts = len(registry_of(self.env))
        view = spaces.Box(-np.inf, np.inf, (num_experts * _NUM_KNOWN,), np.float32)
        self.policy = PointerPolicy(
            spaces.Dict({**space.spaces, "view": view}),
            self.env.action_space,
            ConstantSchedule(0.0),
            hidden=self.hidden,
        )
        fill(self.policy, learned)


@dataclass(frozen=True, kw_only=True)
class _Lesson:
    """Tasks to play, and how the experts are described in each of their contexts."""

    rows: NDArray[np.int64]
    """[n] places of the tasks in the recording."""
    described: NDArray[np.float32]
    """[n, C, P, NUM_FEATURES]"""


def _lessons(
    recording: Recording, features: Features, rng: np.random.Generator, *, size: int, memory: int
) -> list[_Lesson]:
    """Return lessons in which each benchmark is forgotten, with another one, and those in which none is."""
    experts, names = recording.registry.experts, np.array(recording.task_benchmarks)
    benchmarks = sorted(set(recording.task_benchmarks))
    experts_for = {
        name: of_same_models(experts, specialists(experts, recording.score[names == name, 0], share=_SPECIALIST))
        for name in benchmarks
    }
    lessons: list[_Lesson] = []
    for first in benchmarks * _ROUNDS if len(benchmarks) > 1 else []:  # with the only one, all would be forgotten
        second = str(rng.choice([name for name in benchmarks if name != first]))
        forgotten = [first, second] if len(benchmarks) > 2 else [first]
        rows = forgetting(names, forgotten, size=size, memory=memory, rng=rng)
        strange = np.any([experts_for[name] for name in forgotten], axis=0)
        lessons.append(_lesson(recording, features, rows, strange))
    models = np.array([expert.model.name for expert in experts])
    for _ in range(_FAMILIAR_LESSONS):
        rows = familiar(len(names), size=size, memory=memory, rng=rng)
        chosen = rng.permutation(np.unique(models))[: rng.integers(1 + _STRANGERS)]
        lessons.append(_lesson(recording, features, rows, np.isin(models, chosen)))
    return lessons


def _lesson(recording: Recording, features: Features, rows: Rows, strange: NDArray[np.bool_]) -> _Lesson:
    memory = _memory_of(recording, features, rows.remembered)
    memory = replace(memory, scores=np.where(strange, np.nan, memory.scores))
    num_tasks, num_contexts = len(rows.asked), recording.view.shape[1]
    question = np.repeat(recording.question[rows.asked], num_contexts, axis=0)
    view = recording.view[rows.asked].reshape(len(question), -1)
    described = describe(
        recording.registry.experts, question=question, features=features.of(question, view), memory=memory
    )
    return _Lesson(rows=rows.asked, described=described.reshape(num_tasks, num_contexts, -1, NUM_FEATURES))


def _memory_of(recording: Recording, features: Features, rows: NDArray[np.int64]) -> Memory:
    """Return a memory of tasks in the whole picture."""
    return Memory(
        features=features.of(recording.question[rows], recording.view[rows, 0]),
        scores=usefulness(recording, rows)[:, 0],
    )


def _lesson_env(env: gymnasium.Env[Any, Any], tasks: Recording, known: NDArray[np.float32]) -> MaestroEnv:
    """Return an environment of the lessons' tasks; its view is what is known of the experts, [P * K].

    Args:
        env: Whose terms hold.
        tasks: Of all lessons.
        known: [N, C, P, K]
    """
    maestro = cast("MaestroEnv", env.unwrapped)
    return MaestroEnv(
        recording=replace(tasks, view=known.reshape(*known.shape[:2], -1).astype(np.float16)),
        registry=None,
        split=maestro.split,
        benchmarks=sorted(set(tasks.task_benchmarks)),
        max_turns=maestro.rules.max_turns,
        answer_rule=maestro.rules.answer_rule,
        reward_fn=maestro.reward_fn,
    )
