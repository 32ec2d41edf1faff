"""Best choices, gains of skills, bounds and slopes, on recordings worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.bootstrap import Interval
from benchmarks.world_gates.tables import cheapest_right, hindsight_at, slope
from benchmarks.world_gates.usefulness import (
    NO_CHOICE,
    SkillGain,
    best_choices,
    chosen_by_task,
    gate_7,
    skill_gains,
)
from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from tests.agents import conftest as by_hand

hand_made = by_hand.hand_made


@pytest.fixture
def located(hand_made: by_hand.HandMade) -> Recording:
    """Expert 0 locates. Right are: expert 2 in the whole picture and both in the region; nobody; 1 in the region."""
    return hand_made([["1xr", "1rr"], ["1xx", "1xx"], ["1xx", "1rx"]])


def surer(recording: Recording, task: int, slot: int, expert: int) -> Recording:
    confidence = recording.confidence.copy()
    confidence[task, slot, expert] = 0.9
    return replace(recording, confidence=confidence)


def test_best_choices__of_equals_the_first_expert(located: Recording) -> None:
    expert, slot = best_choices(located)
    assert expert.tolist() == [1, NO_CHOICE, 1]
    assert slot.tolist() == [1, NO_CHOICE, 1]


def test_best_choices__confidence_comes_first(located: Recording) -> None:
    expert, slot = best_choices(surer(located, 0, 0, 2))
    assert (expert[0], slot[0]) == (2, 0)


def test_best_choices__a_wrong_reply_is_never_one(located: Recording) -> None:
    assert best_choices(surer(located, 0, 0, 1))[0].tolist() == [1, NO_CHOICE, 1]
    assert best_choices(surer(located, 0, 0, 1))[1][0] == 1


def test_best_choices__of_equals_the_cheaper(located: Recording) -> None:
    passes = located.passes.copy()
    passes[0, 1, 1] = 3.0
    expert, slot = best_choices(replace(located, passes=passes))
    assert (expert[0], slot[0]) == (2, 0)


def test_chosen_by_task__the_locator_counts_where_its_region_was_needed(located: Recording) -> None:
    assert chosen_by_task(located).tolist() == [[True, True, False], [False] * 3, [True, True, False]]
    assert chosen_by_task(surer(located, 0, 0, 2))[0].tolist() == [False, False, True]


def test_cheapest_right__adds_the_way_there(located: Recording) -> None:
    # One call; impossible; locating and one call.
    assert cheapest_right(located, confident=False).tolist() == [1.0, np.inf, 2.0]


def test_cheapest_right__confident_replies_only(located: Recording) -> None:
    unsure = replace(located, confidence=np.full_like(located.confidence, 0.4))
    assert cheapest_right(surer(unsure, 0, 1, 1), confident=True).tolist() == [2.0, np.inf, np.inf]


def test_hindsight_at__spends_on_the_cheapest_tasks_first() -> None:
    cheapest = np.array([2.0, np.inf, 1.0, np.inf])
    assert hindsight_at(cheapest, 0.25) == 1 / 4  # 4 x 0.25 = 1 buys the task of cost 1
    assert hindsight_at(cheapest, 0.5) == 1.5 / 4  # 1 more buys half of the task of cost 2
    assert hindsight_at(cheapest, 9.0) == 2 / 4  # nothing more can be bought
    assert hindsight_at(cheapest, 0.0) == 0.0


def test_slope__is_what_full_difficulty_costs() -> None:
    # On the line 0.9 - 0.6 x difficulty, whatever is resampled.
    difficulty = np.linspace(0, 1, 50)
    found = slope(difficulty, 0.9 - 0.6 * difficulty)
    assert (found.mean, found.low, found.high) == pytest.approx((-0.6, -0.6, -0.6))


def test_skill_gains__a_locator_is_judged_by_its_region() -> None:
    # In the fake's scenes readers fail on the whole picture and do well in a region.
    recording = fake_recording(num_tasks=200, benchmarks=("chart", "scene"))
    gains = {(gain.skill, gain.benchmark): gain for gain in skill_gains(recording)}
    scene, chart = (gains["Perception_Problem_Solver", name] for name in ("scene", "chart"))
    assert scene.model.startswith("locator")
    assert scene.gain.low > 0.05 > chart.gain.mean


def test_gate_7__asks_every_expert_and_skill(located: Recording) -> None:
    gain = SkillGain(skill="Zoom", benchmark="b", model="m", gain=Interval(mean=0.04, low=0.0, high=0.1))
    better = replace(gain, benchmark="c", gain=Interval(mean=0.06, low=0.0, high=0.1))
    gate = gate_7([located], [gain, better], [located.registry.ids])
    # Expert 2 is the best choice for no task; the skill gains enough on its better benchmark.
    assert [condition.passed for condition in gate.conditions] == [True, True, True, False]
    assert not gate.passed
    assert "Failing: m2/Direct is the best choice." in gate.note
