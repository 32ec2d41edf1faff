"""PointerPPO: PPO whose policy points at experts by what is known of them, so that it can be handed others.

One small network scores every expert, from what may be known of it before it is asked (`descriptors.describe`: how
well it did on similar tasks if it was seen at work, how much the question's words overlap with its description, its
role, its price) and from what it has said so far. What was read of all experts is pooled; STOP is scored, and the state
valued, from that. The weights know neither the number of the experts nor their order, nor which is which: question and
view come in only through what they say about an expert, because a network that saw them beside a description would
learn 25 experts by heart.

It is trained on lessons. In each the network is to make do with a memory of other tasks than those it plays: in some a
benchmark is forgotten and its best readers are strangers, in some a few models are strangers, in some nobody is.

How we differ from O. Vinyals et al.: pointing is at actions, by a score each instead of attention; there is no sequence
network, since the environment holds the state.

Source: O. Vinyals et al., Pointer Networks (2015), https://arxiv.org/abs/1506.03134; M. Zaheer et al., Deep Sets
(2017), https://arxiv.org/abs/1703.06114; J. Schulman et al., Proximal Policy Optimization Algorithms (2017),
https://arxiv.org/abs/1707.06347.

Axes: n observations, P experts, K numbers known of an expert, F features of its replies, H hidden units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, cast, final

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State, registry_of
from maestro_agents.descriptors import NUM_FEATURES, Memory, describe, in_order
from maestro_agents.features import Features
from maestro_agents.recorded_tasks import recorded_tasks, take
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.env import MaestroEnv
from maestro_env.errors import MissingExtraError
from maestro_env.recordings.recording import Recording
from maestro_env.types import Role

try:
    import torch
    from sb3_contrib import MaskablePPO
    from sb3_contrib.common.maskable.policies import MaskableMultiInputActorCriticPolicy
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
    from stable_baselines3.common.utils import ConstantSchedule

    from maestro_agents.sb3_agent import Report, arrays_of, fill, many
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.pointer_ppo needs {error.name}, which is not installed: pip install 'maestro-env[agents]'"
    ) from error

_SPECIALIST = 0.8
"""A reader that is this good on a benchmark, relative to the best one, is forgotten with it."""
_FAMILIAR_LESSONS = 16
"""Lessons in which no benchmark is forgotten; enough that about every model is a stranger in some."""
_STRANGERS = 3
"""In such a lesson 0 to this many models are strangers."""


@final
class PointerPPO(Agent):
    """PPO that scores experts by what is known of them; `at` hands it others."""

    policy: "PointerPolicy"
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
        known = np.concatenate([lesson.known.reshape(-1, NUM_FEATURES) for lesson in lessons])
        self._range = np.stack([known.min(axis=0), known.max(axis=0)])
        rate = self.learning_rate
        model = MaskablePPO(
            PointerPolicy,
            many(_lesson_env(self.env, recording, lessons), self.num_envs),
            seed=self.seed,
            n_steps=self.rollout_steps,
            batch_size=self.batch_size,
            n_epochs=self.epochs,
            learning_rate=lambda share_left: rate * share_left,
            ent_coef=self.entropy_weight,
            gamma=1.0,  # an answer is worth the same however many calls it took; their price is the reward's matter
            gae_lambda=0.95,
            policy_kwargs={"hidden": self.hidden},
            device="cpu",
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
        known = describe(
            experts,
            question=observation["question"],
            features=self._features.of(observation["question"], observation["view"]),
            memory=self._remembered,
        )
        # Nothing is said of a stranger that could not have been said in a lesson, such as a price below all others.
        return {**observation, "view": known.clip(*self._range).reshape(len(known), -1)}

    def _settings(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "num_envs": self.num_envs,
            "rollout_steps": self.rollout_steps,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "learning_rate": self.learning_rate,
            "entropy_weight": self.entropy_weight,
            "hidden": self.hidden,
            "memory": self.memory,
            "lesson": self.lesson,
        }

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {
            "known": np.array(registry_of(self.env), np.str_),
            "range": self._range,
            "memory_features": self._remembered.features,
            "memory_scores": self._remembered.scores,
            **self._features.arrays(),
            "earned": self.earned,
            **arrays_of(self.policy),
        }

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._range, self.earned = learned["range"], learned["earned"]
        memory = Memory(features=learned["memory_features"], scores=learned["memory_scores"])
        self._remembered = in_order(memory, learned["known"].tolist(), registry_of(self.env))
        self._features = Features.from_arrays(learned)
        space = cast("spaces.Dict", self.env.observation_space)
        num_experts = len(registry_of(self.env))
        view = spaces.Box(-np.inf, np.inf, (num_experts * NUM_FEATURES,), np.float32)
        self.policy = PointerPolicy(
            spaces.Dict({**space.spaces, "view": view}),
            self.env.action_space,
            ConstantSchedule(0.0),
            hidden=self.hidden,
        )
        fill(self.policy, learned)


@dataclass(frozen=True, kw_only=True)
class _Lesson:
    """Tasks to play, and what is known of the experts in each of their contexts."""

    rows: NDArray[np.int64]
    """[n] places of the tasks in the recording."""
    known: NDArray[np.float32]
    """[n, C, P, K]"""


def _lessons(
    recording: Recording, features: Features, rng: np.random.Generator, *, size: int, memory: int
) -> list[_Lesson]:
    """Return a lesson for each benchmark that is forgotten, and those in which none is."""
    names = np.array(recording.task_benchmarks)
    benchmarks = sorted(set(recording.task_benchmarks))
    models = np.array([expert.model.name for expert in recording.registry.experts])
    readers = np.array([expert.model.role != Role.LOCATOR for expert in recording.registry.experts])
    lessons: list[_Lesson] = []
    for forgotten in benchmarks if len(benchmarks) > 1 else []:  # with the only one, all would be forgotten
        order = rng.permutation(len(names))
        is_asked = names[order] == forgotten
        asked, others = order[is_asked][:size], order[~is_asked]
        level = recording.score[asked, 0].mean(axis=0)
        strange = readers & (level >= _SPECIALIST * level.max())
        lessons.append(_lesson(recording, features, asked, others[:memory], strange))
    for _ in range(_FAMILIAR_LESSONS):
        asked, others = np.split(rng.permutation(len(names)), [min(size, len(names) // 2)])
        chosen = rng.permutation(np.unique(models))[: rng.integers(1 + _STRANGERS)]
        lessons.append(_lesson(recording, features, asked, others[:memory], np.isin(models, chosen)))
    return lessons


def _lesson(
    recording: Recording,
    features: Features,
    asked: NDArray[np.int64],
    remembered: NDArray[np.int64],
    strange: NDArray[np.bool_],
) -> _Lesson:
    memory = _memory_of(recording, features, remembered)
    memory = replace(memory, scores=np.where(strange, np.nan, memory.scores))
    num_contexts = recording.view.shape[1]
    question = np.repeat(recording.question[asked], num_contexts, axis=0)
    view = recording.view[asked].reshape(len(question), -1)
    known = describe(recording.registry.experts, question=question, features=features.of(question, view), memory=memory)
    return _Lesson(rows=asked, known=known.reshape(len(asked), num_contexts, *known.shape[1:]))


def _memory_of(recording: Recording, features: Features, rows: NDArray[np.int64]) -> Memory:
    """Return a memory of tasks, in the whole picture. A locator scores the share of readers right where it led."""
    scores = recording.score[rows, 0].astype(np.float32)
    readers = np.array([expert.model.role != Role.LOCATOR for expert in recording.registry.experts])
    for locator in np.flatnonzero(~readers):
        led_to = recording.next_context[rows, 0, locator]
        scores[:, locator] = recording.score[rows, led_to][:, readers].mean(axis=1)
    return Memory(features=features.of(recording.question[rows], recording.view[rows, 0]), scores=scores)


def _lesson_env(env: gymnasium.Env[Any, Any], recording: Recording, lessons: Sequence[_Lesson]) -> MaestroEnv:
    """Return an environment of the lessons' tasks; its view is what is known of the experts, [P * K]."""
    maestro = cast("MaestroEnv", env.unwrapped)
    known = np.concatenate([lesson.known for lesson in lessons])
    tasks = take(recording, np.concatenate([lesson.rows for lesson in lessons]))
    return MaestroEnv(
        recording=replace(tasks, view=known.reshape(*known.shape[:2], -1).astype(np.float16)),
        registry=None,
        split=maestro.split,
        benchmarks=sorted(set(tasks.task_benchmarks)),
        max_turns=maestro.rules.max_turns,
        answer_rule=maestro.rules.answer_rule,
        reward_fn=maestro.reward_fn,
    )


class _Candidates(BaseFeaturesExtractor):
    """For each expert what is known of it and what it said, and the budget: [n, P * (K + F) + 2]."""

    def __init__(self, observation_space: spaces.Dict) -> None:
        self.num_experts = int(np.prod(observation_space["experts"].shape or ())) // len(EXPERT_FEATURES)
        super().__init__(observation_space, self.num_experts * (NUM_FEATURES + len(EXPERT_FEATURES)) + 2)

    def forward(self, observations: Mapping[str, torch.Tensor]) -> torch.Tensor:
        size = len(observations["budget"])
        parts = [observations[name].reshape(size, self.num_experts, -1) for name in ("view", "experts")]
        return torch.cat([torch.cat(parts, dim=2).flatten(start_dim=1), observations["budget"]], dim=1)


class _Pool(torch.nn.Module):
    """Reads every expert by the same layers, and pools what it read: the mean and the largest of each unit."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        width = NUM_FEATURES + len(EXPERT_FEATURES) + 2
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(width, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, hidden), torch.nn.ReLU()
        )

    def forward(self, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return [n, P, H] of each expert and [n, 2 H] of all, from [n, P * (K + F) + 2]."""
        experts = candidates[:, :-2].reshape(len(candidates), -1, NUM_FEATURES + len(EXPERT_FEATURES))
        budget = candidates[:, None, -2:].expand(-1, experts.shape[1], -1)
        read = self.layers(torch.cat([experts, budget], dim=2))
        return read, torch.cat([read.mean(dim=1), read.amax(dim=1)], dim=1)


class _Pointer(torch.nn.Module):
    """Scores of STOP and of every expert, and what the state's value is read from."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.latent_dim_vf = hidden
        self.pool, self.value_pool = _Pool(hidden), _Pool(hidden)
        self.own, self.all = torch.nn.Linear(hidden, hidden), torch.nn.Linear(2 * hidden, hidden)
        self.score = torch.nn.Linear(hidden, 1)
        self.stop = torch.nn.Sequential(
            torch.nn.Linear(2 * hidden, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1)
        )
        self.value = torch.nn.Sequential(torch.nn.Linear(2 * hidden, hidden), torch.nn.ReLU())

    def forward(self, candidates: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.forward_actor(candidates), self.forward_critic(candidates)

    def forward_actor(self, candidates: torch.Tensor) -> torch.Tensor:
        """Return [n, 1 + P] logits."""
        read, pooled = self.pool(candidates)
        scores = self.score(torch.relu(self.own(read) + self.all(pooled)[:, None])).squeeze(2)
        return torch.cat([self.stop(pooled), scores], dim=1)

    def forward_critic(self, candidates: torch.Tensor) -> torch.Tensor:
        """Return [n, H]."""
        return self.value(self.value_pool(candidates)[1])


class PointerPolicy(MaskableMultiInputActorCriticPolicy):
    """What MaskablePPO trains: none of its weights depends on the number of experts."""

    def __init__(self, *args: Any, hidden: int, **kwargs: Any) -> None:
        """Take what MaskablePPO gives its policies.

        Args:
            args: Spaces and step size.
            hidden: H.
            kwargs: Anything else.
        """
        self._hidden = hidden
        super().__init__(*args, features_extractor_class=_Candidates, **kwargs)

    def _build(self, lr_schedule: Any) -> None:
        self.mlp_extractor = _Pointer(self._hidden)  # type: ignore[assignment]
        self.action_net = torch.nn.Identity()
        self.value_net = torch.nn.Linear(self._hidden, 1)
        optimizer = cast(Any, self.optimizer_class)
        self.optimizer = optimizer(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)
