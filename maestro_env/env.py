"""`Maestro-v0`: the MDP of dynamics.py as a Gymnasium environment."""

from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from operator import index
from pathlib import Path
from typing import Any, Final

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from maestro_env import arguments, dynamics, live, render
from maestro_env.backends.base import Backend, close_backend
from maestro_env.dynamics import EXPERT_FEATURES, State, World, make_world
from maestro_env.errors import ActionError, ConfigurationError, unknown_name
from maestro_env.infos import add_call, blank_info
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import STOP, Registry
from maestro_env.rewards import EpisodeResult, RewardFn
from maestro_env.snapshot import Snapshot
from maestro_env.types import Outcome

NO_EXPERT: Final = object()
"""What a wrapper may send instead of an action: a turn spent on no expert. It counts as a masked action."""

Observation = dict[str, Any]
"""By name: float32 arrays, and `action_mask`, int8."""


class MaestroEnv(gym.Env[Observation, Any]):
    """Which frozen expert to ask next about a question with a picture, and when to stop.

    Shapes: P experts in the registry, F = 7 features of an expert, D and V embedding lengths.

    Observation: a `Dict` of float32 `Box`es and one `MultiBinary`.
        - `question` [D]: embedding of the question.
        - `view` [V]: embedding of what the current context shows; a locating expert moves the context to a region.
        - `experts` [P * F] in [0, 1]: row by row, what is known of each expert's latest reply; `reshape(P, F)` gives
          the columns of `dynamics.EXPERT_FEATURES`: invoked, answered, agrees (with the plurality of the answers so
          far), confidence, has_confidence, failed, invoked_here (in the current context).
        - `budget` [2] in [0, 1]: share of turns left; cost so far, as a share of `max_turns` of the dearest calls (of
          the recording, and of the episode where calls are made live).
        - `action_mask` [1 + P] int8: 1 for each legal action.

    Action: `Discrete(1 + P)`. 0 stops; 1 + i invokes expert i of the registry. An expert is legal once in each
        context, if its call there was recorded. STOP is always legal. A masked action spends a turn, invokes nothing
        and sets `info["invalid_action"]`; with `strict=True` it raises `ActionError`. An action outside the space
        always does.

    Reward: 0 until the end. Then the score of the final answer, 0 or 1, less `cost_weight` x the cost spent; or what
        `reward_fn` returns.

    End: STOP, or the `max_turns`-th turn. The final answer is settled by `answer_rule`: `vote` takes the most
        frequent answer (the latest among equals), `confidence` the most confident one, `last` the latest one.
        `terminated` is True, but for one case: no reply held an answer and a call had failed. A failure is not a
        wrong answer, so that episode ends with `truncated=True` and reward 0.

    Info: in every step and reset the same keys: `task_id`, `benchmark`, `context` (its id) and `action_mask` (int8);
        of this step's call `expert` (its id), `reply` (its text), `status`, `cost_usd`, `passes`, `latency_s`
        (recorded, never measured here), empty or 0 where nothing was called; `invalid_action`; and `outcome`
        (correct, wrong, unanswered, expert_error), `answer`, `gold`, empty until the end.

    Example:
        >>> import gymnasium as gym
        >>> import maestro_env
        >>> env = gym.make("Maestro-v0", split="val")
        >>> observation, info = env.reset(seed=0)
        >>> ended = False
        >>> while not ended:
        ...     action = env.action_space.sample(mask=info["action_mask"])
        ...     observation, reward, terminated, truncated, info = env.step(action)
        ...     ended = terminated or truncated
        >>> info["outcome"] in ("correct", "wrong", "unanswered", "expert_error")
        True

    Args:
        recording: A recording's name or folder, or the recording itself.
        registry: Name or file of the experts that actions name, or the registry itself; each must be in the recording
            (a live backend may know others). None takes the recording's own. The default is the core registry where
            the recording holds it, as the embedded one does, and the recording's own where not.
        split: `train`, `val` or `test`.
        benchmarks: Names of the benchmarks whose tasks are drawn; None draws from those that have training tasks (from
            all if none has).
        backend: `recorded`, `local` (networks in this process), `openai` (endpoints that the registry's file names), or
            an object with `invoke`.
        tasks: For live backends, a file of tasks (see `recordings.task_files`) to be played instead of a recording's.
        max_turns: At least 1.
        cost_weight: Price of a unit of cost (`recording.cost_unit`: a pass, or a US dollar); at least 0.
        answer_rule: `vote`, `confidence` or `last`.
        render_mode: None, `ansi` or `rgb_array`.
        strict: Whether a masked action raises.
        reward_fn: Replaces the reward above; then `cost_weight` must be 0.

    Raises:
        UnknownNameError: No such argument, recording, registry, split, benchmark, backend, answer rule or render mode.
        RegistryError: The registry names an expert that was not recorded.
        ConfigurationError: Any other argument that has no meaning.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "rgb_array"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's

    def __init__(
        self,
        *,
        recording: str | Path | Recording = "embedded",
        registry: str | Path | Registry | None = arguments.DEFAULT_REGISTRY,
        split: str = "train",
        benchmarks: Sequence[str] | None = None,
        backend: str | Backend = "recorded",
        tasks: str | Path | None = None,
        max_turns: int = 4,
        cost_weight: float = 0.0,
        answer_rule: str = "vote",
        render_mode: str | None = None,
        strict: bool = False,
        reward_fn: RewardFn | None = None,
        **unknown: object,
    ) -> None:
        arguments.refuse_unknown(unknown, type(self).__init__)
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown_name("render mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        self.strict = strict
        self.split = split
        self.benchmarks = None if benchmarks is None else tuple(benchmarks)
        self.rules = arguments.to_rules(max_turns=max_turns, answer_rule=answer_rule)
        self.reward_fn = arguments.to_reward_fn(reward_fn, cost_weight=cost_weight)
        self._given_recording = recording
        self._given_registry = registry
        self._given_backend = backend
        self._given_tasks = tasks
        self._backend = arguments.to_backend(backend, registry=registry)
        played = self._load()
        self.recording, self.registry = played.recording, played.registry
        self._largest_cost = played.largest_cost
        self._expert_ids = self.registry.ids
        self.task_indices = arguments.select_tasks(self.recording, split=split, benchmarks=benchmarks)
        self._index_of_task = {self.recording.task_ids[int(i)]: int(i) for i in self.task_indices}
        self.task_ids: tuple[str, ...] = tuple(self._index_of_task)
        """The tasks that are drawn, for `reset(options={"task": id})`."""
        self.world = self._make_world(int(self.task_indices[0]))
        self._state: State | None = None
        self._prepared: dict[int, Recording] = {}
        """By action: the replies so far and that of a call which was made before its step."""

        num_experts = len(self.registry)
        self.action_space = spaces.Discrete(1 + num_experts)
        self.observation_space = spaces.Dict(
            action_mask=spaces.MultiBinary(1 + num_experts),
            budget=spaces.Box(0.0, 1.0, (2,), np.float32),
            experts=spaces.Box(0.0, 1.0, (num_experts * len(EXPERT_FEATURES),), np.float32),
            question=_embedding_space(self.recording.question),
            view=_embedding_space(self.recording.view),
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Of the generator that draws tasks; None goes on with it.
            options: `{"task": id}` plays one of `task_ids` instead of a drawn one.

        Raises:
            UnknownNameError: An unknown option, or a task that is not one of `task_ids`.
        """
        super().reset(seed=None if seed is None else int(seed))
        if options:
            task_index = self.chosen_task(options)
        else:
            task_index = int(self.task_indices[self.np_random.integers(len(self.task_indices))])
        if self._backend is not None:
            self.world, task_index = self._make_world(task_index), 0
        self._state, self._prepared = dynamics.reset(self.world, task_index), {}
        return dynamics.observe(self.world, self.rules, self._state), blank_info(self.world, self._state)

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take an action: 0 stops, 1 + i invokes expert i.

        Raises:
            ActionError: The action is no integer or outside the action space; the episode has not begun or has
                ended; or the action is masked and the environment is strict.
        """
        before = self._state
        if before is None or before.ended:
            raise ActionError("No episode is running: it has not begun or has ended. Call reset() before step().")
        number = MISSING if action is NO_EXPERT else self._number(action)
        legal = number >= 0 and bool(before.mask[number])
        if self.strict and not legal:
            raise ActionError(self._why_masked(number, before))
        if self._backend is not None and legal and number != STOP:
            self.prepare(action)
            self.world, self._prepared = self._lazy_world(self._prepared[number]), {}
        after = dynamics.step(self.world, self.rules, before, number)
        self._state = after
        info = blank_info(self.world, after, invalid_action=not legal)
        if legal and number != STOP:
            add_call(info, self.world, before, expert=number - 1)
        reward = self._end(info, after) if after.ended else 0.0
        failed = info["outcome"] == Outcome.EXPERT_ERROR
        observation = dynamics.observe(self.world, self.rules, after)
        return observation, reward, after.ended and not failed, failed, info

    def prepare(self, action: Any, *, question: str | None = None) -> None:
        """Make the call of a live backend that `step(action)` is about to make, and keep its reply until then.

        Threads may prepare many environments at once, so that slow backends are waited for together. It changes
        nothing that can be observed; where there is no call to make, it does nothing.

        Args:
            action: As of `step`.
            question: What the expert is asked instead of the task's own question; None asks that.

        Raises:
            ActionError: The action is no integer or outside the action space.
        """
        before = self._state
        number = MISSING if action is NO_EXPERT else self._number(action)
        if self._backend is None or before is None or before.ended or number <= STOP or not before.mask[number]:
            return
        if number not in self._prepared:
            self._prepared[number] = live.record_call(
                self.world.recording,
                self.recording,
                self._backend,
                slot=before.slot,
                expert=number - 1,
                question=question,
            )

    def action_masks(self) -> NDArray[np.bool_]:
        """Return [1 + P] which actions are legal, as sb3-contrib's MaskablePPO asks for it."""
        if self._state is None:
            raise ActionError("No episode has begun, so no action is legal yet. Call reset() before action_masks().")
        return self._state.mask.astype(np.bool_)

    def render(self) -> str | NDArray[np.uint8] | None:  # type: ignore[override]
        """Return the episode so far as text (`ansi`) or as a picture (`rgb_array`, [H, W, 3])."""
        if self.render_mode is None:
            gym.logger.warn("render() was called, but no render mode was given; try render_mode='rgb_array'.")
            return None
        if self._state is None:
            raise ActionError("No episode has begun, so there is nothing to show. Call reset() before render().")
        frame = render.make_frame(self.world, self.rules, self._state)
        return render.text(frame) if self.render_mode == "ansi" else render.picture(frame)

    def close(self) -> None:
        """Close the connections of a backend that was given by its name; one that was handed in is its owner's."""
        if self._backend is not None and isinstance(self._given_backend, str):
            close_backend(self._backend)

    @property
    def is_live(self) -> bool:
        """Whether calls are made when they are asked for, instead of replayed."""
        return self._backend is not None

    def get_state(self) -> Snapshot:
        """Return this moment, to come back to it or to branch from it."""
        return Snapshot(
            recording=self.recording.name,
            expert_ids=self.registry.ids,
            state=self._state,
            live=None if self._backend is None else self.world.recording,
            random_state=deepcopy(self.np_random.bit_generator.state),
        )

    def set_state(self, snapshot: Snapshot) -> None:
        """Go back to a moment, the generator that draws tasks included.

        Raises:
            ConfigurationError: The snapshot is of another recording or registry, or of another kind of backend.
        """
        ours = (self.recording.name, self.registry.ids, self._backend is not None)
        if ours != (snapshot.recording, snapshot.expert_ids, snapshot.live is not None):
            raise ConfigurationError(
                f"The snapshot is of recording {snapshot.recording!r} with {len(snapshot.expert_ids)} experts; "
                f"this environment plays {self.recording.name!r} with {len(self.registry)}. Both, and the kind of "
                "backend, must be the same."
            )
        if snapshot.live is not None:
            self.world = self._lazy_world(snapshot.live)
        self._state, self._prepared = snapshot.state, {}
        self.np_random.bit_generator.state = deepcopy(snapshot.random_state)

    def __getstate__(self) -> dict[str, Any]:
        # What was given by name is loaded again by name, so that an environment is small to pickle.
        state = dict(vars(self))
        if isinstance(self._given_backend, str):
            del state["_backend"]
        if not isinstance(self._given_recording, Recording):
            del state["recording"]
            if self._given_backend == "recorded":
                del state["world"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "_backend" not in state:
            self._backend = arguments.to_backend(self._given_backend, registry=self._given_registry)
        if "recording" not in state:
            self.recording = self._load().recording
        if "world" not in state:
            self.world = _shared_world(self.recording, self.registry)

    def _load(self) -> arguments.Played:
        return arguments.to_played(
            self._given_recording, self._given_registry, tasks=self._given_tasks, is_live=self._backend is not None
        )

    def _make_world(self, task_index: int) -> World:
        if self._backend is None:
            return _shared_world(self.recording, self.registry)
        return self._lazy_world(live.open_task(self.recording, self.registry, task_index))

    def _lazy_world(self, task_recording: Recording) -> World:
        return make_world(task_recording, self.registry, lazy=True, largest_cost=self._largest_cost)

    def chosen_task(self, options: dict[str, Any]) -> int:
        for option in options:
            if option != "task":
                raise unknown_name("reset option", option, ("task",))
        task_id = options["task"]
        if not isinstance(task_id, str) or task_id not in self._index_of_task:
            raise unknown_name("task of this environment's split and benchmarks", task_id, self.task_ids)
        return self._index_of_task[task_id]

    def _number(self, action: Any) -> int:
        try:
            number = index(action)
        except TypeError:
            raise ActionError(f"Action {action!r} is no integer; expected 0 (STOP) to {len(self.registry)}.") from None
        if not 0 <= number <= len(self._expert_ids):
            raise ActionError(
                f"Action {number} is outside the action space; expected 0 (STOP) to {len(self.registry)}."
            )
        return number

    def _why_masked(self, number: int, before: State) -> str:
        legal = np.flatnonzero(before.mask).tolist()
        if number == MISSING:
            return f"No expert has this model and skill. Legal actions: {legal} (0 is STOP)."
        return (
            f"Action {number} ({self._expert_ids[number - 1]!r}) is masked: that expert was already called in this "
            f"context, or its call here was not recorded. Legal actions: {legal} (0 is STOP)."
        )

    def _end(self, info: dict[str, Any], state: State) -> float:
        """Add how the episode came out to its last info, and return its reward."""
        settlement = dynamics.settle(self.world, self.rules, state)
        info["outcome"] = settlement.outcome.value
        info["answer"] = settlement.answer
        info["gold"] = self.world.recording.tasks[state.task].gold
        if settlement.outcome is Outcome.EXPERT_ERROR:
            return 0.0
        return float(
            self.reward_fn(
                EpisodeResult(
                    outcome=settlement.outcome,
                    score=settlement.score,
                    cost=state.cost,
                    num_turns=len(state.calls),
                )
            )
        )


@lru_cache(maxsize=4)
def _shared_world(recording: Recording, registry: Registry) -> World:
    """The world of a recording and a registry: as it never changes, all environments over them share one."""
    return make_world(recording, registry)


def _embedding_space(embedding: NDArray[Any]) -> spaces.Box:
    bound = arguments.embedding_bound(embedding)
    return spaces.Box(-bound, bound, embedding.shape[-1:], np.float32)
