"""Oracle bounds, on a made-up recording whose arrays are rewritten by hand."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.bounds import oracle_bounds, reachable
from maestro_agents.recorded_tasks import take
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.testing import fake_recording
from maestro_env.types import AnswerRule

LOCATOR_A = 6
"""Its region is context slot 1; the other locator's, slot 2."""


@pytest.fixture
def all_wrong() -> Recording:
    """One task on which every reader is wrong everywhere, with a confidence of 0.4."""
    recording = take(fake_recording(num_tasks=12), [0])
    return replace(
        recording,
        score=np.zeros_like(recording.score),
        confidence=np.full_like(recording.confidence, 0.4),
        answer=np.where(recording.answer == MISSING, MISSING, 3).astype(np.int32),
    )


def right_at(recording: Recording, slot: int, expert: int, *, confidence: float = 0.4) -> Recording:
    score, answer, sure = recording.score.copy(), recording.answer.copy(), recording.confidence.copy()
    score[0, slot, expert], answer[0, slot, expert], sure[0, slot, expert] = 1.0, 5, confidence
    return replace(recording, score=score, answer=answer, confidence=sure)


def bounds_of(recording: Recording, *, max_turns: int = 4) -> tuple[float, float, float]:
    bounds = oracle_bounds(recording, max_turns=max_turns, rule=AnswerRule.VOTE)
    return float(bounds.any_right[0]), float(bounds.within_turns[0]), float(bounds.confident_only[0])


def test_oracle_bounds__nobody_right(all_wrong: Recording) -> None:
    assert bounds_of(all_wrong) == (0.0, 0.0, 0.0)


def test_oracle_bounds__right_on_the_whole_image(all_wrong: Recording) -> None:
    assert bounds_of(right_at(all_wrong, 0, 2)) == (1.0, 1.0, 0.0)  # but not confident


def test_oracle_bounds__right_in_a_region_needs_two_turns(all_wrong: Recording) -> None:
    recording = right_at(all_wrong, 1, 2, confidence=0.5)
    assert bounds_of(recording, max_turns=1) == (1.0, 0.0, 1.0)
    assert bounds_of(recording, max_turns=2) == (1.0, 1.0, 1.0)


def test_oracle_bounds__a_region_that_nobody_leads_to_does_not_count(all_wrong: Recording) -> None:
    recording = right_at(all_wrong, 1, 2, confidence=0.9)
    stays = recording.next_context.copy()
    stays[0, :, LOCATOR_A] = [0, 1, 2]  # the locator found nothing
    assert bounds_of(replace(recording, next_context=stays)) == (0.0, 0.0, 0.0)


def test_reachable__follows_chains_of_calls(all_wrong: Recording) -> None:
    assert reachable(all_wrong).tolist() == [[True, True, True]]
    chained = np.broadcast_to(np.arange(3, dtype=np.int16)[:, None], all_wrong.next_context.shape[1:])[None].copy()
    chained[0, 0, LOCATOR_A], chained[0, 1, 0] = 1, 2  # whole -> region a -> region b
    assert reachable(replace(all_wrong, next_context=chained)).tolist() == [[True, True, True]]
    chained[0, 1, 0] = 1
    assert reachable(replace(all_wrong, next_context=chained)).tolist() == [[True, True, False]]


def test_oracle_bounds__order_on_a_whole_recording() -> None:
    recording = fake_recording(num_tasks=200)
    bounds = oracle_bounds(recording, max_turns=3, rule=AnswerRule.VOTE)
    assert (bounds.within_turns <= bounds.any_right).all()
    assert (bounds.confident_only <= bounds.any_right).all()
    assert (recording.score[:, 0].max(axis=1) <= bounds.within_turns).all()
