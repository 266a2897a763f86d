"""CSV: a header, then one line a row. A line end never stands inside a field.

So a quotation mark that is not closed spoils its own line only, and a line's number is that of any
text editor. Lines with another number of fields than the header, with quotation marks that do not
pair, or without anything on them cannot be read; they are given with their problem.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from regulatory_assets.bank.files import FileForm
from regulatory_assets.bank.formats.piece import (
    COLUMN_LIMIT,
    Unreadable,
    bad_lines,
    check_names,
    good_lines,
    place,
    too_many,
)
from regulatory_assets.bank.formats.text import Block, Lines

_MARK = b"\xef\xbb\xbf"
"""A byte order mark: the parser would drop it silently where a block begins with it."""

_PAIRED = '^[^"]*(?:"[^"]*"[^"]*)*$'
"""Of a field that goes on in the next line, the rest has a quotation mark too, and is no line."""

Bad = tuple[int, str, str]
"""Number, problem and text of a line."""


class DelimitedFile:
    """A CSV file; its header is read when it is opened."""

    warnings: tuple[str, ...] = ()

    def __init__(self, path: Path, form: FileForm, used: Sequence[str]) -> None:
        self._form = form
        self._lines = Lines(path, form)
        self._blocks = self._lines.blocks()
        first = next(self._blocks, None)
        if first is None or not first.text.strip():
            raise Unreadable(
                "the file is empty; a table without rows has its header line", plain=True
            )
        head, _, rest = first.text.partition(b"\n")
        self._rest = Block(2, first.lines - 1, rest)
        self.columns = _header(head.decode(), form.delimiter)
        self.unknown = tuple(c for c in self.columns if c not in used)
        self._well_formed = _well_formed(form.delimiter)

    @property
    def sha256(self) -> str:
        return self._lines.sha256

    def pieces(self) -> Iterator[pa.Table]:
        if self._rest.lines:
            yield from self._piece(self._rest)
        for block in self._blocks:
            yield from self._piece(block)

    def _piece(self, block: Block) -> Iterator[pa.Table]:
        first, lines, text = block
        numbers = np.arange(first, first + lines, dtype=np.int64)
        bad: list[Bad] = []
        if _needs_care(text):
            text, numbers, bad = self._set_aside(text, numbers)
        if text:
            rows, unfit = self._parse(text)
            if unfit:
                places = np.array([at for at, _, _ in unfit])
                bad += [(int(numbers[at]), problem, line) for at, problem, line in unfit]
                numbers = np.delete(numbers, places)
            if rows.num_rows != len(numbers):
                raise Unreadable(f"{len(numbers)} lines were read as {rows.num_rows} rows", first)
            yield good_lines(pa.array(numbers), rows.columns)
        if bad:
            yield bad_lines(bad, len(self.columns))

    def _set_aside(
        self, block: bytes, numbers: np.ndarray[tuple[int], np.dtype[np.int64]]
    ) -> tuple[bytes, np.ndarray[tuple[int], np.dtype[np.int64]], list[Bad]]:
        """Take out the lines that cannot be parsed on their own."""
        lines = pc.split_pattern(pa.array([block[:-1]], pa.binary()), b"\n").flatten()
        good = pc.and_(
            pc.and_(
                pc.match_substring_regex(lines, self._well_formed),
                pc.match_substring_regex(lines, _PAIRED),
            ),
            pc.and_not(pc.greater(pc.binary_length(lines), 0), pc.starts_with(lines, _MARK)),
        )
        bad = []
        for at in np.flatnonzero(~good.to_numpy(zero_copy_only=False)):
            text = lines[int(at)].as_py().decode()
            bad.append((int(numbers[at]), _what_is_wrong(text), text))
        kept = lines.filter(good)
        together = pa.ListArray.from_arrays(pa.array([0, len(kept)], pa.int32()), kept)
        text = pc.binary_join(together, b"\n")[0].as_py()
        return (text + b"\n" if len(kept) else b""), numbers[good.to_numpy(False)], bad

    def _parse(self, block: bytes) -> tuple[pa.Table, list[Bad]]:
        """The rows of well-formed lines, and the places of lines with other numbers of fields."""
        unfit: list[Bad] = []

        def set_aside(row: pacsv.InvalidRow) -> str:
            if row.number is None:
                return "error"
            problem = f"{row.actual_columns} fields, the header has {row.expected_columns}"
            unfit.append((row.number - 1, problem, row.text))
            return "skip"

        try:
            return self._read(block, set_aside, threads=True), unfit
        except pa.ArrowInvalid:
            # Only a reader with one thread knows the place of a line that does not fit.
            return self._read(block, set_aside, threads=False), unfit

    def _read(self, block: bytes, set_aside: object, threads: bool) -> pa.Table:
        names = [place(i) for i in range(len(self.columns))]
        return pacsv.read_csv(
            pa.BufferReader(block),
            read_options=pacsv.ReadOptions(
                column_names=names, block_size=len(block) + 1, use_threads=threads
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=self._form.delimiter,
                invalid_row_handler=set_aside,
                ignore_empty_lines=False,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )


def _needs_care(block: bytes) -> bool:
    """Whether lines may hold quotation marks, stray carriage returns, marks, or nothing."""
    # The first byte of a mark is looked for: to find one byte costs a tenth of finding several.
    signs = (b'"', b"\r", _MARK[:1], b"\n\n")
    return block.startswith(b"\n") or any(sign in block for sign in signs)


def _what_is_wrong(line: str) -> str:
    if not line:
        return "an empty line"
    if line.encode().startswith(_MARK):
        return "a byte order mark inside the file; were two files joined?"
    return "quotation marks or line ends inside fields"


def _well_formed(delimiter: str) -> str:
    """Fields of a whole line: bare without a quotation mark at the start, or quoted throughout."""
    sign = "\\t" if delimiter == "\t" else re.escape(delimiter)
    bare = f'(?:[^"\\r{sign}][^\\r{sign}]*)?'
    field = f'(?:{bare}|"(?:[^"\\r]|"")*")'
    return f"^{field}(?:{sign}{field})*$"


def _header(line: str, delimiter: str) -> tuple[str, ...]:
    if (fields := line.count(delimiter) + 1) > COLUMN_LIMIT:  # before each becomes a name
        raise Unreadable(too_many(fields), 1, plain=True)
    try:
        (names,) = csv.reader([line], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        raise Unreadable(f"the header cannot be read: {error}", 1) from error
    columns = tuple(n.strip() or f"(column {i})" for i, n in enumerate(names, 1))
    check_names(columns, 1)
    return columns
