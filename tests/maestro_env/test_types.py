import dataclasses

import pytest

from maestro_env.types import SPLITS, Box, Context, Expert, Model, Outcome, Reply, Skill, Status


def test_expert__id_is_model_and_skill() -> None:
    expert = Expert(model=Model(name="qwen", description=""), skill=Skill(name="Direct", description=""))
    assert expert.id == "qwen/Direct"


def test_box__has_a_width_and_a_height() -> None:
    box = Box(left=10, top=20, right=40, bottom=100)
    assert (box.width, box.height) == (30, 80)


def test_reply__is_ok_and_free_unless_it_says_otherwise() -> None:
    reply = Reply(text="7", answer="7", confidence=None, next_context=Context(id="whole"))
    assert reply.status is Status.OK
    assert (reply.cost_usd, reply.passes, reply.latency_s, reply.prompt_tokens) == (0.0, 0.0, 0.0, 0)


def test_nouns__cannot_be_changed() -> None:
    box = Box(left=0, top=0, right=1, bottom=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        box.left = 5  # type: ignore[misc]


def test_nouns__take_keywords_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        Box(0, 0, 1, 1)  # type: ignore[misc]


def test_outcomes_and_splits__are_the_documented_words() -> None:
    assert [outcome.value for outcome in Outcome] == ["correct", "wrong", "unanswered", "expert_error"]
    assert SPLITS == ("train", "val", "test")
