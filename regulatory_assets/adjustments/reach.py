"""What a rule changes on a day: rows and amounts, measured alike at its approval and ever after.

An amount is what moves: the sum, over the rows that the rule changes, of the difference it makes to
a money column, whatever its sign. What is done where a rule reaches further than its limits stands
in ``governance`` and in the checks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments.rule import Rule, approved_number
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.table import Table

REPORTING = "reporting currency"
CURRENCIES = {
    "deal currency": "currency",
    "currency of the row": "currency",
    "transaction currency": "currency",
    REPORTING: "reporting_currency",
}
"""By unit of money, the column of a row that names its currency."""

Amounts = Mapping[str, Mapping[str, Decimal]]


@dataclass(frozen=True)
class Reach:
    """Rows that a rule changes, and by money column and currency what moves in all.

    Amounts whose row does not say in which currency they are stand under ``reporting currency``:
    that of the row's entity.
    """

    rows: int = 0
    moved: Amounts = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"rows": self.rows, "moved": as_text(self.moved)}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Reach:
        """The reach that a document was made of."""
        moved = document["moved"].items()
        return cls(document["rows"], {c: {k: Decimal(v) for k, v in m.items()} for c, m in moved})


NOTHING = Reach()


def measure(reader: Reader, version: Version, rules: Sequence[str]) -> dict[str, Reach]:
    """The reach of some rules, by the rows they have left in their stage's table."""
    found = dict.fromkeys(rules, NOTHING)
    if not rules or not version.live:
        return found
    table, up = version.table, F.col("sign") > 0
    money, named = money_columns(table), named_currencies(table)
    named_by = dict.fromkeys(named.values())
    currencies = [F.col(name).alias(f"__{name}") for name in named_by]
    changes = {c: total(F.when(up, F.col(c)).otherwise(-F.col(c))) for c in money}
    of_row = (
        reader.rows(version)
        .where(F.col("rule_id").isin(list(rules)))
        .groupBy("rule_id", *currencies, *table.key)
        .agg(
            F.sum(F.when(up, 0).otherwise(1)).alias("__taken"),
            F.sum(F.when(up, 1).otherwise(0)).alias("__booked"),
            *(change.alias(f"__moved_{c}") for c, change in changes.items()),
        )
    )
    summed = of_row.groupBy("rule_id", *(f"__{name}" for name in named_by)).agg(
        F.sum("__taken").alias("__taken"),
        F.sum("__booked").alias("__booked"),
        *(total(F.abs(F.col(f"__moved_{c}"))).alias(c) for c in money),
    )
    lines = frames.values(summed)
    for rule in rules:
        mine = [line for line in lines if line["rule_id"] == rule]
        # Each changed row is taken back once; a row that a rule adds is only booked.
        rows = max(sum(line["__taken"] for line in mine), sum(line["__booked"] for line in mine))
        moved = {c: by_currency(mine, c, named.get(c)) for c in money}
        found[rule] = Reach(rows, {c: amounts for c, amounts in moved.items() if amounts})
    return found


def rows_changed(reader: Reader, version: Version, rules: Collection[str]) -> int:
    """How many rows of a stage's table some rules change together, each row once."""
    if not rules or not version.live:
        return 0
    made = reader.rows(version).where(F.col("rule_id").isin(sorted(rules)))
    return int(made.select(*version.table.key).distinct().count())


def as_text(amounts: Amounts) -> dict[str, dict[str, str]]:
    """Amounts as a document holds them."""
    return {c: {k: format(v, "f") for k, v in m.items()} for c, m in amounts.items()}


def by_currency(
    lines: Iterable[Mapping[str, Any]], column: str, named: str | None
) -> dict[str, Decimal]:
    """What lines hold in a column, added up by the currency that each names, ``reporting currency``
    where there is no such column; nothing of a currency that adds up to zero."""
    found: dict[str, Decimal] = {}
    for line in lines:
        name = REPORTING if named is None else line[f"__{named}"] or "no currency"
        if line[column]:
            found[name] = found.get(name, Decimal(0)) + line[column]
    return {name: amount for name, amount in sorted(found.items()) if amount}


def money_columns(table: Table) -> dict[str, str | None]:
    """The money columns of a table, each with its unit."""
    return {name: table.column(name).unit for name in table.money}


def named_currencies(table: Table) -> dict[str, str]:
    """Of the money columns whose currency each row names itself, the column that names it."""
    units = {c: unit or "" for c, unit in money_columns(table).items()}
    found = {c: CURRENCIES.get(unit, unit) for c, unit in units.items()}
    return {c: name for c, name in found.items() if name in table.column_names}


def beyond_limits(rule: Rule, reach: Reach) -> Iterator[str]:
    """In what a rule changes more than it states itself; nothing where it states no limit."""
    limits = rule.limits
    if limits is None:
        return
    if limits.rows is not None and reach.rows > limits.rows:
        yield f"it changes {reach.rows} rows, its limit is {limits.rows}"
    if limits.amounts is None:
        return
    for column, amounts in reach.moved.items():
        for currency, moved in amounts.items():
            key = next(iter(limits.amounts)) if currency == REPORTING else currency
            most = approved_number(limits.amounts.get(key, 0))
            if moved > most:
                yield f"it moves {column} by {moved:f} {key}, its limit is {most:f}"


def beyond_approved(
    seen: Mapping[date, Reach], day: date, reach: Reach, times: Decimal
) -> Iterator[str]:
    """In what a rule changes more than so many times what was seen when it was approved.

    A day that was not looked at is held against the most that was seen on any; a rule for which no
    day was looked at was seen to change nothing.
    """
    days = [seen[day]] if day in seen else list(seen.values())
    rows = max((r.rows for r in days), default=0)
    if reach.rows > times * rows:
        yield f"it changes {reach.rows} rows, approved were {rows}"
    for column, amounts in reach.moved.items():
        for currency, moved in amounts.items():
            most = max(
                (r.moved.get(column, {}).get(currency, Decimal(0)) for r in days),
                default=Decimal(0),
            )
            if moved > times * most:
                yield f"it moves {column} by {moved:f} {currency}, approved were {most:f}"
