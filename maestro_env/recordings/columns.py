"""Columns of a Parquet file as numpy arrays, checked: every error names the file, the column and the first bad row.

Which columns a recording has is known to `format.py` (reading) and `tables.py` (writing).
"""
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false
# (pyarrow ships no types)

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maestro_env.errors import RecordingError, unknown_name
from maestro_env.recordings.coded import NULL, Coded, CodedLists, by_sorted_values


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
        buffer = pa.py_buffer(content)
        try:
            plain = pq.ParquetFile(buffer)
            leaves = [plain.schema.column(i).path for i in range(len(plain.schema))]
            # Text is read as codes; of columns that hold no text, the reader ignores this.
            self._file = pq.ParquetFile(buffer, metadata=plain.metadata, read_dictionary=leaves)
        except pa.ArrowException as error:
            raise RecordingError(f"{name} cannot be read as Parquet ({error}); record again.") from error
        self._schema: pa.Schema = plain.schema_arrow
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
        """Return a column of strings; its values are sorted, and each is used at least once."""
        self._expect(column, "strings", lambda kind: pa.types.is_string(_value_type(kind)))
        array = self._read(column)
        if not nullable:
            self._refuse_null(column, array, "text")
        return by_sorted_values(array.dictionary.to_pylist(), _codes(array))

    def floats(
        self, column: str, *, low: float = -np.inf, high: float = np.inf, nullable: bool = False
    ) -> NDArray[np.float32]:
        """Return a column of finite numbers in [low, high]; NaN stands for null, and is refused as a value."""
        self._expect(column, "float32", pa.types.is_float32)
        array = self._read(column)
        if not nullable:
            self._refuse_null(column, array, "a number")
        values: NDArray[np.float32] = _stored(array)
        if array.null_count:
            values = np.where(_is_valid(array), values, np.float32(np.nan))
        bad = ~(np.isfinite(values) & (values >= low) & (values <= high))
        if array.null_count:
            bad &= _is_valid(array)
        self._refuse_value(column, values, bad, low, high)
        return values

    def integers(self, column: str, *, low: int, high: int) -> NDArray[np.int32]:
        """Return a column of whole numbers in [low, high]."""
        self._expect(column, "int32", pa.types.is_int32)
        array = self._read(column)
        self._refuse_null(column, array, "a whole number")
        values: NDArray[np.int32] = _stored(array)
        self._refuse_value(column, values, (values < low) | (values > high), low, high)
        return values

    def vectors(self, column: str) -> NDArray[np.float32] | NDArray[np.float16]:
        """Return a column of finite vectors of one length, [R, length]."""
        self._expect(column, "vectors of one length", _holds_vectors)
        array = self._read(column)
        self._refuse_null(column, array, "a vector")
        values: NDArray[np.float32] = _stored(array.values).reshape(-1, array.type.list_size)
        values = values[array.offset : array.offset + len(array)]
        finite = np.logical_and.reduce(np.isfinite(values), axis=1)
        self.refuse(column, ~finite, "holds NaN or infinity; expected finite numbers.")
        return values

    def lists(self, column: str) -> CodedLists:
        """Return a column of lists of strings."""
        self._expect(column, "lists of strings", _holds_lists_of_text)
        array = self._read(column)
        self._refuse_null(column, array, "a list")
        elements, offsets = array.values, _stored(array.offsets)
        codes = _codes(elements)
        if elements.null_count:
            row = int(np.searchsorted(offsets, int((codes == NULL).argmax()), side="right")) - 1
            raise self.error(column, row, "holds a null; expected text.")
        return CodedLists(elements=Coded(values=tuple(elements.dictionary.to_pylist()), codes=codes), offsets=offsets)

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

    def _read(self, column: str) -> pa.Array:
        try:
            # Group by group: pyarrow cannot read lists of coded text from several at once.
            tables = [
                self._file.read_row_group(group, columns=[column], use_threads=False)
                for group in range(self._file.num_row_groups)
            ]
            chunks = pa.concat_tables(tables).column(column)
        except (pa.ArrowException, OSError) as error:
            raise RecordingError(f"{self._name}, column {column!r}: cannot be read ({error}); record again.") from error
        if chunks.num_chunks == 1:  # as we write them; what follows copies
            return chunks.chunk(0)
        return chunks.unify_dictionaries().combine_chunks()

    def _refuse_null(self, column: str, array: pa.Array, expected: str) -> None:
        if array.null_count:
            self.refuse(column, ~_is_valid(array), f"is null; expected {expected}.")

    def _expect(self, column: str, what: str, accepts: object) -> None:
        kind = self._schema.field(column).type
        if not callable(accepts) or not accepts(kind):
            raise RecordingError(f"{self._name}, column {column!r}: holds {kind}; expected {what}. Record again.")

    def _refuse_value(self, column: str, values: NDArray[Any], bad: NDArray[np.bool_], low: float, high: float) -> None:
        if bad.any():
            row = int(bad.argmax())
            raise self.error(column, row, f"{values[row]} is not in [{low:g}, {high:g}].")


_KINDS = {"halffloat": np.dtype(np.float16), "float": np.dtype(np.float32), "int32": np.dtype(np.int32)}
"""The numbers that recordings hold, by pyarrow's names."""


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _holds_vectors(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind) and str(kind.value_type) in ("halffloat", "float")


def _holds_lists_of_text(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and pa.types.is_string(_value_type(kind.value_type))


def _codes(array: pa.DictionaryArray) -> NDArray[np.int32]:
    """[R] places in the array's dictionary; `NULL` where there is no value."""
    indices = array.indices
    codes: NDArray[np.int32] = _stored(indices)
    return np.where(_is_valid(indices), codes, np.int32(NULL)) if indices.null_count else codes


def _stored(array: pa.Array) -> NDArray[Any]:
    """[R] the numbers of an array as they lie in memory, read-only; where there is no value, anything.

    pyarrow's own conversion imports pandas wherever that is installed, which takes longer than all of the reading.
    """
    kind, buffer = _KINDS[str(array.type)], array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), kind)
    return np.frombuffer(buffer, kind)[array.offset : array.offset + len(array)]


def _is_valid(array: pa.Array) -> NDArray[np.bool_]:
    """[R] whether there is a value, in an array with nulls."""
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    return np.unpackbits(bits, bitorder="little")[array.offset : array.offset + len(array)].view(np.bool_)
