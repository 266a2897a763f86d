"""Writing delivered files, the inverse of ``delivery``: what stands in them is given.

What is larger than ``SMALL_BYTES`` can be compressed; smaller files stay plain, to be looked at.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from shutil import copyfileobj
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from regulatory_assets.bank.delivery import CONTROL_TOTALS
from regulatory_assets.bank.files import COMPRESSED
from regulatory_assets.ledger.frames import OPERATION
from regulatory_assets.ledger.table import Table

SMALL_BYTES = 64 * 1024

_AS_DELIVERED = pacsv.WriteOptions(include_header=False, quoting_style="none")


@dataclass(frozen=True)
class FullFile:
    """A table's full file as it was written: how many rows, and the sum of a column; ``total`` is
    None where nothing was added up."""

    table: Table
    rows: int
    sum_column: str | None
    total: Decimal | None


def write_full(
    out: Path, day: date, table: Table, pieces: Iterable[pa.Table | bytes], gzip: bool = False
) -> FullFile:
    """Write the full delivery of a table. A piece given as bytes is one line, written as it is.

    The table's first amount is added up, if all pieces are rows. ``gzip`` compresses a file that is
    not small.
    """
    amount = next(iter(table.money), None)
    counted = _Counted(amount)
    target = _folder(out, day) / f"{table.name}.csv"
    _write(target, table.delivered_names, map(counted.look, pieces), gzip)
    known = amount is not None and not counted.lines
    return FullFile(
        table, counted.rows, amount if known else None, counted.total if known else None
    )


def write_control_totals(out: Path, day: date, written: Iterable[FullFile]) -> None:
    """Write what was counted beside the files of a day (``control_totals``)."""
    lines = "".join(
        f"{w.table.name},{w.rows},{w.sum_column or ''},{'' if w.total is None else w.total}\n"
        for w in written
    )
    with _replacing(_folder(out, day) / CONTROL_TOTALS) as sink:
        sink.write(f"table,rows,sum_column,sum\n{lines}".encode())


@dataclass
class _Counted:
    """Counts rows and adds up an amount on their way to a file."""

    amount: str | None
    rows: int = 0
    lines: int = 0
    total: Decimal = Decimal(0)

    def look(self, piece: pa.Table | bytes) -> pa.Table | bytes:
        if isinstance(piece, bytes):
            self.rows, self.lines = self.rows + 1, self.lines + 1
            return piece
        self.rows += piece.num_rows
        if self.amount is not None and piece.num_rows:
            self.total += pc.sum(piece[self.amount]).as_py() or Decimal(0)
        return piece


def write_delta(out: Path, day: date, table: Table, changes: pa.Table, gzip: bool = False) -> Path:
    """Write a delivery of changes, whose first column is the operation. Returns the file."""
    target = _folder(out, day) / f"{table.name}.delta-001.csv"
    return _write(target, (OPERATION, *table.delivered_names), [changes], gzip)


def write_templates(out: Path, tables: Iterable[Table]) -> tuple[Path, ...]:
    """Write a file with the header of each table. A file that stands is kept, and not returned."""
    out.mkdir(parents=True, exist_ok=True)
    targets = {out / f"{table.name}.csv": table for table in tables}
    written = tuple(path for path in targets if not any(map(Path.exists, _forms(path))))
    for path in written:
        _write(path, targets[path].delivered_names, [])
    return written


def _folder(out: Path, day: date) -> Path:
    folder = out / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(
    path: Path, columns: tuple[str, ...], pieces: Iterable[pa.Table | bytes], gzip: bool = False
) -> Path:
    """Write lines to a file, compressed where that is asked for and it is not small. Returns it."""
    with _replacing(path, gzip) as sink:
        sink.write((",".join(columns) + "\n").encode())
        for piece in pieces:
            sink.write(piece if isinstance(piece, bytes) else _text(piece.select(columns)))
    return next(filter(Path.exists, _forms(path)))


def _text(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    if rows.num_rows:
        pacsv.write_csv(rows, sink, _AS_DELIVERED)
    return sink.getvalue()


def _forms(path: Path) -> tuple[Path, Path]:
    """A file plain, and compressed."""
    return path, path.with_name(path.name + COMPRESSED)


@contextmanager
def _replacing(path: Path, gzip: bool = False) -> Iterator[BinaryIO]:
    """A file that stands under its name only when it is complete, in one of its two forms."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as sink:
        yield sink
    kept, gone = _forms(path)
    if gzip and part.stat().st_size > SMALL_BYTES:
        part, kept, gone = _compressed(part), gone, kept
    gone.unlink(missing_ok=True)
    part.replace(kept)


def _compressed(plain: Path) -> Path:
    """Move a file into a compressed one, without its name and time: the same bytes give the same.

    By the library that the environment pins, since others pack the same text differently.
    """
    target = plain.with_suffix(COMPRESSED + plain.suffix)
    with plain.open("rb") as source, pa.CompressedOutputStream(str(target), "gzip") as packed:
        copyfileobj(source, packed)
    plain.unlink()
    return target
