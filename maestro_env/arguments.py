"""What the keyword arguments of the environments mean: each is checked here, and turned into what the shells use."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maestro_env.backends.base import Backend
from maestro_env.dynamics import Rules
from maestro_env.errors import ConfigurationError, unknown_name
from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry, load_registry
from maestro_env.rewards import CostAwareReward, OutcomeReward, RewardFn
from maestro_env.types import SPLITS, AnswerRule

BACKENDS = ("recorded", "local", "openai")

DEFAULT_REGISTRY = "default"
"""What a registry is called that was not chosen: the core registry where the recording holds it, else its own."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What an environment plays."""

    recording: Recording
    """Holds the tasks; for experts behind endpoints, no calls."""
    registry: Registry
    """What actions name."""
    largest_cost: float
    """Of any one call that was recorded, in the recording's cost unit; 0 where none was."""


def refuse_unknown(unknown: Mapping[str, object], function: Callable[..., None]) -> None:
    """Raise if a caller gave keyword arguments that a function does not have.

    Raises:
        UnknownNameError: The message names the nearest of the function's own.
    """
    if unknown:
        known = [
            name
            for name, parameter in inspect.signature(function).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        ]
        raise unknown_name("argument", next(iter(unknown)), known)


def to_recording(given: str | Path | Recording) -> Recording:
    """Return a recording, loaded if it was given by its name or folder."""
    if isinstance(given, Recording):
        return given
    from maestro_env.recordings.load import load_recording  # brings pyarrow, which only reading needs

    return load_recording(given)


def to_registry(given: str | Path | Registry | None, recording: Recording) -> Registry:
    """Return a registry, loaded if it was given by its name or file.

    Args:
        given: None for the recording's own; `DEFAULT_REGISTRY` for the core registry if the recording holds all of its
            experts, as the embedded one does, and for the recording's own if not.
        recording: That is played.
    """
    if given == DEFAULT_REGISTRY:
        core = load_registry("core")
        return core if set(core.ids) <= set(recording.registry.ids) else recording.registry
    if given is None:
        return recording.registry
    return given if isinstance(given, Registry) else load_registry(given)


def to_played(
    recording: str | Path | Recording,
    registry: str | Path | Registry | None,
    *,
    tasks: str | Path | None,
    is_live: bool,
) -> Played:
    """Return what an environment plays.

    Args:
        recording: Its name or folder, or the recording itself.
        registry: As of `to_registry`; with tasks, the default is the core registry.
        tasks: A file of tasks to be played instead of the recording's.
        is_live: Whether calls are made when they are asked for.

    Raises:
        ConfigurationError: Tasks of a file where nobody would answer, or without a registry, or besides a recording.
    """
    if tasks is None:
        source = to_recording(recording)
        chosen = to_registry(registry, source)
        largest_cost = float(source.cost.max(initial=0.0))
        if is_live and any(model.endpoint for model in chosen.models):
            from maestro_env.recordings.untouched import without_calls  # only for experts behind endpoints

            largest_cost = largest_cost if source.cost_unit == "usd" else 0.0
            source = without_calls(source, chosen)
        return Played(recording=source, registry=chosen, largest_cost=largest_cost)
    if not is_live:
        raise ConfigurationError(
            f"tasks={str(tasks)!r} holds no replies to replay; give backend='openai', 'local' or an object that "
            "answers, or record them first and give recording=FOLDER."
        )
    if registry is None or recording not in (None, "embedded"):
        raise ConfigurationError(
            f"tasks={str(tasks)!r} is played instead of a recording, by the experts of a registry; give registry=FILE "
            "and leave recording out."
        )
    # These two bring pyarrow and the encoders, which only files of tasks need.
    from maestro_env.recordings.task_files import read_tasks
    from maestro_env.recordings.untouched import recording_of_tasks

    named = "core" if registry == DEFAULT_REGISTRY else registry
    chosen = named if isinstance(named, Registry) else load_registry(named)
    path = Path(tasks)
    unplayed = recording_of_tasks(read_tasks(path), chosen, name=path.stem)
    return Played(recording=unplayed, registry=chosen, largest_cost=0.0)


def to_backend(given: str | Backend, *, registry: str | Path | Registry | None = None) -> Backend | None:
    """Return what answers calls; None for the recording itself.

    Args:
        given: Its name, or the backend itself.
        registry: Name or file of the registry, which says for `openai` where its models are served.

    Raises:
        UnknownNameError: No such backend.
        ConfigurationError: An object that has no `invoke`, or `openai` without a registry's file.
        MissingExtraError: `openai` without aiohttp.
    """
    if isinstance(given, str):
        if given not in BACKENDS:
            raise unknown_name("backend", given, BACKENDS)
        if given == "recorded":
            return None
        if given == "openai":
            if registry in (None, DEFAULT_REGISTRY) or isinstance(registry, Registry):
                raise ConfigurationError(
                    "backend='openai' reads from the registry's file where its models are served, and "
                    f"registry={registry!r} is none. Give registry=FILE, or an OpenAIBackend as the backend."
                )
            from maestro_env.backends.openai import OpenAIBackend  # brings aiohttp

            return OpenAIBackend(registry)
        from maestro_env.backends.local import LocalBackend  # brings the skills; replaying needs none

        return LocalBackend()
    if not callable(getattr(given, "invoke", None)):
        raise ConfigurationError(
            f"backend={given!r} has no method invoke(task, context, expert); give one of {list(BACKENDS)}, or an "
            "object that has it (see maestro_env.backends.base.Backend)."
        )
    return given


def to_rules(*, max_turns: int, answer_rule: str) -> Rules:
    """Return the rules of an episode.

    Raises:
        UnknownNameError: No such answer rule.
        ConfigurationError: Fewer than one turn.
    """
    if answer_rule not in tuple(AnswerRule):
        raise unknown_name("answer rule", answer_rule, tuple(AnswerRule))
    if not isinstance(max_turns, int) or max_turns < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ConfigurationError(f"max_turns={max_turns!r} must be an integer of at least 1.")
    return Rules(max_turns=max_turns, answer_rule=AnswerRule(answer_rule))


def to_reward_fn(given: RewardFn | None, *, cost_weight: float) -> RewardFn:
    """Return what rewards an episode.

    Raises:
        ConfigurationError: Both a reward function and a cost weight, or a weight that is negative or not finite.
    """
    if given is None:
        return CostAwareReward(cost_weight) if cost_weight else OutcomeReward()
    if cost_weight:
        raise ConfigurationError(
            f"cost_weight={cost_weight!r} is not used when reward_fn is given; leave it out, or give "
            "reward_fn=CostAwareReward(weight)."
        )
    return given


def select_tasks(recording: Recording, *, split: str, benchmarks: Sequence[str] | None) -> NDArray[np.int64]:
    """Return the indices of a split's tasks in the recording's order.

    Args:
        recording: Holds the tasks.
        split: One of `SPLITS`.
        benchmarks: Whose tasks; None: of the benchmarks that have training tasks, or of all if none has.

    Raises:
        UnknownNameError: No such split, or a benchmark that the recording does not hold.
        ConfigurationError: No task is left, or the benchmarks are no list of names.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    held = sorted(set(recording.task_benchmarks))
    if isinstance(benchmarks, str):
        raise ConfigurationError(f"benchmarks={benchmarks!r} must be a list of names, such as [{benchmarks!r}].")
    for benchmark in benchmarks or ():
        if benchmark not in held:
            raise unknown_name("benchmark", benchmark, held)
    cells = list(zip(recording.task_splits, recording.task_benchmarks, strict=True))
    trained = {benchmark for each, benchmark in cells if each == "train"}
    wanted = (trained or set(held)) if benchmarks is None else set(benchmarks)
    indices = [i for i, cell in enumerate(cells) if cell[0] == split and cell[1] in wanted]
    if not indices:
        raise ConfigurationError(
            f"Recording {recording.name!r} holds no task of split {split!r} and benchmarks {sorted(wanted)}; it holds "
            f"{sorted(set(cells))}. Give another split or other benchmarks; with_splits of "
            "maestro_env.recordings.splits deals the tasks of a recording to the splits anew."
        )
    return np.array(indices, np.int64)


def embedding_bound(embedding: NDArray[np.floating]) -> float:
    """Return a whole number of at least 1 that no entry exceeds in size: the bound of an observation space."""
    return float(max(1, ceil(float(np.abs(embedding).max(initial=0.0)))))
