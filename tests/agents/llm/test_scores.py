"""What a set of episodes says."""

from dataclasses import replace
from math import isnan

import pytest

from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.generation import Sampling
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.rollout import Rollout, play
from maestro_agents.llm.scores import group_figures, share, summary
from maestro_agents.llm.scripted import ScriptedGenerator
from maestro_env.text.env import MaestroTextEnv
from maestro_env.types import Outcome


@pytest.fixture
def rollout(text_env: MaestroTextEnv) -> Rollout:
    generator = ScriptedGenerator(lambda _: "<answer> 1 </answer>", ByteTokeniser())
    sampling = Sampling(max_new_tokens=50)
    return play(text_env, generator, text_env.task_ids[:1], sampling=sampling, layout=Layout())[0]


def test_share__wilson() -> None:
    # 5 of 10: (0.5 + z^2/20) / (1 + z^2/10) = 0.5, half width 1.96 * sqrt(0.025 + 0.0096) / 1.384 = 0.2634.
    found = share(5, 10)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)
    assert share(0, 10).low == 0.0
    assert share(0, 0).high == 1.0


def test_summary__counts(rollout: Rollout) -> None:
    right = replace(rollout, outcome=Outcome.CORRECT, experts=("a/b", "c/d"))
    faulty = replace(rollout, outcome=Outcome.UNANSWERED, faults=("no_action",), num_format_faults=1, experts=("a/b",))
    figures = summary([right, right, faulty, replace(rollout, outcome=Outcome.WRONG)])
    assert figures["accuracy"] == 0.5
    assert figures["well_formed"] == 0.75
    assert figures["faults"] == {"no_action": 1}
    assert figures["calls"] == 1.25
    assert figures["direct_answers"] == 0.25
    assert figures["commonest_first_call"] == 0.75


def test_group_figures__groups_that_teach_nothing(rollout: Rollout) -> None:
    other = replace(rollout, reward=rollout.reward + 1, completion_ids=(1,))
    same_reward = replace(rollout, completion_ids=(2,))
    figures = group_figures([rollout, rollout, rollout, same_reward, rollout, other], 2)
    assert figures == {"zero_advantage": pytest.approx(2 / 3), "one_policy": pytest.approx(1 / 3)}


def test_scores__failure_of_an_expert_is_no_reward_of_0(rollout: Rollout) -> None:
    right = replace(rollout, reward=1.0, outcome=Outcome.CORRECT)
    failed = replace(rollout, reward=0.0, outcome=Outcome.EXPERT_ERROR)
    figures = summary([right, failed])
    assert (figures["reward"], figures["expert_errors"]) == (1.0, 1)
    assert isnan(summary([failed])["reward"])
    # One reward is left in the first group and none in the second; in the third there are two.
    other = replace(rollout, reward=-1.0, outcome=Outcome.UNANSWERED)
    groups = [failed, right, right, failed, failed, failed, failed, right, other]
    assert group_figures(groups, 3)["zero_advantage"] == pytest.approx(2 / 3)
