"""What `Maestro-v0` says beside an observation: the same keys in every step, empty or 0 where they say nothing."""

from typing import Any

from maestro_env.dynamics import State, World
from maestro_env.recordings.recording import STATUSES

_STATUS_NAMES = tuple(status.value for status in STATUSES)


def blank_info(world: World, state: State, *, invalid_action: bool = False) -> dict[str, Any]:
    """Return the info of a state to which no call led.

    Args:
        world: Of the episode.
        state: As it is now.
        invalid_action: Whether a masked action led to it.
    """
    recording = world.recording
    return {
        "task_id": recording.task_ids[state.task],
        "benchmark": recording.task_benchmarks[state.task],
        "context": recording.context_ids[state.task][state.slot],
        "action_mask": state.mask.copy(),
        "expert": "",
        "reply": "",
        "status": "",
        "cost_usd": 0.0,
        "passes": 0.0,
        "latency_s": 0.0,
        "invalid_action": invalid_action,
        "outcome": "",
        "answer": "",
        "gold": "",
    }


def add_call(info: dict[str, Any], world: World, before: State, *, expert: int) -> None:
    """Write into an info what came of the call that led to it.

    Args:
        info: As `blank_info` returned it.
        world: Of the episode.
        before: The state in which the call was made.
        expert: Index of the expert that was called, in the registry's order.
    """
    recording = world.recording
    task, slot, column = before.task, before.slot, world.column_of[expert]
    info["expert"] = world.registry.experts[expert].id
    info["reply"] = recording.texts[recording.text.item(task, slot, column)]
    info["status"] = _STATUS_NAMES[recording.status.item(task, slot, column)]
    info["cost_usd"] = recording.cost_usd.item(task, slot, column)
    info["passes"] = recording.passes.item(task, slot, column)
    info["latency_s"] = recording.latency_s.item(task, slot, column)
