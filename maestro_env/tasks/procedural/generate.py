"""Tasks of the embedded world by benchmark, split and index: the same three always give the same task and picture."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from maestro_env.errors import TaskError, unknown_name
from maestro_env.tasks.benchmarks import BENCHMARKS
from maestro_env.tasks.procedural.capture import Capture, askew, badly_lit, check_capture, small_on_page
from maestro_env.tasks.procedural.chart import Chart
from maestro_env.tasks.procedural.counting import Counting
from maestro_env.tasks.procedural.diagrams import Diagrams
from maestro_env.tasks.procedural.earth import Earth
from maestro_env.tasks.procedural.embodied import Embodied
from maestro_env.tasks.procedural.family import Family, Figure, Query
from maestro_env.tasks.procedural.geometry import Geometry
from maestro_env.tasks.procedural.microscopy import Microscopy
from maestro_env.tasks.procedural.ocr import Ocr
from maestro_env.tasks.procedural.radiology import Radiology
from maestro_env.tasks.procedural.scene import Scene, SceneStyle, check_scene, compose_scene
from maestro_env.tasks.procedural.visual_code import VisualCode
from maestro_env.tasks.procedural.visual_math import VisualMath
from maestro_env.tasks.procedural.visual_search import VisualSearch
from maestro_env.tasks.procedural.wordings import CHOICES, framed_wording, plain_wording
from maestro_env.types import SPLITS, Task

WORLD_SEED = 22177
"""Part of every picture's seed; another one would be another world."""
SCENE_FAMILIES: Mapping[str, Family] = {
    family.name: family for family in (Chart(), Geometry(), Microscopy(), Earth(), Radiology(), Counting())
}
"""Families whose figures scenes are composed of; their plain figures are the other benchmarks to train on."""
FAMILIES: Mapping[str, Family] = SCENE_FAMILIES | {
    family.name: family for family in (VisualSearch(), VisualMath(), Embodied(), Ocr(), Diagrams(), VisualCode())
}
CAPTURES: Mapping[str, Capture] = {
    "chart": askew,
    "geometry": small_on_page,
    "microscopy": badly_lit,
    "earth": badly_lit,
    "radiology": badly_lit,
    "embodied": askew,
    "diagrams": small_on_page,
}
"""How the pictures of plain tasks were taken; the others faultlessly, as figures in scenes always are."""
SCENES: Mapping[str, SceneStyle] = {
    "scene": SceneStyle(side_px=768, figure_px=(110, 190), num_figures_odds={1: 0.15, 2: 0.70, 3: 0.15}),
    "hires_scene": SceneStyle(
        side_px=1280, figure_px=(150, 260), num_figures_odds={2: 0.4, 3: 0.4, 4: 0.2}, clutter=1.5
    ),
    "hires_scene_xl": SceneStyle(
        side_px=2048, figure_px=(170, 300), num_figures_odds={3: 0.6, 4: 0.3, 5: 0.1}, clutter=1.6
    ),
}


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
    if benchmark in SCENES:
        return _render_scene(benchmark, split, index, rng, difficulty)
    return _render_plain(FAMILIES[benchmark], split, index, rng, difficulty)


def make_task(benchmark: str, split: str, index: int) -> Task:
    """Return a task of the embedded world without its picture; arguments and errors are those of `render`."""
    return render(benchmark, split, index).task


def _render_plain(family: Family, split: str, index: int, rng: np.random.Generator, difficulty: float) -> Rendered:
    figure = family.draw(rng, size_px=family.native_px, difficulty=difficulty)
    family.check(figure)
    query = figure.queries[int(rng.integers(len(figure.queries)))]
    question = query.question or plain_wording(query.intent, rng)
    image, factors = figure.image, _factors(figure, query)
    if family.name in CAPTURES:
        captured = CAPTURES[family.name](figure.image, rng, difficulty)
        check_capture(captured.factors)
        image, factors = captured.image, factors | dict(captured.factors)
    task = _task(family.name, split, index, question, query, factors)
    return Rendered(task=task, image=image, scene=None)


def _render_scene(benchmark: str, split: str, index: int, rng: np.random.Generator, difficulty: float) -> Rendered:
    families = tuple(SCENE_FAMILIES.values())
    scene = compose_scene(families, rng, style=SCENES[benchmark], difficulty=difficulty)
    check_scene(scene)
    target = scene.target
    SCENE_FAMILIES[target.family].check(target.figure)
    question = framed_wording(scene.query.intent, target.frame_colour, rng)
    factors = _factors(target.figure, scene.query) | {
        "target_family": target.family,
        "num_figures": len(scene.placed),
        "left": target.box.left,
        "top": target.box.top,
        "right": target.box.right,
        "bottom": target.box.bottom,
    }
    task = _task(benchmark, split, index, question, scene.query, factors)
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
