"""Answers calls from a recording, exactly as they were recorded."""

import numpy as np

from maestro_env.errors import RecordingError, unknown_name
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.types import Context, Expert, Reply, Task


class RecordedBackend:
    """Replays a recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        """Return what an expert replied to a task in a context.

        Raises:
            UnknownNameError: The recording does not know the task, the context or the expert.
            RecordingError: The recording knows them, but this call was not recorded.
        """
        recording = self._recording
        n = recording.index_of(task.id)
        if context.id not in recording.context_ids[n]:
            raise unknown_name(f"context of task {task.id!r}", context.id, recording.context_ids[n])
        cell = (n, recording.context_ids[n].index(context.id), recording.registry.index_of(expert.id))
        if recording.status[cell] == MISSING:
            raise RecordingError(
                f"Recording {recording.name!r} holds no reply of expert {expert.id!r} to task {task.id!r} in context "
                f"{context.id!r}; mask this call, or record it."
            )
        confidence = float(recording.confidence[cell])
        answer, tier2 = int(recording.answer[cell]), int(recording.skill_tier2[cell])
        prompt_tokens, completion_tokens = recording.tokens[cell]
        return Reply(
            text=recording.texts[int(recording.text[cell])],
            answer=None if answer == MISSING else recording.answers[answer],
            confidence=None if np.isnan(confidence) else confidence,
            next_context=recording.context(n, int(recording.next_context[cell])),
            status=STATUSES[int(recording.status[cell])],
            skill_tier2="" if tier2 == MISSING else recording.tier2[tier2],
            cost_usd=float(recording.cost_usd[cell]),
            passes=float(recording.passes[cell]),
            prompt_tokens=int(prompt_tokens),
            completion_tokens=int(completion_tokens),
            latency_s=float(recording.latency_s[cell]),
        )
