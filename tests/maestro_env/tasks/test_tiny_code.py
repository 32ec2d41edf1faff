import pytest

from maestro_env.errors import TaskError
from maestro_env.tasks.tiny_code import MAX_LINES, MAX_STEPS, run_program


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("print(7)", 7),
        ("a = 2\nprint(a)", 2),
        # 2 + 12 - 1: products first.
        ("print(2 + 3 * 4 - 1)", 13),
        # From the left: (2 - 3) - 4.
        ("print(2 - 3 - 4)", -5),
        ("a = 5\nb = a * a - 30\nprint(b * 2)", -10),
        ("a = 5\nif a > 4:\n  a = 1\nprint(a)", 1),
        ("a = 5\nif a < 5:\n  a = 1\nprint(a)", 5),
        ("a = 5\nif a + 1 > 2 * 3:\n  a = 1\nprint(a)", 5),
        # 0 + 1 + 2 + 3.
        ("a = 0\nfor i in range(4):\n  a = a + i\nprint(a)", 6),
        # Both lines of the block, twice: 1, 2, 5, 6, 9.
        ("a = 1\nfor i in range(2):\n  a = a + 1\n  a = a + 3\nprint(a)", 9),
        ("a = 1\nfor i in range(0 - 3):\n  a = 9\nprint(a)", 1),
        ("a=1\n\nif a>0:\n  a=2\nfor i in range(a):\n  a=a*3\n\nprint(a-1)\n", 17),
    ],
)
def test_run_program__prints(source: str, printed: int) -> None:
    assert run_program(source) == printed


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a = 1", r"'a = 1'; expected `print"),
        ("print(a)", "names that have a value .none yet"),
        ("a = 1\nprint(b)", r"names that have a value \(a\)"),
        ("print(1)\nprint(2)", "expected an assignment to one of"),
        ("ab = 1\nprint(1)", "'ab = 1'; expected an assignment"),
        ("print = 1\nprint(1)", "expected an assignment"),
        ("print()", r"operands joined by"),
        ("print(1 +)", r"operands joined by"),
        ("print(1 2 3)", r"`\+`, `-` or `\*` between operands"),
        ("print((1))", "operands joined|expected a number"),
        ("print(-1)", "operands joined by"),
        ("  a = 1\nprint(1)", "expected no indentation"),
        ("a = 1\n   a = 2\nprint(a)", "indented by 3 spaces; expected 0 or 2"),
        ("a = 1\n\ta = 2\nprint(a)", "holds '\\\\ta = 2'"),
        ("a = 1\nif a > 0:\nprint(a)", "indented by 2 spaces"),
        ("a = 1\nif a > 0:\n  a = 2", "as the last line"),
        ("a = 1\nif a > 0:\n  print(a)", "as the last"),
        ("a = 1\nif a:\n  a = 2\nprint(a)", "a comparison by"),
        ("a = 1\nif 0 < a < 3:\n  a = 2\nprint(a)", "between operands"),
        ("a = 1\nif a > 0\n  a = 2\nprint(a)", "expected `if A > B:`"),
        ("a = 1\nfor print in range(2):\n  a = 2\nprint(a)", "for i in range"),
    ],
)
def test_run_program__refuses_what_is_no_program(source: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        run_program(source)


@pytest.mark.parametrize(
    "source",
    [
        "import os\nprint(1)",
        "print(__import__)",
        "print(open(1))",
        "print(a.b)",
        "print('a')",
        "a = [1]\nprint(1)",
        "print(2 ** 9)",
        "print(7 / 2)",
        "a = lambda: 1\nprint(1)",
        "a = 1; print(a)",
        "print(1) # no",
        "a = 0x10\nprint(a)",
        "a = ²\nprint(a)",
        "a = ١\nprint(a)",
        "а = 1\nprint(а)",  # Cyrillic
        "print(" + "(" * 25 + "1" + ")" * 25 + ")",
        "a = 1\rprint(a)",
        "a = 1\x00\nprint(a)",
        "while 1 > 0:\n  a = 1\nprint(a)",
    ],
)
def test_run_program__refuses_hostile_text(source: str) -> None:
    with pytest.raises(TaskError, match=r"of the program"):
        run_program(source)


def test_run_program__a_long_loop_is_stopped() -> None:
    with pytest.raises(TaskError, match=rf"took {MAX_STEPS} steps and is still at line [23]"):
        run_program("a = 1\nfor i in range(999999999):\n  a = 1\nprint(a)")


def test_run_program__takes_so_many_steps_and_no_more() -> None:
    # One for the assignment, one for the head of the loop, two a round: 2 + 2 * 999 = 2000.
    assert MAX_STEPS == 2000
    assert run_program("a = 0\nfor i in range(999):\n  a = a + 1\nprint(a)") == 999
    with pytest.raises(TaskError, match="took 2000 steps"):
        run_program("a = 0\nfor i in range(1000):\n  a = a + 1\nprint(a)")


def test_run_program__a_large_product_is_stopped() -> None:
    with pytest.raises(TaskError, match="Line 3 of the program leads to a number beyond"):
        run_program("a = 9\nfor i in range(99):\n  a = a * a\nprint(a)")
    with pytest.raises(TaskError, match="leads to a number beyond"):
        run_program("print(999999999 * 999999999 * 0)")


def test_run_program__a_long_text_is_refused() -> None:
    with pytest.raises(TaskError, match=f"has {MAX_LINES + 1} lines; at most {MAX_LINES}"):
        run_program("a = 1\n" * MAX_LINES + "print(a)")
    with pytest.raises(TaskError, match="has 1000007 characters; at most"):
        run_program("print(" + "1" * 1_000_000 + ")")
    with pytest.raises(TaskError, match="at most nine digits"):
        run_program("print(12345678901234567890)")
