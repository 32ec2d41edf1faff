"""A moment of an environment, to come back to it or to branch from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maestro_env.dynamics import State
from maestro_env.recordings.recording import Recording


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A moment of an environment, for `set_state`; also of another environment with the same recording."""

    recording: str
    expert_ids: tuple[str, ...]
    state: State | None
    """None before the first reset."""
    live: Recording | None
    """The replies so far where a live backend gave them."""
    random_state: Mapping[str, Any]
    """Of the generator that draws tasks."""
