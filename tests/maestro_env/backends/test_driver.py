from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from maestro_env.backends import driver
from maestro_env.backends.driver import Call, drive, with_costs
from maestro_env.skills.base import Ask, Reading, SkillRun
from maestro_env.types import WHOLE, Context, Expert, Model, Reply, Skill

IMAGES = [Image.new("RGB", (4, 4), (n, 0, 0)) for n in range(5)]
EXPERT = Expert(
    model=Model(name="m", description="", passes_per_look=0.5, usd_per_pass=0.01),
    skill=Skill(name="Direct", description=""),
)


def asking(*numbers_of_views: int) -> SkillRun:
    """Ask once for each number, then answer with everything that was read."""
    read = ""
    for num_views in numbers_of_views:
        looks = yield Ask(views=tuple(IMAGES[:num_views]), question=f"{num_views}?")
        read += "".join(answer for look in looks if isinstance(look, Reading) for answer in look.probabilities)
    return Reply(text=read, answer=read, confidence=1.0, next_context=Context(id=WHOLE))


class Reader:
    """Reads the red of a view's first pixel and the question; keeps the sizes of batches."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def look(self, views: Sequence[Image.Image], questions: Sequence[str]) -> list[Reading]:
        self.batches.append(len(views))
        return [
            Reading(probabilities={f"{view.tobytes()[0]}{question}": 1.0})
            for view, question in zip(views, questions, strict=True)
        ]


def test_drive__batches_calls_and_gives_each_its_own_looks() -> None:
    reader = Reader()
    replies = drive([Call(expert=EXPERT, run=run) for run in (asking(1, 2), asking(3), asking(2, 1, 1))], reader.look)
    assert [reply.answer for reply in replies] == ["01?02?12?", "03?13?23?", "02?12?01?01?"]
    # First 1 + 3 + 2 views, then 2 + 1, then 1.
    assert reader.batches == [6, 3, 1]
    # 0.5 passes a look; 1 cent a pass.
    assert [reply.passes for reply in replies] == [1.5, 1.5, 2.0]
    assert replies[2].cost_usd == float(np.float32(0.02))


def test_drive__cuts_large_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MAX_BATCH", 4)
    reader = Reader()
    replies = drive([Call(expert=EXPERT, run=asking(5)), Call(expert=EXPERT, run=asking(4))], reader.look)
    assert reader.batches == [4, 4, 1]
    assert replies[1].answer == "04?14?24?34?"


def test_drive__puts_the_same_question_about_the_same_view_once() -> None:
    reader = Reader()
    calls = [Call(expert=EXPERT, run=run) for run in (asking(2), asking(2), asking(1))]
    replies = drive(calls, reader.look)
    # Two views with the question "2?", one of them also with "1?".
    assert reader.batches == [3]
    assert [reply.answer for reply in replies] == ["02?12?", "02?12?", "01?"]
    # Each pays for all that it looked at.
    assert [reply.passes for reply in replies] == [1.0, 1.0, 0.5]


def test_with_costs__models_the_latency() -> None:
    reply = Reply(text="", answer=None, confidence=None, next_context=Context(id=WHOLE))
    # 7 looks x 0.5 passes x 2 ms.
    assert with_costs(reply, EXPERT.model, num_looks=7).latency_s == float(np.float32(0.007))
