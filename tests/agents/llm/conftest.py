"""Fixtures for language-model policies: a small text environment, and a tiny model where the extra is installed."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maestro_env.recordings.format import write_recording
from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry
from maestro_env.testing import fake_recording
from maestro_env.text.env import MaestroTextEnv


@pytest.fixture(scope="session")
def told() -> Recording:
    return fake_recording(num_tasks=60)


@pytest.fixture
def text_env(told: Recording) -> MaestroTextEnv:
    return MaestroTextEnv(recording=told, registry=None, split="train", prompt="compact", images=False, max_turns=2)


@pytest.fixture(scope="session")
def tiny(told: Recording) -> Any:
    """A model of random weights and its tokeniser; nothing may train it."""
    pytest.importorskip("transformers", reason="needs the extra llm")
    from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser
    from maestro_agents.llm.tiny import texts_of, tiny_model, tiny_tokeniser

    env = MaestroTextEnv(recording=told, registry=None, split="train", prompt="compact", images=False)
    tokenizer = tiny_tokeniser(texts_of(env), vocabulary=320)
    model = tiny_model(tokenizer, seed=0, layers=1, width=32, context_length=1024)
    return Pretrained(model=model.eval(), tokeniser=PretrainedTokeniser(tokenizer))


@pytest.fixture(scope="session")
def taught_state(told: Recording) -> Any:
    """A model that writes the format now and then, so that its episodes differ in reward; nothing may train it."""
    pytest.importorskip("transformers", reason="needs the extra llm")
    from maestro_agents.llm.layout import Layout
    from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser
    from maestro_agents.llm.supervised import Fit, fit
    from maestro_agents.llm.tiny import texts_of, tiny_model, tiny_tokeniser
    from maestro_agents.llm.traces import random_traces, replay

    env = MaestroTextEnv(
        recording=told, registry=None, split="train", prompt="compact", images=False, max_turns=2, format_penalty=0.5
    )
    tokenizer = tiny_tokeniser(texts_of(env), vocabulary=320)
    tokeniser = PretrainedTokeniser(tokenizer)
    model = tiny_model(tokenizer, seed=0, layers=1, width=64, context_length=1024)
    layout = Layout(instructions=False)
    traces = random_traces(env, env.task_ids, most_calls=1, seed=0)
    rollouts = [replay(env, trace, tokeniser=tokeniser, layout=layout) for trace in traces]
    settings = Fit(epochs=30, batch_size=8, lr=1e-2, max_grad_norm=1.0, weight_decay=0.0, seed=0)
    fit(model, rollouts, settings, pad_id=tokeniser.pad_id)
    return Pretrained(model=model, tokeniser=tokeniser)


@pytest.fixture
def taught(taught_state: Any) -> Any:
    """A copy of it, to be trained."""
    from maestro_agents.llm.pretrained import Pretrained

    return Pretrained(model=copy.deepcopy(taught_state.model), tokeniser=taught_state.tokeniser)


@pytest.fixture(scope="session")
def pictured(told: Recording, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """The recording with a picture for each task, of three sizes: 2, 4 and 6 tokens of the tiny model that sees."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    references: list[str] = []
    for number in range(12):
        height, width = ((32, 64), (64, 64), (64, 96))[number % 3]
        pixels = rng.integers(0, 256, (height // 16, width // 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        references.append(str(folder / f"{number}.png"))
    tasks = tuple(replace(task, images=(references[place % 12],)) for place, task in enumerate(told.tasks))
    return replace(told, tasks=tasks)


@pytest.fixture
def picture_env(pictured: Recording) -> MaestroTextEnv:
    return MaestroTextEnv(
        recording=pictured, registry=None, split="train", prompt="compact", max_turns=2, format_penalty=0.5
    )


@pytest.fixture(scope="session")
def seeing(pictured: Recording) -> Any:
    """A model of random weights that can be shown pictures; nothing may train it."""
    pytest.importorskip("transformers", reason="needs the extra llm")
    from maestro_agents.llm.tiny import texts_of
    from maestro_agents.llm.tiny_vision import tiny_vision_model

    env = MaestroTextEnv(recording=pictured, registry=None, split="train", prompt="compact")
    return tiny_vision_model(texts_of(env), seed=0, layers=2, width=32, context_length=1024, vocabulary=340)


@pytest.fixture(scope="session")
def taught_seeing_state(pictured: Recording) -> Any:
    """The same, able to write the format now and then, so that its episodes differ in reward; nothing may train it."""
    pytest.importorskip("transformers", reason="needs the extra llm")
    from maestro_agents.llm.pretrained import layout_of
    from maestro_agents.llm.supervised import Fit, fit
    from maestro_agents.llm.tiny import texts_of
    from maestro_agents.llm.tiny_vision import tiny_vision_model
    from maestro_agents.llm.traces import random_traces, replay

    env = MaestroTextEnv(recording=pictured, registry=None, split="train", prompt="compact", max_turns=2)
    seeing = tiny_vision_model(texts_of(env), seed=0, layers=2, width=64, context_length=1024, vocabulary=340)
    layout = layout_of(seeing.tokeniser, layout="chat", instructions=False, pictures=seeing.pictures)
    traces = random_traces(env, env.task_ids, most_calls=1, seed=0)
    rollouts = [replay(env, trace, tokeniser=seeing.tokeniser, layout=layout) for trace in traces]
    settings = Fit(epochs=40, batch_size=8, lr=1e-2, max_grad_norm=1.0, weight_decay=0.0, seed=0)
    fit(seeing.model, rollouts, settings, pad_id=seeing.tokeniser.pad_id, pictures=seeing.pictures)
    return seeing


@pytest.fixture
def taught_seeing(taught_seeing_state: Any) -> Any:
    """A copy of it, to be trained."""
    return replace(taught_seeing_state, model=copy.deepcopy(taught_seeing_state.model))


def catalog_of(registry: Registry) -> str:
    """Return a registry as a catalog file."""
    lines: list[str] = []
    for skill in registry.skills:
        lines += ["[[skill]]", f"name = {json.dumps(skill.name)}", f"description = {json.dumps(skill.description)}"]
    for model in registry.models:
        skills = [expert.skill.name for expert in registry.experts if expert.model == model]
        lines += ["[[model]]", f"name = {json.dumps(model.name)}", f"description = {json.dumps(model.description)}"]
        lines.append(f"skills = {json.dumps(skills)}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def tiny_config(told: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a configuration of everything that is small, over a recording on disk."""
    folder = tmp_path_factory.mktemp("config")
    write_recording(folder / "recording", told)
    (folder / "experts.toml").write_text(catalog_of(told.registry), "utf-8")
    settings = {
        "model": {
            "place": "",
            "layers": 1,
            "width": 64,
            "context_length": 1024,
            "vocabulary": 320,
            "layout": "plain",
            "instructions": False,
            "dtype": "float32",
            "device": "cpu",
            "lora_rank": 0,
            "single_tags": True,
        },
        "env": {
            "recording": str(folder / "recording"),
            "registry": str(folder / "experts.toml"),
            "split": "train",
            "prompt": "compact",
            "images": False,
            "max_turns": 2,
        },
        "sampling": {"max_new_tokens": 50},
        "traces": {"source": "random", "num_tasks": 24, "most_calls": 1},
        "sft": {"epochs": 20, "batch_size": 8, "lr": 1e-2, "max_grad_norm": 1.0, "weight_decay": 0.0, "seed": 0},
        "grpo": {
            "steps": 6,
            "questions": 3,
            "group_size": 4,
            "lr": 1e-2,
            "lr_schedule": "linear",
            "max_grad_norm": 0.2,
            "beta": 0.0,
            "epsilon": 0.2,
            "scale_rewards": "group",
            "loss_type": "grpo",
            "episodes_at_once": 12,
            "save_every": 2,
            "seed": 0,
        },
        "evaluation": {"split": "val", "num_tasks": 6, "temperature": 0.0, "every": 2, "seed": 0},
    }
    # What JSON writes of texts, numbers and truths is TOML as well.
    text = "".join(
        f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for table, values in settings.items()
    )
    (folder / "tiny.toml").write_text(text, "utf-8")
    return folder / "tiny.toml"


@pytest.fixture(scope="session")
def colliding(told: Recording, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Arguments of an environment two of whose models a reader cannot keep apart."""
    folder = tmp_path_factory.mktemp("colliding")
    rival = told.registry.experts[3]
    renamed = replace(rival, model=replace(rival.model, name="Chart"))
    experts = (*told.registry.experts[:3], renamed, *told.registry.experts[4:])
    registry = replace(told.registry, experts=experts)
    write_recording(folder / "recording", replace(told, registry=registry))
    (folder / "experts.toml").write_text(catalog_of(registry), "utf-8")
    return {"recording": str(folder / "recording"), "registry": str(folder / "experts.toml")}


@pytest.fixture(scope="session")
def tagless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model whose tokeniser holds every byte and no tag."""
    pytest.importorskip("transformers", reason="needs the extra llm")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser
    from maestro_agents.llm.tiny import BEGIN, END, PAD, tiny_model

    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(pre_tokenizers.ByteLevel.alphabet())}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    inner = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, bos_token=BEGIN)
    folder = tmp_path_factory.mktemp("tagless") / "model"
    model = tiny_model(inner, seed=0, layers=1, width=32, context_length=1024)
    Pretrained(model=model, tokeniser=PretrainedTokeniser(inner)).save(folder)
    return folder
