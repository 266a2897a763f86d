"""Delivered files: finding them, and staging one with its lines numbered.

A delivery folder holds one sub-folder per reporting date; in it ``<table>.csv`` is the whole table
and ``<table>.delta-<n>.csv`` are changes to it, applied in the order of their names. What the
values mean is not decided here (``conform``), only that the file can be read.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from regulatory_assets.ledger.table import Table

OPERATION = "_operation"
LINE = "line_number"
BLOCK_BYTES = 8 * 1024 * 1024

_NAME = re.compile(r"(?P<table>\w+?)(\.delta-(?P<number>\d+))?\.csv")


class DeliveryError(Exception):
    """A file that cannot be taken at all; the message names file, line and remedy."""


@dataclass(frozen=True)
class DeliveredFile:
    """One file of a delivery folder."""

    path: Path
    table: Table
    day: date
    mode: Literal["full", "delta"]

    @property
    def sha256(self) -> str:
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True)
class Malformed:
    """A line that does not have the header's number of fields."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Staged:
    """A file whose lines are numbered and lie in Parquet as text, ready for an engine."""

    file: DeliveredFile
    sha256: str
    batch: str
    parquet: Path
    lines: int
    malformed: tuple[Malformed, ...]


def delivery_days(folder: Path) -> tuple[date, ...]:
    """The reporting dates for which the folder holds files, in order."""
    days = []
    for child in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            days.append(date.fromisoformat(child.name))
        except ValueError:
            continue
    return tuple(days)


def find_files(folder: Path, day: date, tables: Iterable[Table]) -> tuple[DeliveredFile, ...]:
    """The files of a day, full deliveries before deltas. Raises where a name fits no table."""
    by_name = {t.name: t for t in tables}
    where = folder / day.isoformat()
    found: list[tuple[int, DeliveredFile]] = []
    for path in sorted(where.glob("*.csv")):
        match = _NAME.fullmatch(path.name)
        if match is None or match["table"] not in by_name:
            raise DeliveryError(
                f"{path}: no source table has this name; expected <table>.csv or "
                f"<table>.delta-<n>.csv with a table of {', '.join(sorted(by_name))}"
            )
        number = match["number"]
        mode: Literal["full", "delta"] = "full" if number is None else "delta"
        order = 0 if number is None else int(number)
        found.append((order, DeliveredFile(path, by_name[match["table"]], day, mode)))
    return tuple(file for _, file in sorted(found, key=lambda pair: (pair[0], pair[1].path.name)))


def staged_path(folder: Path, table: Table, batch: str) -> Path:
    """Where the lines of a batch lie; they are kept, so that a day can be calculated again."""
    return folder / table.name / f"{batch}.parquet"


def stage(file: DeliveredFile, folder: Path) -> Staged:
    """Number the lines of a file and write them as text columns, in bounded memory.

    Lines with another number of fields than the header are set aside as malformed. Raises
    DeliveryError for an empty or unreadable file, a wrong encoding, or columns that do not fit.
    """
    expected = file.table.column_names
    if file.mode == "delta":
        expected = (OPERATION, *expected)
    batch = uuid.uuid4().hex
    target = staged_path(folder, file.table, batch)
    target.parent.mkdir(parents=True, exist_ok=True)
    _header(file.path, expected)
    malformed: list[Malformed] = []
    try:
        try:
            lines = _number_lines(file.path, target, expected, None)
        except pa.ArrowInvalid:
            # Only a reader with one thread knows the line of a malformed row, and is slower.
            lines = _number_lines(file.path, target, expected, malformed)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        target.unlink(missing_ok=True)
        raise DeliveryError(
            f"{file.path}: cannot be read as UTF-8 text separated by commas: {error}. "
            "Deliver the file again; nothing of it was taken."
        ) from error
    return Staged(file, file.sha256, batch, target, lines, tuple(malformed))


def _number_lines(
    path: Path, target: Path, expected: tuple[str, ...], malformed: list[Malformed] | None
) -> int:
    """Write a file's lines with their numbers; malformed ones are collected, or raise."""

    def set_aside(row: pacsv.InvalidRow) -> str:
        if malformed is None:
            return "error"
        reason = f"{row.actual_columns} fields, the header has {row.expected_columns}"
        malformed.append(Malformed(int(row.number), row.text, reason))
        return "skip"

    aside = malformed if malformed is not None else []
    lines = 0
    with (
        pacsv.open_csv(
            path,
            read_options=pacsv.ReadOptions(block_size=BLOCK_BYTES, use_threads=malformed is None),
            parse_options=pacsv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=set_aside
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(expected, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        ) as batches,
        pq.ParquetWriter(target, _staged_schema(expected), compression="zstd") as writer,
    ):
        for rows in batches:
            numbers, lines = _numbers(rows.num_rows, lines, aside)
            columns = [numbers, *(rows.column(c) for c in expected)]
            writer.write_batch(pa.record_batch(columns, schema=_staged_schema(expected)))
    return max(lines, max((m.line - 1 for m in aside), default=0))


def _staged_schema(columns: tuple[str, ...]) -> pa.Schema:
    return pa.schema([(LINE, pa.int64()), *((c, pa.string()) for c in columns)])


def _header(path: Path, expected: tuple[str, ...]) -> list[str]:
    """The header's columns; order is free, names are not."""
    with path.open("rb") as stream:
        first = stream.readline().removeprefix(b"\xef\xbb\xbf")
    if not first.strip():
        raise DeliveryError(f"{path}: the file is empty; a table without rows has its header line")
    try:
        names = [n.strip().strip('"') for n in first.decode().rstrip("\r\n").split(",")]
    except UnicodeDecodeError as error:
        raise DeliveryError(f"{path}, line 1: not UTF-8 ({error}); deliver it as UTF-8") from error
    if sorted(names) != sorted(expected):
        missing = sorted(set(expected) - set(names))
        unknown = sorted(set(names) - set(expected))
        raise DeliveryError(
            f"{path}, line 1: columns do not fit the table: missing {missing}, unknown {unknown}. "
            f"Expected: {','.join(expected)}"
        )
    return names


def _numbers(rows: int, done: int, malformed: list[Malformed]) -> tuple[pa.Array, int]:
    """Line numbers of the next rows; the header is line 1, malformed lines keep their number.

    ``done`` is the number of data lines already numbered, malformed ones included.
    """
    skipped = sorted(m.line - 1 for m in malformed if m.line - 1 > done)
    numbers = pa.array(range(done + 1, done + 1 + rows), pa.int64())
    for place in skipped:
        later = pc.greater_equal(numbers, place)
        numbers = pc.add(numbers, pc.cast(later, pa.int64()))
    last = numbers[-1].as_py() if rows else done
    return pc.add(numbers, 1), last
