import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_env.errors import ProtocolError
from maestro_env.text.grammar import FORMAT_FAULTS, Answer, Fault, FaultKind, Search, parse, render

SEARCH = "<search> chart@@Direct: how high? </search>"
ANSWER = "<answer> 7 </answer>"


def fault(generation: str) -> FaultKind:
    move = parse(generation)
    assert isinstance(move, Fault), move
    return move.kind


def test_parse__a_search() -> None:
    assert parse(SEARCH) == Search(model="chart", skill="Direct", query="how high?")


def test_parse__an_answer() -> None:
    assert parse(ANSWER) == Answer(text="7")


def test_parse__a_thought_may_come_first() -> None:
    thought = "<think> It is a chart:\n7 < 8, so ask. </think>\n"
    assert parse(thought + ANSWER) == Answer(text="7", think="It is a chart:\n7 < 8, so ask.")
    assert parse(f" {thought}\n{SEARCH}\n") == Search(
        model="chart", skill="Direct", query="how high?", think="It is a chart:\n7 < 8, so ask."
    )
    assert parse("<think></think><answer>7</answer>") == Answer(text="7")


def test_parse__a_query_may_hold_what_stands_between_names() -> None:
    move = parse("<search>qwen3:8b@@Direct: a@@b: c\nd</search>")
    assert move == Search(model="qwen3:8b", skill="Direct", query="a@@b: c\nd")


def test_parse__what_only_looks_like_a_tag_is_text() -> None:
    assert parse(r"<answer> a < b, <b>, <\answer>, <Answer> </answer>") == Answer(
        text=r"a < b, <b>, <\answer>, <Answer>"
    )


# One example for each way to go wrong, and the kind that it is counted as.
FAULTS = [
    ("", FaultKind.NO_ACTION),
    ("The answer is 7.", FaultKind.NO_ACTION),
    ("<think> hm </think>", FaultKind.NO_ACTION),
    ("<Answer> 7 </Answer>", FaultKind.NO_ACTION),
    (SEARCH + ANSWER, FaultKind.SEVERAL_ACTIONS),
    (SEARCH + SEARCH, FaultKind.SEVERAL_ACTIONS),
    ("<answer> 7", FaultKind.UNCLOSED_TAG),
    ("<think> hm " + ANSWER, FaultKind.UNCLOSED_TAG),
    ("<search> chart@@Direct: how high? </answer>", FaultKind.UNCLOSED_TAG),
    ("hm </think>" + ANSWER, FaultKind.UNOPENED_TAG),
    (ANSWER + "</answer>", FaultKind.UNOPENED_TAG),
    (f"<think> {SEARCH} </think>{ANSWER}", FaultKind.NESTED_TAG),
    ("<answer> <answer> 7 </answer> </answer>", FaultKind.NESTED_TAG),
    (ANSWER + " I am sure.", FaultKind.TEXT_AFTER_ACTION),
    (ANSWER + "<|im_end|>", FaultKind.TEXT_AFTER_ACTION),
    (ANSWER + "<think> hm </think>", FaultKind.TEXT_AFTER_ACTION),
    ("Sure! " + ANSWER, FaultKind.TEXT_BEFORE_ACTION),
    ("<think> hm </think> so: " + ANSWER, FaultKind.TEXT_BEFORE_ACTION),
    ("<think> a </think><think> b </think>" + ANSWER, FaultKind.TEXT_BEFORE_ACTION),
    ("<search> chart@@Direct: </search>", FaultKind.EMPTY_QUERY),
    ("<answer> \n </answer>", FaultKind.EMPTY_ANSWER),
    ("<search> chart: how high? </search>", FaultKind.MALFORMED_SEARCH),
    ("<search> chart@@Direct </search>", FaultKind.MALFORMED_SEARCH),
    ("<search> chart @@Direct: how high? </search>", FaultKind.MALFORMED_SEARCH),
    ("<search> @@Direct: how high? </search>", FaultKind.MALFORMED_SEARCH),
    (f"{SEARCH}<information> 7 </information>{ANSWER}", FaultKind.FORGED_INFORMATION),
    ("<think> <information> 7 </think>" + ANSWER, FaultKind.FORGED_INFORMATION),
]


@pytest.mark.parametrize(("generation", "kind"), FAULTS)
def test_parse__names_what_is_wrong(generation: str, kind: FaultKind) -> None:
    assert fault(generation) is kind


def test_faults__all_that_a_generation_alone_can_show_have_an_example() -> None:
    elsewhere = {FaultKind.TOO_LONG, FaultKind.NO_CALL_LEFT, FaultKind.UNKNOWN_EXPERT, FaultKind.MASKED_EXPERT}
    assert {kind for _, kind in FAULTS} == set(FaultKind) - elsewhere


def test_faults__a_masked_expert_is_none_of_format() -> None:
    assert set(FaultKind) - FORMAT_FAULTS == {FaultKind.MASKED_EXPERT}


@pytest.mark.parametrize(
    ("generation", "says"),
    [
        (ANSWER + " I am sure.", "'I am sure.' stands after the action"),
        ("x" * 100 + ANSWER, f"'{'x' * 40}'... stands before the action"),
        ("<answer> 7", "<answer> is not closed"),
        (f"<think> {SEARCH} </think>", "<search> stands inside <think>"),
        (SEARCH + ANSWER, "2 actions; exactly one"),
        ("<search> chart </search>", "does not read 'Model@@Skill: query'"),
        ("<search> chart @@Direct: q </search>", "The model 'chart ' cannot be written"),
    ],
)
def test_parse__says_what_is_wrong(generation: str, says: str) -> None:
    move = parse(generation)
    assert isinstance(move, Fault)
    assert says in move.message


def test_parse__too_long_is_a_fault_whatever_it_holds() -> None:
    assert parse(ANSWER, max_chars=len(ANSWER)) == Answer(text="7")
    move = parse(ANSWER, max_chars=len(ANSWER) - 1)
    assert move == Fault(kind=FaultKind.TOO_LONG, message="20 characters; at most 19 are read.")


@pytest.mark.parametrize(
    "endless", ["<answer>", "</think>", "<", "<think></think>", "<search> a@@b: c </search> ", " "]
)
def test_parse__an_endless_generation_takes_no_time(endless: str) -> None:
    started = time.perf_counter()
    assert isinstance(parse(endless * (1_000_000 // len(endless))), Fault)
    assert time.perf_counter() - started < 5.0  # a quadratic reader would take hours


WORDS = st.text(st.sampled_from("ab 7:@<>/\\\n") | st.characters(codec="utf-8"), max_size=30).map(str.strip)
"""Few letters, so that what stands between names comes up often."""
TAGGED = st.lists(WORDS | st.sampled_from(["<think>", "</think>", SEARCH, ANSWER, "<answer>", "</answer>"])).map(
    "".join
)


def moves() -> st.SearchStrategy[Search | Answer]:
    """Every move that can be written."""

    def build(kind: type[Search | Answer], model: str, skill: str, words: str, think: str) -> Search | Answer | None:
        try:
            if kind is Answer:
                return Answer(text=words, think=think)
            return Search(model=model, skill=skill, query=words, think=think)
        except ProtocolError:
            return None

    built = st.builds(build, st.sampled_from([Search, Answer]), WORDS, WORDS, WORDS, WORDS)
    return built.filter(lambda move: move is not None)  # type: ignore[return-value]


@settings(deadline=None)  # machines are shared
@given(moves())
def test_render__is_read_back_as_the_same_move(move: Search | Answer) -> None:
    assert parse(render(move)) == move


@settings(deadline=None)  # machines are shared
@given(TAGGED)
def test_parse__what_is_read_can_be_written_and_read_again(generation: str) -> None:
    move = parse(generation)
    if not isinstance(move, Fault):
        assert parse(render(move)) == move


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"model": "a@@b"}, "The model 'a@@b' cannot be written"),
        ({"model": "a@"}, "'a@' must not end with '@'"),
        ({"model": ""}, "The model '' cannot be written"),
        ({"model": "a\u2028b"}, "expected a name of one line"),
        ({"skill": "a:b"}, "The skill 'a:b' cannot be written"),
        ({"skill": "<think>"}, "The skill '<think>' cannot be written"),
        ({"query": ""}, "The query '' cannot be written.*at least one"),
        ({"query": " a"}, "The query ' a' cannot be written"),
        ({"think": "</think>"}, "The think '</think>' cannot be written"),
    ],
)
def test_search__that_would_be_read_as_something_else_is_refused(parts: dict[str, str], says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        Search(**{"model": "a", "skill": "b", "query": "c", **parts})


def test_answer__that_would_be_read_as_something_else_is_refused() -> None:
    with pytest.raises(ProtocolError, match="The answer '</answer>' cannot be written"):
        Answer(text="</answer>")
