"""Recording a shard: every expert on some tasks, in every context that turns up, batched by model.

The batches depend on nothing but the plan, so that a shard's replies do not depend on when or where it is recorded.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.backends.driver import Call, LookFunction, Network, drive
from maestro_env.backends.local import network_name
from maestro_env.errors import RecordingError
from maestro_env.recordings.build import RecordedTask, build_recording
from maestro_env.recordings.plan import RecordingPlan, TaskRequest
from maestro_env.recordings.recording import Recording
from maestro_env.registry import Registry
from maestro_env.skills.base import Look
from maestro_env.skills.crops import view_of
from maestro_env.skills.workflows import skill_function
from maestro_env.types import WHOLE, Context, Expert, Model, Reply, Task


class Rendered(Protocol):
    """A task with its picture."""

    @property
    def task(self) -> Task: ...
    @property
    def image(self) -> Image.Image: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Workbench:
    """What recording works with. It is pickled to worker processes: give functions of modules, not lambdas."""

    render: Callable[[str, str, int], Rendered]
    """(benchmark, split, index) -> the task with its picture."""
    load_network: Callable[[str], Network]
    encode_questions: Callable[[Sequence[str]], NDArray[np.float32]]
    """Texts -> [n, D]."""
    encode_views: Callable[[Sequence[Image.Image]], NDArray[np.float32]]
    """Pictures -> [n, V]."""


class RememberedLooks:
    """Asks a network, but puts a question to a whole picture only once, whoever asks.

    So skills that look at the same picture see the same, to the last bit, and a locator asked again in a region
    finds what it found.
    """

    def __init__(self, look: LookFunction, pictures: Sequence[Image.Image]) -> None:
        self._look = look
        self._pictures = {id(picture) for picture in pictures}
        self._known: dict[tuple[int, str], Look] = {}

    def __call__(self, views: Sequence[Image.Image], questions: Sequence[str]) -> list[Look]:
        """Return one look a view."""
        keys = [(id(view), question) for view, question in zip(views, questions, strict=True)]
        new = {key: view for key, view in zip(keys, views, strict=True) if key not in self._known}
        looks: Sequence[Look] = self._look(list(new.values()), [question for _, question in new]) if new else ()
        fresh = dict(zip(new, looks, strict=True))
        self._known |= {key: look for key, look in fresh.items() if key[0] in self._pictures}
        return [fresh[key] if key in fresh else self._known[key] for key in keys]


class ShardRecorder:
    """Records shards of a plan; each network is loaded once."""

    def __init__(self, plan: RecordingPlan, bench: Workbench) -> None:
        self._plan = plan
        self._bench = bench
        self._networks: dict[str, Network] = {}

    def record(self, shard: int) -> Recording:
        """Return the recording of a shard's tasks."""
        plan, requests = self._plan, self._plan.shard(shard)
        recorded: list[RecordedTask] = []
        for start in range(0, len(requests), plan.group_tasks):
            recorded.extend(self._record_group(requests[start : start + plan.group_tasks]))
        return build_recording(plan, recorded)

    def _record_group(self, requests: Sequence[TaskRequest]) -> list[RecordedTask]:
        rendered = [self._bench.render(request.benchmark, request.split, request.index) for request in requests]
        group = _Group(self._plan.registry, rendered)
        whole = [view_of(each.image, Context(id=WHOLE)) for each in rendered]
        looks = {model.name: RememberedLooks(self._network(model).look, whole) for model in self._plan.registry.models}
        while group.unvisited:
            group.visit(looks)
        questions = self._bench.encode_questions([each.task.question for each in rendered])
        shown = [
            view_of(each.image, context)
            for each, contexts in zip(rendered, group.contexts, strict=True)
            for context in contexts
        ]
        views = iter(self._bench.encode_views(shown))
        return [
            RecordedTask(
                task=each.task,
                contexts=tuple(contexts),
                question=questions[n],
                views=np.stack([next(views) for _ in contexts]),
                replies=group.replies[n],
            )
            for n, (each, contexts) in enumerate(zip(rendered, group.contexts, strict=True))
        ]

    def _network(self, model: Model) -> Network:
        if model.name not in self._networks:
            self._networks[model.name] = self._bench.load_network(network_name(model))
        return self._networks[model.name]


class _Group:
    """Some tasks with the contexts found so far and the replies given in them."""

    def __init__(self, registry: Registry, rendered: Sequence[Rendered]) -> None:
        self._registry = registry
        self._rendered = rendered
        self.contexts = [[Context(id=WHOLE)] for _ in rendered]
        self.replies: list[dict[tuple[int, int], Reply]] = [{} for _ in rendered]
        """For each task: (slot, expert) -> reply."""
        self.unvisited = [(n, 0) for n in range(len(rendered))]
        """(task, slot) of the contexts in which nobody was asked yet."""

    def visit(self, looks: Mapping[str, LookFunction]) -> None:
        """Call every expert in every unvisited context; what they find is unvisited next."""
        for model in self._registry.models:
            cells = list(self._cells_of(model))
            calls = [self._start(n, slot, self._registry.experts[p]) for n, slot, p in cells]
            for (n, slot, p), reply in zip(cells, drive(calls, looks[model.name]), strict=True):
                self.replies[n][slot, p] = reply
        visited, self.unvisited = self.unvisited, []
        for n, slot in visited:
            for p in range(len(self._registry)):
                self._enter(n, self.replies[n][slot, p].next_context)

    def _cells_of(self, model: Model) -> Iterator[tuple[int, int, int]]:
        for n, slot in self.unvisited:
            for p, expert in enumerate(self._registry.experts):
                if expert.model.name == model.name:
                    yield n, slot, p

    def _start(self, n: int, slot: int, expert: Expert) -> Call:
        each = self._rendered[n]
        run = skill_function(expert.skill.name)(each.task, self.contexts[n][slot], each.image, expert)
        return Call(expert=expert, run=run)

    def _enter(self, n: int, context: Context) -> None:
        known = {each.id: each for each in self.contexts[n]}
        if context.id not in known:
            self.unvisited.append((n, len(self.contexts[n])))
            self.contexts[n].append(context)
        elif known[context.id] != context:
            raise RecordingError(
                f"Task {self._rendered[n].task.id!r}: the context {context.id!r} was found twice, as "
                f"{known[context.id]} and as {context}; a skill must give different regions different ids."
            )
