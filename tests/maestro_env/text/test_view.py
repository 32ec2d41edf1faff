from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maestro_env.recordings.recording import Recording
from maestro_env.testing import fake_recording
from maestro_env.text.view import View, in_words, place
from maestro_env.types import WHOLE, Box, Context

REGION = Context(id="region:a", parent=WHOLE, box=Box(left=100, top=50, right=150, bottom=100))


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """A picture of 200 x 100, red where the region is."""
    image = Image.new("RGB", (200, 100), "white")
    image.paste("red", (100, 50, 150, 100))
    image.save(tmp_path / "p.png")
    return str(tmp_path / "p.png")


def test_load__the_whole_is_every_picture_as_it_is(picture: str) -> None:
    view = View(images=(picture, picture), context=Context(id=WHOLE))
    assert [image.size for image in view.load()] == [(200, 100), (200, 100)]
    assert view.num_images == 2


def test_load__a_region_is_a_square_around_its_box(picture: str) -> None:
    view = View(images=(picture, picture), context=REGION)
    (image,) = view.load()
    # The box is 50 px a side, and shown with a tenth more on every side; it is moved up, to stay in the picture.
    assert image.size == (60, 60)
    assert view.num_images == 1
    colours = {colour: count for count, colour in image.getcolors() or []}
    assert colours[(255, 0, 0)] == 50 * 50


def test_place__in_words() -> None:
    assert place(Context(id=WHOLE)) == "the whole picture"
    assert place(REGION) == "a region of 50 x 50 px at left 100, top 50"


@pytest.fixture
def two_tasks() -> Recording:
    """Training views 0 0 0 0 and 2 2 2 0: mean 1 1 1 0 and spread 1 1 1 (0, taken as 1). A test view 0 50 0 0."""
    base = fake_recording(num_tasks=3, benchmarks=["chart"])
    tasks = tuple(
        replace(task, split=split) for task, split in zip(base.tasks, ("train", "train", "test"), strict=True)
    )
    view = np.zeros_like(base.view)
    view[1, 0], view[2, 0] = [2, 2, 2, 0], [0, 50, 0, 0]
    return replace(base, tasks=tasks, view=view)


def test_in_words__names_the_features_that_are_strongest_for_a_training_picture(two_tasks: Recording) -> None:
    view = View(images=(), context=Context(id=WHOLE))
    # Above the mean by 1, 3, -1 and 2 spreads; the largest entry itself is the second.
    embedding = np.array([2, 4, 0, 2], np.float32)
    assert in_words(view, embedding, two_tasks) == "the whole picture; strongest features v1 v3 v0"


def test_in_words__without_training_tasks_takes_all(two_tasks: Recording) -> None:
    tests = replace(two_tasks, tasks=tuple(replace(task, split="test") for task in two_tasks.tasks))
    # The first three are now 0 2 0, 0 2 50 and 0 2 0: means 2/3, 52/3 and 2/3, spreads 0.94, 23.1 and 0.94. So these
    # are above the mean by 1.4, 2.0, -0.7 and 3 spreads.
    embedding = np.array([2, 64, 0, 3], np.float32)
    assert in_words(View(images=(), context=REGION), embedding, tests).endswith("strongest features v3 v1 v0")
