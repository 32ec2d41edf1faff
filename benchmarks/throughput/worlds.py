"""Recordings of any size for timing: a made-up one, with its tasks or experts repeated."""

from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry
from maestro_env.testing import fake_recording

TASKS = 1600


def with_tasks(times: int) -> Recording:
    """Return a recording of `times` x `TASKS` tasks."""
    once = fake_recording(num_tasks=TASKS)
    places = np.tile(np.arange(TASKS), times)
    tasks = tuple(
        replace(once.tasks[place], id=f"{once.tasks[place].id}-{number // TASKS}")
        for number, place in enumerate(places)
    )
    arrays = {name: values[places] for name, values in _arrays(once).items()}
    return replace(once, tasks=tasks, context_ids=once.context_ids * times, **arrays)


def with_experts(count: int) -> Recording:
    """Return a recording of `count` experts: the made-up ones again and again, under other names."""
    once = fake_recording(num_tasks=240)
    num_experts = len(once.registry)
    places = np.arange(count) % num_experts
    experts = tuple(
        replace(once.registry.experts[place], model=replace(once.registry.experts[place].model, name=f"model-{number}"))
        for number, place in enumerate(places.tolist())
    )
    arrays = {
        name: np.ascontiguousarray(values[:, :, places])
        for name, values in _arrays(once).items()
        if values.ndim > 2 and values.shape[2] == num_experts and name not in ("boxes", "view")
    }
    return replace(once, registry=Registry(name=f"{count}", experts=experts), **arrays)


def _arrays(recording: Recording) -> dict[str, NDArray[np.generic]]:
    values = {field.name: getattr(recording, field.name) for field in fields(recording)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
