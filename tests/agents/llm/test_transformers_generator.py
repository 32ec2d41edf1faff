"""The backend in this process: its log-probabilities, its seeds, its stops."""

from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("transformers", reason="needs the extra llm")

import torch

from maestro_agents.llm.generation import Finish, Request, Sampling, Written
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.rollout import play
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_env.errors import ConfigurationError
from maestro_env.text.env import MaestroTextEnv


def request(tiny: Any, text: str, *seed: int) -> Request:
    return Request(token_ids=tuple(tiny.tokeniser.encode(text)), seed=seed)


def test_generator__log_probabilities_are_those_of_a_full_pass(tiny: Any) -> None:
    requests = [request(tiny, "Question: how many?", 1), request(tiny, "Question: which of the letters is it?", 2)]
    for asked, written in zip(
        requests, TransformersGenerator(tiny).write(requests, Sampling(max_new_tokens=12)), strict=True
    ):
        with torch.no_grad():
            logits = tiny.model(torch.tensor([asked.token_ids + written.token_ids])).logits[0]
        before = logits[len(asked.token_ids) - 1 : -1].log_softmax(dim=-1)
        expected = before.gather(1, torch.tensor(written.token_ids)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(written.logprobs), expected, atol=1e-5, rtol=0)


def test_generator__turn_does_not_depend_on_the_batch(tiny: Any) -> None:
    generator, sampling = TransformersGenerator(tiny), Sampling(max_new_tokens=12)
    asked = request(tiny, "Question: how many?", 7)
    (alone,) = generator.write([asked], sampling)
    among = generator.write([request(tiny, "A far longer question than that one", 1), asked], sampling)[1]
    assert among.token_ids == alone.token_ids


def test_generator__seeds_differ(tiny: Any) -> None:
    requests = [request(tiny, "Question: how many?", seed) for seed in range(4)]
    written = TransformersGenerator(tiny).write(requests, Sampling(max_new_tokens=12))
    assert len({each.token_ids for each in written}) == 4


def test_generator__leaves_torchs_own_generator_alone(tiny: Any) -> None:
    before = torch.random.get_rng_state()
    TransformersGenerator(tiny).write([request(tiny, "Question", 1)], Sampling(max_new_tokens=4))
    assert torch.equal(before, torch.random.get_rng_state())


def test_generator__temperature_0_takes_the_likeliest(tiny: Any) -> None:
    asked = request(tiny, "Question: how many?", 1)
    sampling = Sampling(max_new_tokens=1, temperature=0)
    (written,) = TransformersGenerator(tiny).write([asked], sampling)
    with torch.no_grad():
        assert written.token_ids[0] == tiny.model(torch.tensor([asked.token_ids])).logits[0, -1].argmax()


def test_generator__stops_at_a_stop_string_and_nowhere_before(tiny: Any) -> None:
    sampling = Sampling(max_new_tokens=60, stop=("e",))
    written = TransformersGenerator(tiny).write([request(tiny, "Question", seed) for seed in range(6)], sampling)
    stopped = [each for each in written if each.finish is Finish.STOP]
    assert stopped
    for each in stopped:
        assert "e" in tiny.tokeniser.decode(each.token_ids)
        assert "e" not in tiny.tokeniser.decode(each.token_ids[:-1])


def test_generator__window_is_filled_and_not_exceeded(tiny: Any) -> None:
    generator = TransformersGenerator(tiny)
    full = Request(token_ids=(5,) * 1020, seed=(0,))
    (written,) = generator.write([full], Sampling(max_new_tokens=50, stop=()))
    assert len(written.token_ids) <= 4
    with pytest.raises(ConfigurationError, match=r"1024 tokens.*window is 1024"):
        generator.write([Request(token_ids=(5,) * 1024, seed=(0,))], Sampling(max_new_tokens=1))


def test_rollout__same_seed_same_tokens(tiny: Any, text_env: MaestroTextEnv) -> None:
    def tokens(seed: int) -> list[tuple[int, ...]]:
        generator = TransformersGenerator(tiny)
        tasks, sampling = text_env.task_ids[:4], Sampling(max_new_tokens=12)
        rollouts = play(text_env, generator, tasks, sampling=sampling, layout=Layout(instructions=False), seed=(seed,))
        return [rollout.completion_ids for rollout in rollouts]

    assert tokens(1) == tokens(1)
    assert tokens(1) != tokens(2)


def test_rollout__keeps_the_tokens_that_were_sampled(tiny: Any, text_env: MaestroTextEnv) -> None:
    """Letter by letter is not how the tokeniser would write a word; the sampled tokens must survive all the same."""
    tokeniser = tiny.tokeniser
    learnt = [token for token in tokeniser.inner.get_vocab() if token.isascii() and token.isalpha()]
    letter_by_letter = [token for letter in max(learnt, key=len) for token in tokeniser.encode(letter)]
    turn = (*tokeniser.encode("<answer>"), *letter_by_letter, *tokeniser.encode("</answer>"))
    assert tokeniser.encode(tokeniser.decode(turn)) != list(turn)

    class Odd:
        context_length = 10_000

        def __init__(self) -> None:
            self.tokeniser = tokeniser

        def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
            return [Written(token_ids=turn, logprobs=(-1.0,) * len(turn), finish=Finish.STOP) for _ in requests]

    (rollout,) = play(text_env, Odd(), text_env.task_ids[:1], sampling=Sampling(max_new_tokens=50), layout=Layout())
    assert rollout.completion_ids == turn
    assert rollout.well_formed
