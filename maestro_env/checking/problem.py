"""One thing that is wrong with a registry file."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Problem:
    """Where it is, what it is, and what to do."""

    line: int
    """From 1."""
    where: str
    """The table and the key, such as `model 'qwen', key 'endpoint'`."""
    message: str
    """What was given, what was expected, and the cure."""

    def __str__(self) -> str:
        return f"line {self.line}: {self.where}: {self.message}"
