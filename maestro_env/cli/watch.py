"""`maestro play --agent`: an agent that writes plays an episode, and one looks on, turn by turn."""

from typing import Any

from rich.console import Console
from rich.markup import escape

from maestro_env.cli.pictures import half_blocks
from maestro_env.errors import TaskError
from maestro_env.text.env import MaestroTextEnv
from maestro_env.text.grammar import Fault, Search, parse
from maestro_env.text.players import Player
from maestro_env.text.view import View

_MAX_COLUMNS = 72
"""Width of a picture in the terminal, in characters."""


def watch(env: MaestroTextEnv, player: Player, console: Console, *, seed: int | None, task: str | None) -> None:
    """Let a player play an episode to its end, and show what it thinks, asks and hears."""
    _, info = env.reset(seed=seed, options={"task": task} if task else None)
    base = env.base.recording
    question = base.tasks[base.index_of(info["task_id"])]
    console.print(f"[dim]{info['task_id']}[/]\n[bold]{escape(question.question)}[/]")
    if question.choices:
        console.print(f"[dim]Possible answers: {escape(', '.join(question.choices))}[/]")
    _show_view(info["view"], console)
    player.begin(env.turns)
    ended = False
    while not ended:
        place = info["context"]
        written = player.write()
        said, reward, terminated, truncated, info = env.step(written)
        ended = terminated or truncated
        _show_turn(written, info, console)
        if info["context"] != place and not ended:
            _show_view(info["view"], console)
        if ended:
            _show_end(info, reward, console)
        else:
            player.hear(said)


def _show_turn(written: str, info: dict[str, Any], console: Console) -> None:
    """Show what was written, as what it was read as, and what came of it."""
    move = parse(written)
    if isinstance(move, Fault):
        console.print(f"It writes: {escape(written)}")
    else:
        if move.think:
            console.print(f"[italic dim]thinks: {escape(move.think)}[/]")
        if isinstance(move, Search):
            console.print(f"asks [cyan]{escape(move.expert)}[/]: {escape(move.query)}")
        else:
            console.print(f"answers [bold]{escape(move.text)}[/]")
    if info["fault"]:
        console.print(f"[red]This is a fault: {info['fault']}.[/]")
    elif info["move"] == "search":
        status = "" if info["status"] == "ok" else f" [red]({info['status']})[/]"
        console.print(f"[cyan]{escape(info['expert'])}[/] replies: [bold]{escape(info['reply'])}[/]{status}")


def _show_view(view: View, console: Console) -> None:
    """Show what experts look at now, where the terminal can: the player itself may be told of it in words alone."""
    if not (console.is_terminal and console.color_system == "truecolor"):
        return
    try:
        pictures = view.load()
    except TaskError as error:
        console.print(f"[dim]No picture: {escape(str(error))}[/]")
        return
    for picture in pictures:
        console.print(half_blocks(picture, columns=min(_MAX_COLUMNS, console.width)))


def _show_end(info: dict[str, Any], reward: float, console: Console) -> None:
    colour = "green" if info["outcome"] == "correct" else "red"
    answer = repr(info["answer"]) if info["answer"] else "no answer"
    console.print(
        f"[{colour} bold]{info['outcome']}[/]: {escape(answer)}; the gold answer is {escape(repr(info['gold']))}. "
        f"Reward {reward:g}, {info['num_calls']} calls."
    )
