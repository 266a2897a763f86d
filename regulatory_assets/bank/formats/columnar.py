"""Parquet: typed columns, read in batches and given as text; rows are numbered from 1.

A float is refused where the mapping uses it: it does not hold the digits of an amount. So is a
struct, list or map, which is no one value; where nothing uses it, it is kept as Arrow shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regulatory_assets.bank.files import FileForm
from regulatory_assets.bank.formats.piece import Unreadable, check_names, good_lines

_ROWS = 65_536
_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)


class ParquetFile:
    """A Parquet file; its footer is read when it is opened."""

    sha256 = None
    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path, form: FileForm, used: Sequence[str]) -> None:
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise Unreadable(f"not a whole Parquet file ({error}); deliver it again") from error
        schema = self._file.schema_arrow
        self.columns = tuple(name or f"(column {i})" for i, name in enumerate(schema.names, 1))
        self.unknown = tuple(c for c in self.columns if c not in used)
        check_names(self.columns)
        for field in schema:
            if field.name in used and pa.types.is_nested(field.type):
                raise Unreadable(
                    f"the column {field.name} is a {field.type}, and a field of a row has one "
                    "value; deliver it as columns of its own, or take it apart with a query in "
                    "the mapping"
                )
            if field.name in used and pa.types.is_floating(field.type):
                raise Unreadable(
                    f"the column {field.name} is a float, which does not hold every digit of an "
                    "amount; deliver it as decimal or text"
                )

    def pieces(self) -> Iterator[pa.Table]:
        row = 1
        try:
            for batch in self._file.iter_batches(batch_size=_ROWS):
                numbers = pa.array(range(row, row + batch.num_rows), pa.int64())
                batch.validate(full=True)  # text that is none would fail an engine
                columns = zip(self.columns, batch.columns, strict=True)
                texts = [_text(values, name not in self.unknown) for name, values in columns]
                yield good_lines(numbers, texts)
                row += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise Unreadable(f"damaged from row {row} on ({error}); deliver it again") from error


def _text(column: pa.Array, used: bool) -> pa.Array:
    """Values as they would be written in a text file; nested ones as Arrow shows them, and bytes
    that are no text and that nothing uses with the signs of Python."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type):
        return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())
    if any(is_bytes(column.type) for is_bytes in _BYTES):
        column = column.cast(pa.large_binary())
        if used:
            column = column.cast(pa.large_string())
        else:
            shown = (v and v.decode(errors="backslashreplace") for v in column.to_pylist())
            column = pa.array(shown, pa.string())
    text = column.cast(pa.string())
    if pa.types.is_decimal(column.type):
        return _with_point(text)
    return pc.if_else(pc.equal(text, ""), None, text)


def _with_point(text: pa.Array) -> pa.Array:
    """Decimals with all their digits: Arrow writes small ones, and zero, like 0E-8."""
    short = pc.fill_null(pc.match_substring(text, "E"), False)
    if not pc.any(short, min_count=0).as_py():
        return text
    different = text.filter(short).dictionary_encode()
    whole = [format(Decimal(value), "f") for value in different.dictionary.to_pylist()]
    return pc.replace_with_mask(text, short, pa.array(whole).take(different.indices))
