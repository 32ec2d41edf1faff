"""The training command: experts side by side, each after the one that it starts from."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from rich.console import Console  # noqa: E402
from rich.progress import Progress  # noqa: E402

from maestro_env.experts import train  # noqa: E402
from maestro_env.experts.recipes import Recipe, recipe_of  # noqa: E402
from maestro_env.experts.training import Plan  # noqa: E402

FIRST = recipe_of("generalist")
SECOND = replace(FIRST, expert="second", start_from="generalist")
THIRD = replace(FIRST, expert="third", start_from="")


class OneAtATime(Executor):
    """Finishes the trainings in the order in which they were begun, one for every look at the queue."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.unfinished: list[tuple[Future[Any], str]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        recipe = args[0]
        assert isinstance(recipe, Recipe)
        self.begun.append(recipe.expert)
        future: Future[Any] = Future()
        self.unfinished.append((future, recipe.expert))
        return future


class Reports(Queue[Any]):
    """A queue that lets one training finish whenever it is asked."""

    def __init__(self, executor: OneAtATime) -> None:
        super().__init__()
        self.executor = executor

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        future, name = self.executor.unfinished.pop(0)
        future.set_result(Path(name))
        return ("generalist", 200, 1.5)


def test_train_all__waits_for_the_start_and_skips_what_is_not_trained_here(tmp_path: Path) -> None:
    executor = OneAtATime()
    plan = Plan(pool=tmp_path, out=tmp_path, steps=400)
    with Progress(console=Console(quiet=True)) as progress:
        train.train_all([SECOND, FIRST, THIRD], plan, executor=executor, reports=Reports(executor), progress=progress)
    # The second waits for the first, which is begun at once, like the third; then it is its turn.
    assert executor.begun == ["generalist", "third", "second"]


def test_train_all__a_start_that_is_not_in_the_list_is_not_waited_for(tmp_path: Path) -> None:
    executor = OneAtATime()
    plan = Plan(pool=tmp_path, out=tmp_path, steps=400)
    with Progress(console=Console(quiet=True)) as progress:
        train.train_all([SECOND], plan, executor=executor, reports=Reports(executor), progress=progress)
    assert executor.begun == ["second"]


def test_train_all__a_failed_training_fails_the_command(tmp_path: Path) -> None:
    class Failing(Reports):
        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            self.executor.unfinished.pop(0)[0].set_exception(RuntimeError("no memory"))
            return ("generalist", 200, 1.5)

    executor = OneAtATime()
    plan = Plan(pool=tmp_path, out=tmp_path, steps=400)
    with Progress(console=Console(quiet=True)) as progress, pytest.raises(RuntimeError, match="no memory"):
        train.train_all([FIRST], plan, executor=executor, reports=Failing(executor), progress=progress)
