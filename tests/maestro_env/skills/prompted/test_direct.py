"""`Direct`, walked by hand."""

import pytest
from PIL import Image

from maestro_env.errors import UnknownNameError
from maestro_env.skills.prompted.base import Completion, Prompt
from maestro_env.skills.prompted.direct import direct
from maestro_env.skills.prompted.workflows import PROMPTED_WORKFLOWS, prompted_function
from maestro_env.types import WHOLE, Box, Context, Expert, Model, Skill, Task

EXPERT = Expert(model=Model(name="m", description=""), skill=Skill(name="Direct", description=""))
TASK = Task(
    id="t", benchmark="b", split="test", question="Which one?", images=("a", "b"), choices=("red", "blue"), gold="red"
)
IMAGES = (Image.new("RGB", (100, 100)), Image.new("RGB", (50, 50)))


def test_direct__one_prompt_with_all_pictures() -> None:
    run = direct(TASK, Context(id=WHOLE), IMAGES, EXPERT)
    (prompt,) = next(run)
    assert isinstance(prompt, Prompt)
    assert prompt.images == IMAGES
    assert prompt.text.startswith("Which one?\nChoices:\n- red\n- blue\n\n")
    with pytest.raises(StopIteration) as end:
        run.send((Completion(text="<think>blue?</think>It is red.\nAnswer: red"),))
    reply = end.value.value
    assert (reply.answer, reply.text) == ("red", "It is red.\nAnswer: red")
    assert reply.next_context == Context(id=WHOLE)


def test_direct__shows_the_region_of_the_first_picture() -> None:
    region = Context(id="region:x", parent=WHOLE, box=Box(left=40, top=40, right=60, bottom=60))
    (prompt,) = next(direct(TASK, region, IMAGES, EXPERT))
    assert isinstance(prompt, Prompt)
    # A region of 20 pixels, with a tenth of its side added on each: 24.
    assert [image.size for image in prompt.images] == [(24, 24), (50, 50)]


def test_direct__without_choices_or_pictures() -> None:
    bare = Task(id="t", benchmark="b", split="test", question="Why?", images=(), gold="x")
    (prompt,) = next(direct(bare, Context(id=WHOLE), (), EXPERT))
    assert isinstance(prompt, Prompt)
    assert prompt.text.startswith("Why?\n\n")


def test_workflows__by_name() -> None:
    assert prompted_function("Direct") is PROMPTED_WORKFLOWS["Direct"].run is direct
    with pytest.raises(UnknownNameError, match=r"prompted skill 'direct'.*'Direct'"):
        prompted_function("direct")
