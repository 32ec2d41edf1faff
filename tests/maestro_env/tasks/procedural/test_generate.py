"""Tasks by benchmark, split and index, and the scenes among them."""

from dataclasses import replace

import numpy as np
import pytest

from maestro_env.errors import TaskError, UnknownNameError
from maestro_env.tasks import load_image
from maestro_env.tasks.benchmarks import BENCHMARKS, TRAINED
from maestro_env.tasks.procedural.generate import CAPTURES, FAMILIES, SCENE_FAMILIES, SCENES, make_task, render
from maestro_env.tasks.procedural.scene import MIN_FIGURE_PX, check_scene
from maestro_env.types import SPLITS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_render__same_index_same_task_and_picture(name: str) -> None:
    one, same = render(name, "train", 5), render(name, "train", 5)
    assert one.task == same.task
    assert one.image.tobytes() == same.image.tobytes()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_render__splits_and_indices_differ(name: str) -> None:
    pictures = {render(name, split, index).image.tobytes() for split in SPLITS for index in range(3)}
    assert len(pictures) == 9


@pytest.mark.parametrize("name", BENCHMARKS)
def test_make_task__gold_is_among_the_choices(name: str) -> None:
    for index in range(25):
        task = make_task(name, "val", index)
        assert task.gold in task.choices or (not task.choices and name in ("ocr", "visual_code") and task.gold)
        assert task.id == f"{name}/val/{index:06d}"
        assert 0.0 <= float(task.factors["difficulty"]) <= 1.0


def test_benchmarks__are_families_and_scenes_each_once() -> None:
    assert sorted(BENCHMARKS) == sorted([*FAMILIES, *SCENES])
    assert set(TRAINED) == {*SCENE_FAMILIES, "scene"}


@pytest.mark.parametrize("name", CAPTURES)
def test_render__captured_pictures_are_mostly_altered_and_say_how(name: str) -> None:
    family = FAMILIES[name]
    altered = 0
    for index in range(12):
        task = make_task(name, "train", index)
        drawn = {"difficulty", "kind", "intent"}
        assert set(task.factors) > drawn
        altered += any(
            key in task.factors and task.factors[key] != faultless
            for key, faultless in (("tilt_deg", 0.0), ("contrast_kept", 1.0), ("page_share", 1.0))
        )
    # A quarter is left as it is: 9 of 12 expected.
    assert altered >= 5, family.name


@pytest.mark.parametrize("name", SCENES)
def test_scene__figures_are_of_the_sizes_of_its_style(name: str) -> None:
    style = SCENES[name]
    for index in range(4):
        scene = render(name, "test", index).scene
        assert scene is not None
        assert scene.image.size == (style.side_px, style.side_px)
        assert len(scene.placed) in style.num_figures_odds
        for item in scene.placed:
            assert style.figure_px[0] <= item.figure.image.width <= style.figure_px[1]


def test_load_image__draws_the_picture_of_the_task() -> None:
    rendered = render("scene", "test", 3)
    assert load_image(rendered.task.images[0]).tobytes() == rendered.image.tobytes()


def test_scene__wordings_are_shared_by_families_with_different_readers() -> None:
    families_of: dict[str, set[str]] = {}
    for index in range(150):
        task = make_task("scene", "train", index)
        wording = task.question.split(":", 1)[1]
        families_of.setdefault(wording, set()).add(str(task.factors["target_family"]))
    tasks_with_rivals = sum(len(families) > 1 for families in families_of.values())
    assert tasks_with_rivals >= 0.8 * len(families_of)


def test_scene__every_family_is_asked_about_and_most_scenes_hold_two_figures() -> None:
    tasks = [make_task("scene", "train", index) for index in range(150)]
    assert {task.factors["target_family"] for task in tasks} == set(SCENE_FAMILIES)
    twos = sum(task.factors["num_figures"] == 2 for task in tasks)
    # Drawn with probability 0.7: 105 expected, standard deviation 5.6.
    assert 85 <= twos <= 125


def test_check_scene__refuses_an_ambiguous_frame() -> None:
    scene = next(s for i in range(20) if (s := render("scene", "train", i).scene) and len(s.placed) > 1)
    twin = replace(scene.placed[1], frame_colour=scene.target.frame_colour)
    with pytest.raises(TaskError, match=r"frame is not unique"):
        check_scene(replace(scene, placed=(scene.target, twin)))


def test_check_scene__refuses_overlapping_figures() -> None:
    scene = next(s for i in range(20) if (s := render("scene", "train", i).scene) and len(s.placed) > 1)
    moved = replace(scene.placed[1], box=scene.target.box)
    with pytest.raises(TaskError, match=r"overlap"):
        check_scene(replace(scene, placed=(scene.target, moved)))


def test_check_scene__refuses_a_figure_too_small_to_read() -> None:
    scene = render("scene", "train", 0).scene
    assert scene is not None
    small = replace(scene.target.figure, image=scene.target.figure.image.resize((60, 60)))
    with pytest.raises(TaskError, match=rf"60 px.*at least {MIN_FIGURE_PX}"):
        check_scene(replace(scene, placed=(replace(scene.target, figure=small),)))


def test_scene__the_picture_shows_the_frame_where_the_box_says() -> None:
    rendered = render("scene", "train", 1)
    assert rendered.scene is not None
    box = rendered.scene.target.box
    edge = np.asarray(rendered.image)[round(box.top) + 2, round(box.left) : round(box.right)]
    # The frame's upper edge is one flat colour.
    assert len(np.unique(edge, axis=0)) == 1


def test_render__unknown_names_and_negative_indices_are_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"'charts'.*Did you mean 'chart'"):
        render("charts", "train", 0)
    with pytest.raises(UnknownNameError, match=r"'training'.*Did you mean 'train'"):
        render("chart", "training", 0)
    with pytest.raises(TaskError, match=r"-1 is negative"):
        render("chart", "train", -1)


def test_load_image__malformed_references_and_missing_files_are_refused(tmp_path: object) -> None:
    with pytest.raises(TaskError, match=r"malformed; expected 'procedural:"):
        load_image("procedural:chart/train")
    with pytest.raises(TaskError, match=r"cannot be read"):
        load_image(f"{tmp_path}/missing.png")
