"""`Maestro-v0` for many episodes at once: the MDP of batch.py as a Gymnasium vector environment."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from maestro_env import arguments, batch, batch_features, render
from maestro_env.backends.base import Backend
from maestro_env.batch import Batch, Endings, make_tables
from maestro_env.env import MaestroEnv
from maestro_env.errors import ActionError, ConfigurationError, unknown_name
from maestro_env.live_vector import ConcurrentVectorEnv
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import Registry
from maestro_env.rewards import RewardFn, rewards_of
from maestro_env.streams import Streams
from maestro_env.types import OUTCOMES, Outcome
from maestro_env.vector_arguments import checked_actions, rows_to_reset, seeds_of
from maestro_env.vector_infos import Infos, InfoWriter, ending_infos, placed_at, rows_of

OBSERVATIONS = ("features", "index")

Observation = dict[str, NDArray[Any]]
_FAILED = OUTCOMES.index(Outcome.EXPERT_ERROR)


@dataclass(frozen=True, kw_only=True, slots=True)
class Advance:
    """What one step of a vector environment came to. E of its B episodes ended."""

    last: Batch
    """[E] where those that ended ended."""
    now: Batch
    """[B] where the environments stand, the next episodes begun."""
    ended: NDArray[np.int64]
    """[E] which environments they are, in order."""
    endings: Endings
    """[E] how they came out."""
    rewards: NDArray[np.float64]
    """[B]"""
    terminated: NDArray[np.bool_]
    """[B]"""
    truncated: NDArray[np.bool_]
    """[B]"""


class MaestroVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """Many episodes of a recorded `Maestro-v0`, side by side: the same MDP, in a few array operations a step.

    With `observation="features"` everything equals `SyncVectorEnv` over as many `MaestroEnv`s, bit for bit: random
    streams, observations, rewards, flags and infos, in all three autoreset modes, with lists of seeds and `reset_mask`.

    With `observation="index"` an observation says where an episode stands in indices, many times cheaper than
    embeddings; a policy gathers what it needs from `tables` and `recording` on its own device, or calls `features`.
    N tasks, C contexts, T = `max_turns`, P experts. Each array has a first axis of `num_envs`:
        - `task` int32, 0 to N - 1; `context` int32, 0 to C - 1: row of `recording.view[task, context]`.
        - `calls` int32 [T]: `context * P + expert` of each turn's call; -1 for lost turns and those to come.
        - `used` int32: turns; `cost` float64: spent so far; `action_mask` int8 [1 + P].
    Its infos hold only how episodes ended: `outcome`, `answer` and `score` as numbers. With SAME_STEP, `final_obs` is
    a dictionary of arrays.

    Args:
        num_envs: Episodes side by side.
        autoreset_mode: When an episode that ended is followed by the next: NEXT_STEP, SAME_STEP or DISABLED.
        observation: `features` or `index`.
        recording, registry, split, benchmarks, max_turns, cost_weight, answer_rule, render_mode, strict, reward_fn:
            As of `MaestroEnv`.

    Raises:
        ConfigurationError: Fewer than one environment, or an argument of `MaestroEnv` that has no meaning.
        UnknownNameError: No such argument, observation, autoreset mode, or name as of `MaestroEnv`.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - Gymnasium's
        **MaestroEnv.metadata,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        observation: str = "features",
        recording: str | Path | Recording = "embedded",
        registry: str | Path | Registry | None = arguments.DEFAULT_REGISTRY,
        split: str = "train",
        benchmarks: Sequence[str] | None = None,
        max_turns: int = 4,
        cost_weight: float = 0.0,
        answer_rule: str = "vote",
        render_mode: str | None = None,
        strict: bool = False,
        reward_fn: RewardFn | None = None,
        **unknown: object,
    ) -> None:
        arguments.refuse_unknown(unknown, type(self).__init__)
        if num_envs < 1:
            raise ConfigurationError(f"num_envs={num_envs!r} must be at least 1.")
        if observation not in OBSERVATIONS:
            raise unknown_name("observation", observation, OBSERVATIONS)
        modes = [mode.value for mode in AutoresetMode]
        if not isinstance(autoreset_mode, AutoresetMode) and autoreset_mode not in modes:
            raise unknown_name("autoreset mode", autoreset_mode, modes)
        # The scalar environment knows what its arguments mean; here it says so, and is never played.
        scalar = MaestroEnv(
            recording=recording,
            registry=registry,
            split=split,
            benchmarks=benchmarks,
            max_turns=max_turns,
            cost_weight=cost_weight,
            answer_rule=answer_rule,
            render_mode=render_mode,
            strict=strict,
            reward_fn=reward_fn,
        )
        self._scalar = scalar
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**MaestroEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.observation = observation
        self.render_mode, self.strict = scalar.render_mode, scalar.strict
        self.recording, self.registry = scalar.recording, scalar.registry
        self.rules, self.reward_fn = scalar.rules, scalar.reward_fn
        self.task_ids = scalar.task_ids
        self.tables = make_tables(scalar.world)
        self._task_indices = scalar.task_indices
        self._infos = InfoWriter(self.tables, num_envs)
        self._streams = Streams(num_envs, high=len(self._task_indices))
        self._batch: Batch | None = None
        self._everyone = np.arange(num_envs)

        self.single_action_space = scalar.action_space
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.single_observation_space = scalar.observation_space if observation == "features" else self._index_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)

    @classmethod
    def like(
        cls,
        env: MaestroEnv,
        num_envs: int,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        observation: str = "features",
    ) -> Self:
        """Return many of an environment: of its recording, registry, tasks, rules and reward.

        Args:
            env: Over a recording; it is left alone.
            num_envs: Episodes side by side.
            autoreset_mode: As of the class.
            observation: As of the class.

        Raises:
            ConfigurationError: It is live, or `num_envs` is below 1.
            UnknownNameError: No such observation or autoreset mode.
        """
        if env.is_live:
            raise ConfigurationError("A live environment plays no recording; put it into a ConcurrentVectorEnv.")
        return cls(
            num_envs,
            autoreset_mode=autoreset_mode,
            observation=observation,
            recording=env.recording,
            registry=env.registry,
            split=env.split,
            benchmarks=env.benchmarks,
            max_turns=env.rules.max_turns,
            answer_rule=env.rules.answer_rule,
            render_mode=env.render_mode,
            strict=env.strict,
            reward_fn=env.reward_fn,
        )

    def reset(  # type: ignore[override]
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, Infos]:
        """Start episodes.

        Args:
            seed: Of the streams that draw tasks: an integer counts up from environment to environment, a list says
                each; None goes on.
            options: `{"reset_mask": bool [num_envs]}` leaves the environments outside the mask as they are;
                `{"task": id}` plays one of `task_ids` in all.

        Raises:
            ValueError: A list of seeds of another length, or a mask that is no such array, or is empty.
            UnknownNameError: An unknown option, or a task that is not one of `task_ids`.
        """
        options = dict(options or {})
        rows = rows_to_reset(options.pop("reset_mask", None), self.num_envs)
        seeds = seeds_of(seed, self.num_envs)
        chosen = self._scalar.chosen_task(options) if options else None
        for row in rows:
            self._streams.seed(int(row), seeds[int(row)])
        task = self._draw(rows) if chosen is None else np.full(len(rows), chosen)
        fresh = batch.reset(self.tables, self.rules, task)
        if self._batch is None:
            if len(rows) < self.num_envs:
                raise ActionError("The first reset must be of all environments; leave reset_mask out.")
            self._batch = fresh
        else:
            self._batch = batch.put(self._batch, rows, fresh)
        return self.observe(self._batch), self._first_infos(rows)

    def _first_infos(self, rows: NDArray[np.int64]) -> Infos:
        if self.observation == "index":
            return {}
        return self._infos.write(batch.take(self._begun("reset"), rows), rows)

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Observation, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], Infos]:
        """Take one action in each environment: 0 stops, 1 + i invokes expert i.

        Raises:
            ActionError: The actions are no integers, not one an environment, or outside the action space; an
                environment was not reset; with DISABLED, an episode has ended; or the environment is strict and an
                action is masked. Nothing has changed then.
        """
        moved = self.advance(actions)
        return self.observe(moved.now), moved.rewards, moved.terminated, moved.truncated, self._infos_of(moved)

    def advance(self, actions: Any) -> Advance:
        """Step, and start the next episodes where the autoreset mode says so, without observations and infos.

        For shells that need neither of every environment; it raises what `step` raises.
        """
        before = self._running()
        action = checked_actions(actions, before, self.registry, strict=self.strict)
        after = batch.step(self.tables, self.rules, before, action)
        ended = np.flatnonzero(after.ended & ~before.ended)
        last = batch.take(after, ended)
        endings = batch.settle(self.tables, last)
        failed = endings.outcome == _FAILED
        rewards = rewards_of(
            self.reward_fn, outcomes=endings.outcome, scores=endings.score, costs=last.cost, num_turns=last.used
        )
        resetting = ended if self.autoreset_mode is AutoresetMode.SAME_STEP else np.flatnonzero(before.ended)
        if len(resetting):
            batch.overwrite(after, resetting, batch.reset(self.tables, self.rules, self._draw(resetting)))
        self._batch = after
        return Advance(
            last=last,
            now=after,
            ended=ended,
            endings=endings,
            rewards=placed_at(rewards, ended, self.num_envs),
            terminated=placed_at(~failed, ended, self.num_envs),
            truncated=placed_at(failed, ended, self.num_envs),
        )

    def features(self, observation: Observation) -> Observation:
        """Return the features of an observation of indices, as `observation="features"` gives them.

        Args:
            observation: Any rows of what an environment with `observation="index"` returned.
        """
        known = batch_features.expert_features(
            self.tables,
            task=observation["task"],
            slot=observation["context"],
            calls=observation["calls"].T,
        )
        return {
            "action_mask": observation["action_mask"].copy(),
            "budget": batch_features.budget(
                self.tables, self.rules, used=observation["used"], cost=observation["cost"]
            ),
            "experts": known.reshape(len(known), -1),
            "question": self.recording.question[observation["task"]],
            "view": self.recording.view[observation["task"], observation["context"]].astype(np.float32),
        }

    def told_at_end(self, moved: Advance) -> Infos:
        """Return `task_id`, `benchmark`, `outcome`, `answer` and `gold` [E] of the episodes that a step ended."""
        return self._infos.endings(moved.last, moved.endings)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return [num_envs, 1 + P] which actions are legal, as sb3-contrib's MaskablePPO asks for it."""
        return self._begun("action_masks").mask.astype(np.bool_)

    def render(self) -> tuple[Any, ...] | None:
        """Return what `MaestroEnv.render` returns, of each environment; None if no render mode was given."""
        if self.render_mode is None:
            gym.logger.warn("render() was called, but no render mode was given; try render_mode='rgb_array'.")
            return None
        now = self._begun("render")
        show = render.text if self.render_mode == "ansi" else render.picture
        world = self.tables.world
        states = (batch.state_of(now, row) for row in range(self.num_envs))
        return tuple(show(render.make_frame(world, self.rules, state)) for state in states)

    def _begun(self, name: str) -> Batch:
        if self._batch is None:
            raise ActionError(f"No episode has begun. Call reset() before {name}().")
        return self._batch

    def _running(self) -> Batch:
        now = self._begun("step")
        if self.autoreset_mode is AutoresetMode.DISABLED and now.ended.any():
            raise ActionError(
                f"The episodes of environments {np.flatnonzero(now.ended).tolist()} have ended. Start the next with "
                "reset(options={'reset_mask': mask}), or choose another autoreset_mode."
            )
        return now

    def _draw(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return self._task_indices[self._streams.draw(rows)]

    def observe(self, now: Batch) -> Observation:
        """Return the observation in arrays of its own."""
        if self.observation == "features":
            return self.features(batch_features.indices(now))
        return batch_features.indices(now.copy())

    def _infos_of(self, moved: Advance) -> Infos:
        """Return the infos of a step."""
        ended, endings, num_envs = moved.ended, moved.endings, self.num_envs
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP and len(ended) > 0
        if self.observation == "index":
            infos = ending_infos(ended, endings, num_envs)
            if same_step:
                infos["final_obs"] = batch_features.indices(batch.placed(moved.last, ended, num_envs))
                infos["_final_obs"] = moved.terminated | moved.truncated
            return infos
        if not same_step:
            return self._infos.write(moved.now, self._everyone, ended=ended, endings=endings)
        infos = self._infos.write(moved.now, self._everyone)
        infos["final_obs"] = np.full(num_envs, None, object)
        infos["final_obs"][ended] = rows_of(self.observe(moved.last))
        infos["final_info"] = self._infos.write(moved.last, ended, ended=np.arange(len(ended)), endings=endings)
        for name in ("_final_obs", "_final_info"):
            infos[name] = moved.terminated | moved.truncated
        return infos

    def _index_space(self) -> spaces.Dict:
        num_tasks, num_contexts, _ = self.recording.status.shape
        turns, num_experts = self.rules.max_turns, len(self.registry)
        return spaces.Dict(
            action_mask=spaces.MultiBinary(1 + num_experts),
            calls=spaces.Box(MISSING, num_contexts * num_experts - 1, (turns,), np.int32),
            context=spaces.Box(0, num_contexts - 1, (), np.int32),
            cost=spaces.Box(0.0, np.inf, (), np.float64),
            task=spaces.Box(0, num_tasks - 1, (), np.int32),
            used=spaces.Box(0, turns, (), np.int32),
        )


def make_vector_env(
    num_envs: int = 1,
    *,
    backend: str | Backend = "recorded",
    disable_env_checker: bool | None = None,
    **kwargs: Any,
) -> VectorEnv[Any, Any, Any]:
    """Return what `gymnasium.make_vec` makes: a `MaestroVectorEnv`, or a `ConcurrentVectorEnv` for a live backend.

    Args:
        num_envs: Episodes side by side.
        backend: As of `MaestroEnv`.
        disable_env_checker: Ignored: neither is wrapped in a checker. `make_vec` hands it on.
        kwargs: As of the class.
    """
    del disable_env_checker
    if backend == "recorded":
        return MaestroVectorEnv(num_envs, **kwargs)
    return ConcurrentVectorEnv(num_envs, backend=backend, **kwargs)
