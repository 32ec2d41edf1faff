from pathlib import Path

import pytest
from PIL import Image

from maestro_env.errors import TaskError
from maestro_env.text.transcript import Role, Turn, as_messages, as_text
from maestro_env.text.view import View
from maestro_env.types import WHOLE, Context


@pytest.fixture
def view(tmp_path: Path) -> View:
    """Two pictures, 8 and 9 pixels wide."""
    paths = [str(tmp_path / f"{width}.png") for width in (8, 9)]
    for width, path in zip((8, 9), paths, strict=True):
        Image.new("RGB", (width, 4)).save(path)
    return View(images=tuple(paths), context=Context(id=WHOLE))


def test_as_text__appends(view: View) -> None:
    turns = [
        Turn(role=Role.SYSTEM, text="Rules.\n\n"),
        Turn(role=Role.USER, text="<image>\nWhich?\n", view=view),
        Turn(role=Role.ASSISTANT, text=" \n<answer>7 </answer> "),
    ]
    assert as_text(turns) == "Rules.\n\n<image>\nWhich?\n \n<answer>7 </answer> "


def test_as_messages__says_who_speaks_and_leaves_the_policy_its_words() -> None:
    turns = [
        Turn(role=Role.SYSTEM, text="Rules.\n\n"),
        Turn(role=Role.USER, text="Which?\n"),
        Turn(role=Role.ASSISTANT, text=" \n<search>a@@b: <image> </search> "),
        Turn(role=Role.USER, text="\n<information>\n7\n</information>\n"),
    ]
    assert as_messages(turns) == [
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": "Which?"},
        {"role": "assistant", "content": " \n<search>a@@b: <image> </search> "},
        {"role": "user", "content": "<information>\n7\n</information>"},
    ]


def test_as_messages__pictures_stand_where_the_text_has_them(view: View) -> None:
    (message,) = as_messages([Turn(role=Role.USER, text="<image>\nWhich?\n<image>\n4 calls left.\n", view=view)])
    assert [part["type"] for part in message["content"]] == ["image", "text", "image", "text"]
    assert [part["image"].width for part in message["content"][::2]] == [8, 9]
    assert [part["text"] for part in message["content"][1::2]] == ["Which?", "4 calls left."]


def test_as_messages__a_missing_picture_is_an_error_then_only() -> None:
    view = View(images=("nowhere.png",), context=Context(id=WHOLE))
    turn = Turn(role=Role.USER, text="<image>\nWhich?", view=view)
    assert as_text([turn]) == "<image>\nWhich?"
    with pytest.raises(TaskError, match=r"nowhere\.png"):
        as_messages([turn])
