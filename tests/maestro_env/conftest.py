"""Fixtures for tests of the environment: recordings to play, and episodes built by hand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import pytest

from maestro_env.dynamics import World, make_world
from maestro_env.recordings.format import write_recording
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.testing import fake_recording
from maestro_env.types import Status


@pytest.fixture(scope="session")
def fake() -> Recording:
    """A fake recording in which some calls failed and some are missing."""
    return fake_recording(num_tasks=240, seed=1, failing=0.05, missing=0.1)


@pytest.fixture(scope="session")
def fake_folder(fake: Recording, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same on disk."""
    folder = tmp_path_factory.mktemp("recordings") / "fake"
    write_recording(folder, fake)
    return str(folder)


@pytest.fixture(params=["fake", "embedded"])
def kwargs(request: pytest.FixtureRequest, fake_folder: str) -> Mapping[str, Any]:
    """Keyword arguments of a `Maestro-v0` that can be played: over a fake recording, and over the shipped one."""
    if request.param == "fake":
        return {"recording": fake_folder, "registry": None}
    return {}


class HandMade(Protocol):
    def __call__(
        self,
        calls: Mapping[tuple[int, int], tuple[str | None, float | None]],
        *,
        failed: tuple[tuple[int, int], ...] = (),
        goes_to: Mapping[tuple[int, int], int] | None = None,
    ) -> World: ...


@pytest.fixture
def hand_made() -> HandMade:
    """Return a function that builds a world of one task from a few calls.

    `calls` maps (slot, expert) to (answer, confidence); the gold answer is "7". The eight experts are those of
    `fake_registry()`, of which 6 and 7 locate (slots 1 and 2). Every call costs one pass. Calls that are not given
    are not recorded. `failed` lists calls that timed out; `goes_to` maps locating calls to the slots they lead to.
    """

    def build(
        calls: Mapping[tuple[int, int], tuple[str | None, float | None]],
        *,
        failed: tuple[tuple[int, int], ...] = (),
        goes_to: Mapping[tuple[int, int], int] | None = None,
    ) -> World:
        base = fake_recording(num_tasks=12, seed=0)
        answers = tuple(sorted({answer for answer, _ in calls.values() if answer is not None}))
        shape = base.status[:1].shape
        arrays: dict[str, Any] = {
            "status": np.full(shape, MISSING, np.int8),
            "answer": np.full(shape, MISSING, np.int32),
            "next_context": np.full(shape, MISSING, np.int16),
            "confidence": np.full(shape, np.nan, np.float32),
            "score": np.zeros(shape, np.float32),
            "passes": np.zeros(shape, np.float32),
            "text": np.zeros(shape, np.int32),
        }
        for (slot, expert), (answer, confidence) in calls.items():
            cell = (0, slot, expert)
            arrays["status"][cell] = STATUSES.index(Status.TIMEOUT if (slot, expert) in failed else Status.OK)
            arrays["answer"][cell] = MISSING if answer is None else answers.index(answer)
            arrays["next_context"][cell] = (goes_to or {}).get((slot, expert), slot)
            arrays["confidence"][cell] = np.nan if confidence is None else confidence
            arrays["score"][cell] = float(answer == "7")
            arrays["passes"][cell] = 1.0
        task = replace(base.tasks[0], gold="7")
        return make_world(replace(base, tasks=(task,), answers=answers, **arrays), base.registry)

    return build
