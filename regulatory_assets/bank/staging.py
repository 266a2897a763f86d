"""Raw lines: a delivered file written once as numbered text columns, and kept.

Beside the tables lies ``raw/<table>/<batch>.parquet`` with every line of the file, also those that
could not be read and columns that nothing uses. File, hash, batch, arrival, delivered columns and
the mapping by which the file is read stand in its metadata, so a day can be calculated again from
the kept lines alone. What is personal is taken out before (``personal``).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regulatory_assets.bank.delivery import DeliveredFile, DeliveryError, content_hash
from regulatory_assets.bank.formats import SourceFile, Unreadable, content, open_file
from regulatory_assets.bank.formats.piece import LINE, PROBLEM, staged_schema
from regulatory_assets.bank.mapping import SourceMapping, load, standard
from regulatory_assets.bank.personal import UNTOLD, without_personal
from regulatory_assets.control.register import Mode
from regulatory_assets.ledger.table import Table

_METADATA = b"regulatory_assets.delivery"

UNREADABLE_LIMIT = 1_000_000
"""Each line that cannot be read is a rejected row; a file with more of them is no file of a table,
and a few megabytes of line ends would be gigabytes of rows."""


@dataclass(frozen=True)
class RawLines:
    """The kept lines of one delivered file."""

    path: Path
    table: Table
    day: date
    mode: Mode
    file_name: str
    sha256: str
    text_sha256: str
    """Of a delta the hash of its text, however it is packed (``text_hash``)."""
    batch: str
    arrived_at: datetime
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    warnings: tuple[str, ...]
    source: str
    formerly: tuple[str, ...]
    mapping_path: str
    mapping_text: str

    @cached_property
    def lines(self) -> int:
        return int(pq.read_metadata(self.path).num_rows)

    @property
    def mapping(self) -> SourceMapping:
        """The mapping by which the lines are read, as it stood when they arrived."""
        if not self.mapping_text:
            return standard(self.table, self.mode)
        return load(Path(self.mapping_path), self.mapping_text, (self.table,))


def raw_path(folder: Path, table: Table, batch: str) -> Path:
    return folder / table.name / f"{batch}.parquet"


def raw_lines(folder: Path, table: Table, batch: str) -> RawLines:
    """The kept lines of a batch. Raises DeliveryError where they are gone."""
    path = raw_path(folder, table, batch)
    try:
        told: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[_METADATA])
    except (OSError, KeyError, pa.ArrowException) as error:
        raise DeliveryError(
            f"{path}: the kept lines of this delivery of {table.name} cannot be read ({error}); "
            "bring them back from a backup"
        ) from error
    return RawLines(
        path=path,
        table=table,
        day=date.fromisoformat(told["day"]),
        mode=told["mode"],
        file_name=told["file"],
        sha256=told["sha256"],
        text_sha256=told.get("text_sha256", told["sha256"]),
        batch=batch,
        arrived_at=datetime.fromisoformat(told["arrived_at"]),
        columns=tuple(told["columns"]),
        unknown=tuple(told["unknown"]),
        warnings=tuple(told.get("warnings", ())),
        source=told["source"],
        formerly=tuple(told.get("formerly", ())),
        mapping_path=told["mapping_path"],
        mapping_text=told["mapping"],
    )


def text_hash(file: DeliveredFile) -> str:
    """The hash of what was delivered, the same however it is packed. Raises Unreadable, OSError."""
    return file.read_sha256(content.text_hash) if file.packed else file.sha256


def stage(file: DeliveredFile, folder: Path) -> RawLines:
    """Read a file once and keep its lines, in bounded memory.

    Raises DeliveryError for a file that is empty, cut off, unreadable or in another encoding, that
    lacks a column, or that changed while it was read; nothing is kept then.
    """
    batch = uuid.uuid4().hex
    target = raw_path(folder, file.table, batch)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(file, batch, target)
    except Unreadable as wrong:
        target.unlink(missing_ok=True)
        where = f"{file.named}, line {wrong.line}" if wrong.line else file.named
        told = wrong.problem if wrong.plain or not file.table.personal else UNTOLD
        cause = None if file.table.personal else wrong
        raise DeliveryError(f"{where}: {told}. Nothing of it was taken.") from cause
    except OSError as error:
        target.unlink(missing_ok=True)
        raise DeliveryError(
            f"{file.named}: cannot be read ({error.strerror or error}); nothing of it was taken"
        ) from error
    except BaseException as failure:
        target.unlink(missing_ok=True)
        if file.table.personal and isinstance(failure, Exception):
            raise DeliveryError(f"{file.named}: {UNTOLD}. Nothing of it was taken.") from None
        raise
    return raw_lines(folder, file.table, batch)


def _read_ahead(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same pieces; while one is used, a thread reads the next."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = reader.submit(next, pieces, None)
            yield piece


def _names_to_tell(reading: SourceFile, mapping: SourceMapping) -> list[str]:
    """The delivered columns that nothing uses. A name that stands in a line is a value as well."""
    told = reading.unknown
    return [n for n in told if n in reading.columns] if mapping.table.personal else list(told)


def _with_few_unreadable(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The pieces of a file, until too many of its lines cannot be read. Raises Unreadable then."""
    found, first = 0, None
    for piece in pieces:
        if wrong := len(piece) - piece[PROBLEM].null_count:
            found += wrong
            first = first or piece.filter(pc.is_valid(piece[PROBLEM])).slice(0, 1).to_pylist()[0]
            if found > UNREADABLE_LIMIT:
                raise Unreadable(
                    f"{first[PROBLEM]}; with it more than {UNREADABLE_LIMIT:,} lines cannot be "
                    "read, so it is another kind of file; deliver the right one",
                    first[LINE],
                    plain=True,
                )
        yield piece


def _write(file: DeliveredFile, batch: str, target: Path) -> None:
    mapping = file.mapping
    # Before it is read, so that of a file that changes meanwhile no hash is kept.
    text = text_hash(file) if file.mode == "delta" else file.sha256
    reading = open_file(file)
    if missing := [name for name in mapping.uses if name not in reading.columns]:
        # Without a header the first line's values would be told as names.
        others = "" if file.table.personal else f"; delivered are {', '.join(reading.columns)}"
        raise Unreadable(
            f"columns do not fit the table {file.table.name}: missing {', '.join(missing)}{others}",
            1,
            plain=True,
        )
    schema = staged_schema(len(reading.columns))
    # Without statistics: one engine takes a column for constant that is so in one row group only,
    # where another row group's values are too long to have any. Without dictionaries: keys and
    # amounts differ from line to line, and what repeats is found by compressing.
    with pq.ParquetWriter(
        target, schema, compression="zstd", write_statistics=False, use_dictionary=False
    ) as writer:
        for piece in _read_ahead(_with_few_unreadable(reading.pieces())):
            writer.write_table(without_personal(piece, reading.columns, mapping))
        if (reading.sha256 or file.read_sha256()) != file.sha256:
            raise Unreadable(
                "the file changed while it was read; run again when it is complete", plain=True
            )
        told = {
            "file": file.path.name,
            "sha256": file.sha256,
            "text_sha256": text,
            "day": file.day.isoformat(),
            "mode": file.mode,
            "arrived_at": datetime.now(UTC).isoformat(),
            "columns": reading.columns,
            "unknown": _names_to_tell(reading, mapping),
            "warnings": reading.warnings,
            "parts": {
                name: {"file": path.name, "sha256": content_hash(path)}
                for name, path in file.parts.items()
            },
            "source": mapping.source,
            "formerly": mapping.formerly,
            "mapping_path": str(mapping.path or ""),
            "mapping": mapping.text,
        }
        writer.add_key_value_metadata({_METADATA.decode(): json.dumps(told)})
