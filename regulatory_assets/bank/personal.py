"""What is personal in a delivered file: left out of its kept lines, read once more for the vault.

The line between the two is drawn by the names of columns: what makes the ledger's columns is kept,
all else is not. A value that got into the wrong column is stopped by its shape: what is kept of
such a file is codes, and a line with anything else is kept as a number and a problem only. How the
vault keeps what it gets does not belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import reduce
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.delivery import DeliveredFile, DeliveryError
from regulatory_assets.bank.formats import open_file
from regulatory_assets.bank.formats.piece import LINE, PROBLEM, RAW_TEXT, place
from regulatory_assets.bank.mapping import SourceMapping
from regulatory_assets.ledger.frames import OPERATION

GIVEN = "(personal)"
"""Stands in the kept lines for a value that was delivered."""

NOT_KEPT = "(not kept: the file holds personal data)"
UNTOLD = (
    "it cannot be read; what stands there is not told, since the file holds personal data. Look "
    "at the file itself, and deliver it again"
)

VALUE_LIMIT = 10_000
"""A longer value is the sign of a broken file."""

_CODE = r"^\s*[A-Za-z0-9_.:-]{1,64}\s*$"
_IDENTIFIER = r"^\s*[A-Za-z_.:-]*[0-9]"

Person = tuple[str, Mapping[str, str]]
"""A customer's pseudonymous identifier, and what is personal, by column."""


class PersonalData(Protocol):
    """Where personal data goes."""

    def keep(self, table: str, day: date, persons: Iterable[Person]) -> int:
        """Keep what a delivery for a day says of persons; the number of those not kept, because
        they have been erased."""


def without_personal(piece: pa.Table, delivered: Sequence[str], mapping: SourceMapping) -> pa.Table:
    """A piece of a file as it may be kept; unchanged for a table without personal columns."""
    if not mapping.table.personal:
        return piece
    wrong = _wrong(piece, delivered, mapping)
    spoilt = pc.is_valid(wrong)
    masked = {
        LINE: piece[LINE],
        PROBLEM: pc.coalesce(piece[PROBLEM], wrong),
        RAW_TEXT: pc.if_else(spoilt, NOT_KEPT, _instead(NOT_KEPT, piece[RAW_TEXT])),
    }
    for i, name in enumerate(delivered):
        values = piece[place(i)]
        kept = values if name in mapping.not_personal else _instead(GIVEN, values)
        masked[place(i)] = pc.if_else(spoilt, None, kept)
    return pa.table(masked, schema=piece.schema)


def _instead(word: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """The word wherever there is a value."""
    return pc.if_else(pc.is_valid(values), word, pa.scalar(None, pa.string()))


def _wrong(
    piece: pa.Table, delivered: Sequence[str], mapping: SourceMapping
) -> pa.Array | pa.ChunkedArray:
    """Why nothing of a line is kept but its number; null where it may be."""
    key = mapping.columns[mapping.table.key[0]].origin.uses
    found = []
    for i, name in enumerate(delivered):
        values = piece[place(i)]
        if name in mapping.not_personal:
            fits = pc.match_substring_regex(values, _CODE)
            if name in key:
                fits = pc.and_(fits, pc.match_substring_regex(values, _IDENTIFIER))
            found.append(_said(pc.invert(fits), f"{name}: not a code; nothing of the line is kept"))
        else:
            too_long = pc.greater(pc.utf8_length(values), VALUE_LIMIT)
            found.append(_said(too_long, f"{name}: longer than {VALUE_LIMIT} characters"))
    return reduce(pc.coalesce, found)


def _said(wrong: pa.ChunkedArray, what: str) -> pa.ChunkedArray:
    return pc.if_else(pc.fill_null(wrong, False), what, pa.scalar(None, pa.string()))


def keep_personal(file: DeliveredFile, vault: PersonalData, accepted: DataFrame) -> tuple[str, ...]:
    """Read a file once more, and give the vault what is personal in its accepted lines.

    Its lines are read in pieces, and of each piece's accepted lines the identifiers; what a deleted
    person's line says is not kept. Raises DeliveryError where the file is no longer the one whose
    lines were kept. Returns a warning for persons who have been erased.
    """
    mapping, reading = file.mapping, open_file(file)
    places = {c.name: _place_of(c.name, mapping, reading.columns) for c in file.table.personal}
    if mapping.mode == "delta":
        accepted = accepted.where(F.col(OPERATION) == "upsert")
    erased = 0
    for piece in reading.pieces():
        customers = _customers(piece, accepted, file.table.key[0])
        erased += vault.keep(file.table.name, file.day, _persons(piece, places, customers))
    if (reading.sha256 or file.read_sha256()) != file.sha256:
        raise DeliveryError(
            f"{file.path}: changed while it was read; run again when it is complete"
        )
    if not erased:
        return ()
    return (
        f"{file.path.name}: {erased} persons are delivered again who have been erased; nothing "
        "personal of them was kept. Have their source erase them too",
    )


def _place_of(column: str, mapping: SourceMapping, delivered: Sequence[str]) -> str | None:
    if column not in mapping.columns:
        return None
    (name,) = mapping.columns[column].origin.uses
    return place(delivered.index(name))


def _customers(piece: pa.Table, accepted: DataFrame, key: str) -> dict[int, str]:
    """The identifiers of a piece's accepted lines, by line."""
    if not piece.num_rows:
        return {}
    lines = pc.min_max(piece[LINE]).as_py()
    here = accepted.where(F.col(LINE).between(lines["min"], lines["max"]))
    found = here.select(LINE, key).toArrow()
    return dict(zip(found[LINE].to_pylist(), found[key].to_pylist(), strict=True))


def _persons(
    piece: pa.Table, places: Mapping[str, str | None], customers: Mapping[int, str]
) -> Iterable[Person]:
    given = {name: at for name, at in places.items() if at is not None}
    for row in piece.select([LINE, PROBLEM, *given.values()]).to_pylist():
        if row[PROBLEM] is None and row[LINE] in customers:
            values = {name: row[at] for name, at in given.items() if row[at] is not None}
            yield customers[row[LINE]], values
