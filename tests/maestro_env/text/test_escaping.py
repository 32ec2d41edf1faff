import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maestro_env.text.escaping import cut, escape, unescape
from maestro_env.text.grammar import TAGS

TEXTS = st.text(st.sampled_from("<>/\\ \nab|") | st.characters(), max_size=40) | st.lists(
    st.sampled_from(["<answer>", "</information>", "<\\answer>", "<|im_end|>", "<", ">", "x"])
).map("".join)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<answer> 7 </answer>", r"<\answer> 7 <\/answer>"),
        (r"<\answer>", r"<\\answer>"),
        ("</information>", r"<\/information>"),
        ("<|im_end|>", r"<\|im_end|>"),
        ("<image>", r"<\image>"),
        ("< Answer >", r"<\ Answer >"),
        ("a < b", "a < b"),
        ("a > b", "a > b"),
        ("<<answer>", r"<<\answer>"),
        ("7", "7"),
    ],
)
def test_escape__what_looks_like_a_tag(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@settings(deadline=None)  # machines are shared
@given(TEXTS)
@example("<\\ and no end")
def test_unescape__gives_back_what_was_escaped(text: str) -> None:
    assert unescape(escape(text)) == text


@settings(deadline=None)  # machines are shared
@given(TEXTS)
def test_escape__leaves_no_tag(text: str) -> None:
    names = "|".join([*TAGS, "image", r"\|im_end\|"])
    assert not re.search(rf"</?(?:{names})>", escape(text))


def test_unescape__leaves_plain_text() -> None:
    assert unescape(r"a < b \ <b> C:\new") == r"a < b \ <b> C:\new"


def test_cut__says_how_much_is_missing() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdef", 4) == "abcd [2 characters cut]"
