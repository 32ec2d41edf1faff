"""A workbench without pictures or torch, importable by worker processes: fake networks that reply by arithmetic."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maestro_env.recordings.plan import RecordingPlan
from maestro_env.recordings.shard import Workbench
from maestro_env.registry import Registry
from maestro_env.skills.base import Finding, Reading
from maestro_env.skills.workflows import WORKFLOWS
from maestro_env.types import Box, Expert, Model, Skill, Task

PICTURE_PX = 60


def small_registry() -> Registry:
    """Two readers and two locators, five experts."""
    skills = {name: Skill(name=name, description=name, tier2=workflow.tier2) for name, workflow in WORKFLOWS.items()}

    def expert(model: str, skill: str, role: str = "reader") -> Expert:
        return Expert(model=Model(name=model, description=model, network=model, role=role), skill=skills[skill])

    return Registry(
        name="small",
        experts=(
            expert("reader-a", "Direct"),
            expert("reader-b", "Direct"),
            expert("reader-b", "Perception_Problem_Solver"),
            expert("reader-b", "Counting_Problem_Solver"),
            expert("locator-a", "Perception_Problem_Solver", "locator"),
            expert("locator-b", "Perception_Problem_Solver", "locator"),
        ),
    )


def small_plan(*, num_tasks: int = 12, shard_tasks: int = 4, name: str = "small") -> RecordingPlan:
    """Two benchmarks; `num_tasks` tasks in each."""
    counts = {"counting": {"train": num_tasks // 2, "test": num_tasks - num_tasks // 2}, "chart": {"val": num_tasks}}
    return RecordingPlan(
        name=name,
        registry=small_registry(),
        counts=counts,
        question_encoder="fake-4",
        view_encoder="fake-3",
        shard_tasks=shard_tasks,
        group_tasks=3,
    )


@dataclass(frozen=True)
class FakeRendered:
    task: Task
    image: Image.Image


def render(benchmark: str, split: str, index: int) -> FakeRendered:
    """A picture of noise, the same for the same arguments."""
    seed = _seed(benchmark, split, str(index))
    pixels = np.random.default_rng(seed).integers(0, 256, (PICTURE_PX, PICTURE_PX, 3), np.uint8)
    task = Task(
        id=f"{benchmark}/{split}/{index:06d}",
        benchmark=benchmark,
        split=split,
        question="How many are there?" if benchmark == "counting" else "What value does it show?",
        images=(f"fake:{benchmark}/{split}/{index}",),
        choices=("1", "2"),
        gold=str(seed % 4),
        factors={"difficulty": index / 7, "kind": benchmark, "parts": index},
    )
    return FakeRendered(task, Image.fromarray(pixels))


def load_image(reference: str) -> Image.Image:
    benchmark, split, index = reference.removeprefix("fake:").split("/")
    return render(benchmark, split, int(index)).image


class FakeReader:
    """Reads answers off the bytes of a view: alone or in a batch, a view gives the same."""

    def __init__(self, name: str, *, delay_s: float) -> None:
        self._name = name
        self._delay_s = delay_s

    def look(self, views: Sequence[Image.Image], questions: Sequence[str]) -> list[Reading]:
        time.sleep(self._delay_s)
        return [self._read(view, question) for view, question in zip(views, questions, strict=True)]

    def _read(self, view: Image.Image, question: str) -> Reading:
        rng = np.random.default_rng(_seed(self._name, question, view.tobytes().hex()))
        p = rng.dirichlet(np.full(6, 0.5))
        return Reading(probabilities={str(n): float(p[n]) for n in range(4)} | {"red": float(p[4])})


class FakeLocator:
    """Finds a box somewhere in the picture."""

    def __init__(self, name: str) -> None:
        self._name = name

    def look(self, views: Sequence[Image.Image], questions: Sequence[str]) -> list[Finding]:
        return [self._find(view, question) for view, question in zip(views, questions, strict=True)]

    def _find(self, view: Image.Image, question: str) -> Finding:
        rng = np.random.default_rng(_seed(self._name, question, view.tobytes().hex()))
        left, top = rng.uniform(-5, PICTURE_PX - 10, 2)
        box = Box(left=left, top=top, right=left + 17.3, bottom=top + 12.8)
        return Finding(box=box, confidence=float(rng.random()))


def load_network(name: str, *, delay_s: float = 0.0) -> FakeReader | FakeLocator:
    return FakeLocator(name) if name.startswith("locator") else FakeReader(name, delay_s=delay_s)


def encode_questions(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.array([np.random.default_rng(_seed(text)).normal(size=4) for text in texts], np.float32)


def encode_views(images: Sequence[Image.Image]) -> NDArray[np.float32]:
    return np.array([np.asarray(image, np.float32).mean(axis=(0, 1)) / 255 for image in images], np.float32)


def fake_bench(*, delay_s: float = 0.0) -> Workbench:
    return Workbench(
        render=render,
        load_network=partial(load_network, delay_s=delay_s),
        encode_questions=encode_questions,
        encode_views=encode_views,
    )


def _seed(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:8], "little")
