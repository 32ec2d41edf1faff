"""Fakes and contract checks that ship for tests: of this package, and of anyone's own backend.

For tests only. Everything here is made up by a random generator, so that tests need no networks and no pictures;
no figure measured on a fake says anything. The outcomes of shipped recordings are real.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from maestro_env import scoring
from maestro_env.errors import UnknownNameError, unknown_name
from maestro_env.recordings.recording import MISSING, STATUSES, Recording
from maestro_env.registry import Registry
from maestro_env.types import SPLITS, WHOLE, Box, Context, Expert, Model, Reply, Role, Skill, Status, Task

FAKE_BENCHMARKS = ("chart", "counting", "radiology", "scene")
"""Three plain benchmarks, and one that mixes them: there, locating first and then choosing the reader pays."""

_KINDS = FAKE_BENCHMARKS[:3]
_ANSWERS = tuple("0123456789")
_SPLIT_SHARES = (0.6, 0.15, 0.25)
_CONTEXT_IDS = (WHOLE, "region:locator-a", "region:locator-b")
_PICTURE_PX = 512
_LATENCY_S_PER_PASS = 0.002

_READER_SKILL: Mapping[str, float] = {"generalist": 0.55}
_OWN_KIND, _OTHER_KIND, _IN_CLUTTER = 0.85, 0.15, 0.10
"""How often a reader is right: on its own kind, on another, and on any kind before the figure was located."""
_LOCATOR_HITS: Mapping[str, tuple[float, float, float]] = {
    "locator-a": (0.95, 0.3, 0.95),
    "locator-b": (0.3, 0.95, 0.5),
}
"""How often a locator finds the figure, by kind."""


def fake_registry() -> Registry:
    """Return a registry of six readers (three specialists, a rival, a generalist with two skills) and two locators."""
    direct = Skill(name="Direct", description="Asks once.")
    perception = Skill(name="Perception_Problem_Solver", description="Searches.", tier2=("Locate", "Zoom"))

    def model(name: str, passes: float = 1.0) -> Model:
        role = Role.LOCATOR if name in _LOCATOR_HITS else Role.READER
        return Model(name=name, description=f"A fake, {name}.", role=role, passes_per_look=passes, usd_per_pass=0.001)

    generalist = model("generalist")
    return Registry(
        name="fake",
        experts=(
            Expert(model=generalist, skill=direct),
            Expert(model=generalist, skill=perception),
            Expert(model=model("chart"), skill=direct),
            Expert(model=model("chart-rival"), skill=direct),
            Expert(model=model("counting"), skill=direct),
            Expert(model=model("radiology"), skill=direct),
            Expert(model=model("locator-a", 0.5), skill=perception),
            Expert(model=model("locator-b", 0.5), skill=perception),
        ),
    )


def fake_recording(
    *,
    num_tasks: int = 400,
    seed: int = 0,
    benchmarks: Sequence[str] = FAKE_BENCHMARKS,
    failing: float = 0.0,
    missing: float = 0.0,
    cost_unit: str = "passes",
) -> Recording:
    """Return a made-up recording in memory: no pictures, no networks, the same for the same arguments.

    Plain tasks are best read by the specialist of their kind. In a `scene`, readers fail on the whole picture, a
    locator's region shows the kind of figure in its view embedding, and locators miss kinds that are not their own.

    Args:
        num_tasks: Tasks in all, at least 3 a benchmark; 60 / 15 / 25 % of each benchmark are train / val / test.
        seed: Of the only generator used.
        benchmarks: Which of `FAKE_BENCHMARKS`.
        failing: Share of calls whose status is a failure.
        missing: Share of calls that were not recorded; never all experts of a context.
        cost_unit: `passes` or `usd`.

    Raises:
        UnknownNameError: A benchmark that is not in `FAKE_BENCHMARKS`.
        ValueError: Too few tasks for every benchmark to have every split.
    """
    for benchmark in benchmarks:
        if benchmark not in FAKE_BENCHMARKS:
            raise unknown_name("fake benchmark", benchmark, FAKE_BENCHMARKS)
    if num_tasks < 3 * len(benchmarks):
        raise ValueError(f"num_tasks={num_tasks} is too few; give at least {3 * len(benchmarks)}, 3 a benchmark.")
    rng = np.random.default_rng(seed)
    registry = fake_registry()
    experts = registry.experts
    shape = (num_tasks, len(_CONTEXT_IDS), len(experts))

    kind = rng.integers(len(_KINDS), size=num_tasks)
    benchmark_of = np.arange(num_tasks) % len(benchmarks)
    is_scene = np.array([name == "scene" for name in benchmarks])[benchmark_of]
    for b, benchmark in enumerate(benchmarks):
        if benchmark != "scene":
            kind[benchmark_of == b] = _KINDS.index(benchmark)
    gold = rng.integers(len(_ANSWERS), size=num_tasks)
    tasks = _tasks(benchmarks, benchmark_of, kind, gold)

    shown = _shown_kind(kind, is_scene, rng)
    chance = _chance_of_being_right(registry, kind, is_scene, shown)
    is_locator = np.array([expert.model.name in _LOCATOR_HITS for expert in experts])
    right = rng.random(shape) < chance
    wrong_answer = (gold[:, None, None] + rng.integers(1, len(_ANSWERS), size=shape)) % len(_ANSWERS)
    answer = np.where(right, gold[:, None, None], wrong_answer).astype(np.int32)
    confidence = np.round(np.clip(rng.normal(np.where(right, 0.75, 0.45), 0.15), 0.02, 0.99), 3).astype(np.float32)

    status = np.full(shape, STATUSES.index(Status.OK), np.int8)
    status[rng.random(shape) < failing] = STATUSES.index(Status.TIMEOUT)
    unrecorded = rng.random(shape) < missing
    unrecorded[..., 0] = False
    status[unrecorded] = MISSING

    answered = (status == STATUSES.index(Status.OK)) & ~is_locator
    answer[~answered] = MISSING
    stay = np.broadcast_to(np.arange(len(_CONTEXT_IDS), dtype=np.int16)[:, None], shape[1:])
    goes_to = np.where(is_locator, np.where(np.arange(len(experts)) == len(experts) - 1, 2, 1), stay)
    next_context = np.where(status == STATUSES.index(Status.OK), goes_to, stay).astype(np.int16)
    next_context[unrecorded] = MISSING

    texts = (*_ANSWERS, "found a region", "timed out")
    text = np.where(answered, answer, np.where(status == STATUSES.index(Status.OK), len(_ANSWERS), len(_ANSWERS) + 1))
    text[unrecorded] = MISSING
    tier2 = ("Locate", "Zoom")
    skill_tier2 = np.full(shape, MISSING, np.int16)
    skill_tier2[..., is_locator] = 0
    skill_tier2[..., registry.index_of("generalist/Perception_Problem_Solver")] = 1
    skill_tier2[unrecorded] = MISSING

    looks = np.array([3.0 if e.id == "generalist/Perception_Problem_Solver" else 1.0 for e in experts])
    passes = np.broadcast_to(looks * [e.model.passes_per_look for e in experts], shape).astype(np.float32)
    recorded = ~unrecorded
    score = np.where(answered & right, 1.0, 0.0).astype(np.float32)
    return _frozen(
        Recording(
            name="fake",
            registry=registry,
            cost_unit=cost_unit,
            tasks=tasks,
            context_ids=(_CONTEXT_IDS,) * num_tasks,
            boxes=_boxes(num_tasks, rng),
            question=_question_embedding(tasks, rng),
            view=_view_embedding(shown, rng),
            answers=_ANSWERS,
            texts=texts,
            tier2=tier2,
            status=status,
            answer=answer,
            text=text.astype(np.int32),
            skill_tier2=skill_tier2,
            next_context=next_context,
            confidence=np.where(status == STATUSES.index(Status.OK), confidence, np.float32(np.nan)),
            score=score,
            passes=passes * recorded,
            cost_usd=(passes * np.float32(0.001)) * recorded,
            latency_s=(passes * np.float32(_LATENCY_S_PER_PASS)) * recorded,
            tokens=np.zeros((*shape, 2), np.int32),
        )
    )


def _frozen(recording: Recording) -> Recording:
    for value in vars(recording).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return recording


def _tasks(
    benchmarks: Sequence[str], benchmark_of: NDArray[np.int64], kind: NDArray[np.int64], gold: NDArray[np.int64]
) -> tuple[Task, ...]:
    tasks: list[Task] = []
    totals = np.bincount(benchmark_of, minlength=len(benchmarks))
    for i in range(len(benchmark_of)):
        b = int(benchmark_of[i])
        place = i // len(benchmarks)
        split = _split(place, int(totals[b]))
        name = f"{benchmarks[b]}/{split}/{place:06d}"
        question = "What does it read?" if benchmarks[b] == "scene" else f"What does the {benchmarks[b]} show?"
        tasks.append(
            Task(
                id=name,
                benchmark=benchmarks[b],
                split=split,
                question=question,
                images=(f"fake:{name}",),
                gold=_ANSWERS[int(gold[i])],
                factors={"difficulty": 0.5, "kind": _KINDS[int(kind[i])]},
            )
        )
    return tuple(tasks)


def _split(place: int, total: int) -> str:
    """Return the split of a benchmark's task; the ends are fixed, so that three tasks have one of each."""
    if place in (0, total - 1, total - 2):
        return "train" if place == 0 else "test" if place == total - 1 else "val"
    return SPLITS[int(np.searchsorted(np.cumsum(_SPLIT_SHARES), (place + 0.5) / total))]


def _shown_kind(kind: NDArray[np.int64], is_scene: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """[N, C] the kind of figure that a context shows; -1 where it shows a cluttered scene."""
    shown = np.repeat(kind[:, None], len(_CONTEXT_IDS), axis=1)
    shown[is_scene, 0] = -1
    for slot, hits in enumerate(_LOCATOR_HITS.values(), start=1):
        missed = is_scene & (rng.random(len(kind)) >= np.array(hits)[kind])
        shown[missed, slot] = (kind[missed] + rng.integers(1, len(_KINDS), size=missed.sum())) % len(_KINDS)
    return shown


def _chance_of_being_right(
    registry: Registry, kind: NDArray[np.int64], is_scene: NDArray[np.bool_], shown: NDArray[np.int64]
) -> NDArray[np.float64]:
    """[N, C, P] the probability that a reader's answer is right."""
    chance = np.full((*shown.shape, len(registry)), _OTHER_KIND)
    for p, expert in enumerate(registry.experts):
        name = expert.model.name.removesuffix("-rival")
        if name in _KINDS:
            chance[..., p][shown == _KINDS.index(name)] = _OWN_KIND
        elif name in _READER_SKILL:
            chance[..., p] = _READER_SKILL[name]
    chance[shown != kind[:, None]] = _OTHER_KIND
    chance[is_scene, 0] = _IN_CLUTTER
    return chance


def _boxes(num_tasks: int, rng: np.random.Generator) -> NDArray[np.float32]:
    boxes = np.full((num_tasks, len(_CONTEXT_IDS), 4), np.nan, np.float32)
    corner = rng.integers(0, _PICTURE_PX - 160, size=(num_tasks, 2, 2))
    boxes[:, 1:, :2] = corner
    boxes[:, 1:, 2:] = corner + 160
    return boxes


def _question_embedding(tasks: Sequence[Task], rng: np.random.Generator) -> NDArray[np.float32]:
    """[N, 8] one random direction a wording."""
    directions = {question: rng.normal(size=8) for question in sorted({task.question for task in tasks})}
    return np.array([directions[task.question] for task in tasks], np.float32)


def _view_embedding(shown: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float16]:
    """[N, C, 4] what a context shows, one-hot (the last entry is clutter), with noise."""
    return (np.eye(len(_KINDS) + 1)[shown] + rng.normal(scale=0.15, size=(*shown.shape, 4))).astype(np.float16)


class FakeBackend:
    """Answers from a script, and keeps a list of what it was asked."""

    def __init__(self, replies: Mapping[str, Reply | Sequence[Reply]]) -> None:
        """Store the script.

        Args:
            replies: By expert id: the reply to every call, or the replies to the first, second, … call (the last
                one is repeated).
        """
        self._replies = replies
        self.calls: list[tuple[str, str, str]] = []
        """(task id, context id, expert id) of every call, in order."""

    def invoke(self, task: Task, context: Context, expert: Expert) -> Reply:
        """Return the next scripted reply.

        Raises:
            UnknownNameError: The script holds no reply for this expert.
        """
        if expert.id not in self._replies:
            raise unknown_name("expert", expert.id, self._replies)
        script = self._replies[expert.id]
        nth = sum(call[2] == expert.id for call in self.calls)
        self.calls.append((task.id, context.id, expert.id))
        return script if isinstance(script, Reply) else script[min(nth, len(script) - 1)]


def fake_reply(answer: str | None = "1", *, confidence: float | None = 0.5, context: Context | None = None) -> Reply:
    """Return an ordinary reply that costs one pass and stays in `whole`, or goes on in `context`."""
    return Reply(
        text="found a region" if answer is None else answer,
        answer=answer,
        confidence=confidence,
        next_context=Context(id=WHOLE) if context is None else context,
        passes=1.0,
        latency_s=_LATENCY_S_PER_PASS,
    )


def fake_region(name: str = "locator-a", *, left: float = 10, top: float = 20, side: float = 100) -> Context:
    """Return a square region, as the locator of a name would find it."""
    box = Box(left=left, top=top, right=left + side, bottom=top + side)
    return Context(id=f"region:{name}", parent=WHOLE, box=box)


def assert_same(first: Any, second: Any) -> None:
    """Assert that what two environments returned is equal: values, keys, shapes and dtypes, however nested.

    Raises:
        AssertionError: Something differs.
    """
    assert type(first) is type(second), f"{type(first).__name__} and {type(second).__name__}"
    parts, others = _parts(first), _parts(second)
    if parts is not None and others is not None:
        assert list(parts) == list(others), f"keys {list(parts)} and {list(others)}"
        for key, part in parts.items():
            assert_same(part, others[key])
    elif isinstance(first, np.ndarray):
        np.testing.assert_array_equal(cast("NDArray[Any]", first), second, strict=True)
    else:
        assert first == second, f"{first!r} and {second!r}"


def arrays_in(value: Any) -> list[NDArray[Any]]:
    """Return every array of numbers in what an environment returned, however nested."""
    parts = _parts(value)
    if parts is not None:
        return [array for part in parts.values() for array in arrays_in(part)]
    return [value] if isinstance(value, np.ndarray) else []


def _parts(value: Any) -> dict[Any, Any] | None:
    """What a value is made of, by key or place; None for a value that is not nested."""
    if isinstance(value, Mapping):
        return dict(sorted(cast("Mapping[Any, Any]", value).items()))
    if isinstance(value, tuple | list) or (isinstance(value, np.ndarray) and value.dtype == object):
        return dict(enumerate(cast("Iterable[Any]", value)))
    return None


class _Nobody:
    model = Model(name="nobody", description="An expert that no backend knows.")
    skill = Skill(name="Direct", description="Asks once.")


def check_backend(backend: object, *, tasks: Iterable[Task], registry: Registry) -> None:
    """Call every expert on every task's whole image and check each reply against the contract of `Backend.invoke`.

    Raises:
        AssertionError: The first breach, with the call in which it happened.
    """
    invoke = getattr(backend, "invoke", None)
    assert callable(invoke), f"{type(backend).__name__} has no method invoke(task, context, expert)."
    whole = Context(id=WHOLE)
    first_task: Task | None = None
    for task in tasks:
        first_task = first_task or task
        for expert in registry.experts:
            reply = invoke(task, whole, expert)
            _check_reply(reply, task=task, where=f"{expert.id} on {task.id}")
    assert first_task is not None, "check_backend was given no task."
    stranger = Expert(model=_Nobody.model, skill=_Nobody.skill)
    try:
        invoke(first_task, whole, stranger)
    except UnknownNameError:
        return
    raise AssertionError(f"invoke answered for the unknown expert {stranger.id!r}; it must raise UnknownNameError.")


def _check_reply(reply: object, *, task: Task, where: str) -> None:
    assert isinstance(reply, Reply), f"{where}: returned {type(reply).__name__}, expected a Reply."
    assert isinstance(reply.status, Status), f"{where}: status {reply.status!r} is not a Status."
    assert reply.status is Status.OK or reply.answer is None, f"{where}: a failed call answered {reply.answer!r}."
    in_range = reply.confidence is None or 0.0 <= reply.confidence <= 1.0
    assert in_range, f"{where}: confidence {reply.confidence!r} is not in [0, 1]."
    for name in ("cost_usd", "passes", "latency_s", "prompt_tokens", "completion_tokens"):
        value = getattr(reply, name)
        assert 0 <= value < np.inf, f"{where}: {name}={value!r} is not a finite number of at least 0."
    stayed = reply.next_context.id == WHOLE
    assert stayed or reply.next_context.parent, f"{where}: the new context {reply.next_context.id!r} names no parent."
    assert 0.0 <= scoring.score(task, reply.answer) <= 1.0, f"{where}: the answer {reply.answer!r} cannot be scored."
