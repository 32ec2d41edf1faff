"""Where an episode of `Maestro-v0` stands, as far as text tells of it."""

from dataclasses import dataclass
from math import isnan

from maestro_env.env import MaestroEnv
from maestro_env.recordings.recording import MISSING
from maestro_env.text.view import View
from maestro_env.types import Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A moment of an episode."""

    task: Task
    view: View
    called_here: frozenset[int]
    """Actions that invoked an expert in the current context."""
    confidence: float | None
    """Of the latest turn's reply; None if it stated none, or no expert was called."""
    num_turns: int
    cost: float
    """Spent so far, in the recording's cost unit."""


def moment_of(env: MaestroEnv) -> Moment:
    """Return where the running episode of an environment stands."""
    state = env.get_state().state
    assert state is not None, "there is no moment before the first reset"
    recording, num_experts = env.world.recording, len(env.registry)
    task = recording.tasks[state.task]
    calls = [divmod(call, num_experts) for call in state.calls if call != MISSING]
    confidence = None
    if state.calls and state.calls[-1] != MISSING:
        slot, expert = calls[-1]
        stated = recording.confidence.item(state.task, slot, env.world.column_of[expert])
        confidence = None if isnan(stated) else stated
    return Moment(
        task=task,
        view=View(images=task.images, context=recording.context(state.task, state.slot)),
        called_here=frozenset(1 + expert for slot, expert in calls if slot == state.slot),
        confidence=confidence,
        num_turns=len(state.calls),
        cost=state.cost,
    )
