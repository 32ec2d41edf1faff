"""BehaviourCloning: imitates a planner that knows every reply beforehand.

On the training tasks the recording tells what every expert would have said, so that the cheapest way to be right can be
searched exactly from any moment on (hindsight.py). A network learns to choose as that planner does, from what can be
observed: first in the planner's own episodes, then also in those that the network plays itself, because it strays to
where the planner never was.

The planner has hindsight, and no imitator can have it. It takes whoever happens to be right, by skill or by luck, and
stops at once; it never asks a second expert to make sure. With `sure`, right replies of less confidence count as luck
and are not imitated. Even so, this is a lower bound on what can be learned from the same recording.

How we differ from S. Ross et al.: where several actions are best, choosing any of them is right.

Source: S. Ross, G. Gordon, D. Bagnell, A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
Learning (2011), https://arxiv.org/abs/1011.0686.

Axes: n observations, P experts, F features of an observation, H hidden units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from maestro_agents.agent import Agent, Observation, Progress, State
from maestro_agents.batch_play import Episodes, play, start
from maestro_agents.features import Features
from maestro_agents.hindsight import best_actions
from maestro_agents.recorded_tasks import recorded_tasks, terms_of
from maestro_agents.rules import evidence
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.errors import MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.behaviour_cloning needs {error.name}, which is not installed: "
        "pip install 'maestro-env[agents]'"
    ) from error

_BATCH = 512
"""Rows in a gradient step: large enough that one step costs little more than a small one."""
_ROUNDS = 4
"""Of playing and fitting; in the first the planner plays."""


@final
class BehaviourCloning(Agent):
    """Imitation of the exact plan with hindsight."""

    def __init__(
        self, env: gymnasium.Env[Any, Any], *, seed: int = 0, sure: float = 0.5, hidden: int = 96, steps: int = 800
    ) -> None:
        """Keep the settings.

        Args:
            env: The environment to learn in.
            seed: Of the network, and of which of the planner's best actions is played.
            sure: Confidence from which on a right reply is imitated. Where an expert states none, every right reply is.
            hidden: H.
            steps: Gradient steps in each round.
        """
        super().__init__(env, seed=seed)
        self.sure = sure
        self.hidden = hidden
        self.steps = steps

    def learn(self, total_timesteps: int, progress: Progress | None = None) -> Self:
        """Plan on the environment's own tasks and imitate the plans; no step is played.

        Raises:
            ConfigurationError: The environment holds nothing to learn from.
        """
        del total_timesteps
        recording = recorded_tasks(self.env)
        self._features = Features.fit(recording.question, recording.view.reshape(-1, recording.view.shape[2]))
        confidence = np.nan_to_num(recording.confidence, nan=1.0)
        imitable = replace(recording, score=np.where(confidence >= self.sure, recording.score, np.float32(0)))
        beginning = start(imitable, terms_of(self.env))
        lessons: list[_Lesson] = []
        for number in range(_ROUNDS):
            for episodes in play(beginning, self._by_plan if number == 0 else self._by_imitation)[:-1]:
                lessons.append(self._lesson(episodes))
            self._network = _imitate(lessons, seed=self.seed, hidden=self.hidden, steps=self.steps)
            if progress is not None:
                progress((number + 1) / _ROUNDS)
        return self

    def _by_plan(self, episodes: Episodes) -> NDArray[np.int64]:
        best = best_actions(episodes)
        return np.where(best, self.rng.random(best.shape), -1.0).argmax(axis=1)

    def _by_imitation(self, episodes: Episodes) -> NDArray[np.int64]:
        return self._choose(self._inputs(_seen(episodes)), episodes.legal)

    def _lesson(self, episodes: Episodes) -> "_Lesson":
        """Return what the planner would do in episodes that go on and can still end right."""
        best = best_actions(episodes)
        # Where nobody will be right, stopping at once is best; but that cannot be seen, so it is no example to follow.
        kept = ~episodes.ended & ((episodes.score > 0) | ~best[:, 0])
        inputs = self._inputs(_seen(episodes))
        return _Lesson(inputs=inputs[kept], legal=episodes.legal[kept], best=best[kept])

    def _inputs(self, observation: Observation) -> NDArray[np.float32]:
        """Return [n, F]."""
        shown = self._features.network_inputs(observation["question"], observation["view"])
        flat = observation["experts"]
        said = evidence(flat.reshape(len(flat), -1, len(EXPERT_FEATURES)))
        return np.concatenate([shown, flat, said, observation["budget"][:, :1]], axis=1)

    def _choose(self, inputs: NDArray[np.float32], legal: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.where(legal, self._network.logits(inputs), -np.inf).argmax(axis=1)

    def _act(
        self, observation: Observation, state: State | None, *, starts: NDArray[np.bool_], deterministic: bool
    ) -> tuple[NDArray[np.int64], State | None]:
        del starts, deterministic
        return self._choose(self._inputs(observation), observation["action_mask"].astype(bool)), state

    def _settings(self) -> dict[str, Any]:
        return {"seed": self.seed, "sure": self.sure, "hidden": self.hidden, "steps": self.steps}

    def _learned(self) -> dict[str, NDArray[Any]]:
        return {**self._features.arrays(), **{name: getattr(self._network, name) for name in _LAYERS}}

    def _restore(self, learned: Mapping[str, NDArray[Any]]) -> None:
        self._features = Features.from_arrays(learned)
        self._network = _Network(**{name: learned[name] for name in _LAYERS})


@dataclass(frozen=True, kw_only=True)
class _Lesson:
    """Situations, and what to do there."""

    inputs: NDArray[np.float32]
    """[n, F]"""
    legal: NDArray[np.bool_]
    """[n, 1 + P]"""
    best: NDArray[np.bool_]
    """[n, 1 + P]"""


@dataclass(frozen=True, kw_only=True)
class _Network:
    """One hidden layer."""

    first_weight: NDArray[np.float32]
    """[F, H]"""
    first_bias: NDArray[np.float32]
    """[H]"""
    last_weight: NDArray[np.float32]
    """[H, 1 + P]"""
    last_bias: NDArray[np.float32]
    """[1 + P]"""

    def logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [n, 1 + P] for [n, F]."""
        hidden = np.maximum(inputs @ self.first_weight + self.first_bias, 0)
        return hidden @ self.last_weight + self.last_bias


_LAYERS = ("first_weight", "first_bias", "last_weight", "last_bias")


def _seen(episodes: Episodes) -> dict[str, NDArray[Any]]:
    """Return what the network looks at, as the environment shows it."""
    size = len(episodes.slot)
    return {
        "question": episodes.recording.question,
        "view": episodes.recording.view[np.arange(size), episodes.slot],
        "experts": episodes.experts.reshape(size, -1),
        "budget": (episodes.turns_left / episodes.terms.max_turns).astype(np.float32)[:, None],
    }


def _imitate(lessons: Sequence[_Lesson], *, seed: int, hidden: int, steps: int) -> _Network:
    """Fit by cross-entropy with AdamW, the step size falling to 0: best actions should have all the probability."""
    torch.set_num_threads(1)  # too small to gain from more
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.from_numpy(np.concatenate([lesson.inputs for lesson in lessons]))
    legal = torch.from_numpy(np.concatenate([lesson.legal for lesson in lessons]))
    best = torch.from_numpy(np.concatenate([lesson.best for lesson in lessons]))

    def weights(*shape: int) -> torch.Tensor:
        return (torch.randn(*shape, generator=generator) * (2 / shape[0]) ** 0.5).requires_grad_()

    layers = [weights(inputs.shape[1], hidden), torch.zeros(hidden, requires_grad=True)]
    layers += [weights(hidden, best.shape[1]), torch.zeros(best.shape[1], requires_grad=True)]
    optimizer = torch.optim.AdamW(layers, lr=3e-3, weight_decay=3e-2)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    if not len(inputs):  # nobody is ever right: stopping at once is all that can be learned
        layers[2].data.zero_()
    for _ in range(steps if len(inputs) else 0):
        rows = torch.randint(len(inputs), (_BATCH,), generator=generator)
        logits = torch.relu(inputs[rows] @ layers[0] + layers[1]) @ layers[2] + layers[3]
        allowed = logits.masked_fill(~legal[rows], -torch.inf)
        loss = (allowed.logsumexp(dim=1) - allowed.masked_fill(~best[rows], -torch.inf).logsumexp(dim=1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return _Network(**dict(zip(_LAYERS, (layer.detach().numpy().copy() for layer in layers), strict=True)))
