"""Which files a delivery folder holds, of which table, in which order.

A delivery folder holds one sub-folder per reporting date. In it ``<table>.csv`` is the whole table
and ``<table>.delta-<n>.csv`` are changes to it; the files of other sources have the names that
their mappings give. What stands in a file is not looked at here (``staging``, ``conform``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from regulatory_assets.bank.mapping import Mode, SourceMapping, installed, standard
from regulatory_assets.ledger.table import Table

CONTROL_TOTALS = "control_totals.csv"
"""Beside the files of a day: what their source counted (``control_totals``)."""

_NUMBER = re.compile(r"\d+")


class DeliveryError(Exception):
    """A file that cannot be taken at all; the message names file, line and remedy."""


@dataclass(frozen=True)
class DeliveredFile:
    """One file of a delivery folder, with the mapping of its source."""

    path: Path
    day: date
    mapping: SourceMapping

    @property
    def table(self) -> Table:
        return self.mapping.table

    @property
    def mode(self) -> Mode:
        return self.mapping.mode

    @cached_property
    def sha256(self) -> str:
        """The hash of the content, as it was when first asked for."""
        return self.read_sha256()

    def read_sha256(self) -> str:
        try:
            with self.path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise DeliveryError(
                f"{self.path}: cannot be read ({error.strerror}); deliver it again"
            ) from error


def delivery_days(folder: Path) -> tuple[date, ...]:
    """The reporting dates for which the folder holds files, in order."""
    days = []
    for child in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            days.append(date.fromisoformat(child.name))
        except ValueError:
            continue
    return tuple(days)


def find_files(
    folder: Path,
    day: date,
    tables: Iterable[Table],
    mappings: Sequence[SourceMapping] | None = None,
) -> tuple[DeliveredFile, ...]:
    """The files of a day, full deliveries before deltas, by their numbers and names.

    ``mappings`` are those installed if not given. Raises DeliveryError for a name that fits no
    source or two, for a name with another day, and for a table that two sources deliver whole.
    """
    tables = tuple(tables)
    known = [*(standard(t, mode) for t in tables for mode in ("full", "delta"))]
    known += installed(tables) if mappings is None else mappings
    where = folder / day.isoformat()
    found = [
        _found(path, day, known, tables)
        for path in sorted(where.iterdir() if where.is_dir() else ())
        if path.name != CONTROL_TOTALS
        and not path.name.startswith(".")
        and not path.name.endswith(".part")
    ]
    _one_source_each(found)
    return tuple(sorted(found, key=_order))


def _found(
    path: Path, day: date, known: Sequence[SourceMapping], tables: Sequence[Table]
) -> DeliveredFile:
    fitting = [m for m in known if m.pattern.matches(path.name)]
    if not fitting:
        raise DeliveryError(
            f"{path}: no source has this name; expected <table>.csv or <table>.delta-<n>.csv "
            f"with a table of {', '.join(sorted(t.name for t in tables))}, or the name that a "
            "mapping gives. Rename it, or add a mapping"
        )
    if len(fitting) > 1:
        names = ", ".join(m.source for m in fitting)
        raise DeliveryError(f"{path}: fits the sources {names}; make their patterns differ")
    try:
        named = fitting[0].pattern.day(path.name)
    except ValueError:
        raise DeliveryError(f"{path}: the date in the name is no day; rename it") from None
    if named not in (None, day):
        raise DeliveryError(
            f"{path}: the name says {named}, but it lies among the files of {day}; move it to "
            f"{path.parent.parent / str(named)}"
        )
    return DeliveredFile(path, day, fitting[0])


def _one_source_each(found: Iterable[DeliveredFile]) -> None:
    whole: dict[str, DeliveredFile] = {}
    for file in found:
        if file.mode == "full":
            other = whole.setdefault(file.table.name, file)
            if other.mapping.source != file.mapping.source:
                raise DeliveryError(
                    f"{file.path}: {file.table.name} is also delivered whole by "
                    f"{other.path.name}; one would undo the other, so remove one of the two"
                )


def _order(file: DeliveredFile) -> tuple[bool, list[int], str]:
    """Full files first; then by the numbers in the name, so that 10 comes after 9."""
    numbers = [int(digits) for digits in _NUMBER.findall(file.path.stem)]
    return file.mode == "delta", numbers, file.path.name
