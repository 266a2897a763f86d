"""What a run has written to the tables of a day: rows, and by how much they move its amounts.

An amount moves by the net of what was written, reversals and rows that rules take back with the
opposite sign: by as much as the table's sum after all rules differs from what it was. What a rule
changes at its own stage, whatever the sign, is its reach and stands in ``reach``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.adjustments.reach import (
    REPORTING,
    Amounts,
    as_text,
    by_currency,
    money_columns,
    named_currencies,
)
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.run import Outcome, Runner
from regulatory_assets.ledger.table import ColumnType, Table


@dataclass(frozen=True)
class Written:
    """What was written to one table: rows, and by money column and currency the net change.

    Amounts in the currency of the row's entity stand under ``reporting currency`` where the row
    does not name it. What does not move is left out.
    """

    table: str
    booked: int
    reversed: int
    amounts: Amounts = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.booked + self.reversed

    def undone(self) -> Written:
        """What takes it back."""
        back = {c: {k: -v for k, v in m.items()} for c, m in self.amounts.items()}
        return Written(self.table, self.reversed, self.booked, back)

    def document(self) -> dict[str, Any]:
        counts = {"booked": self.booked, "reversed": self.reversed}
        return {"table": self.table, **counts, "amounts": as_text(self.amounts)}


def written(runner: Runner, day: date, outcomes: Sequence[Outcome]) -> tuple[Written, ...]:
    """What a run has written, by what it says that it has done. No other rows are read, and those
    of all tables by one request: to plan one takes longer than to add up few rows."""
    positions, wrote, entries = runner.positions(day), [o for o in outcomes if o.rows], {}
    for outcome in wrote:
        version = positions.version(outcome.table)
        if summed(version.table):
            upto, since = (version.until(outcome.revision - n) for n in (0, 1))
            entries[version.table] = runner.reader.changes(upto, since)
    amounts = dict(net_amounts(entries))
    return tuple(Written(o.table, o.booked, o.reversed, amounts.get(o.table, {})) for o in wrote)


def summed(table: Table) -> dict[str, str | None]:
    """The columns of a table whose amounts add up, each with the column that names their currency,
    if one does. Those in a currency that neither the row nor its entity names do not."""
    named, units = named_currencies(table), money_columns(table)
    return {c: named.get(c) for c, unit in units.items() if c in named or unit in (None, REPORTING)}


def net_amounts(entries: Mapping[Table, DataFrame]) -> Iterator[tuple[str, Amounts]]:
    """What entries of some tables add up to, by table. All are given the same columns for it, as
    many as the widest has."""
    if not entries:
        return
    columns = {table: summed(table) for table in entries}
    names = {t: [*dict.fromkeys(n for n in columns[t].values() if n)] for t in entries}
    named = [f"named_{n}" for n in range(max(map(len, names.values())))]
    money = [f"money_{n}" for n in range(max(map(len, columns.values())))]
    up = F.col(ENTRY) == F.col("sign")

    def alike(place: int, table: Table) -> DataFrame:
        given = [F.col(c) for c in names[table]]
        signed = [F.when(up, F.col(c)).otherwise(-F.col(c)) for c in columns[table]]
        return entries[table].select(
            F.lit(place).alias("place"),
            *_filled(named, given, ColumnType.STRING),
            *_filled(money, signed, ColumnType.MONEY),
        )

    rows = frames.union([alike(place, table) for place, table in enumerate(entries)])
    sums = (total(F.col(c)).alias(c) for c in money)
    lines = frames.values(rows.groupBy("place", *named).agg(*sums))
    for place, table in enumerate(entries):
        mine = [line for line in lines if line["place"] == place]
        said = {f"__{c}": n for c, n in zip(names[table], named, strict=False)}
        said |= dict(zip(columns[table], money, strict=False))
        own = [{c: line[n] for c, n in said.items()} for line in mine]
        moved = {c: by_currency(own, c, by) for c, by in columns[table].items()}
        yield table.name, {c: amounts for c, amounts in moved.items() if amounts}


def _filled(names: Sequence[str], columns: Sequence[Column], kind: ColumnType) -> Iterator[Column]:
    """Columns under the first of some names, and nothing under the others."""
    nothing = F.lit(None).cast(kind.value)
    for place, name in enumerate(names):
        yield (columns[place] if place < len(columns) else nothing).alias(name)
