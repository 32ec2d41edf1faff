"""What the commands share: making a run's environment and model, its held-out evaluation, its folder."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from maestro_agents.llm.generation import Generator
from maestro_agents.llm.layout import Layout
from maestro_agents.llm.pretrained import Pretrained, PretrainedTokeniser, layout_of, load_pretrained
from maestro_agents.llm.rollout import Rollout, play
from maestro_agents.llm.settings import ModelSettings, RunSettings, read_settings, shipped_configs
from maestro_agents.llm.tiny import texts_of, tiny_model, tiny_tokeniser
from maestro_agents.llm.tiny_vision import tiny_vision_model
from maestro_env.errors import ConfigurationError
from maestro_env.text.env import MaestroTextEnv


def make_env(settings: RunSettings, *, split: str | None = None) -> MaestroTextEnv:
    """Return a run's environment, or the same one over another split."""
    arguments: dict[str, Any] = {**settings.env, **({} if split is None else {"split": split})}
    return MaestroTextEnv(**arguments)


def make_model(settings: RunSettings, env: MaestroTextEnv, *, place: str = "") -> Pretrained:
    """Return a run's model: one that was saved, a pretrained one, or a tiny one built from nothing.

    Raises:
        ConfigurationError: It cannot be read, or its tokeniser lacks the tags.
    """
    chosen = settings.model
    if place or chosen.place:
        pretrained = load_pretrained(place or chosen.place, dtype=chosen.dtype, device=chosen.device)
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

    Raises:
        ConfigurationError: There are not that many.
    """
    if number > len(env.task_ids):
        raise ConfigurationError(f"{number} tasks are asked for, and there are {len(env.task_ids)}; ask for fewer.")
    drawn = np.random.default_rng(seed).choice(len(env.task_ids), number, replace=False)
    return [env.task_ids[place] for place in drawn]


class HeldOut:
    """A fixed set of tasks that nothing is trained on, played with the settings of a run."""

    def __init__(self, settings: RunSettings, layout: Layout, *, split: str | None = None) -> None:
        """Draw the tasks."""
        chosen = settings.evaluation
        self._env = make_env(settings, split=split or chosen.split)
        self._tasks = draw_tasks(self._env, chosen.num_tasks, seed=chosen.seed)
        self._sampling = replace(settings.sampling, temperature=chosen.temperature)
        self._layout = layout
        self._seed = chosen.seed

    def play(self, generator: Generator) -> list[Rollout]:
        """Return an episode of each task."""
        return play(self._env, generator, self._tasks, sampling=self._sampling, layout=self._layout, seed=(self._seed,))


class Log:
    """A file of JSON lines, each with the step it is about."""

    def __init__(self, path: Path, *, from_step: int = 0) -> None:
        """Open it, and drop what a run that goes on from a step will say again."""
        self._path = path
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        kept = [line for line in lines if json.loads(line)["step"] < from_step]
        path.write_text("".join(f"{line}\n" for line in kept), "utf-8")

    def add(self, step: int, figures: Mapping[str, Any]) -> None:
        """Append a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **figures}) + "\n")


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


def new_folder(place: str | Path, settings: RunSettings, *, goes_on: bool = False) -> Path:
    """Return a folder for a run, with its settings in it.

    Raises:
        ConfigurationError: It exists and holds something; nothing is overwritten.
    """
    folder = Path(place)
    if folder.is_dir() and any(folder.iterdir()) and not goes_on:
        raise ConfigurationError(f"The folder {str(folder)!r} is not empty; give another one. Nothing is overwritten.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.json").write_text(json.dumps(settings.as_document(), indent=2) + "\n", "utf-8")
    return folder


def in_words(figures: Mapping[str, Any]) -> str:
    """Return the figures of an evaluation as a line."""
    return (
        f"accuracy {figures['accuracy']:.3f} [{figures['accuracy_low']:.3f}, {figures['accuracy_high']:.3f}], "
        f"well-formed {figures['well_formed']:.3f}, calls {figures['calls']:.2f}, "
        f"commonest first call {figures['commonest_first_call']:.2f}, {figures['num_episodes']} episodes"
    )


def write_evaluation(folder: Path, name: str, rollouts: Sequence[Rollout], figures: Mapping[str, Any]) -> None:
    """Write figures, and what each episode said, into a folder."""
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    with (folder / f"{name}-episodes.jsonl").open("w", encoding="utf-8") as file:
        for each in rollouts:
            record = {
                "task_id": each.task_id,
                "turns": [turn.text for turn in each.turns if turn.role == "assistant"],
                "reward": each.reward,
                "outcome": each.outcome.value,
                "answer": each.answer,
                "gold": each.gold,
                "experts": each.experts,
                "faults": each.faults,
            }
            file.write(json.dumps(record) + "\n")
