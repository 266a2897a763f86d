"""What a check is and what it may look at: one day's tables at revisions that fit together."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import and_
from pathlib import Path

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.adjustments.book import Snapshot
from regulatory_assets.bank.delivery import CONTROL_TOTALS, content_hash
from regulatory_assets.control.register import Register
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.plan import Positions
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import BASE, Table

SHOWN = 5
"""How many offending rows a result names."""


@dataclass(frozen=True)
class Result:
    """What a check found: the sentence a person reads, and the facts behind it."""

    passed: bool
    said: str
    facts: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Examination:
    """A day as registered at one moment."""

    positions: Positions
    reader: Reader
    register: Register
    rules: Snapshot = field(default_factory=lambda: Snapshot(()))
    """The rules, for the checks of what they change."""
    deliveries: Path | None = None
    """The delivery folder, for the checks of what its control totals say."""

    def version(self, table: Table) -> Version:
        return self.positions.version(table.name)

    def as_read(self, table: Table) -> Version:
        """The table with what adjusts it, as later stages and readers see it."""
        return self.positions.read(table)

    def rows(self, table: Table) -> DataFrame:
        """The table's own standing rows, of all layers."""
        return self.reader.rows(self.version(table))

    def booked(self, table: Table, since: int) -> DataFrame:
        """The rows booked after a revision; all standing rows since revision zero."""
        if not since:
            return self.rows(table)
        version = self.version(table)
        return self.reader.changes(version, version.until(since)).where(F.col(ENTRY) > 0)

    def keys(self, table: Table, by: tuple[str, ...], among: Column | None = None) -> DataFrame:
        """How many rows stand for each value of some columns, as ``rows``.

        Adds up entries instead of netting whole rows: it scans these columns only, at most once.
        """
        entries = self.reader.entries(self.version(table))
        counted = (entries if among is None else entries.where(among)).groupBy(*by)
        return counted.agg(F.sum(ENTRY).alias("rows")).where(F.col("rows") > 0)

    def left(self, table: Table, by: tuple[str, ...], among: Column) -> DataFrame:
        """``keys`` of some rows after all rules: without those that rules have taken back."""
        entries = self.reader.entries(self.as_read(table)).where(among)
        counted = entries.groupBy(*by).agg(F.sum(F.col(ENTRY) * F.col("sign")).alias("rows"))
        return counted.where(F.col("rows") > 0)

    def read_by(self, reader: Stage, table: Table) -> Version:
        """The version of ``table``, with what adjusts it, that a stage has read last."""
        last = self.version(reader.writes).chain[-1]
        read = {(i.table, i.day): i.revision for i in last.inputs}
        return self.positions.read(table, reader).as_consumed(read)

    def evidence(self, check: Check) -> str:
        """What the check's answer depends on: its code, the revisions it reads, and the control
        totals where it asks by them."""
        told = self._read(check)
        if check.counts and self.deliveries is not None:
            totals = self.deliveries / self.positions.day.isoformat() / CONTROL_TOTALS
            told += f"{_TOTALS}{content_hash(totals)[:12]}" if totals.exists() else ""
        return told

    def has_moved(self, check: Check, evidence: str) -> bool:
        """Whether a check that answered on some evidence has other rows or other code by now;
        other control totals are no other rows."""
        return evidence.partition(_TOTALS)[0] != self._read(check)

    def _read(self, check: Check) -> str:
        revisions = {t.name: self.version(t).revision for t in (check.table, *check.reads)}
        return f"{check.code} {' '.join(f'{n}:{r}' for n, r in sorted(revisions.items()))}"


_TOTALS = " totals:"


@dataclass(frozen=True)
class Check:
    """A question about one table. ``blocking``: a wrong number would follow from a no.

    ``examine`` gets the day, and the table's revision at which this check has passed before (zero
    if it has not): rows that have not changed since need no second look. ``reads`` are the other
    tables it needs, ``file`` the file of thresholds that it asks by, which two persons release.
    """

    table: Table
    name: str
    description: str
    blocking: bool
    examine: Callable[[Examination, int], Result]
    reads: tuple[Table, ...] = ()
    file: str = ""
    counts: bool = False
    """Whether it asks by the control totals that lie beside the day's files."""

    @property
    def code(self) -> str:
        """Changes with the module that asks and with the tables' definitions."""
        source = inspect.getsource(sys.modules[self.examine.__module__])
        told = f"{source}{self.table!r}{self.reads!r}{self.description}"
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def given(columns: tuple[str, ...]) -> Column:
    """Whether all of some columns hold a value."""
    return reduce(and_, (F.col(c).isNotNull() for c in columns))


def unknown_keys(day: Examination, table: Table, by: tuple[str, ...], other: Table) -> DataFrame:
    """The values of some columns, where given, that are no key of another table, and ``rows``;
    both before any rule."""
    used = day.keys(table, by, among=given(by) & (F.col("layer") == BASE))
    return frames.anti(used, frames.named(day.keys(other, other.key), other.key, by), by)


Reading = Callable[[Version], DataFrame]
"""The rows of a table before any rule, or after all of them."""


def before_and_after_rules(day: Examination, compare: Callable[[Reading], Result]) -> Result:
    """The same comparison for the rows before any rule and for those after all of them."""
    before, after = compare(day.reader.base), compare(day.reader.net)
    if before.passed or before == after:
        return after
    return Result(False, f"before rules: {before.said}", before.facts)


def differences(left: DataFrame, right: DataFrame, columns: tuple[str, ...]) -> Result:
    """Whether two frames hold the same rows, as multisets of the columns."""
    signed = ((left, 1), (right, -1))
    both = frames.union([f.select(F.lit(sign).alias(ENTRY), *columns) for f, sign in signed])
    found = frames.net(both, columns)
    return verdict(found.count(), found, columns, "rows differ", "all rows agree")


def verdict(
    count: int, offending: DataFrame, shown: tuple[str, ...], wrong: str, right: str
) -> Result:
    """A result from the number of offending rows, naming the first few of them."""
    if not count:
        return Result(True, right, {"offending": 0})
    rows = offending.select(*shown).orderBy(*shown).limit(SHOWN).collect()
    examples = "; ".join(
        ", ".join(f"{name}={_plain(value)}" for name, value in row.asDict().items()) for row in rows
    )
    facts: dict[str, int | str] = {"offending": count, "examples": examples}
    return Result(False, f"{count} {wrong}, for instance {examples}", facts)


def _plain(value: object) -> object:
    """Zero of money is written 0.00000000, not 0E-8."""
    return f"{value:f}" if isinstance(value, Decimal) else value
