"""Pictures in prompts: how many tokens they take, where these stand, and that turns are drawn as a full pass would."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs the extra llm")

import torch

from maestro_agents.evaluate import evaluate
from maestro_agents.llm.agent import LLMAgent
from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.generation import Request, Sampling
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.player import LLMPlayer
from maestro_agents.llm.pretrained import Pretrained, layout_of, load_pretrained
from maestro_agents.llm.rollout import Rollout, begin, play
from maestro_agents.llm.tiny_vision import PLACEHOLDER, VISION_END, VISION_START
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.transcript import Role
from maestro_env.text.view import View
from maestro_env.types import WHOLE, Context

SAMPLING = Sampling(max_new_tokens=12)


def layout(seeing: Pretrained, name: str = "chat") -> Layout:
    return layout_of(seeing.tokeniser, layout=name, instructions=False, pictures=seeing.pictures)


def requests_of(seeing: Pretrained, env: MaestroTextEnv, number: int) -> list[Request]:
    tokeniser = seeing.tokeniser
    return [
        begin(env, task_id, layout=layout(seeing), tokeniser=tokeniser, seed=(place,)).request()
        for place, task_id in enumerate(env.task_ids[:number])
    ]


def logprobs_of(seeing: Pretrained, before: tuple[int, ...], after: tuple[int, ...], views: Any) -> torch.Tensor:
    """Of the tokens after, in a pass over one whole row: no cache, no padding, the model's own positions."""
    assert seeing.pictures is not None
    ids = torch.tensor([before + after])
    with torch.no_grad():
        logits = seeing.model(ids, **seeing.pictures.inputs(ids, [views])).logits[0]
    return logits[len(before) - 1 : -1].log_softmax(dim=-1).gather(1, torch.tensor(after)[:, None])[:, 0]


def test_prompt__has_a_placeholder_for_each_token_of_a_picture(seeing: Pretrained, picture_env: MaestroTextEnv) -> None:
    marks: dict[str, list[int]] = {PLACEHOLDER: [], VISION_START: [], VISION_END: []}
    for request in requests_of(seeing, picture_env, 3):
        text = seeing.tokeniser.decode(request.token_ids)
        for mark, counts in marks.items():
            counts.append(text.count(mark))
    # 32 x 64, 64 x 64 and 64 x 96 px, and a token for every 32 x 32.
    assert marks == {PLACEHOLDER: [2, 4, 6], VISION_START: [1, 1, 1], VISION_END: [1, 1, 1]}


@pytest.mark.parametrize("name", ["chat", "plain"])
def test_prompt__picture_stands_before_the_question(seeing: Pretrained, picture_env: MaestroTextEnv, name: str) -> None:
    task_id = picture_env.task_ids[0]
    episode = begin(picture_env, task_id, layout=layout(seeing, name), tokeniser=seeing.tokeniser)
    text = seeing.tokeniser.decode(episode.prompt_ids)
    picture = f"{VISION_START}{PLACEHOLDER * 2}{VISION_END}"
    opening = f"<|im_start|>user\n{picture}Question" if name == "chat" else f"{picture}\nQuestion"
    assert text.startswith(opening)
    assert [view.num_images for view in episode.views] == [1]


def test_prompt__picture_and_no_eyes(picture_env: MaestroTextEnv) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be shown any: give images=False"):
        begin(picture_env, picture_env.task_ids[0], layout=Layout(), tokeniser=ByteTokeniser())


def test_prompt__template_that_leaves_pictures_out(seeing: Pretrained, picture_env: MaestroTextEnv) -> None:
    blind = replace(layout(seeing), template=lambda messages: "a question")
    with pytest.raises(ConfigurationError, match=r"0 placeholders '<\|image_pad\|>' for 1 pictures.*chat template"):
        begin(picture_env, picture_env.task_ids[0], layout=blind, tokeniser=seeing.tokeniser)


def test_reply__tells_of_a_new_view_in_words(seeing: Pretrained) -> None:
    said = "\n<information>\nThe view is now a region.\n<image>\n3 calls left.\n</information>\n"
    reply = layout(seeing, "plain").reply(said, seeing.tokeniser, ended_itself=False)
    expected = "\n<information>\nThe view is now a region.\n3 calls left.\n</information>\n"
    assert seeing.tokeniser.decode(reply) == expected


def test_generator__log_probabilities_are_those_of_a_full_pass(seeing: Pretrained, picture_env: MaestroTextEnv) -> None:
    """Pictures of three sizes side by side, with a row that shows none; rows end at different times."""
    asked = requests_of(seeing, picture_env, 6)
    asked.append(Request(token_ids=tuple(seeing.tokeniser.encode("Question: how many?")), seed=(9,)))
    turns = TransformersGenerator(seeing).write(asked, Sampling(max_new_tokens=40, stop=("e",)))
    assert len({len(written.token_ids) for written in turns}) > 2
    for request, written in zip(asked, turns, strict=True):
        expected = logprobs_of(seeing, request.token_ids, written.token_ids, request.views)
        torch.testing.assert_close(torch.tensor(written.logprobs), expected, atol=1e-5, rtol=0)


def test_generator__turn_does_not_depend_on_the_batch(seeing: Pretrained, picture_env: MaestroTextEnv) -> None:
    asked = requests_of(seeing, picture_env, 3)
    generator = TransformersGenerator(seeing)
    together = [written.token_ids for written in generator.write(asked, SAMPLING)]
    assert together == [generator.write([request], SAMPLING)[0].token_ids for request in asked]


def test_generator__picture_makes_a_difference(seeing: Pretrained, picture_env: MaestroTextEnv) -> None:
    first, *_, other = requests_of(seeing, picture_env, 4)
    assert first.views[0].load()[0].size == other.views[0].load()[0].size
    shown_another = replace(first, views=other.views)
    one, two = TransformersGenerator(seeing).write([first, shown_another], SAMPLING)
    assert one.logprobs[0] != two.logprobs[0]


def test_rollout__log_probabilities_hold_over_turns(seeing: Pretrained, picture_env: MaestroTextEnv) -> None:
    """The second turn runs on a new cache, over all that was said; what the first drew must stand there as drawn."""
    env = MaestroTextEnv(
        recording=picture_env.base.recording,
        registry=None,
        split="train",
        prompt="compact",
        max_turns=2,
        on_fault="continue",
    )
    chosen = layout(seeing)
    rollouts = play(env, TransformersGenerator(seeing), env.task_ids[:3], sampling=SAMPLING, layout=chosen)
    assert {rollout.num_turns for rollout in rollouts} == {3}
    for rollout in rollouts:
        own = torch.tensor(rollout.policy_mask)
        expected = logprobs_of(seeing, rollout.prompt_ids, rollout.completion_ids, rollout.views)
        torch.testing.assert_close(torch.tensor(rollout.logprobs)[own], expected[own], atol=1e-5, rtol=0)


def test_placeholder__written_by_the_policy_stands_for_no_picture(
    seeing: Pretrained, picture_env: MaestroTextEnv
) -> None:
    assert seeing.pictures is not None
    (request, *_) = requests_of(seeing, picture_env, 1)
    (placeholder,) = seeing.tokeniser.encode(PLACEHOLDER)
    (end,) = seeing.tokeniser.encode(VISION_END)
    (word,) = seeing.tokeniser.encode("a")
    after = (word, placeholder, placeholder, word)
    # The placeholders have the probability that they were drawn with, and are read as the end of a picture.
    found = logprobs_of(seeing, request.token_ids, after, request.views)
    read = logprobs_of(seeing, request.token_ids, (word, end, end, word), request.views)
    assert found[0] == read[0]
    assert found[1] != read[1]
    torch.testing.assert_close(found[3], read[3])
    written = replace(request, token_ids=request.token_ids + after)
    (turn,) = TransformersGenerator(seeing).write([written], SAMPLING)
    expected = logprobs_of(seeing, written.token_ids, turn.token_ids, request.views)
    torch.testing.assert_close(torch.tensor(turn.logprobs), expected, atol=1e-5, rtol=0)


def test_pictures__several_in_a_view(seeing: Pretrained, pictured: Any) -> None:
    assert seeing.pictures is not None
    view = View(images=pictured.tasks[0].images + pictured.tasks[2].images, context=Context(id=WHOLE))
    assert seeing.pictures.num_tokens(view) == (2, 6)
    assert seeing.pictures.fill(f"a{PLACEHOLDER}b{PLACEHOLDER}c", [view]) == f"a{PLACEHOLDER * 2}b{PLACEHOLDER * 6}c"


def test_load__model_that_sees(seeing: Pretrained, picture_env: MaestroTextEnv, tmp_path: Path) -> None:
    seeing.save(tmp_path)
    loaded = load_pretrained(tmp_path)
    asked = requests_of(seeing, picture_env, 2)
    assert requests_of(loaded, picture_env, 2) == asked
    before = TransformersGenerator(seeing).write(asked, SAMPLING)
    assert TransformersGenerator(loaded).write(asked, SAMPLING) == before


def test_rollout__without_pictures_is_that_of_a_model_that_reads(seeing: Pretrained, text_env: MaestroTextEnv) -> None:
    def played() -> list[Rollout]:
        generator = TransformersGenerator(seeing)
        return play(text_env, generator, text_env.task_ids[:3], sampling=SAMPLING, layout=layout(seeing))

    for rollout in played():
        assert rollout.views == ()
        own = torch.tensor(rollout.policy_mask)
        expected = logprobs_of(seeing, rollout.prompt_ids, rollout.completion_ids, ())
        torch.testing.assert_close(torch.tensor(rollout.logprobs)[own], expected[own], atol=1e-5, rtol=0)


def test_agent__is_shown_pictures(seeing: Pretrained, pictured: Recording) -> None:
    env = MaestroEnv(recording=pictured, registry=None, split="val", max_turns=2)
    generator = TransformersGenerator(seeing)
    agent = LLMAgent(env, generator, layout=layout(seeing), sampling=SAMPLING, images=True)
    evaluate(agent, env, tasks=env.task_ids[:2])
    assert [sum(view.num_images for view in rollout.views) for rollout in agent.finished] == [1, 1]


def test_player__writes_what_a_rollout_holds(seeing: Pretrained, picture_env: MaestroTextEnv) -> None:
    """The same seed, token by token: the pictures are the same as well."""
    chosen, task_id = layout(seeing), picture_env.task_ids[0]
    greedy = replace(SAMPLING, temperature=0.0)
    (rollout,) = play(picture_env, TransformersGenerator(seeing), [task_id], sampling=greedy, layout=chosen)
    player = LLMPlayer(TransformersGenerator(seeing), layout=chosen, sampling=greedy, env_arguments={})
    picture_env.reset(options={"task": task_id})
    player.begin(picture_env.turns)
    assert player.write() == next(turn.text for turn in rollout.turns if turn.role is Role.ASSISTANT)
