"""A tiny made-up language, and what a program of it prints. Nothing is ever given to Python to run.

A program assigns integers to one-letter names, may hold blocks of one level, and ends with the only `print`:

    a = 7
    if a > 4:
      a = a * 2 - 3
    for i in range(3):
      a = a + i
    print(a)

Expressions are names and non-negative numbers joined by `+`, `-` and `*`, which binds closer. Comparisons are `<` and
`>`. A block's lines are indented by `INDENT` spaces. There is no nesting, so running needs no recursion.
"""

import re
from dataclasses import dataclass

from maestro_env.errors import TaskError

INDENT = 2
"""Spaces before a line of a block."""
ALPHABET = "abcefginoprtxy0123456789=+-*<>:()"
"""Every character of a program besides spaces and line ends."""
NAMES = tuple("abcinxy")
"""What values can be assigned to."""
MAX_LINES = 24
MAX_LINE_LENGTH = 64
MAX_STEPS = 2000
"""Statements that a run may take: a loop of 99 rounds over a long block is stopped."""
MAX_ABSOLUTE = 10**9
"""Values beyond this stop the run, so that no product grows without bounds."""

_TOKEN = re.compile(r" *(?:([a-z]+)|([0-9]{1,9})(?![0-9])|([=+\-*<>:()]))")
_Token = str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A line of a program, cut into tokens."""

    number: int
    tokens: tuple[_Token, ...]
    in_block: bool

    def error(self, expected: str) -> TaskError:
        return TaskError(f"Line {self.number} of the program is {' '.join(self.tokens)!r}; expected {expected}.")


def run_program(source: str) -> int:
    """Return the number that a program prints.

    Args:
        source: The program's text, lines separated by line feeds; empty lines are ignored.

    Raises:
        TaskError: Not a program of this language, a name without a value, or a run that takes too many steps or
            leads to too large a number.
    """
    lines = _lines(source)
    run = _Run()
    position = 0
    while position < len(lines) - 1:
        line = lines[position]
        if line.in_block:
            raise line.error("no indentation: no `if` or `for` stands above")
        position += 1
        if line.tokens[0] not in {"if", "for"}:
            run.assign(line)
            continue
        start = position
        while position < len(lines) and lines[position].in_block:
            position += 1
        block = lines[start:position]
        if not block:
            raise line.error(f"a line below it that is indented by {INDENT} spaces")
        run.repeat(line, block)
    if position != len(lines) - 1:
        raise lines[-1].error("`print(...)`, not indented, as the last line")
    return run.printed(lines[-1])


def _lines(source: str) -> list[_Line]:
    rows = source.split("\n")
    if len(rows) > MAX_LINES:
        raise TaskError(f"The program has {len(rows)} lines; at most {MAX_LINES} are allowed.")
    lines: list[_Line] = []
    for number, row in enumerate(rows, start=1):
        if len(row) > MAX_LINE_LENGTH:
            raise TaskError(f"Line {number} of the program has {len(row)} characters; at most {MAX_LINE_LENGTH}.")
        text = row.strip(" ")
        if text:
            indent = len(row) - len(row.lstrip(" "))
            if indent not in {0, INDENT}:
                raise TaskError(f"Line {number} of the program is indented by {indent} spaces; expected 0 or {INDENT}.")
            lines.append(_Line(number=number, tokens=_tokens(text, number), in_block=indent > 0))
    if not lines:
        raise TaskError("The program is empty; it must end with `print(...)`.")
    return lines


def _tokens(text: str, number: int) -> tuple[_Token, ...]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise TaskError(
                f"Line {number} of the program holds {text[position:]!r}; "
                f"expected names, numbers of at most nine digits, and the signs of {ALPHABET!r}."
            )
        tokens.append(found[found.lastindex or 0])
        position = found.end()
    return tuple(tokens)


class _Run:
    """The values while a program runs."""

    def __init__(self) -> None:
        self._values: dict[str, int] = {}
        self._num_steps = 0

    def assign(self, line: _Line) -> None:
        match line.tokens:
            case (name, "=", *expression) if name in NAMES:
                self._step(line)
                self._values[name] = self._value(expression, line)
            case _:
                raise line.error(
                    f"an assignment to one of {', '.join(NAMES)}, an `if`, a `for`, or `print(...)` as the last"
                )

    def repeat(self, head: _Line, block: list[_Line]) -> None:
        """Run the lines below an `if` or a `for` as often as it says."""
        self._step(head)
        match head.tokens:
            case ("if", *condition, ":"):
                if self._holds(condition, head):
                    self._run_block(block)
            case ("for", name, "in", "range", "(", *bound, ")", ":") if name in NAMES:
                for value in range(self._value(bound, head)):
                    self._step(head)
                    self._values[name] = value
                    self._run_block(block)
            case _:
                raise head.error("`if A > B:` or `for i in range(N):`")

    def printed(self, line: _Line) -> int:
        match line.tokens:
            case ("print", "(", *expression, ")") if not line.in_block:
                return self._value(expression, line)
            case _:
                raise line.error("`print(...)`, not indented, as the last line")

    def _run_block(self, block: list[_Line]) -> None:
        for line in block:
            self.assign(line)

    def _step(self, line: _Line) -> None:
        self._num_steps += 1
        if self._num_steps > MAX_STEPS:
            raise TaskError(f"The program took {MAX_STEPS} steps and is still at line {line.number}; shorten its loop.")

    def _holds(self, condition: list[_Token], line: _Line) -> bool:
        for sign in ("<", ">"):
            if sign in condition:
                place = condition.index(sign)
                left, right = self._value(condition[:place], line), self._value(condition[place + 1 :], line)
                return left < right if sign == "<" else left > right
        raise line.error("a comparison by `<` or `>`")

    def _value(self, expression: list[_Token], line: _Line) -> int:
        """Return a sum of products: operands and operators take turns."""
        if len(expression) % 2 == 0:
            raise line.error("operands joined by `+`, `-` or `*`")
        total, product = 0, self._operand(expression[0], line)
        for operator, token in zip(expression[1::2], expression[2::2], strict=True):
            operand = self._operand(token, line)
            if operator == "*":
                product *= operand
            elif operator in {"+", "-"}:
                total, product = total + product, operand if operator == "+" else -operand
            else:
                raise line.error("`+`, `-` or `*` between operands")
            if max(abs(total), abs(product)) > MAX_ABSOLUTE:
                raise TaskError(f"Line {line.number} of the program leads to a number beyond {MAX_ABSOLUTE}.")
        return total + product

    def _operand(self, token: _Token, line: _Line) -> int:
        if token.isdigit():
            return int(token)
        if token in self._values:
            return self._values[token]
        raise line.error(f"a number or one of the names that have a value ({', '.join(self._values) or 'none yet'})")
