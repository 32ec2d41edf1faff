"""`Code_Problem_Solver`, walked: when it asks again, when it repairs, and what it hands in."""

import pytest

from maestro_env.sandbox import Ended, Result
from maestro_env.skills.prompted import code as code_skill
from maestro_env.skills.prompted.code import NOT_RUN, PASSED, check_in, check_program, program_in
from tests.maestro_env.skills.prompted.walking import WORK, walk

SKILL = "Code_Problem_Solver"
CHECK = "assert f(2) == 4"
RIGHT = "def f(x):\n    return 2 * x"
WRONG = "def f(x):\n    return 3 * x"
EXPERT = ["expert"]


def block(program: str) -> str:
    return f"Here it is:\n```python\n{program}\n```"


def test_code__passes_at_once() -> None:
    walked = walk(SKILL, CHECK, block(RIGHT), work=[PASSED])
    assert walked.steps == [EXPERT, EXPERT, [WORK]]
    assert (walked.reply.answer, walked.reply.skill_tier2) == (RIGHT, "Checked_Code")
    assert all(len(prompt.images) == 1 for prompt in walked.prompts)


def test_code__asks_for_the_check_twice_at_most() -> None:
    walked = walk(SKILL, "I see none.", "assert f(2 == 4", block(RIGHT))
    assert walked.steps == [EXPERT] * 3
    # Not the same prompt again: sampled greedily, it would be answered the same.
    assert walked.prompts[1].text != walked.prompts[0].text
    assert (walked.reply.answer, walked.reply.skill_tier2) == (RIGHT, "Unchecked_Code")


def test_code__repairs_with_what_went_wrong() -> None:
    walked = walk(SKILL, CHECK, block(WRONG), block(RIGHT), work=["failed: raised\nAssertionError", PASSED])
    assert walked.steps == [EXPERT, EXPERT, [WORK], EXPERT, [WORK]]
    repair = walked.prompts[-1].text
    assert all(text in repair for text in (WRONG, CHECK, "failed: raised\nAssertionError"))
    assert walked.reply.answer == RIGHT


def test_code__five_prompts_at_most_and_the_last_program_is_handed_in() -> None:
    programs = [f"def f(x):\n    return {n}" for n in range(3)]
    walked = walk(SKILL, "none", CHECK, *map(block, programs), work=["failed: raised"] * 3)
    assert walked.steps == [EXPERT, EXPERT, EXPERT, [WORK], EXPERT, [WORK], EXPERT, [WORK]]
    assert (walked.reply.answer, walked.reply.skill_tier2) == (programs[2], "Failed_Code")


def test_code__asks_again_where_there_is_no_program() -> None:
    walked = walk(SKILL, CHECK, "I would double it.", block(RIGHT), work=[PASSED])
    assert walked.steps == [EXPERT, EXPERT, EXPERT, [WORK]]
    assert "held no ```python block" in walked.prompts[-1].text


def test_code__no_program_is_no_answer() -> None:
    walked = walk(SKILL, CHECK, "no", "no", "no")
    assert (walked.reply.answer, walked.reply.skill_tier2) == (None, "")


def test_code__an_unconfined_machine_hands_in_unchecked() -> None:
    walked = walk(SKILL, CHECK, block(WRONG), work=[f"{NOT_RUN}\nno Landlock"])
    assert (walked.reply.answer, walked.reply.skill_tier2) == (WRONG, "Unchecked_Code")


def test_code__runs_in_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def confined(program: str) -> Result:
        ran.append(program)
        return Result(ended=Ended.FINISHED)

    monkeypatch.setattr(code_skill, "run_confined", confined)
    walked = walk(SKILL, CHECK, block(RIGHT), work=lambda: check_program(RIGHT, CHECK))
    assert ran == [f"{RIGHT}\n\n{CHECK}\n"]
    assert walked.reply.skill_tier2 == "Checked_Code"


@pytest.mark.parametrize(
    ("ended", "says"),
    [
        (Ended.FINISHED, PASSED),
        (Ended.RAISED, "failed: raised\nwhy"),
        (Ended.TIMEOUT, "failed: timeout\nwhy"),
        (Ended.NOT_CONFINED, f"{NOT_RUN}\nwhy"),
    ],
)
def test_check_program__says_how_it_ended(monkeypatch: pytest.MonkeyPatch, ended: Ended, says: str) -> None:
    monkeypatch.setattr(code_skill, "run_confined", lambda program: Result(ended=ended, error="why"))
    assert check_program(RIGHT, CHECK) == says


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("assert f(1) == 2", "assert f(1) == 2"),
        ("```python\nassert f('a') == 'b'\n```", "assert f('a') == 'b'"),
        ("First `x`.\n`assert f(1)`", "assert f(1)"),
        ("assert f(1) == 2; import os", ""),
        ("assert f(", ""),
        ("assertion", ""),
        ("", ""),
        ("assert " + "(" * 100_000, ""),
    ],
)
def test_check_in__one_assert_of_python(text: str, check: str) -> None:
    assert check_in(text) == check


@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("```python\na\n```\nbetter:\n```python\nb\n```", "b"),
        ("```py\na\n```", "a"),
        ("```\na\n```", "a"),
        ("```python\na", ""),
        ("```python\n\n```", ""),
        ("a = 1", ""),
    ],
)
def test_program_in__the_last_block(text: str, program: str) -> None:
    assert program_in(text) == program
