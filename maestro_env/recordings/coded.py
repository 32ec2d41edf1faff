"""Columns of text in memory: the distinct values once, and a code a row. Reading them is columns.py's job."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NULL = -1
"""Code of a null."""

_ROWS_AT_ONCE = 65_536
"""Few enough to stay in the processor's cache, and most values turn up in the first ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Coded:
    """A column of strings: R rows of K distinct values."""

    values: tuple[str, ...]
    """[K]"""
    codes: NDArray[np.int32]
    """[R] index into `values`; `NULL` where there is none."""

    def __getitem__(self, row: int) -> str:
        """Return the value of a row that is not null."""
        return self.values[self.codes.item(row)]

    def unpacked(self) -> tuple[str, ...]:
        """Return [R] every row's value; no row may be null."""
        codes: list[int] = self.codes.tolist()
        return tuple(self.values[code] for code in codes)


@dataclass(frozen=True, kw_only=True, slots=True)
class CodedLists:
    """A column of lists of strings: R rows of lists, E elements in all."""

    elements: Coded
    """[E] of all rows, one after the other."""
    offsets: NDArray[np.int32]
    """[R + 1] place in `elements` of each row's first; the next row's first is beyond its last."""

    def __getitem__(self, row: int) -> tuple[str, ...]:
        """Return the list of a row."""
        codes: list[int] = self.elements.codes[self.offsets.item(row) : self.offsets.item(row + 1)].tolist()
        return tuple(self.elements.values[code] for code in codes)


def by_sorted_values(values: Sequence[str], codes: NDArray[np.int32]) -> Coded:
    """Return a coding by sorted values, each used at least once: it does not depend on how a file was written."""
    order = sorted(np.flatnonzero(_used(len(values), codes)).tolist(), key=values.__getitem__)
    if order == list(range(len(values))):
        return Coded(values=tuple(values), codes=codes)
    table = np.full(len(values) + 1, NULL, np.int32)
    table[order] = np.arange(len(order), dtype=np.int32)
    return Coded(values=tuple(values[code] for code in order), codes=table[codes])


def _used(num_values: int, codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """[K] whether a value has any row."""
    used = np.zeros(num_values + 1, np.bool_)
    for start in range(0, len(codes), _ROWS_AT_ONCE):
        used[codes[start : start + _ROWS_AT_ONCE]] = True  # `NULL` marks the last one, which is no value's
        if used[:-1].all():
            break
    return used[:-1]
