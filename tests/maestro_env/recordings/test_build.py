from dataclasses import replace

import numpy as np
import pytest

from maestro_env.backends.recorded import RecordedBackend
from maestro_env.errors import RecordingError
from maestro_env.recordings.build import join_recordings
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.recordings.shard import ShardRecorder
from maestro_env.types import WHOLE, Context
from tests.maestro_env.recordings.fake_bench import fake_bench, small_plan


@pytest.fixture(scope="module")
def parts() -> list[Recording]:
    recorder = ShardRecorder(small_plan(), fake_bench())
    return [recorder.record(shard) for shard in (0, 5)]


def test_join__every_reply_stays_what_it_was(parts: list[Recording]) -> None:
    whole = join_recordings(parts)
    assert len(whole.tasks) == 8
    for part in parts:
        for task in part.tasks:
            for expert in part.registry.experts:
                call = (task, Context(id=WHOLE), expert)
                assert RecordedBackend(whole).invoke(*call) == RecordedBackend(part).invoke(*call)


def test_join__fills_the_slots_of_tasks_with_fewer_contexts(parts: list[Recording]) -> None:
    # The second part loses its regions: its tasks have one context, the joined recording has three slots.
    second = parts[1]
    cut = {name: getattr(second, name)[:, :1] for name in ("boxes", "view", "status", "answer", "text", "skill_tier2")}
    cut |= {name: getattr(second, name)[:, :1] for name in ("confidence", "score", "passes", "cost_usd", "latency_s")}
    stay = np.zeros_like(second.next_context[:, :1])
    small = replace(
        second,
        **cut,
        tokens=second.tokens[:, :1],
        next_context=stay,
        context_ids=((WHOLE,),) * 4,
        context_parents=((),) * 4,
        context_texts=((),) * 4,
    )
    small = replace(small, context_parents=(("",),) * 4, context_texts=(("",),) * 4)
    whole = join_recordings([parts[0], small])
    assert whole.status.shape == (8, 3, 6)
    assert (whole.status[4:, 1:] == MISSING).all()
    assert (whole.next_context[4:, 1:] == MISSING).all()
    assert np.isnan(whole.boxes[4:, 1:]).all()
    assert np.isnan(whole.confidence[4:, 1:]).all()
    assert whole.context_ids[3:5] == ((WHOLE, "region:locator-a", "region:locator-b"), (WHOLE,))


def test_join__refuses_recordings_of_different_plans(parts: list[Recording]) -> None:
    with pytest.raises(RecordingError, match="different view_encoder cannot be joined"):
        join_recordings([parts[0], replace(parts[1], view_encoder="grid-32")])


def test_join__refuses_nothing() -> None:
    with pytest.raises(RecordingError, match="give at least one"):
        join_recordings([])
