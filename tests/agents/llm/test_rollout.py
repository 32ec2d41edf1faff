"""Rollouts: which tokens are whose, and that nothing is encoded twice."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.generation import Finish, Request, Sampling, Written
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.rollout import Rollout, play
from maestro_agents.llm.scripted import ScriptedGenerator
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.testing import FakeBackend, fake_registry, fake_reply
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.moment import moment_of
from maestro_env.text.names import written
from maestro_env.types import Outcome, Status

SAMPLING = Sampling(max_new_tokens=200)
TOKENISER = ByteTokeniser()


def rollout_of(env: MaestroTextEnv, policy: Callable[[str], str], *, ends: bool = False) -> Rollout:
    generator = ScriptedGenerator(policy, TOKENISER, ends=ends)
    (rollout,) = play(env, generator, env.task_ids[:1], sampling=SAMPLING, layout=Layout())
    return rollout


def calls_then_answers(env: MaestroTextEnv) -> Callable[[str], str]:
    call = f"<search> {written(env.registry.experts[0])}: look </search>"
    return lambda said: "<answer> 1 </answer>" if "replies" in said else call


def test_rollout__tokens_are_what_was_said(text_env: MaestroTextEnv) -> None:
    rollout = rollout_of(text_env, calls_then_answers(text_env))
    said = "".join(turn.text for turn in rollout.turns)
    assert TOKENISER.decode(rollout.prompt_ids + rollout.completion_ids) == said
    assert rollout.num_turns == 2
    assert rollout.experts == (text_env.registry.ids[0],)


def test_rollout__mask_is_true_on_policy_tokens_alone(text_env: MaestroTextEnv) -> None:
    rollout = rollout_of(text_env, calls_then_answers(text_env))
    pairs = list(zip(rollout.completion_ids, rollout.policy_mask, strict=True))
    policy = TOKENISER.decode([token for token, own in pairs if own])
    environment = TOKENISER.decode([token for token, own in pairs if not own])
    assert policy == "".join(turn.text for turn in rollout.turns if turn.role == "assistant")
    assert environment == rollout.turns[3].text
    assert "<information>" in environment


def test_rollout__direct_answer_is_legal_and_trained_on(text_env: MaestroTextEnv) -> None:
    rollout = rollout_of(text_env, lambda _: "<answer> 1 </answer>")
    assert rollout.well_formed
    assert rollout.experts == ()
    assert all(rollout.policy_mask)
    assert rollout.outcome in (Outcome.CORRECT, Outcome.WRONG)


@pytest.mark.parametrize("required", [False, True])
def test_rollout__whether_a_direct_answer_is_rewarded_is_an_option(told: Recording, required: bool) -> None:
    env = MaestroTextEnv(recording=told, registry=None, images=False, require_call=required)
    env.reset(options={"task": env.task_ids[0]})
    gold = moment_of(env.base).task.gold
    rollout = rollout_of(env, lambda _: f"<answer> {gold} </answer>")
    assert rollout.well_formed
    assert all(rollout.policy_mask)
    assert rollout.reward == (0.0 if required else 1.0)


@pytest.mark.parametrize(("option", "outcome"), [("show", Outcome.CORRECT), ("truncate", Outcome.EXPERT_ERROR)])
def test_rollout__failure_of_an_expert_is_shown_or_ends_the_episode(
    told: Recording, option: str, outcome: Outcome
) -> None:
    reply = replace(fake_reply(None, confidence=None), text="no reply within 5 s", status=Status.TIMEOUT)
    backend = FakeBackend(dict.fromkeys(fake_registry().ids, reply))
    env = MaestroTextEnv(recording=told, registry=None, backend=backend, images=False, on_failure=option)
    env.reset(options={"task": env.task_ids[0]})
    call = f"<search> {written(env.registry.experts[0])}: look </search>"
    gold = moment_of(env.base).task.gold
    rollout = rollout_of(env, lambda said: f"<answer> {gold} </answer>" if "timeout" in said else call)
    assert rollout.outcome is outcome
    assert rollout.well_formed
    assert rollout.num_turns == (2 if option == "show" else 1)


@pytest.mark.parametrize(
    ("turn", "fault"),
    [
        ("<answer> 1 </answer> so there", "text_after_action"),
        ("<answer> 1", "unclosed_tag"),
        ("<search> nobody@@Nothing: look </search>", "unknown_expert"),
        ("", "no_action"),
    ],
)
def test_rollout__fault_costs_the_format_reward(text_env: MaestroTextEnv, turn: str, fault: str) -> None:
    rollout = rollout_of(text_env, lambda _: turn)
    assert rollout.faults == (fault,)
    assert rollout.reward == rollout.format_reward == -1.0
    assert rollout.outcome is Outcome.UNANSWERED


def test_rollout__expert_cannot_answer(told: Recording) -> None:
    reply = fake_reply("<answer> 1 </answer>")
    backend = FakeBackend(dict.fromkeys(fake_registry().ids, reply))
    env = MaestroTextEnv(recording=told, registry=None, backend=backend, images=False)
    rollout = rollout_of(env, calls_then_answers(env))
    answer_tags = TOKENISER.encode("<answer></answer>")
    assert "<\\answer> 1 <\\/answer>" in rollout.turns[3].text
    for token, own in zip(rollout.completion_ids, rollout.policy_mask, strict=True):
        assert own or token not in answer_tags
    assert rollout.num_turns == 2


def test_rollout__end_token_is_the_policys_and_no_word(text_env: MaestroTextEnv) -> None:
    rollout = rollout_of(text_env, calls_then_answers(text_env), ends=True)
    assert rollout.well_formed
    assert rollout.completion_ids[-1] == TOKENISER.end_id
    assert rollout.policy_mask[-1]


def test_rollout__without_instructions_the_prompt_is_the_question(text_env: MaestroTextEnv) -> None:
    generator = ScriptedGenerator(lambda _: "<answer> 1 </answer>", TOKENISER)
    layout = Layout(instructions=False)
    (rollout,) = play(text_env, generator, text_env.task_ids[:1], sampling=SAMPLING, layout=layout)
    assert TOKENISER.decode(rollout.prompt_ids) == rollout.turns[1].text


def test_rollout__prompt_longer_than_the_window(text_env: MaestroTextEnv) -> None:
    generator = ScriptedGenerator(lambda _: "x", TOKENISER, context_length=100)
    with pytest.raises(ConfigurationError, match=r"context window is 100.*prompt='compact'"):
        play(text_env, generator, text_env.task_ids[:1], sampling=SAMPLING, layout=Layout())


def test_rollout__filled_window_ends_in_a_fault(text_env: MaestroTextEnv) -> None:
    text_env.reset(options={"task": text_env.task_ids[0]})
    room = len(Layout().opening(text_env.turns, TOKENISER)) + 60
    generator = ScriptedGenerator(calls_then_answers(text_env), TOKENISER, context_length=room)
    (rollout,) = play(text_env, generator, text_env.task_ids[:1], sampling=SAMPLING, layout=Layout())
    assert rollout.faults == ("no_action",)
    assert rollout.num_cut == 1


def test_rollout__many_episodes_keep_their_order(text_env: MaestroTextEnv) -> None:
    generator = ScriptedGenerator(calls_then_answers(text_env), TOKENISER)
    tasks = [*text_env.task_ids[:5], text_env.task_ids[0]]
    rollouts = play(text_env, generator, tasks, sampling=SAMPLING, layout=Layout(), batch_size=4)
    assert [rollout.task_id for rollout in rollouts] == tasks


def test_rollout__log_probabilities_must_match_tokens(text_env: MaestroTextEnv) -> None:
    class Short:
        tokeniser = TOKENISER
        context_length = 10_000

        def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
            return [Written(token_ids=(1, 2), logprobs=(0.0,), finish=Finish.STOP) for _ in requests]

    with pytest.raises(ConfigurationError, match=r"1 log-probabilities for 2 tokens"):
        play(text_env, Short(), text_env.task_ids[:1], sampling=SAMPLING, layout=Layout())
