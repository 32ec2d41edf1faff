"""Draws the pictures of the pages: `make pictures`. The comparison's plot comes from a run of `make compare`."""

import textwrap
from pathlib import Path

import gymnasium as gym
from PIL import Image, ImageDraw, ImageFont

from maestro_agents.fitted_rules import FittedRules
from maestro_env.env import MaestroEnv
from maestro_env.tasks.procedural.generate import BENCHMARKS, render

IMAGES = Path(__file__).parent / "images"
COLUMNS = 5
THUMBNAIL_PX = 190
_GAP_PX = 14
_CAPTION_PX = 50
_LABEL_PX = 128
_EPISODE_TASKS = 400


def contact_sheet() -> Image.Image:
    """Return a row of tasks a benchmark, with their questions and answers."""
    row_px = THUMBNAIL_PX + _CAPTION_PX + _GAP_PX
    size = (_LABEL_PX + COLUMNS * (THUMBNAIL_PX + _GAP_PX), len(BENCHMARKS) * row_px + _GAP_PX)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    label_font, caption_font = ImageFont.load_default(17), ImageFont.load_default(12)
    for row, benchmark in enumerate(BENCHMARKS):
        top = _GAP_PX + row * row_px
        pen.text((_GAP_PX, top + THUMBNAIL_PX / 2), benchmark.replace("_", "\n"), "#222", label_font, anchor="lm")
        for column in range(COLUMNS):
            rendered = render(benchmark, "train", column)
            left = _LABEL_PX + column * (THUMBNAIL_PX + _GAP_PX)
            thumbnail = rendered.image.resize((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
            sheet.paste(thumbnail, (left, top))
            pen.rectangle((left - 1, top - 1, left + THUMBNAIL_PX, top + THUMBNAIL_PX), outline="#bbb")
            lines = textwrap.wrap(rendered.task.question, 32)
            pen.text((left, top + THUMBNAIL_PX + 5), "\n".join(lines), "#222", caption_font, spacing=2)
            answer_top = top + THUMBNAIL_PX + 5 + 15 * len(lines)
            pen.text((left, answer_top), rendered.task.gold, "#1a6f3c", caption_font)
    return sheet


def episode() -> Image.Image:
    """Return the last frame of the first test scene that the fitted rules answer right after a wrong or empty look."""
    train = gym.make("Maestro-v0", split="train")
    agent = FittedRules(train)
    agent.learn(0)
    env = gym.make("Maestro-v0", split="test", benchmarks=("scene",), render_mode="rgb_array")
    assert isinstance(env.unwrapped, MaestroEnv)
    for task_id in env.unwrapped.task_ids[:_EPISODE_TASKS]:
        observation, info = env.reset(options={"task": task_id})
        num_calls, done = 0, False
        while not done:
            action, _ = agent.predict(observation)
            observation, _, terminated, truncated, info = env.step(int(action))
            done = terminated or truncated
            num_calls += not done
        if num_calls >= 3 and info["outcome"] == "correct":
            break
    frame = env.render()
    return Image.fromarray(frame)  # type: ignore[arg-type]


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    contact_sheet().quantize(128).save(IMAGES / "contact_sheet.png", optimize=True)
    episode().quantize(128).save(IMAGES / "episode.png", optimize=True)
