"""A language model as a player: the same episode as a rollout's, token by token, and models from folders."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from maestro_agents.llm.byte_tokeniser import END, ByteTokeniser
from maestro_agents.llm.generation import Request, Sampling, Written
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.player import LLMPlayer, make_player
from maestro_agents.llm.rollout import play
from maestro_agents.llm.scripted import ScriptedGenerator
from maestro_env.errors import ConfigurationError
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.names import written

TOKENISER = ByteTokeniser()
SAMPLING = Sampling(max_new_tokens=200)


class Watched:
    """A generator that keeps what it was asked."""

    def __init__(self, inner: ScriptedGenerator) -> None:
        self._inner = inner
        self.tokeniser = inner.tokeniser
        self.context_length = inner.context_length
        self.asked: list[Request] = []

    def write(self, requests: Sequence[Request], sampling: Sampling) -> list[Written]:
        self.asked += requests
        return self._inner.write(requests, sampling)


def generator_of(env: MaestroTextEnv, **arguments: Any) -> Watched:
    call = f"<search> {written(env.registry.experts[0])}: look </search>"
    return Watched(
        ScriptedGenerator(lambda said: "<answer> 1 </answer>" if "replies" in said else call, TOKENISER, **arguments)
    )


def played(env: MaestroTextEnv, player: LLMPlayer) -> dict[str, Any]:
    """Play an episode of the first task, and return its last info."""
    env.reset(options={"task": env.task_ids[0]})
    player.begin(env.turns)
    while True:
        said, _, terminated, truncated, info = env.step(player.write())
        if terminated or truncated:
            return info
        player.hear(said)


@pytest.mark.parametrize("ends", [False, True])
def test_player__asks_for_what_a_rollout_asks_for(text_env: MaestroTextEnv, ends: bool) -> None:
    theirs, ours = generator_of(text_env, ends=ends), generator_of(text_env, ends=ends)
    # With an end token after the policy's turns, which is not said twice where it wrote one itself.
    layout = Layout(before_said=END)
    play(text_env, theirs, text_env.task_ids[:1], sampling=SAMPLING, layout=layout)
    player = LLMPlayer(ours, layout=layout, sampling=SAMPLING, env_arguments={})
    for _ in range(2):  # an episode before leaves nothing behind
        ours.asked.clear()
        info = played(text_env, player)
        assert info["outcome"] in ("correct", "wrong")
        assert [request.token_ids for request in ours.asked] == [request.token_ids for request in theirs.asked]
    assert [request.seed for request in ours.asked] == [(0, 0), (0, 1)]


def test_player__filled_window_is_a_fault_and_a_longer_prompt_an_error(text_env: MaestroTextEnv) -> None:
    text_env.reset(options={"task": text_env.task_ids[0]})
    length = len(Layout().opening(text_env.turns, TOKENISER))
    generator = generator_of(text_env, context_length=length + 60)
    assert played(text_env, LLMPlayer(generator, layout=Layout(), sampling=SAMPLING, env_arguments={}))["faults"][
        "no_action"
    ]
    generator = generator_of(text_env, context_length=length)
    with pytest.raises(ConfigurationError, match=f"context window is {length}"):
        played(text_env, LLMPlayer(generator, layout=Layout(), sampling=SAMPLING, env_arguments={}))


def test_make_player__from_a_folder(tiny: Any, tiny_config: Path, tmp_path: Path) -> None:
    from maestro_agents.llm import run_folder
    from maestro_agents.llm.settings import read_settings

    settings = read_settings(tiny_config, ["sampling.max_new_tokens=7"])
    run_folder.save_model(tiny, tmp_path, settings)
    player = make_player(str(tmp_path / "model"))
    assert player.env_arguments == settings.env
    env = MaestroTextEnv(**player.env_arguments)
    env.reset(options={"task": env.task_ids[0]})
    texts = []
    for _ in range(2):  # the likeliest tokens, always
        player.begin(env.turns)
        texts.append(player.write())
    assert texts[0] == texts[1]
    assert len(tiny.tokeniser.encode(texts[0])) >= 1


def test_make_player__unknown() -> None:
    pytest.importorskip("transformers", reason="needs the extra llm")
    with pytest.raises(ConfigurationError, match="There is no model 'nowhere'"):
        make_player("nowhere")
