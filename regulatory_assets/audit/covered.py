"""What an anchor covers: rows of the register, and the files that their postings lie in.

Rows are taken by (table, day, revision), which has no gaps, and not by time: a row committed by a
slow transaction may be older than one that was anchored before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from regulatory_assets.adjustments.rule import canonical
from regulatory_assets.control.register import Delivery, Place, Register, Revision
from regulatory_assets.ledger.lake import delta_table, is_created

GONE = ""
"""Stands for the digest of a file that is not there."""


class Covered(BaseModel):
    """One row of the register: its digest, with what it consumed and the deliveries that led to it,
    and the SHA-256 of every file behind it, by its path in the lake."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    day: date
    revision: int
    digest: str
    files: dict[str, str]

    def __str__(self) -> str:
        return f"{self.table} for {self.day} revision {self.revision}"


Seen = Mapping[Place, int]
"""The last revision that is covered already, for each table and day."""


def seen(rows: Iterable[Covered]) -> Seen:
    found: dict[Place, int] = {}
    for row in rows:
        place = (row.table, row.day)
        found[place] = max(row.revision, found.get(place, 0))
    return found


def cover(register: Register, lake: Path, known: Seen) -> tuple[Covered, ...]:
    """The rows that have been registered since, as they stand now."""
    moved = [p for p, last in register.heads().items() if last > known.get(p, 0)]
    files = Files(lake)
    return tuple(
        Covered(
            table=row.table,
            day=row.day,
            revision=row.revision,
            digest=row_digest(row, delivered),
            files={name: files.digest(name) for name in files.behind(row, delivered)},
        )
        for row, delivered in standing(register, sorted(moved))
        if row.revision > known.get((row.table, row.day), 0)
    )


def standing(
    register: Register, places: Iterable[Place]
) -> Iterator[tuple[Revision, tuple[Delivery, ...]]]:
    """Every row of some tables and days, with the deliveries that led to it."""
    places = list(places)
    deliveries = register.deliveries_of(places)
    for place, chain in register.histories(places).items():
        for row in chain:
            yield row, tuple(d for d in deliveries[place] if d.revision == row.revision)


def row_digest(row: Revision, delivered: tuple[Delivery, ...]) -> str:
    """One digest of all that the control database says of a revision."""
    told = {"row": _plain(asdict(row)), "deliveries": [_told(d) for d in delivered]}
    return hashlib.sha256(canonical(told).encode()).hexdigest()


def _told(delivery: Delivery) -> dict[str, Any]:
    """A delivery; what older databases do not say of one is left out, so that its digest stays."""
    told: dict[str, Any] = _plain(asdict(delivery))
    return {name: value for name, value in told.items() if name not in _LATER or value}


_LATER = ("source", "contested", "agreed")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


class Files:
    """The files of a lake as they are now; each Delta log is read once. Raises LakeError where one
    cannot be."""

    def __init__(self, lake: Path) -> None:
        self._lake = lake
        self._logs: dict[str, dict[str, list[str]]] = {}

    def behind(self, row: Revision, delivered: tuple[Delivery, ...]) -> tuple[str, ...]:
        """The data files of a row's posting, by its Delta log, and the kept lines of deliveries."""
        kept = [f"raw/{row.table}/{d.batch}.parquet" for d in delivered]
        data = self.of_posting(row.table, row.posting) if row.posting else []
        return (*sorted(data), *(k for k in kept if (self._lake / k).exists()))

    def of_posting(self, table: str, posting: str) -> list[str]:
        """The data files that a reader of the posting reads."""
        if table not in self._logs:
            self._logs[table] = dict(_by_posting(self._lake, table))
        return self._logs[table].get(posting, [])

    def digest(self, name: str) -> str:
        """The SHA-256 of a file, or GONE."""
        try:
            with (self._lake / name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return GONE


def _by_posting(lake: Path, table: str) -> Iterator[tuple[str, list[str]]]:
    path = lake / table
    if not is_created(path):
        return
    actions = pa.table(delta_table(path).get_add_actions(flatten=True))
    if not actions.num_rows:
        return
    found: dict[str, list[str]] = {}
    names = actions.column("path").to_pylist()
    for name, posting in zip(names, actions.column("partition.posting").to_pylist(), strict=True):
        found.setdefault(posting, []).append(f"{table}/{unquote(name)}")
    yield from found.items()
