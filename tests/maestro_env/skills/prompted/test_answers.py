"""What a completion answers."""

import pytest

from maestro_env.skills.prompted.answers import final_answer, without_thinking


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Answer: 42", "42"),
        ("It is 41.\nAnswer: -42.", "-42."),
        ("Answer: 1\nNo, wait.\nAnswer: 2", "2"),
        ("**Final answer:** Not Red", "Not Red"),
        ("**Answer: 3/4**", "3/4"),
        ("## Answer:\n\n 1,234 \n", "1,234"),
        ("The answer: is not at the start of a line here\nso nothing", None),
        ("so it is \\boxed{42}\nand that is it", "42"),
        ("so \\boxed{1} or \\boxed{\\frac{3}{4}}\nyes", "\\frac{3}{4}"),
        ("so \\boxed{1\nyes", None),
        ("I say <answer> 7 </answer>\nthere", "7"),
        ("<answer>7</answer>\nAnswer: 8", "8"),
        ("Red", "Red"),
        ("Red\nor blue", None),
        ("", None),
        ("Answer:", None),
        ("<think>Answer: 1\nperhaps</think>Answer: 2", "2"),
        ("Answer: 1</think>\nBlue", "Blue"),
        ("<think>Answer: 1\nand then", None),
        ("<THINK>a</THINK> <think>Answer: 3", None),
    ],
)
def test_final_answer__is_the_last_one_stated(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


def test_without_thinking__what_is_left_is_what_was_said() -> None:
    assert without_thinking("<think>a</think> b <think>c</think>\n d ") == "d"
    assert without_thinking(" b ") == "b"


@pytest.mark.parametrize("piece", ["<think>", "</think>", "<answer>", "\\boxed{", "Answer: *", "\n", "{", " ", "*"])
def test_final_answer__hostile_completions_take_no_longer(piece: str) -> None:
    final_answer(piece * (200_000 // len(piece)))  # squared, this would take minutes
