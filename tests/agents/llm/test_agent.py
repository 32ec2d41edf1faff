"""A language model in the leaderboard's loop: the same words, the same calls, the environment's own answer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maestro_agents.evaluate import evaluate
from maestro_agents.llm.agent import LLMAgent
from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.scripted import ScriptedGenerator
from maestro_env.env import MaestroEnv
from maestro_env.errors import ConfigurationError
from maestro_env.recordings.recording import Recording
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.names import written


@pytest.fixture
def env(told: Recording) -> MaestroEnv:
    return MaestroEnv(recording=told, registry=None, split="val", max_turns=2)


def call(env: MaestroEnv, place: int = 0) -> str:
    return f"<search> {written(env.registry.experts[place])}: look </search>"


def agent_of(env: MaestroEnv, *turns: str) -> LLMAgent:
    """An agent whose turns depend on how many replies it has seen."""

    def policy(said: str) -> str:
        return turns[said.count("<information>\n")]

    return LLMAgent(env, ScriptedGenerator(policy, ByteTokeniser()))


def test_agent__calls_whom_it_names_and_stops_when_it_answers(env: MaestroEnv) -> None:
    records = evaluate(agent_of(env, call(env, 1), "<answer> whatever </answer>"), env)
    assert {record.experts for record in records} == {(env.registry.ids[1],)}
    assert {record.turns for record in records} == {1}


def test_agent__prompt_is_that_of_the_text_environment(env: MaestroEnv, told: Recording) -> None:
    agent = agent_of(env, "<answer> 1 </answer>")
    (record,) = evaluate(agent, env, tasks=env.task_ids[:1])
    text_env = MaestroTextEnv(
        recording=told,
        registry=None,
        split="val",
        prompt="compact",
        images=False,
        max_turns=2,
        answer_source="rule",
    )
    prompt, _ = text_env.reset(options={"task": record.task_id})
    assert ByteTokeniser().decode(agent.finished[0].prompt_ids) == prompt


def test_agent__outcome_is_that_of_the_text_environment(env: MaestroEnv) -> None:
    agent = agent_of(env, call(env), "<answer> whatever </answer>")
    records = evaluate(agent, env)
    assert [record.outcome for record in records] == [rollout.outcome for rollout in agent.finished]


def test_agent__uses_every_turn(env: MaestroEnv) -> None:
    records = evaluate(agent_of(env, call(env, 0), call(env, 1)), env)
    assert {record.turns for record in records} == {2}


def test_agent__fault_stops_and_is_counted(env: MaestroEnv) -> None:
    agent = agent_of(env, "who knows")
    records = evaluate(agent, env)
    assert {record.turns for record in records} == {0}
    assert agent.faults == {"no_action": len(records)}


def test_agent__masked_call_costs_a_turn_in_both(env: MaestroEnv) -> None:
    records = evaluate(agent_of(env, call(env), call(env)), env)
    assert {record.turns for record in records} == {2}
    assert {record.calls for record in records} == {1}


def test_agent__batch(env: MaestroEnv) -> None:
    agent = agent_of(env, call(env, 2))
    states = [agent.begin_episode({"task_id": task_id})[0] for task_id in env.task_ids[:3]]
    actions, _ = agent.predict({"budget": np.ones((3, 2))}, (np.concatenate(states),))
    assert actions.tolist() == [3, 3, 3]


def test_agent__without_begin_episode(env: MaestroEnv) -> None:
    observation, _ = env.reset(seed=0)
    with pytest.raises(ConfigurationError, match="begin_episode"):
        agent_of(env, call(env)).predict(observation)


def test_load__plays_as_the_model_that_was_saved(env: MaestroEnv, tiny: Any, tiny_config: Path, tmp_path: Path) -> None:
    from maestro_agents.llm import run_folder
    from maestro_agents.llm.settings import read_settings
    from maestro_agents.llm.transformers_generator import TransformersGenerator

    settings = read_settings(tiny_config, ["sampling.max_new_tokens=9"])
    run_folder.save_model(tiny, tmp_path, settings)
    loaded = LLMAgent.load(tmp_path / "model", env)
    made = LLMAgent(env, TransformersGenerator(tiny), layout=Layout(instructions=False), sampling=settings.sampling)
    for agent in (loaded, made):
        evaluate(agent, env, tasks=env.task_ids[:3])
    assert len(loaded.finished) == 3
    assert [each.completion_ids for each in loaded.finished] == [each.completion_ids for each in made.finished]
    assert {each.prompt_ids for each in loaded.finished} == {each.prompt_ids for each in made.finished}
    assert max(len(each.completion_ids) for each in loaded.finished) <= 9


def test_load__unknown_model(env: MaestroEnv) -> None:
    pytest.importorskip("transformers", reason="needs the extra llm")
    with pytest.raises(ConfigurationError, match=r"There is no model 'nowhere'; give a folder"):
        LLMAgent.load("nowhere", env)


def test_agent__plays_benchmarks_that_nobody_trained_on() -> None:
    env = MaestroEnv(split="test", benchmarks=["hires_scene"])
    records = evaluate(agent_of(env, "<answer> 1 </answer>"), env, tasks=env.task_ids[:2], side_by_side=2)
    assert [record.benchmark for record in records] == ["hires_scene", "hires_scene"]
