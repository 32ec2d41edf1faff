"""Live episodes with experts behind endpoints, made by name: `backend="openai"`."""

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from PIL import Image

import maestro_env
from maestro_env import MaestroEnv, load_registry
from maestro_env.errors import ConfigurationError
from maestro_env.fault_server import FaultServer, answer_to
from maestro_env.live_vector import ConcurrentVectorEnv
from maestro_env.skills.prompted.answers import ANSWER_FORM
from maestro_env.testing import fake_recording

pytest.importorskip("aiohttp")
assert maestro_env


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def registry(server: FaultServer, tmp_path: Path) -> Path:
    model = """
[[model]]
name = "{name}"
description = "A stub."
endpoint = "stub"
usd_per_million_prompt_tokens = {price}
skills = ["Direct"]
"""
    text = f"""
[[endpoint]]
name = "stub"
url = "{server.url}"
max_tries = 1
max_concurrent = 20

[[skill]]
name = "Direct"
description = "Asks once."
""" + "".join(model.format(name=name, price=price) for name, price in (("cheap", 10.0), ("dear", 30.0)))
    (tmp_path / "mine.toml").write_text(text)
    return tmp_path / "mine.toml"


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """Three tasks: one that the stub answers rightly, one wrongly, and one that it refuses."""
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.png")
    rows = [
        {"question": "right?", "gold": answer_to(f"right?\n\n{ANSWER_FORM}"), "images": ["a.png"]},
        {"question": "wrong?", "gold": "something else"},
        {"question": "refused? [fault refused]", "gold": "x"},
    ]
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps({**row, "split": "train"}) + "\n" for row in rows))
    return tmp_path / "mine.jsonl"


def test_episode__from_a_file_of_tasks(registry: Path, tasks: Path) -> None:
    env = gym.make("Maestro-v0", backend="openai", registry=str(registry), tasks=str(tasks))
    observation, info = env.reset(seed=0, options={"task": "mine/000000"})
    assert observation["view"].any()
    assert info["action_mask"].tolist() == [1, 1, 1]
    *_, info = env.step(2)
    assert (info["expert"], info["status"]) == ("dear/Direct", "ok")
    assert info["cost_usd"] == pytest.approx(0.003)  # 100 tokens at 30 USD a million
    assert info["latency_s"] > 0
    _, reward, terminated, _, info = env.step(0)
    assert (reward, terminated, info["outcome"]) == (1.0, True, "correct")
    env.close()


@pytest.mark.parametrize(("task", "outcome"), [("mine/000001", "wrong"), ("mine/000002", "expert_error")])
def test_episode__a_failure_is_no_wrong_answer(registry: Path, tasks: Path, task: str, outcome: str) -> None:
    env = MaestroEnv(backend="openai", registry=registry, tasks=tasks)
    env.reset(options={"task": task})
    env.step(1)
    _, reward, terminated, truncated, info = env.step(0)
    assert (reward, info["outcome"], terminated) == (0.0, outcome, not truncated)
    env.close()


def test_episode__costs_count_in_dollars(registry: Path, tasks: Path) -> None:
    env = MaestroEnv(backend="openai", registry=registry, tasks=tasks, cost_weight=100.0)
    env.reset(options={"task": "mine/000000"})
    observation, *_ = env.step(1)
    assert observation["budget"][1] > 0
    _, reward, *_ = env.step(0)
    assert reward == pytest.approx(1 - 100 * 0.001)
    env.close()


def test_episode__with_the_tasks_of_a_recording(registry: Path) -> None:
    env = MaestroEnv(backend="openai", registry=registry, recording=_without_pictures())
    assert env.recording.cost_unit == "usd"
    env.reset(seed=0)
    assert env.step(1)[-1]["status"] == "ok"
    env.close()


def test_episode__budgets_are_scaled_as_in_the_recording(registry: Path) -> None:
    recorded = _without_pictures(cost_unit="usd")
    dearest = float(recorded.cost_usd.max())
    env = MaestroEnv(backend="openai", registry=registry, recording=recorded)
    env.reset(seed=0)
    observation, *_, info = env.step(1)
    assert info["cost_usd"] == pytest.approx(0.001)
    # Four turns, each as dear as the dearest that was recorded, would be all of it.
    assert observation["budget"][1] == pytest.approx(0.001 / (4 * dearest))
    assert dearest > 0.001
    env.close()


def _without_pictures(*, cost_unit: str = "passes") -> maestro_env.Recording:
    recording = fake_recording(num_tasks=40, cost_unit=cost_unit)
    return replace(recording, tasks=tuple(replace(task, images=()) for task in recording.tasks))


def test_episode__in_text(registry: Path, tasks: Path) -> None:
    env = gym.make("MaestroText-v0", backend="openai", registry=str(registry), tasks=str(tasks))
    env.reset(options={"task": "mine/000000"})
    reply, *_ = env.step("<search> cheap@@Direct: right? </search>")
    answer = answer_to(f"right?\n\n{ANSWER_FORM}")
    assert f"Answer: {answer}" in reply
    _, reward, *_ = env.step(f"<answer> {answer} </answer>")
    assert reward == 1.0
    env.close()


def test_episode__in_text_with_the_policys_own_query(server: FaultServer, registry: Path, tasks: Path) -> None:
    server.kept_bodies = 1
    # The question's choices are none of the query's.
    first, *rest = tasks.read_text().splitlines()
    tasks.write_text("\n".join([json.dumps({**json.loads(first), "choices": ["yes", "no"]}), *rest]))
    env = gym.make("MaestroText-v0", backend="openai", registry=str(registry), tasks=str(tasks), queries="asked")
    prompt, _ = env.reset(options={"task": "mine/000000"})
    assert "An expert is asked your query" in prompt
    reply, *_ = env.step(r"<search> cheap@@Direct: Is <\b> bold? </search>")
    picture, text = server.journal.bodies[0]["messages"][0]["content"]
    assert (picture["type"], text["text"]) == ("image_url", f"Is <b> bold?\n\n{ANSWER_FORM}")
    assert answer_to(text["text"]) in reply
    *_, info = env.step("<answer> x </answer>")
    assert info["outcome"] == "wrong"  # of the task's own question
    env.close()


def test_arguments__queries_are_asked_of_live_experts_only() -> None:
    with pytest.raises(ConfigurationError, match=r"queries='asked' needs experts that can be asked: give backend="):
        gym.make("MaestroText-v0", recording=fake_recording(), registry=None, queries="asked")


def test_env__passes_gymnasiums_checks(registry: Path, tasks: Path) -> None:
    env = MaestroEnv(backend="openai", registry=registry, tasks=tasks)
    check_env(env, skip_render_check=True)
    env.close()


def test_env__pickles_without_its_connections(registry: Path, tasks: Path) -> None:
    env = MaestroEnv(backend="openai", registry=registry, tasks=tasks)
    env.reset(options={"task": "mine/000000"})
    env.step(1)
    again = pickle.loads(pickle.dumps(env))
    assert again.step(2)[-1]["status"] == "ok"
    env.close()
    again.close()


def test_vector__calls_of_all_episodes_overlap(server: FaultServer, registry: Path, tasks: Path) -> None:
    server.delay_s = 0.3
    env = gym.make_vec("Maestro-v0", 12, backend="openai", registry=str(registry), tasks=str(tasks))
    assert isinstance(env, ConcurrentVectorEnv)
    env.reset(seed=0)
    *_, infos = env.step(np.ones(12, np.int64))
    answered = sum(status == "ok" for status in infos["status"])
    # Twelve calls of 0.3 s, by one backend, whose endpoint takes twenty at once.
    assert server.journal.most_open >= min(answered, 6) > 1
    env.close()


def test_vector__shares_the_limits_of_endpoints(server: FaultServer, registry: Path, tasks: Path) -> None:
    server.delay_s = 0.02
    registry.write_text(registry.read_text().replace("max_concurrent = 20", "max_concurrent = 2"))
    env = gym.make_vec("Maestro-v0", 12, backend="openai", registry=str(registry), tasks=str(tasks))
    env.reset(seed=0)
    env.step(np.ones(12, np.int64))
    assert server.journal.most_open <= 2
    env.close()


def test_arguments__that_have_no_meaning(registry: Path, tasks: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no replies to replay; give backend='openai'"):
        MaestroEnv(tasks=tasks, registry=registry)
    with pytest.raises(ConfigurationError, match=r"registry=None is none\. Give registry=FILE"):
        MaestroEnv(backend="openai", registry=None)
    with pytest.raises(ConfigurationError, match="Give registry=FILE"):
        MaestroEnv(backend="openai", registry=load_registry(registry))
    with pytest.raises(ConfigurationError, match="leave recording out"):
        MaestroEnv(backend="openai", registry=registry, tasks=tasks, recording=fake_recording())
