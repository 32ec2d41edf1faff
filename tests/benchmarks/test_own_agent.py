"""Anyone's own agents in a comparison: from a module, from a function, and as they were saved."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks import compare
from benchmarks.contenders import contender
from benchmarks.own_agent import name_of
from benchmarks.settings import Settings
from maestro_agents.fixed_expert import FixedExpert
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError, UnknownNameError
from maestro_env.recordings.format import write_recording
from maestro_env.recordings.load import load_recording
from maestro_env.testing import fake_recording

OWN = '''
import numpy as np

class FirstLegal:
    """Only predicts: the first expert that is legal, then stops."""

    def __init__(self, env):
        self.env = env

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        called = observation["experts"].any()
        return (0 if called else 1), state

class Learner:
    """Learns as a Stable-Baselines3 model does, and takes a seed."""

    total_timesteps = 40

    def __init__(self, env, seed=0):
        self.seed, self.steps = seed, None

    def learn(self, total_timesteps):
        self.steps = total_timesteps
        self.earned = np.ones(total_timesteps)
        return self

    def predict(self, observation, state=None, episode_start=None, deterministic=True):
        assert self.steps == 40
        return np.int64(0), state

class NoAgent:
    pass

def made_by_hand(env):
    """An agent that learns if it is let, and should not be."""
    agent = Learner(env)
    agent.steps = 40
    return agent

def not_an_agent(env):
    return NoAgent()
'''


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_own_agents.py").write_text(OWN, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "my_own_agents"


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recordings") / "fake"
    write_recording(path, fake_recording(num_tasks=100))
    return path


def compared(recording: Path, tmp_path: Path, *agents: str, processes: int = 1) -> tuple[Any, Path]:
    """Return the summary of a quick comparison, and its folder."""
    settings = Settings(recording=str(recording), agents=agents, seeds=2, processes=processes, quick=True)
    folder = compare.compare(settings, out=tmp_path / "out", console=Console(file=io.StringIO(), width=200))
    return json.loads((folder / "summary.json").read_text("utf-8")), folder


def test_own_agents__take_part(own_module: str, recording: Path, tmp_path: Path) -> None:
    agents = ("FixedExpert", f"{own_module}:FirstLegal", f"{own_module}:Learner")
    summary, folder = compared(recording, tmp_path, *agents)
    assert [agent["name"] for agent in summary["agents"]] == ["FixedExpert", "FirstLegal", "Learner"]
    assert [agent["seeds"] for agent in summary["agents"]] == [[0], [0], [0, 1]]
    assert [agent["calls"]["mean"] for agent in summary["agents"]] == pytest.approx([1, 1, 0])
    assert summary["agents"][2]["behaviour"]["learning"][0]["reward"]["mean"] == 1.0
    assert ">Learner<" in (folder / "report.html").read_text("utf-8")


def test_own_agent__a_missing_module_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"no module 'no_such_module'.*PYTHONPATH"):
        contender("no_such_module:Agent")


def test_own_agent__a_missing_class_names_the_nearest(own_module: str) -> None:
    with pytest.raises(UnknownNameError, match=r"'FirstLegl'.*Did you mean 'FirstLegal'"):
        contender(f"{own_module}:FirstLegl")


def test_own_agent__a_class_without_predict_is_an_error(own_module: str) -> None:
    with pytest.raises(ConfigurationError, match=r"has no predict"):
        contender(f"{own_module}:NoAgent")


def test_own_agent__another_form_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"such as 'my_module:MyAgent'"):
        contender("my_module:")


def test_tutorial__its_agent_gets_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "tutorials" / "your_own_agent.md"
    first = page.read_text("utf-8").split("```python\n")[1].split("```")[0]
    (tmp_path / "my_agent.py").write_text(first, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    arguments = ["--agents", "FixedExpert", "--agent", "my_agent:AskUntilSure", "--quick", "--processes", "1"]
    assert compare.main([*arguments, "--out", str(tmp_path / "out")]) == 0
    (path,) = (tmp_path / "out").glob("*/summary.json")
    agents = json.loads(path.read_text("utf-8"))["agents"]
    assert [agent["name"] for agent in agents] == ["FixedExpert", "AskUntilSure"]
    assert agents[1]["calls"]["mean"] > agents[0]["calls"]["mean"]


def test_own_agent__a_function_makes_one_that_is_played_as_it_is(
    own_module: str, recording: Path, tmp_path: Path
) -> None:
    summary, _ = compared(recording, tmp_path, f"{own_module}:made_by_hand")
    (agent,) = summary["agents"]
    assert (agent["name"], agent["seeds"], agent["calls"]["mean"]) == ("made_by_hand", [0], 0)
    assert agent["behaviour"]["learning"] == []  # it was not taught


def test_own_agent__what_a_function_makes_must_predict(own_module: str, recording: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'NoAgent' has no predict"):
        compared(recording, tmp_path, f"{own_module}:not_an_agent")


def test_saved_agent__of_stable_baselines3_takes_part(recording: Path, tmp_path: Path) -> None:
    sb3 = pytest.importorskip("stable_baselines3")
    env = MaestroEnv(recording=load_recording(recording), registry=None, split="train")
    model = sb3.PPO("MultiInputPolicy", env, n_steps=16, batch_size=16, seed=0).learn(32)
    model.save(tmp_path / "my_model.zip")
    summary, _ = compared(recording, tmp_path, f"stable_baselines3:PPO={tmp_path / 'my_model.zip'}", processes=2)
    (agent,) = summary["agents"]
    assert (agent["name"], agent["seeds"]) == ("my_model", [0])
    assert agent["settings"] == [{}]


def test_saved_agent__of_ours_plays_as_before_it_was_saved(recording: Path, tmp_path: Path) -> None:
    env = MaestroEnv(recording=load_recording(recording), registry=None, split="train")
    FixedExpert(env).learn(0).save(tmp_path / "saved-one")
    place = f"maestro_agents.fixed_expert:FixedExpert={tmp_path / 'saved-one'}"
    summary, folder = compared(recording, tmp_path, "FixedExpert", place)
    assert [agent["name"] for agent in summary["agents"]] == ["FixedExpert", "saved-one"]
    assert [agent["calls"]["mean"] for agent in summary["agents"]] == pytest.approx([1, 1])
    assert {path.name for path in (folder / "episodes").iterdir()} == {
        "FixedExpert-0-0.0.parquet", "saved-one-0-0.0.parquet",
    }  # fmt: skip


def test_saved_agent__what_cannot_be_loaded_says_why(recording: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no file or folder 'nowhere\.zip'"):
        contender("stable_baselines3:PPO=nowhere.zip")
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    with pytest.raises(ConfigurationError, match=r"PPO cannot load .*broken\.zip"):
        compared(recording, tmp_path, f"stable_baselines3:PPO={tmp_path / 'broken.zip'}")
    with pytest.raises(ConfigurationError, match=r"such as 'stable_baselines3:PPO=my_model\.zip'"):
        contender("stable_baselines3:PPO=")


def test_name_of__is_what_the_table_says() -> None:
    assert [name_of(place) for place in ("PPO", "mine:Agent", "a.b:C=x=1:2/my-model.zip")] == [
        "PPO", "Agent", "my-model",
    ]  # fmt: skip
