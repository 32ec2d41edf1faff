"""Traces: they are well formed, say what their source says, and replay token by token."""

from pathlib import Path

import pytest

from maestro_agents.llm.byte_tokeniser import ByteTokeniser
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.rollout import Rollout
from maestro_agents.llm.traces import Trace, hindsight_traces, random_traces, recorded_traces, replay
from maestro_env.errors import ConfigurationError
from maestro_env.text.env import MaestroTextEnv

TOKENISER = ByteTokeniser()


def replayed(env: MaestroTextEnv, traces: list[Trace]) -> list[Rollout]:
    return [replay(env, trace, tokeniser=TOKENISER, layout=Layout()) for trace in traces]


def test_random_traces__are_well_formed_and_call(text_env: MaestroTextEnv) -> None:
    traces = list(random_traces(text_env, text_env.task_ids, most_calls=2, seed=0))
    assert [trace.task_id for trace in traces] == list(text_env.task_ids)
    for rollout in replayed(text_env, traces):
        assert rollout.well_formed
        assert 1 <= len(rollout.experts) <= 2


def test_random_traces__same_seed_same_traces(text_env: MaestroTextEnv) -> None:
    def of(seed: int) -> list[Trace]:
        return list(random_traces(text_env, text_env.task_ids, most_calls=2, seed=seed))

    assert of(1) == of(1) != of(2)


def test_hindsight_traces__are_all_right(text_env: MaestroTextEnv) -> None:
    traces = list(hindsight_traces(text_env, text_env.task_ids, seed=0))
    assert traces
    assert all(rollout.correct for rollout in replayed(text_env, traces))


def test_recorded_traces__from_a_file(text_env: MaestroTextEnv, tmp_path: Path) -> None:
    task_id = text_env.task_ids[0]
    (tmp_path / "t.jsonl").write_text(f'{{"task_id": "{task_id}", "turns": ["<answer> 1 </answer>"]}}\n')
    (rollout,) = replayed(text_env, list(recorded_traces(tmp_path / "t.jsonl")))
    assert (rollout.task_id, rollout.answer) == (task_id, "1")


def test_recorded_traces__no_file_and_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no file of traces"):
        list(recorded_traces(tmp_path / "none.jsonl"))
    (tmp_path / "bad.jsonl").write_text('{"task": 1}\n')
    with pytest.raises(ConfigurationError, match=r"Line 1 of .* is no trace"):
        list(recorded_traces(tmp_path / "bad.jsonl"))


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        (("<answer> 1",), "not well formed: unclosed_tag"),
        ((), "ends before its episode does"),
        (("<answer> 1 </answer>", "<answer> 2 </answer>"), "goes on after its episode has ended"),
    ],
)
def test_replay__refuses(text_env: MaestroTextEnv, turns: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        replayed(text_env, [Trace(task_id=text_env.task_ids[0], turns=turns)])
