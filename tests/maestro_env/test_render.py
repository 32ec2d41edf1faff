from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maestro_env import MaestroEnv
from maestro_env.errors import ActionError
from maestro_env.recordings.recording import Recording
from maestro_env.render import Frame, Turn, picture, text
from maestro_env.testing import fake_recording
from maestro_env.types import Box

READ = Turn(
    expert="chart/Direct",
    context="whole",
    skill_tier2="",
    text="7",
    answer="7",
    status="ok",
    confidence=0.625,
    cost=1.0,
)
FRAME = Frame(
    task_id="chart/train/000003",
    question="What value does the blue bar have?",
    choices=(),
    image="",
    context="whole",
    box=None,
    turns=(READ,),
    turns_left=3,
    cost=1.0,
    cost_unit="passes",
    outcome="",
    answer="",
    gold="",
)


def test_text__tells_the_question_the_calls_and_the_budget() -> None:
    assert text(FRAME).splitlines() == [
        "chart/train/000003  What value does the blue bar have?",
        "  1. chart/Direct  ->  7 (62% sure)  [1 pass]",
        "  now in whole; 3 turns left, 1 pass spent",
    ]


def test_text__tells_of_regions_failures_and_lost_turns() -> None:
    turns = (
        replace(READ, expert="locator-a/P", skill_tier2="Locate", text="found a region", confidence=None, cost=0.5),
        replace(READ, context="region:locator-a", status="timeout", text="no reply in 5 s", confidence=None, cost=0.0),
        replace(READ, expert="", text=""),
    )
    frame = replace(FRAME, turns=turns, context="region:locator-a", turns_left=1, choices=("A", "B"))
    assert text(frame).splitlines()[1:] == [
        "  choices: A, B",
        "  1. locator-a/P (Locate)  ->  found a region  [0.5 passes]",
        "  2. chart/Direct in region:locator-a  ->  timeout: no reply in 5 s  [0 passes]",
        "  3. masked action  ->  the turn is spent  [1 pass]",
        "  now in region:locator-a; 1 turn left, 1 pass spent",
    ]


def test_text__tells_how_it_ended() -> None:
    assert text(replace(FRAME, outcome="correct", answer="7", gold="7")).endswith("correct: answer '7', gold '7'")
    assert text(replace(FRAME, outcome="expert_error", gold="7")).endswith("expert error: no answer, gold '7'")


def test_text__prices_in_dollars() -> None:
    assert "[$0.001000]" in text(replace(FRAME, cost_unit="usd", turns=(replace(READ, cost=0.001),)))


def png(tmp_path: Path, size: tuple[int, int], colour: tuple[int, int, int]) -> str:
    Image.new("RGB", size, colour).save(tmp_path / "p.png")
    return str(tmp_path / "p.png")


def has(pixels: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((pixels == colour).all(axis=-1).any())


ACCENT, GOOD, BAD = (194, 65, 12), (21, 128, 61), (185, 28, 28)


def test_picture__shows_the_image_and_outlines_the_region(tmp_path: Path) -> None:
    image = png(tmp_path, (440, 440), (0, 0, 255))  # drawn at its own size: 440 px are there for it
    whole = picture(replace(FRAME, image=image))
    region = picture(replace(FRAME, image=image, box=Box(left=100, top=200, right=300, bottom=400)))
    assert whole.dtype == np.uint8
    assert whole.shape[1:] == (960, 3)
    assert has(whole, (0, 0, 255))
    assert not has(whole, ACCENT)
    rows, columns = np.nonzero((region == ACCENT).all(axis=-1))
    # The picture starts at (24, 108): 24 px of margin, and 84 px of header.
    assert (columns.min(), columns.max()) == (24 + 100, 24 + 300)
    assert (rows.min(), rows.max()) == (108 + 200, 108 + 400)


@pytest.mark.parametrize("size", [(2000, 50), (50, 2000), (1, 1)])
def test_picture__takes_every_shape_of_image(tmp_path: Path, size: tuple[int, int]) -> None:
    assert has(picture(replace(FRAME, image=png(tmp_path, size, (0, 0, 255)))), (0, 0, 255))


def test_picture__an_image_that_cannot_be_loaded_has_a_placeholder() -> None:
    with_none, unloadable = picture(FRAME), picture(replace(FRAME, image="nowhere.png"))
    assert with_none.shape == unloadable.shape
    assert not np.array_equal(with_none, unloadable)


def test_picture__colours_the_outcome() -> None:
    running = picture(FRAME)
    right = picture(replace(FRAME, outcome="correct", answer="7", gold="7"))
    wrong = picture(replace(FRAME, outcome="wrong", answer="7", gold="8"))
    assert [has(running, GOOD), has(right, GOOD), has(wrong, GOOD)] == [False, True, False]
    assert [has(running, BAD), has(right, BAD), has(wrong, BAD)] == [False, False, True]


def test_picture__has_one_size_all_episode_long() -> None:
    fresh = replace(FRAME, turns=(), turns_left=4)
    done = replace(FRAME, turns=(READ,) * 4, turns_left=0, outcome="wrong", answer="7", gold="8")
    assert picture(fresh).shape == picture(done).shape


def test_picture__long_texts_stay_inside(tmp_path: Path) -> None:
    long = replace(READ, expert="model/" + "skill" * 40, text="word " * 200)
    frame = replace(FRAME, question="Why is this so long? " * 30, turns=(long,), image="x" * 300)
    pixels = picture(frame)
    assert (pixels[:, -20:] == pixels[0, 0]).all(), "something is drawn in the right margin"


def test_env__renders_in_both_modes() -> None:
    recording = fake_recording(num_tasks=40)
    for mode, kind in (("ansi", str), ("rgb_array", np.ndarray)):
        env = MaestroEnv(recording=recording, registry=None, render_mode=mode)
        with pytest.raises(ActionError, match=r"Call reset\(\) before render"):
            env.render()
        env.reset(seed=0)
        frames = [env.render()]
        for action in (1, 7, 1, 1):
            env.step(action)
            frames.append(env.render())
        assert all(isinstance(frame, kind) for frame in frames)
        assert len({np.asarray(frame).tobytes() for frame in frames}) == 5


def test_env__the_gold_answer_is_not_shown_before_the_end() -> None:
    recording = fake_recording(num_tasks=40)
    env = MaestroEnv(recording=recording, registry=None, render_mode="ansi")
    env.reset(seed=0)
    assert "gold" not in str(env.render())
    env.step(0)
    assert "gold" in str(env.render())


def test_env__without_a_mode_it_warns(fake: Recording) -> None:
    env = MaestroEnv(recording=fake, registry=None)
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="no render mode was given"):
        assert env.render() is None
