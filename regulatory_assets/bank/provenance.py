"""Where a row of a source table comes from: source, file and line.

No ledger has a column for it. The accepted lines of every delivery are kept, and lead from the
row's key to the line that it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql.connect import functions as F

from regulatory_assets.bank.claims import (
    BATCH,
    SOURCE,
    all_claims,
    having,
    owners,
    raw_folder,
    standing_deliveries,
)
from regulatory_assets.bank.conform import conform
from regulatory_assets.bank.delivery import DeliveryError
from regulatory_assets.bank.formats.piece import LINE, RAW_TEXT
from regulatory_assets.bank.staging import raw_lines
from regulatory_assets.control.register import Register
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.reader import Reader
from regulatory_assets.ledger.table import Table


@dataclass(frozen=True)
class Provenance:
    """The line that a standing row was made from; ``text`` holds nothing personal."""

    source: str
    file_name: str
    line: int
    batch: str
    sha256: str
    text: str


def provenance(
    reader: Reader, register: Register, table: Table, day: date, key: Mapping[str, str]
) -> Provenance:
    """The line of the row with a key, whose values are written as text.

    Raises DeliveryError for another key than the table's, and where no such row was delivered.
    """
    if set(key) != set(table.key):
        raise DeliveryError(f"the key of {table.name} is {', '.join(table.key)}; give each once")
    folder = raw_folder(reader.lake.root)
    standing = standing_deliveries(folder, table, register.deliveries(table.name, day))
    found = []
    if standing.of:
        claims = all_claims(reader, register, folder, table, day, standing)
        found = frames.values(owners(claims.where(having(table, key)), table))
    if not found:
        named = ", ".join(f"{name} {value}" for name, value in key.items())
        raise DeliveryError(f"{table.name} has no row with {named} on {day} that was delivered")
    raw = raw_lines(folder, table, found[0][BATCH])
    lines = reader.lake.session.read.parquet(str(raw.path)).where(F.col(LINE) == found[0][LINE])
    (row,) = frames.values(conform(lines, raw.columns, raw.mapping, day).select(RAW_TEXT))
    return Provenance(
        found[0][SOURCE], raw.file_name, found[0][LINE], raw.batch, raw.sha256, row[RAW_TEXT]
    )
