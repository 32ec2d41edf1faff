"""The MDP by hand: eight experts, of which 0 to 5 read and 6 and 7 locate; action 1 + i invokes expert i."""

import numpy as np
import pytest

from maestro_env.dynamics import EXPERT_FEATURES, Rules, State, World, make_world, observe, reset, settle, step
from maestro_env.errors import RegistryError, UnknownNameError
from maestro_env.recordings.recording import MISSING, Recording
from maestro_env.registry import Registry
from maestro_env.testing import fake_recording, fake_registry
from maestro_env.types import AnswerRule, Expert, Model, Outcome, Skill

STOP, MASKED = 0, 8
"""`MASKED`: the worlds below do not record expert 7 in slot 0, so action 8 is masked there."""


def rules(max_turns: int = 4, answer_rule: AnswerRule = AnswerRule.VOTE) -> Rules:
    return Rules(max_turns=max_turns, answer_rule=answer_rule)


def play(world: World, *actions: int, max_turns: int = 4) -> State:
    state = reset(world, 0)
    for action in actions:
        assert not state.ended
        state = step(world, rules(max_turns), state, action)
    return state


def feature(state: State, expert: int, name: str) -> float:
    return float(state.experts[expert, EXPERT_FEATURES.index(name)])


READERS = {(0, 0): ("7", 0.5), (0, 1): ("3", 0.25), (0, 2): ("7", 0.75), (0, 3): ("4", None), (0, 4): (None, 0.125)}


def test_reset__nothing_is_known_and_recorded_calls_are_legal(hand_made) -> None:
    state = reset(hand_made(READERS), 0)
    assert state.mask.tolist() == [1, 1, 1, 1, 1, 1, 0, 0, 0]
    assert not state.experts.any()
    assert (state.slot, state.calls, state.cost, state.ended) == (0, (), 0.0, False)


def test_step__a_call_fills_the_row_of_its_expert(hand_made) -> None:
    state = play(hand_made(READERS), 1)
    # invoked, answered, agrees (alone it is the plurality), confidence, has_confidence, failed, invoked_here
    assert state.experts[0].tolist() == [1, 1, 1, 0.5, 1, 0, 1]
    assert not state.experts[1:].any()
    assert state.cost == 1.0


def test_step__no_confidence_and_no_answer_are_flagged(hand_made) -> None:
    state = play(hand_made(READERS), 4, 5)
    assert state.experts[3].tolist() == [1, 1, 1, 0, 0, 0, 1]
    assert state.experts[4].tolist() == [1, 0, 0, 0.125, 1, 0, 1]


def test_step__a_failed_call_is_flagged(hand_made) -> None:
    state = play(hand_made({(0, 0): (None, None)}, failed=((0, 0),)), 1)
    assert state.experts[0].tolist() == [1, 0, 0, 0, 0, 1, 1]


def test_step__agreement_is_with_the_plurality_of_all_answers_so_far(hand_made) -> None:
    world = hand_made(READERS)
    # 7: the plurality is 7. 7, 3: a tie, and 3 came later. 7, 3, 7: the plurality is 7 again.
    agrees = [[feature(play(world, *actions), e, "agrees") for e in range(3)] for actions in [(1,), (1, 2), (1, 2, 3)]]
    assert agrees == [[1, 0, 0], [0, 1, 0], [1, 0, 1]]


def test_step__answers_agree_once_normalised(hand_made) -> None:
    state = play(hand_made({(0, 0): ("Red", 0.5), (0, 1): ("blue", 0.5), (0, 2): ("red.", 0.5)}), 1, 2, 3)
    assert [feature(state, expert, "agrees") for expert in range(3)] == [1, 0, 1]


def test_step__a_called_expert_is_masked(hand_made) -> None:
    assert play(hand_made(READERS), 2).mask.tolist() == [1, 1, 0, 1, 1, 1, 0, 0, 0]


LOCATED = {**READERS, (0, 6): (None, 0.5), (1, 0): ("7", 0.875), (1, 6): (None, 0.5)}


def test_step__locating_moves_to_the_region_and_opens_its_calls(hand_made) -> None:
    world = hand_made(LOCATED, goes_to={(0, 6): 1})
    state = play(world, 1, 7)
    assert state.slot == 1
    # In the region only experts 0 and 6 are recorded; that they were called before was elsewhere.
    assert state.mask.tolist() == [1, 1, 0, 0, 0, 0, 0, 1, 0]
    assert feature(state, 0, "invoked") == 1.0
    assert feature(state, 0, "invoked_here") == 0.0


def test_step__the_latest_reply_of_an_expert_counts(hand_made) -> None:
    state = play(hand_made(LOCATED, goes_to={(0, 6): 1}), 1, 7, 1)
    assert state.experts[0].tolist() == [1, 1, 1, 0.875, 1, 0, 1]
    assert state.mask.tolist() == [1, 0, 0, 0, 0, 0, 0, 1, 0]


def test_step__coming_back_to_a_context_finds_its_calls_masked(hand_made) -> None:
    state = play(hand_made(LOCATED, goes_to={(0, 6): 1, (1, 6): 0}), 1, 7, 7)
    assert state.slot == 0
    assert state.mask.tolist() == [1, 0, 1, 1, 1, 1, 0, 0, 0]
    assert feature(state, 0, "invoked_here") == 1.0


def test_step__a_masked_action_spends_the_turn_and_nothing_else(hand_made) -> None:
    world = hand_made(READERS)
    before, after = play(world, 1), play(world, 1, MASKED)
    assert after.calls == (0, -1)
    assert (after.slot, after.cost, after.ended) == (before.slot, before.cost, False)
    np.testing.assert_array_equal(after.mask, before.mask)
    np.testing.assert_array_equal(after.experts, before.experts)


def test_step__a_turn_that_names_no_expert_calls_none_where_all_are_recorded(hand_made) -> None:
    world = hand_made({(0, expert): ("7", 0.5) for expert in range(8)})
    state = play(world, MISSING)
    assert (state.calls, state.cost, state.slot) == ((MISSING,), 0.0, 0)
    assert state.mask.tolist() == [1] * 9
    assert not state.experts.any()


def test_step__the_last_turn_ends_the_episode_even_when_it_is_lost(hand_made) -> None:
    world = hand_made(READERS)
    assert play(world, 1, 2, max_turns=2).ended
    lost = play(world, 1, MASKED, max_turns=2)
    assert lost.ended
    assert settle(world, rules(2), lost).outcome is Outcome.CORRECT


def test_step__stop_ends_the_episode_and_is_no_turn(hand_made) -> None:
    state = play(hand_made(READERS), 1, STOP)
    assert state.ended
    assert state.calls == (0,)


def test_step__leaves_the_state_it_was_given_alone(hand_made) -> None:
    world = hand_made(LOCATED, goes_to={(0, 6): 1})
    state = play(world, 1)
    mask, experts = state.mask.copy(), state.experts.copy()
    for action in range(9):
        step(world, rules(), state, action)
    np.testing.assert_array_equal(state.mask, mask)
    np.testing.assert_array_equal(state.experts, experts)
    assert state.calls == (0,)


def settled(world: World, answer_rule: AnswerRule, *actions: int) -> tuple[str, str, float]:
    settlement = settle(world, rules(answer_rule=answer_rule), play(world, *actions))
    return settlement.outcome.value, settlement.answer, settlement.score


def test_settle__vote_takes_the_plurality(hand_made) -> None:
    assert settled(hand_made(READERS), AnswerRule.VOTE, 1, 3, 2) == ("correct", "7", 1.0)


def test_settle__vote_gives_ties_to_the_latest(hand_made) -> None:
    world = hand_made(READERS)
    assert settled(world, AnswerRule.VOTE, 1, 2) == ("wrong", "3", 0.0)
    assert settled(world, AnswerRule.VOTE, 2, 1) == ("correct", "7", 1.0)
    # 7, 3, 4 and then nobody: all once, and 4 came last.
    assert settled(world, AnswerRule.VOTE, 1, 2, 4, 5) == ("wrong", "4", 0.0)


def test_settle__confidence_takes_the_surest(hand_made) -> None:
    world = hand_made(READERS)
    assert settled(world, AnswerRule.CONFIDENCE, 1, 2) == ("correct", "7", 1.0)
    # No stated confidence counts as 0, and a confidence without an answer does not count.
    assert settled(world, AnswerRule.CONFIDENCE, 2, 4, 5) == ("wrong", "3", 0.0)


def test_settle__confidence_gives_ties_to_the_latest(hand_made) -> None:
    world = hand_made({(0, 0): ("7", 0.5), (0, 1): ("3", 0.5)})
    assert settled(world, AnswerRule.CONFIDENCE, 1, 2)[1] == "3"
    assert settled(world, AnswerRule.CONFIDENCE, 2, 1)[1] == "7"


def test_settle__last_takes_the_latest_answer(hand_made) -> None:
    world = hand_made(READERS)
    assert settled(world, AnswerRule.LAST, 1, 3, 2) == ("wrong", "3", 0.0)
    assert settled(world, AnswerRule.LAST, 2, 1, 5) == ("correct", "7", 1.0)


@pytest.mark.parametrize("answer_rule", AnswerRule)
def test_settle__without_an_answer_it_depends_on_failures(hand_made, answer_rule: AnswerRule) -> None:
    unanswered = hand_made({(0, 0): (None, 0.5)})
    failed = hand_made({(0, 0): (None, None), (0, 1): (None, 0.5)}, failed=((0, 0),))
    assert settled(unanswered, answer_rule) == ("unanswered", "", 0.0)
    assert settled(unanswered, answer_rule, 1) == ("unanswered", "", 0.0)
    assert settled(failed, answer_rule, 2) == ("unanswered", "", 0.0)
    assert settled(failed, answer_rule, 2, 1) == ("expert_error", "", 0.0)


def test_settle__a_failure_beside_an_answer_does_not_matter(hand_made) -> None:
    world = hand_made({(0, 0): ("7", 0.5), (0, 1): (None, None)}, failed=((0, 1),))
    assert settled(world, AnswerRule.VOTE, 1, 2) == ("correct", "7", 1.0)


def test_observe__budget_counts_turns_and_cost(hand_made) -> None:
    world = hand_made(READERS)
    # 3 of 4 turns are left after a call, 2 of 4 after a lost turn; a call cost 1 of at most 4 x 1 passes.
    assert observe(world, rules(), reset(world, 0))["budget"].tolist() == [1.0, 0.0]
    assert observe(world, rules(), play(world, 1))["budget"].tolist() == [0.75, 0.25]
    assert observe(world, rules(), play(world, 1, MASKED))["budget"].tolist() == [0.5, 0.25]


def test_observe__shows_the_view_of_the_current_context(hand_made) -> None:
    world = hand_made(LOCATED, goes_to={(0, 6): 1})
    seen = observe(world, rules(), play(world, 7))
    np.testing.assert_array_equal(seen["view"], world.recording.view[0, 1].astype(np.float32))
    np.testing.assert_array_equal(seen["question"], world.recording.question[0])
    assert seen["experts"].shape == (8 * 7,)
    assert seen["action_mask"].dtype == np.int8


def test_observe__a_world_without_costs_has_spent_nothing(hand_made) -> None:
    world = make_world(free(hand_made(READERS).recording), fake_registry())
    assert observe(world, rules(), play(world, 1))["budget"].tolist() == [0.75, 0.0]


def free(recording: Recording) -> Recording:
    from dataclasses import replace

    return replace(recording, passes=np.zeros_like(recording.passes))


def test_make_world__part_of_the_experts_in_another_order(hand_made) -> None:
    recording = hand_made(READERS).recording
    some = Registry(name="some", experts=tuple(fake_registry().experts[i] for i in (3, 0)))
    world = make_world(recording, some)
    state = play(world, 2)  # expert 0 of the recording
    assert state.experts.tolist() == [[0] * 7, [1, 1, 1, 0.5, 1, 0, 1]]
    assert state.mask.tolist() == [1, 1, 0]
    assert settle(world, rules(), play(world, 1)).answer == "4"


def test_make_world__an_expert_that_was_not_recorded_is_refused() -> None:
    expert = Expert(model=Model(name="qwen", description=""), skill=Skill(name="Direct", description=""))
    registry = Registry(name="mine", experts=(*fake_registry().experts, expert))
    with pytest.raises(RegistryError, match=r"'mine' names experts that recording 'fake' does not hold.*qwen/Direct"):
        make_world(fake_recording(num_tasks=12), registry)


def test_recording__an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"Unknown task 'chart/train/00000'\. Did you mean"):
        fake_recording(num_tasks=12).index_of("chart/train/00000")
