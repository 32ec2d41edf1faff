"""Tasks of the embedded world by benchmark, split and index: the same three always give the same task and picture."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from maestro_env.errors import TaskError, unknown_name
from maestro_env.tasks.procedural.chart import Chart
from maestro_env.tasks.procedural.counting import Counting
from maestro_env.tasks.procedural.diagrams import Diagrams
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.radiology import Radiology
from maestro_env.tasks.procedural.scene import Scene, check_scene, compose_scene
from maestro_env.tasks.procedural.visual_math import VisualMath
from maestro_env.tasks.procedural.visual_search import VisualSearch
from maestro_env.tasks.procedural.wordings import CHOICES, framed_wording, plain_wording
from maestro_env.types import SPLITS, Task

WORLD_SEED = 22177
"""Part of every picture's seed; another one would be another world."""
SCENE_PX = 768
SCENE_FIGURE_PX = (110, 190)
FAMILIES: Mapping[str, Family] = {
    family.name: family for family in (Chart(), Radiology(), Counting(), VisualMath(), VisualSearch(), Diagrams())
}
BENCHMARKS = (*FAMILIES, "scene")
"""The embedded benchmarks: plain figures of each family, and mixed scenes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendered:
    """A task with its picture."""

    task: Task
    image: Image.Image
    scene: Scene | None
    """How the picture was composed, for scenes; None for plain figures."""


def render(benchmark: str, split: str, index: int) -> Rendered:
    """Draw a task and its picture.

    Args:
        benchmark: One of `BENCHMARKS`.
        split: One of `SPLITS`; splits never share a seed.
        index: 0 and up.

    Raises:
        UnknownNameError: No such benchmark or split.
        TaskError: A negative index.
    """
    if benchmark not in BENCHMARKS:
        raise unknown_name("benchmark", benchmark, BENCHMARKS)
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    if index < 0:
        raise TaskError(f"Task index {index} is negative; indices start at 0.")
    rng = np.random.default_rng([WORLD_SEED, zlib.crc32(benchmark.encode()), SPLITS.index(split), index])
    difficulty = float(rng.random())
    if benchmark == "scene":
        return _render_scene(split, index, rng, difficulty)
    return _render_plain(FAMILIES[benchmark], split, index, rng, difficulty)


def make_task(benchmark: str, split: str, index: int) -> Task:
    """Return a task of the embedded world without its picture; arguments and errors are those of `render`."""
    return render(benchmark, split, index).task


def _render_plain(family: Family, split: str, index: int, rng: np.random.Generator, difficulty: float) -> Rendered:
    figure = family.draw(rng, size_px=family.native_px, difficulty=difficulty)
    family.check(figure)
    query = figure.queries[int(rng.integers(len(figure.queries)))]
    question = query.question or plain_wording(query.intent, rng)
    task = _task(family.name, split, index, question, query, _factors(figure, query))
    return Rendered(task=task, image=figure.image, scene=None)


def _render_scene(split: str, index: int, rng: np.random.Generator, difficulty: float) -> Rendered:
    scene = compose_scene(
        tuple(FAMILIES.values()), rng, side_px=SCENE_PX, figure_px=SCENE_FIGURE_PX, difficulty=difficulty
    )
    check_scene(scene)
    target = scene.target
    FAMILIES[target.family].check(target.figure)
    question = framed_wording(scene.query.intent, target.frame_colour, rng)
    factors = _factors(target.figure, scene.query) | {
        "target_family": target.family,
        "num_figures": len(scene.placed),
        "left": target.box.left,
        "top": target.box.top,
        "right": target.box.right,
        "bottom": target.box.bottom,
    }
    task = _task("scene", split, index, question, scene.query, factors)
    return Rendered(task=task, image=scene.image, scene=scene)


def _factors(figure: Figure, query: Query) -> dict[str, float | int | str]:
    return dict(figure.factors) | {"intent": query.intent.value}


def _task(
    benchmark: str, split: str, index: int, question: str, query: Query, factors: Mapping[str, float | int | str]
) -> Task:
    task_id = f"{benchmark}/{split}/{index:06d}"
    return Task(
        id=task_id,
        benchmark=benchmark,
        split=split,
        question=question,
        images=(f"procedural:{task_id}",),
        choices=CHOICES[query.intent],
        gold=query.answer,
        scorer="exact",
        factors=factors,
    )
