"""Writing delivered files, the inverse of ``delivery``: what stands in them is given."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv

from regulatory_assets.bank.mapping import OPERATION
from regulatory_assets.ledger.table import Table

_AS_DELIVERED = pacsv.WriteOptions(include_header=False, quoting_style="none")


def write_full(out: Path, day: date, table: Table, pieces: Iterable[pa.Table | bytes]) -> None:
    """Write the full delivery of a table. A piece given as bytes is written as it is."""
    _write(_folder(out, day) / f"{table.name}.csv", table.delivered_names, pieces)


def write_delta(out: Path, day: date, table: Table, changes: pa.Table) -> Path:
    """Write a delivery of changes, whose first column is the operation. Returns the file."""
    target = _folder(out, day) / f"{table.name}.delta-001.csv"
    _write(target, (OPERATION, *table.delivered_names), [changes])
    return target


def write_templates(out: Path, tables: Iterable[Table]) -> tuple[Path, ...]:
    """Write a file with the header of each table. A file that stands is kept, and not returned."""
    out.mkdir(parents=True, exist_ok=True)
    targets = {out / f"{table.name}.csv": table for table in tables}
    written = tuple(path for path in targets if not path.exists())
    for path in written:
        _write(path, targets[path].delivered_names, [])
    return written


def _folder(out: Path, day: date) -> Path:
    folder = out / day.isoformat()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(path: Path, columns: tuple[str, ...], pieces: Iterable[pa.Table | bytes]) -> None:
    with _replacing(path) as sink:
        sink.write((",".join(columns) + "\n").encode())
        for piece in pieces:
            sink.write(piece if isinstance(piece, bytes) else _text(piece.select(columns)))


def _text(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    if rows.num_rows:
        pacsv.write_csv(rows, sink, _AS_DELIVERED)
    return sink.getvalue()


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that stands under its name only when it is complete."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as sink:
        yield sink
    part.replace(path)
