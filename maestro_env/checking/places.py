"""Where the tables and keys of a TOML file stand: what the standard library's reader does not tell."""

import re
import tomllib
from dataclasses import dataclass, field

_TABLE = re.compile(r"\s*\[\[?\s*([\w.-]+)\s*\]\]?")
_KEY = re.compile(r"""\s*["']?([\w-]+)["']?\s*[=.]""")


@dataclass(frozen=True, kw_only=True)
class Places:
    """Lines of a file, counted from 1. Tables of one name are counted from 0; the file's own keys are in table ""."""

    lines: dict[tuple[str, int, str], int] = field(default_factory=dict[tuple[str, int, str], int])
    """By table, its number, and key; the key "" stands for the table's heading."""

    def line(self, table: str, index: int = 0, key: str = "") -> int:
        """Return the line of a key; that of its table's heading where it stands nowhere, and else the first."""
        return self.lines.get((table, index, key)) or self.lines.get((table, index, "")) or 1


def places_in(text: str) -> Places:
    """Return where the tables and keys of a valid TOML file stand.

    A statement that goes on over several lines is known by what the standard library takes for complete.
    """
    lines: dict[tuple[str, int, str], int] = {}
    num_of: dict[str, int] = {}
    table, statement, start = "", "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not statement:
            start = number
        statement += f"{line}\n"
        if not _is_complete(statement):
            continue
        heading, key = _TABLE.match(statement), _KEY.match(statement)
        if heading:
            table = heading.group(1)
            num_of[table] = num_of.get(table, 0) + 1
            lines[table, num_of[table] - 1, ""] = start
        elif key:
            lines.setdefault((table, max(num_of.get(table, 0) - 1, 0), key.group(1)), start)
        statement = ""
    return Places(lines=lines)


def _is_complete(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True
