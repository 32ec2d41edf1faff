"""`maestro play`: a person plays an episode in the terminal, as a policy would. Looking on is watch.py's business."""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, TextIO

import gymnasium as gym
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from maestro_env.cli.pictures import half_blocks
from maestro_env.cli.watch import watch
from maestro_env.dynamics import EXPERT_FEATURES
from maestro_env.env import MaestroEnv
from maestro_env.errors import ActionError, ConfigurationError, TaskError, UnknownNameError
from maestro_env.registry import STOP, Registry
from maestro_env.skills.crops import view_of
from maestro_env.tasks import load_image
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.players import find_player
from maestro_env.types import SPLITS, AnswerRule, Task

SUMMARY = "Play an episode: call experts, look at what they reply, stop when you believe an answer."

_MAX_COLUMNS = 72
"""Width of a picture in the terminal, in characters: one character shows two pixels, one above the other."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("recording", nargs="?", help="name or folder (default: embedded, or the agent's own)")
    parser.add_argument("--split", choices=SPLITS, default="val", help="default: %(default)s")
    parser.add_argument("--benchmarks", nargs="+", metavar="NAME", help="draw tasks of these only (default: all)")
    parser.add_argument("--task", help="play this task instead of a drawn one")
    parser.add_argument("--seed", type=int, help="draw the same task for the same seed")
    parser.add_argument("--max-turns", type=int, help="default: 4, or as many as the agent was made for")
    parser.add_argument("--answer-rule", choices=tuple(AnswerRule), default=AnswerRule.VOTE, help="how it is settled")
    parser.add_argument("--backend", choices=("recorded", "local"), default="recorded", help="default: %(default)s")
    parser.add_argument("--picture", type=Path, help="save what is looked at to this file, instead of showing it here")
    parser.add_argument(
        "--agent",
        metavar="NAME",
        help="look on while an agent that writes plays: one by name, such as tiny-orchestrator, or a model's folder",
    )


def run(arguments: argparse.Namespace) -> None:
    """Play one episode with the standard input and output."""
    if arguments.agent is not None:
        look_on(arguments)
        return
    env = gym.make(
        "maestro_env:Maestro-v0",
        recording=arguments.recording or "embedded",
        registry=None,
        split=arguments.split,
        benchmarks=arguments.benchmarks,
        backend=arguments.backend,
        max_turns=4 if arguments.max_turns is None else arguments.max_turns,
        answer_rule=str(arguments.answer_rule),
    ).unwrapped
    assert isinstance(env, MaestroEnv)
    game = Game(env, Console(highlight=False), sys.stdin, picture=arguments.picture)
    game.play(seed=arguments.seed, task=arguments.task)


def look_on(arguments: argparse.Namespace) -> None:
    """Let an agent play one episode, with the rules that it was made for unless others are asked for."""
    if arguments.picture is not None:
        raise ConfigurationError("--picture is for playing yourself; leave it out with --agent.")
    player = find_player(arguments.agent)
    asked: dict[str, Any] = {
        "recording": arguments.recording,
        "split": arguments.split,
        "benchmarks": arguments.benchmarks,
        "backend": arguments.backend,
        "max_turns": arguments.max_turns,
        "answer_rule": str(arguments.answer_rule),
    }
    given = {name: value for name, value in asked.items() if value is not None}
    env = MaestroTextEnv(**{**player.env_arguments, **given})
    watch(env, player, Console(highlight=False), seed=arguments.seed, task=arguments.task)


class Game:
    """One episode between an environment and a person."""

    def __init__(self, env: MaestroEnv, console: Console, keyboard: TextIO, *, picture: Path | None) -> None:
        self._env = env
        self._console = console
        self._keyboard = keyboard
        self._picture = picture

    def play(self, *, seed: int | None, task: str | None) -> None:
        """Play until the episode ends, or the person leaves."""
        _, info = self._env.reset(seed=seed, options={"task": task} if task else None)
        self._show_task(info)
        self._show_view()
        ended = False
        while not ended:
            action = self._ask(info)
            if action is None:
                self._console.print("Left before the end.")
                return
            place = info["context"]
            observation, reward, terminated, truncated, info = self._env.step(action)
            ended = terminated or truncated
            if action != STOP:
                known = observation["experts"].reshape(-1, len(EXPERT_FEATURES))[action - 1]
                self._show_reply(info, dict(zip(EXPERT_FEATURES, known.tolist(), strict=True)))
            if info["context"] != place and not ended:
                self._show_view()
            if ended:
                self._show_end(info, reward)

    def _show_task(self, info: dict[str, Any]) -> None:
        task = self._task(info["task_id"])
        self._console.print(f"[dim]{task.id}[/]\n[bold]{escape(task.question)}[/]")
        if task.choices:
            self._console.print(f"[dim]Possible answers: {', '.join(task.choices)}[/]")

    def _show_view(self) -> None:
        """Show what experts look at now: in the terminal if it shows true colours, else as a file."""
        moment = self._env.get_state()
        recording = moment.live or self._env.recording
        assert moment.state is not None
        task = recording.tasks[moment.state.task]
        context = recording.context(moment.state.task, moment.state.slot)
        try:
            view = view_of(load_image(task.images[0]), context) if task.images else None
        except TaskError as error:
            self._console.print(f"[dim]No picture: {escape(str(error))}[/]")
            return
        if view is None:
            self._console.print("[dim]This task has no picture.[/]")
        elif self._picture is None and self._console.is_terminal and self._console.color_system == "truecolor":
            self._console.print(half_blocks(view, columns=min(_MAX_COLUMNS, self._console.width)))
        else:
            self._picture = self._picture or _temporary_file()
            view.save(self._picture)
            self._console.print(f"You look at [bold]{context.id}[/]: {self._picture}", soft_wrap=True)

    def _ask(self, info: dict[str, Any]) -> int | None:
        """Return the action that the person chooses; None to leave."""
        self._console.print(action_table(self._env.registry, info["action_mask"].tolist()))
        while True:
            self._console.print("Number or id of an action, or q to leave: ", end="")
            line = self._keyboard.readline()
            if not line or line.strip().lower() in ("q", "quit"):
                self._console.print()
                return None
            try:
                action = chosen_action(line, self._env.registry)
            except (ActionError, UnknownNameError) as error:
                self._console.print(escape(str(error)))
                continue
            if info["action_mask"][action]:
                return action
            self._console.print("That expert was already called here; another call would only cost a turn.")

    def _show_reply(self, info: dict[str, Any], known: dict[str, float]) -> None:
        cost = f"{info['passes']:g} passes" if self._env.recording.cost_unit == "passes" else f"${info['cost_usd']:.6f}"
        sure = f"{known['confidence']:.0%} sure, " if known["has_confidence"] else ""
        status = "" if info["status"] == "ok" else f" [red]({info['status']})[/]"
        reply = escape(info["reply"])
        self._console.print(f"[cyan]{info['expert']}[/]: [bold]{reply}[/]{status} [dim]({sure}{cost})[/]")

    def _show_end(self, info: dict[str, Any], reward: float) -> None:
        colour = "green" if info["outcome"] == "correct" else "red"
        answer = repr(info["answer"]) if info["answer"] else "no answer"
        self._console.print(
            f"[{colour} bold]{info['outcome']}[/]: {escape(answer)}; the gold answer is {escape(repr(info['gold']))}. "
            f"Reward {reward:g}."
        )

    def _task(self, task_id: str) -> Task:
        recording = self._env.recording
        return recording.tasks[recording.index_of(task_id)]


def chosen_action(line: str, registry: Registry) -> int:
    """Return the action that a line names, by its number, by an expert's id, or `stop`.

    Raises:
        ActionError: A number that is no action.
        UnknownNameError: A text that is no expert.
    """
    text = line.strip()
    if text.lower() == "stop":
        return STOP
    if text.lstrip("-").isdecimal():
        if not 0 <= int(text) <= len(registry):
            raise ActionError(f"Action {text} does not exist; expected 0 (stop) to {len(registry)}.")
        return int(text)
    return registry.action_of(text)


def action_table(registry: Registry, mask: list[int]) -> Table:
    """Return every action; those that are masked are dim."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_row("0", "stop and answer")
    for action, expert in enumerate(registry.experts, start=1):
        note = "" if mask[action] else " (already called here)"
        table.add_row(str(action), f"{expert.id}{note}", style="" if mask[action] else "dim")
    return table


def _temporary_file() -> Path:
    handle, name = tempfile.mkstemp(prefix="maestro-", suffix=".png")
    os.close(handle)
    return Path(name)
