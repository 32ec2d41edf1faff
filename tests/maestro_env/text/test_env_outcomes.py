"""How episodes of `MaestroText-v0` end and what they are worth, worked by hand."""

from typing import Any

import pytest

from maestro_env.rewards import EpisodeResult
from maestro_env.testing import fake_reply

CHART = "<search> chart@@Direct: how high? </search>"
COUNTING = "<search> counting@@Direct: how many? </search>"
TASK = {"task": "chart/train/000000"}
UNKNOWN = "<search> chrat@@Direct: how high? </search>"


def start(env: Any) -> str:
    """Start the episode of `TASK`, and return its gold answer, a digit."""
    env.reset(options=TASK)
    index = env.base.recording.index_of(TASK["task"])
    return env.base.recording.tasks[index].gold


def other(gold: str) -> str:
    return str((int(gold) + 1) % 10)


def end(env: Any, generation: str) -> tuple[float, bool, bool, dict[str, Any]]:
    text, reward, terminated, truncated, info = env.step(generation)
    assert text == "" or "The task is over." in text
    return reward, terminated, truncated, info


def test_answer__right_is_worth_1(scripted: Any) -> None:
    env = scripted()
    gold = start(env)
    env.step(CHART)
    reward, terminated, truncated, info = end(env, f"<think> Sure. </think><answer> {gold}. </answer>")
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert (info["outcome"], info["answer"], info["gold"]) == ("correct", f"{gold}.", gold)
    assert (info["outcome_reward"], info["format_reward"], info["move"]) == (1.0, 0.0, "answer")


@pytest.mark.parametrize("wrap", ["not {}", "{} {}", "The answer is {}."])
def test_answer__a_wrong_one_is_worth_0_even_if_it_holds_the_right_one(scripted: Any, wrap: str) -> None:
    env = scripted()
    gold = start(env)
    reward, terminated, _, info = end(env, f"<answer> {wrap.format(gold, gold)} </answer>")
    assert (reward, terminated, info["outcome"], info["num_format_faults"]) == (0.0, True, "wrong", 0)


def test_answer__without_a_call_is_legal_and_counts(scripted: Any) -> None:
    env = scripted()
    reward, _, _, info = end(env, f"<answer> {start(env)} </answer>")
    assert (reward, info["outcome"], info["num_calls"]) == (1.0, "correct", 0)


def test_answer__without_a_call_earns_nothing_if_calls_are_required(scripted: Any) -> None:
    env = scripted(require_call=True)
    reward, terminated, _, info = end(env, f"<answer> {start(env)} </answer>")
    assert (reward, terminated, info["outcome"], info["num_format_faults"]) == (0.0, True, "correct", 0)
    gold = start(env)
    env.step(CHART)
    assert end(env, f"<answer> {gold} </answer>")[0] == 1.0


def test_answer__by_rule_is_that_of_the_experts(scripted: Any) -> None:
    env = scripted(fake_reply("3"), answer_source="rule")
    gold = start(env)
    env.step(CHART)
    env.step(COUNTING)
    reward, _, _, info = end(env, f"<answer> {gold} </answer>")
    assert (info["answer"], info["outcome"]) == ("3", "correct" if gold == "3" else "wrong")
    assert reward == float(gold == "3")


def test_answer__by_rule_without_a_call_is_unanswered(scripted: Any) -> None:
    env = scripted(answer_source="rule")
    reward, terminated, _, info = end(env, f"<answer> {start(env)} </answer>")
    assert (reward, terminated, info["outcome"], info["answer"]) == (0.0, True, "unanswered", "")


def test_answer__by_rule_after_nothing_but_failures_is_truncated(scripted: Any, timeout: Any) -> None:
    env = scripted(timeout, answer_source="rule", cost_weight=0.5, on_fault="continue")
    start(env)
    env.step(CHART)
    env.step(UNKNOWN)
    # Neither the cost of the call nor the fault counts: experts broke this episode.
    reward, terminated, truncated, info = end(env, "<answer> 1 </answer>")
    assert (reward, terminated, truncated, info["outcome"]) == (0.0, False, True, "expert_error")


def test_failure__shown_leaves_the_answer_to_the_policy(scripted: Any, timeout: Any) -> None:
    env = scripted(timeout)
    gold = start(env)
    env.step(CHART)
    reward, terminated, _, info = end(env, f"<answer> {gold} </answer>")
    assert (reward, terminated, info["outcome"], info["num_failures"]) == (1.0, True, "correct", 1)


def test_failure__ends_the_episode_as_truncated_by_option(scripted: Any, timeout: Any) -> None:
    env = scripted(timeout, on_failure="truncate", cost_weight=0.5)
    gold = start(env)
    text, reward, terminated, truncated, info = env.step(CHART)
    assert "failed (timeout)" in text
    assert "The task is over." in text
    assert (reward, terminated, truncated) == (0.0, False, True)
    assert (info["outcome"], info["answer"], info["gold"]) == ("expert_error", "", gold)


@pytest.mark.parametrize("cost_weight", [0.0, 0.25])
def test_reward__is_less_what_calls_cost(scripted: Any, cost_weight: float) -> None:
    env = scripted(cost_weight=cost_weight)
    gold = start(env)
    env.step(CHART)
    env.step(COUNTING)
    assert end(env, f"<answer> {gold} </answer>")[0] == 1.0 - 2 * cost_weight  # a call costs one pass


def test_reward__a_function_is_called_once_at_the_end(scripted: Any) -> None:
    results: list[EpisodeResult] = []

    def reward(result: EpisodeResult) -> float:
        results.append(result)
        return 42.0

    env = scripted(reward_fn=reward, on_fault="continue")
    gold = start(env)
    env.step(CHART)
    env.step("nonsense")
    assert end(env, f"<answer> {other(gold)} </answer>")[0] == 41.0  # less the penalty of the fault
    assert [(r.outcome, r.score, r.cost, r.num_turns) for r in results] == [("wrong", 0.0, 1.0, 2)]


@pytest.mark.parametrize("generation", ["", "I think it is 7.", "<answer> 7 </answer> done", "<answer> 7", UNKNOWN])
def test_fault__ends_the_episode_with_the_penalty(scripted: Any, generation: str) -> None:
    env = scripted()
    gold = start(env)
    reward, terminated, truncated, info = end(env, generation)
    assert (reward, terminated, truncated) == (-1.0, True, False)
    assert (info["outcome_reward"], info["format_reward"]) == (0.0, -1.0)
    assert (info["outcome"], info["answer"], info["gold"], info["move"]) == ("unanswered", "", gold, "fault")
    assert sum(info["faults"].values()) == info["faults"][info["fault"]] == 1


def test_fault__an_unknown_expert_hears_of_the_nearest_and_nobody_is_called(scripted: Any) -> None:
    env = scripted(on_fault="continue")
    start(env)
    text, *_, info = env.step(UNKNOWN)
    assert "Not done (unknown_expert): Unknown expert 'chrat@@Direct'. Did you mean 'chart@@Direct'" in text
    assert info["invalid_action"]
    assert env.base._given_backend.calls == []


def test_fault__costs_of_earlier_calls_count_beside_the_penalty(scripted: Any) -> None:
    env = scripted(cost_weight=0.25, format_penalty=0.5)
    start(env)
    env.step(CHART)
    assert end(env, "nonsense")[0] == -0.75


def test_fault__that_does_not_end_costs_a_turn_and_the_penalty_once(scripted: Any) -> None:
    env = scripted(on_fault="continue")
    gold = start(env)
    for left, generation in ((3, "nonsense"), (2, UNKNOWN)):
        text, reward, terminated, truncated, info = env.step(generation)
        assert f"{left} calls left." in text
        assert (reward, terminated, truncated, info["calls_left"], info["outcome"]) == (0.0, False, False, left, "")
    reward, terminated, _, info = end(env, f"<answer> {gold} </answer>")
    assert (reward, terminated, info["outcome"], info["num_format_faults"]) == (0.0, True, "correct", 2)
    assert (info["outcome_reward"], info["format_reward"]) == (1.0, -1.0)


def test_fault__no_penalty_is_no_penalty(scripted: Any) -> None:
    env = scripted(format_penalty=0.0)
    start(env)
    reward, _, _, info = end(env, "nonsense")
    assert (reward, str(info["format_reward"]), info["num_format_faults"]) == (0.0, "0.0", 1)


def test_fault__a_masked_expert_alone_is_not_punished(scripted: Any) -> None:
    env = scripted()
    gold = start(env)
    env.step(CHART)
    env.step(CHART)
    assert end(env, f"<answer> {gold} </answer>")[0] == 1.0


def test_fault__too_long_a_generation_is_counted(scripted: Any) -> None:
    env = scripted(max_generation_chars=100)
    start(env)
    reward, terminated, _, info = end(env, "x" * 1_000_000)
    assert (reward, terminated, info["fault"]) == (-1.0, True, "too_long")


def test_turns__after_the_last_call_an_answer_is_still_due(scripted: Any) -> None:
    env = scripted(max_turns=1)
    gold = start(env)
    text, _, terminated, _, info = env.step(CHART)
    assert "No call is left: answer now." in text
    assert (terminated, info["calls_left"]) == (False, 0)
    assert end(env, f"<answer> {gold} </answer>")[0] == 1.0


@pytest.mark.parametrize("on_fault", ["end", "continue"])
@pytest.mark.parametrize(("generation", "kind"), [(COUNTING, "no_call_left"), ("nonsense", "no_action")])
def test_turns__after_the_last_call_anything_but_an_answer_ends_the_episode(
    scripted: Any, on_fault: str, generation: str, kind: str
) -> None:
    env = scripted(max_turns=2, on_fault=on_fault)
    start(env)
    env.step(CHART)
    env.step(CHART)  # masked, and a turn all the same
    reward, terminated, _, info = end(env, generation)
    assert (reward, terminated, info["fault"], info["outcome"]) == (-1.0, True, kind, "unanswered")
    assert len(env.base._given_backend.calls) == 1


def test_turns__an_episode_has_at_most_one_turn_more_than_calls(scripted: Any) -> None:
    env = scripted(max_turns=3, on_fault="continue")
    start(env)
    ended = [env.step("endless")[2] for _ in range(4)]
    assert ended == [False, False, False, True]
