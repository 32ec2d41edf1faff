"""What the commands share: a run's environment, its model, its held-out evaluation. Its folder is in run_folder.py."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from typing import Any

import numpy as np

from maestro_agents.llm.generation import Generator, Request, check_room
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.model_folders import place_of
from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser, layout_of, load_pretrained
from maestro_agents.llm.rollout import Rollout, play
from maestro_agents.llm.settings import ModelSettings, RunSettings, read_settings, shipped_configs
from maestro_agents.llm.tiny import texts_of, tiny_model, tiny_tokeniser
from maestro_agents.llm.tiny_vision import tiny_vision_model
from maestro_env.errors import ConfigurationError, MissingExtraError
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.transcript import as_text

try:
    import torch
except ImportError as error:
    raise MissingExtraError(
        f"maestro_agents.llm.run needs {error.name}, which is not installed: pip install 'maestro-env[llm]'"
    ) from error

_NUM_MEASURED = 32
"""Prompts that are measured in tokens, those with the most characters."""


def make_env(settings: RunSettings, *, split: str | None = None) -> MaestroTextEnv:
    """Return a run's environment, or the same one over another split."""
    arguments: dict[str, Any] = {**settings.env, **({} if split is None else {"split": split})}
    return MaestroTextEnv(**arguments)


def make_model(settings: RunSettings, env: MaestroTextEnv, *, place: str = "") -> Pretrained:
    """Return a run's model: one that was saved, a pretrained one, or a tiny one built from nothing.

    Raises:
        ConfigurationError: It cannot be read, its device is not there, or its tokeniser lacks the tags.
    """
    chosen = settings.model
    _check_device(chosen.device)
    if place or chosen.place:
        pretrained = load_pretrained(place_of(place or chosen.place), dtype=chosen.dtype, device=chosen.device)
    else:
        pretrained = _built(chosen, env, seed=settings.sft.seed)
    if chosen.single_tags:
        pretrained.tokeniser.require_single_tags()
    return pretrained


def _built(chosen: ModelSettings, env: MaestroTextEnv, *, seed: int) -> Pretrained:
    """Return a tiny model that can read, and see where the environment shows pictures."""
    if env.rules.images:
        return tiny_vision_model(
            texts_of(env),
            seed=seed,
            layers=chosen.layers,
            width=chosen.width,
            context_length=chosen.context_length,
            vocabulary=chosen.vocabulary,
        )
    tokenizer = tiny_tokeniser(texts_of(env), vocabulary=chosen.vocabulary)
    model = tiny_model(
        tokenizer, seed=seed, layers=chosen.layers, width=chosen.width, context_length=chosen.context_length
    )
    return Pretrained(model=model.eval(), tokeniser=PretrainedTokeniser(tokenizer))


def make_layout(settings: RunSettings, pretrained: Pretrained) -> Layout:
    """Return how a run's prompts are laid out."""
    chosen = settings.model
    return layout_of(
        pretrained.tokeniser, layout=chosen.layout, instructions=chosen.instructions, pictures=pretrained.pictures
    )


def draw_tasks(env: MaestroTextEnv, number: int, *, seed: int) -> list[str]:
    """Return some of an environment's tasks, each once; the same ones for the same seed.

    As many are of each benchmark, as far as it has that many, lest a large one crowd out the others.

    Raises:
        ConfigurationError: There are not that many.
    """
    if number > len(env.task_ids):
        raise ConfigurationError(f"{number} tasks are asked for, and there are {len(env.task_ids)}; ask for fewer.")
    rng = np.random.default_rng(seed)
    order: list[int] = rng.permutation(len(env.task_ids)).tolist()
    shuffled = [env.task_ids[place] for place in order]
    recording = env.base.recording
    rounds: dict[str, int] = {}
    met: Counter[str] = Counter()
    for task_id in shuffled:
        benchmark = recording.task_benchmarks[recording.index_of(task_id)]
        rounds[task_id] = met[benchmark]
        met[benchmark] += 1
    chosen = sorted(shuffled, key=rounds.__getitem__)[:number]
    mixed: list[int] = rng.permutation(number).tolist()
    return [chosen[place] for place in mixed]


def check_prompts(env: MaestroTextEnv, task_ids: Sequence[str], *, generator: Generator, layout: Layout) -> None:
    """Raise if a prompt fills the model's window: before a run begins, and not in the middle of it.

    Raises:
        ConfigurationError: One of the longest prompts does.
    """
    num_chars: dict[str, int] = {}
    for task_id in task_ids:
        env.reset(options={"task": task_id})
        num_chars[task_id] = len(as_text(env.turns))
    for task_id in nlargest(_NUM_MEASURED, num_chars, key=num_chars.__getitem__):
        env.reset(options={"task": task_id})
        prompt_ids = tuple(layout.opening(env.turns, generator.tokeniser))
        check_room([Request(token_ids=prompt_ids, seed=(0,))], generator.context_length)


class HeldOut:
    """A fixed set of tasks that nothing is trained on, of the benchmarks that are, played as the settings say."""

    def __init__(self, settings: RunSettings, layout: Layout, *, split: str | None = None) -> None:
        """Draw the tasks."""
        chosen = settings.evaluation
        trained = make_env(settings).base
        benchmarks = dict.fromkeys(
            trained.recording.task_benchmarks[trained.recording.index_of(task_id)] for task_id in trained.task_ids
        )
        arguments: dict[str, Any] = {**settings.env, "split": split or chosen.split, "benchmarks": tuple(benchmarks)}
        self._env = MaestroTextEnv(**arguments)
        self._tasks = draw_tasks(self._env, chosen.num_tasks, seed=chosen.seed)
        self._sampling = replace(settings.sampling, temperature=chosen.temperature)
        self._layout = layout
        self._seed = chosen.seed

    def check(self, generator: Generator) -> None:
        """Raise if a prompt fills the model's window.

        Raises:
            ConfigurationError: It does.
        """
        check_prompts(self._env, self._tasks, generator=generator, layout=self._layout)

    def play(self, generator: Generator) -> list[Rollout]:
        """Return an episode of each task."""
        return play(self._env, generator, self._tasks, sampling=self._sampling, layout=self._layout, seed=(self._seed,))


def parser_of(description: str) -> argparse.ArgumentParser:
    """Return what every command understands."""
    parser = argparse.ArgumentParser(description=description)
    names = ", ".join(shipped_configs())
    parser.add_argument("--config", default="tiny-cpu", help=f"a TOML file, or one of {names} (default: tiny-cpu)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="change a setting; may be repeated"
    )
    return parser


def settings_of(arguments: argparse.Namespace) -> RunSettings:
    """Return the settings that a command was given."""
    return read_settings(arguments.config, arguments.set)


def in_words(figures: Mapping[str, Any]) -> str:
    """Return the figures of an evaluation as a line."""
    return (
        f"accuracy {figures['accuracy']:.3f} [{figures['accuracy_low']:.3f}, {figures['accuracy_high']:.3f}], "
        f"well-formed {figures['well_formed']:.3f}, calls {figures['calls']:.2f}, "
        f"commonest first call {figures['commonest_first_call']:.2f}, {figures['num_episodes']} episodes"
    )


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without it
        first_line = str(error).strip().splitlines()[0]
        raise ConfigurationError(f"model.device={device!r} cannot be used here: {first_line}") from error
