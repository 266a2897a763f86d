"""The profile of a delivered table and day: one number for each expectation, made by the engine.

Whatever the size of the table, what leaves the engine is a few rows. Standing rows are counted by
their entries, not netted first; a line that was rejected counts by the reasons it was rejected for.
So a share is one of all lines that were delivered since the last whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import reduce
from operator import or_

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.claims import raw_folder, standing_deliveries
from regulatory_assets.bank.conform import REASONS, REJECTED_ROWS
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.table import Table
from regulatory_assets.quality.examination import Examination, unknown_keys
from regulatory_assets.quality.expectations.suite import Expectation, Kind

Profile = Mapping[Expectation, Decimal]

_STEP = Decimal("0.000001")
_SAID = {
    Kind.MISSING: "{}: missing",
    Kind.OUTSIDE: "{}: (below|above) ",
    Kind.UNCODED: "{}: not one of ",
    Kind.TWICE: r"key \({}\) stands more than once",
}
"""How a reason for rejection begins, by what it says of the columns."""


def profile(day: Examination, table: Table, expected: Iterable[Expectation]) -> Profile:
    """The value of every expectation that can be measured: not the change on a first day, nor what
    is in a table that was not delivered."""
    expected = tuple(expected)
    rows, found = _standing(day, table, expected)
    rejected, refused = _rejected(day, table, expected)
    for expectation in expected:
        if expectation.kind is Kind.ALIKE:
            found[expectation] = _alike(day, table, expectation.columns)
        elif expectation.other is not None and day.version(expectation.other).chain:
            found[expectation] = _unknown(day, table, expectation)
    lines = rows + rejected
    measured = {e: _share(count + refused.get(e, 0), lines) for e, count in found.items()}
    for expectation in expected:
        if expectation.kind is Kind.ROWS:
            measured[expectation] = Decimal(rows)
    return measured | _changes(day, table, rows, expected)


def _share(count: int, lines: int) -> Decimal:
    return Decimal(0) if not lines else _rounded(Decimal(count) / lines)


def _rounded(share: Decimal) -> Decimal:
    return share.quantize(_STEP, ROUND_HALF_EVEN)


# -- what stands -------------------------------------------------------------------------------


def _standing(
    day: Examination, table: Table, expected: Iterable[Expectation]
) -> tuple[int, dict[Expectation, int]]:
    """How many rows stand, and how many of them each expectation counts."""
    conditions = {e: _condition(table, e) for e in expected if e.kind in _SAID}
    counts = [_counted(F.lit(True)).alias("rows")]
    counts += [_counted(c).alias(f"n{i}") for i, c in enumerate(conditions.values())]
    row = day.reader.entries(day.version(table)).agg(*counts).collect()[0]
    return row["rows"], {e: row[f"n{i}"] for i, e in enumerate(conditions)}


def _counted(condition: Column) -> Column:
    return F.coalesce(F.sum(F.when(condition, F.col(ENTRY))), F.lit(0)).cast("bigint")


def _condition(table: Table, expected: Expectation) -> Column:
    """Which standing rows are counted; none where the ingest lets none in."""
    (name, *_) = expected.columns
    if expected.kind is Kind.MISSING and name in table.column_names:
        return F.col(name).isNull()
    if expected.kind is Kind.OUTSIDE:
        low, high = expected.plausible
        kind = table.column(name).type.value
        sides = [F.lit(False)]
        if low is not None:
            sides.append(F.col(name) < F.lit(str(low)).cast(kind))
        if high is not None:
            sides.append(F.col(name) > F.lit(str(high)).cast(kind))
        return reduce(or_, sides)
    return F.lit(False)


def _alike(day: Examination, table: Table, columns: tuple[str, ...]) -> int:
    """How many rows there are beyond the first of each kind."""
    alike = day.keys(table, columns).where(F.col("rows") > 1)
    more = alike.agg(F.coalesce(F.sum(F.col("rows") - 1), F.lit(0)).cast("bigint").alias("more"))
    return int(more.collect()[0]["more"])


def _unknown(day: Examination, table: Table, expected: Expectation) -> int:
    assert expected.other is not None
    unknown = unknown_keys(day, table, expected.columns, expected.other)
    rows = F.coalesce(F.sum("rows"), F.lit(0)).cast("bigint").alias("rows")
    return int(unknown.agg(rows).collect()[0]["rows"])


# -- what was rejected -------------------------------------------------------------------------


def _rejected(
    day: Examination, table: Table, expected: Iterable[Expectation]
) -> tuple[int, dict[Expectation, int]]:
    """How many lines were rejected since the last whole file, and for what."""
    arrived = day.register.deliveries(table.name, day.version(table).day)
    standing = standing_deliveries(raw_folder(day.reader.lake.root), table, arrived)
    batches = {d.batch: d.rejected for each in standing.of.values() for d in each if d.rejected}
    if not batches:
        return 0, {}
    reasons = {e: _reason(e) for e in expected if e.kind in _SAID}
    lines: DataFrame = day.rows(REJECTED_ROWS).where(F.col("batch").isin(sorted(batches)))
    said = (F.count(F.when(F.col(REASONS).rlike(r), 1)) for r in reasons.values())
    row = lines.agg(*(count.alias(f"n{i}") for i, count in enumerate(said))).collect()[0]
    return sum(batches.values()), {e: row[f"n{i}"] for i, e in enumerate(reasons)}


def _reason(expected: Expectation) -> str:
    return "(^|; )" + _SAID[expected.kind].format(", ".join(map(re.escape, expected.columns)))


# -- the day before ----------------------------------------------------------------------------


def _changes(
    day: Examination, table: Table, rows: int, expected: Iterable[Expectation]
) -> dict[Expectation, Decimal]:
    """Changes against the last day before on which the table was delivered."""
    now = day.version(table)
    earlier = [d for d in day.register.days(table.name) if d < now.day]
    if not earlier:
        return {}
    before = Version.registered(day.register, table, earlier[-1])
    rows_before = before.standing
    sums, sums_before = (_totals(day, version, table.money) for version in (now, before))
    found = {}
    for e in expected:
        if e.kind is Kind.ROWS_CHANGE and rows_before:
            found[e] = _rounded(Decimal(rows) / rows_before - 1)
        elif e.kind is Kind.TOTAL_CHANGE and sums_before[e.columns[0]]:
            found[e] = _rounded(sums[e.columns[0]] / sums_before[e.columns[0]] - 1)
    return found


def _totals(day: Examination, version: Version, columns: tuple[str, ...]) -> dict[str, Decimal]:
    """The sums of some columns, whatever their currencies: a number to compare, not a figure."""
    if not columns:
        return {}
    books = F.col(ENTRY) > 0
    signed = (total(F.when(books, F.col(c)).otherwise(-F.col(c))).alias(c) for c in columns)
    return dict(day.reader.entries(version).agg(*signed).collect()[0].asDict())
