"""What the commands share: which tasks are drawn, and which are held out."""

from collections import Counter

import pytest

pytest.importorskip("transformers", reason="needs the extra llm")

from maestro_agents.llm.run import draw_tasks
from maestro_env.errors import ConfigurationError
from maestro_env.text.env import MaestroTextEnv


def test_draw_tasks__as_many_of_each_benchmark_as_far_as_it_goes(text_env: MaestroTextEnv) -> None:
    held = Counter(task_id.split("/")[0] for task_id in text_env.task_ids)
    small, large = min(held.values()), max(held.values())
    few = Counter(task_id.split("/")[0] for task_id in draw_tasks(text_env, len(held) * small, seed=0))
    assert set(few.values()) == {small}
    assert sorted(draw_tasks(text_env, len(text_env.task_ids), seed=0)) == sorted(text_env.task_ids)
    assert small <= large


def test_draw_tasks__follows_the_seed(text_env: MaestroTextEnv) -> None:
    assert draw_tasks(text_env, 6, seed=1) == draw_tasks(text_env, 6, seed=1)
    assert draw_tasks(text_env, 6, seed=1) != draw_tasks(text_env, 6, seed=2)


def test_draw_tasks__more_than_there_are(text_env: MaestroTextEnv) -> None:
    number = len(text_env.task_ids) + 1
    with pytest.raises(ConfigurationError, match=f"{number} tasks are asked for, and there are {number - 1}"):
        draw_tasks(text_env, number, seed=0)
