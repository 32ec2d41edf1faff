"""Columns of a Parquet file as numpy arrays, checked: every error names the file, the column and the first bad row.

Which columns a recording has is known to `format.py` (reading) and `tables.py` (writing).
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false
# (pyarrow ships no types)

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maestro_env.errors import RecordingError, unknown_name

NULL = -1
"""Code of a null in `Coded.codes`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Coded:
    """A column of strings: R rows of K distinct values."""

    values: tuple[str, ...]
    """[K] sorted, each used at least once."""
    codes: NDArray[np.int32]
    """[R] index into `values`; `NULL` where there is none."""


class Columns:
    """One Parquet file, read column by column."""

    def __init__(self, name: str, content: bytes, expected: Sequence[str]) -> None:
        """Open a file.

        Args:
            name: The file's name, for messages.
            content: What is in it.
            expected: Columns that it must have.

        Raises:
            RecordingError: It is not Parquet, or lacks a column.
        """
        self._name = name
        self._content = pa.py_buffer(content)
        try:
            self._file = pq.ParquetFile(self._content)
        except pa.ArrowException as error:
            raise RecordingError(f"{name} cannot be read as Parquet ({error}); record again.") from error
        self._schema: pa.Schema = self._file.schema_arrow
        for column in expected:
            if column not in self._schema.names:
                raise RecordingError(f"{name} lacks the column {column!r}; it has {self._schema.names}. Record again.")

    @property
    def num_rows(self) -> int:
        """R."""
        return self._file.metadata.num_rows

    def error(self, column: str, row: int, problem: str) -> RecordingError:
        """Return the error for a bad value."""
        return RecordingError(f"{self._name}, column {column!r}, row {row}: {problem}")

    def refuse(self, column: str, bad: NDArray[np.bool_], problem: str) -> None:
        """Raise for the first row in which `bad` [R] is true."""
        if bad.any():
            raise self.error(column, int(bad.argmax()), problem)

    def strings(self, column: str, *, nullable: bool = False) -> Coded:
        """Return a column of strings."""
        self._expect(column, "strings", lambda kind: pa.types.is_string(_value_type(kind)))
        file = pq.ParquetFile(self._content, read_dictionary=[column])
        array = self._read(file, column)
        codes = array.indices.fill_null(NULL).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
        if not nullable:
            self.refuse(column, codes == NULL, "is null; expected text.")
        return _sorted(array.dictionary.to_pylist(), codes)

    def floats(
        self, column: str, *, low: float = -np.inf, high: float = np.inf, nullable: bool = False
    ) -> NDArray[np.float32]:
        """Return a column of numbers in [low, high]; NaN stands for null, and is refused as a value."""
        self._expect(column, "float32", pa.types.is_float32)
        array = self._read(self._file, column)
        values = array.to_numpy(zero_copy_only=False)
        null = array.is_null().to_numpy(zero_copy_only=False)
        if not nullable:
            self.refuse(column, null, "is null; expected a number.")
        self._refuse_value(column, values, np.isnan(values) & ~null, low, high)
        self._refuse_value(column, values, (values < low) | (values > high) | np.isinf(values), low, high)
        return values

    def integers(self, column: str, *, low: int, high: int) -> NDArray[np.int32]:
        """Return a column of whole numbers in [low, high]."""
        self._expect(column, "int32", pa.types.is_int32)
        array = self._read(self._file, column)
        if array.null_count:
            self.refuse(column, array.is_null().to_numpy(zero_copy_only=False), "is null; expected a whole number.")
        values = array.to_numpy(zero_copy_only=False)
        self._refuse_value(column, values, (values < low) | (values > high), low, high)
        return values

    def vectors(self, column: str) -> NDArray[np.float32] | NDArray[np.float16]:
        """Return a column of finite vectors of one length, [R, length]."""
        self._expect(column, "vectors of one length", pa.types.is_fixed_size_list)
        array = self._read(self._file, column)
        if array.null_count:
            self.refuse(column, array.is_null().to_numpy(zero_copy_only=False), "is null; expected a vector.")
        values = array.flatten().to_numpy(zero_copy_only=False).reshape(self.num_rows, -1)
        self.refuse(column, ~np.isfinite(values).all(axis=1), "holds NaN or infinity; expected finite numbers.")
        return values

    def lists(self, column: str) -> list[list[str]]:
        """Return a column of lists of strings."""
        self._expect(column, "lists of strings", pa.types.is_list)
        return self._read(self._file, column).to_pylist()

    def decode(self, column: str, coded: Coded, known: Sequence[str], kind: str) -> NDArray[np.int32]:
        """Return the place [R] of each value among `known`; null stays `NULL`.

        Raises:
            RecordingError: A value that is not known; the message names the nearest ones.
        """
        place = {name: i for i, name in enumerate(known)}
        table = np.array([place.get(value, -2) for value in coded.values] + [NULL], np.int32)
        places = table[coded.codes]
        if (places == -2).any():
            row = int((places == -2).argmax())
            raise self.error(column, row, str(unknown_name(kind, coded.values[coded.codes[row]], known)))
        return places

    def _read(self, file: pq.ParquetFile, column: str) -> pa.Array:
        try:
            chunks = file.read(columns=[column], use_threads=False).column(column)
        except (pa.ArrowException, OSError) as error:
            raise RecordingError(f"{self._name}, column {column!r}: cannot be read ({error}); record again.") from error
        return chunks.unify_dictionaries().combine_chunks()

    def _expect(self, column: str, what: str, accepts: object) -> None:
        kind = self._schema.field(column).type
        if not callable(accepts) or not accepts(kind):
            raise RecordingError(f"{self._name}, column {column!r}: holds {kind}; expected {what}. Record again.")

    def _refuse_value(self, column: str, values: NDArray[Any], bad: NDArray[np.bool_], low: float, high: float) -> None:
        if bad.any():
            row = int(bad.argmax())
            raise self.error(column, row, f"{values[row]} is not in [{low:g}, {high:g}].")


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _sorted(values: Sequence[str], codes: NDArray[np.int32]) -> Coded:
    """Return a coding by sorted values without unused ones, so that it does not depend on how the file was written."""
    used = np.bincount(codes + 1, minlength=len(values) + 1)[1:] > 0
    order = sorted(np.flatnonzero(used).tolist(), key=lambda code: values[code])
    if order == list(range(len(values))):
        return Coded(values=tuple(values), codes=codes)
    table = np.full(len(values) + 1, NULL, np.int32)
    table[order] = np.arange(len(order), dtype=np.int32)
    return Coded(values=tuple(values[code] for code in order), codes=table[codes])
