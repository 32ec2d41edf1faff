import inspect

import pytest

from maestro_env import errors
from maestro_env.errors import MaestroError, UnknownNameError, unknown_name


def test_unknown_name__names_the_nearest() -> None:
    error = unknown_name("split", "tset", ["train", "val", "test"])
    assert str(error) == "Unknown split 'tset'. Did you mean 'test'?"


def test_unknown_name__lists_all_when_none_is_near() -> None:
    error = unknown_name("split", "xyz", ["train", "val"])
    assert str(error) == "Unknown split 'xyz'. Known: 'train', 'val'."


def test_unknown_name__takes_what_is_no_text() -> None:
    assert "Unknown task 7." in str(unknown_name("task", 7, ["chart/train/1"]))


def test_unknown_name_error__prints_its_message_unquoted() -> None:
    with pytest.raises(LookupError, match=r"^Unknown split 'x'"):
        raise unknown_name("split", "x", ["train"])


def test_errors__all_have_one_base() -> None:
    ours = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if cls.__module__ == errors.__name__]
    assert len(ours) == 11
    assert all(issubclass(cls, MaestroError) for cls in ours)
    assert issubclass(UnknownNameError, LookupError)
