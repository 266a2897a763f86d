"""The pandera schema of a table, generated from its one definition.

It runs where the data is, over Spark Connect on Sail and on Apache Spark alike, so the memory it
needs does not grow with the table. pandera's PySpark backend counts once for each rule; so types
are validated without a query, one pass asks whether any row breaks any rule, and only then pandera
validates those rows and says which rules they break. Uniqueness is left out: posting refuses a key
that would stand twice.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger.table import LEDGER_COLUMNS, Column, ColumnType, Table
from regulatory_assets.quality.examination import verdict


def pandera_schema(table: Table) -> Any:
    """Types, nulls, codes and bounds of the content columns, as a pandera DataFrameSchema."""
    import pandera.pyspark as pa
    from pyspark.sql import types as T

    types: dict[ColumnType, Any] = {
        ColumnType.STRING: T.StringType(),
        ColumnType.DATE: T.DateType(),
        ColumnType.INTEGER: T.IntegerType(),
        ColumnType.LONG: T.LongType(),
        ColumnType.BOOLEAN: T.BooleanType(),
        ColumnType.MONEY: T.DecimalType(28, 8),
        ColumnType.RATE: T.DecimalType(12, 8),
    }

    def checks(column: Column) -> list[Any]:
        found = [pa.Check.isin(list(column.allowed))] if column.allowed else []
        if column.minimum is not None:
            found.append(pa.Check.ge(_number(column, column.minimum)))
        if column.maximum is not None:
            found.append(pa.Check.le(_number(column, column.maximum)))
        return found

    ledger = {
        "layer": pa.Column(types[ColumnType.STRING], pa.Check.isin(["base", "adjustment"])),
        "sign": pa.Column(types[LEDGER_COLUMNS["sign"]], pa.Check.isin([-1, 1])),
        "rule_id": pa.Column(types[ColumnType.STRING], nullable=True),
    }
    business = {
        c.name: pa.Column(types[c.type], checks(c), nullable=c.nullable, description=c.description)
        for c in table.columns
    }
    return pa.DataFrameSchema(
        {**ledger, **business}, name=table.name, description=table.description, strict=True
    )


def _number(column: Column, text: str) -> Decimal | int:
    whole = column.type in (ColumnType.INTEGER, ColumnType.LONG)
    return int(text) if whole else Decimal(text)


_Keeps = Callable[[Expression, Any], Expression]
_CHECKS: dict[str, tuple[_Keeps, str]] = {
    "isin": (lambda value, allowed: value.isin(*allowed), "is none of"),
    "greater_than_or_equal_to": (lambda value, minimum: value >= minimum, "is less than"),
    "less_than_or_equal_to": (lambda value, maximum: value <= maximum, "is more than"),
}
"""What a check of pandera's, by its name, asks of a value, given its one statistic, and what is
said of one that fails."""


@dataclass(frozen=True)
class _Broken:
    """A rule of a column: which rows break it, and what is said of these."""

    column: str
    said: str
    rows: Expression


def _rules(schema: Any) -> dict[tuple[str, str], _Broken]:
    """The rules of all columns, by column and what pandera calls them."""
    found = {}
    for name, column in schema.columns.items():
        value = F.col(name)
        if not column.nullable:
            found[name, "not_nullable"] = _Broken(name, f"{name} is empty", value.isNull())
        for check in column.checks:
            (bound,) = check.statistics.values()
            keeps, words = _CHECKS[check.name]
            given = ", ".join(map(str, bound)) if isinstance(bound, list) else bound
            said = f"{name} {words} {given}"
            found[name, check.error] = _Broken(name, said, ~keeps(value, bound))
    return found


def broken_rules(table: Table, rows: DataFrame) -> tuple[str, ...]:
    """Every rule of the table's schema that the rows break, in words, with the first such rows."""
    import pandera.pyspark as pa

    schema = pandera_schema(table)
    types = {name: pa.Column(c.dtype, nullable=True) for name, c in schema.columns.items()}
    content, rules = rows.select(*table.content), _rules(schema)
    if errors := _errors(pa.DataFrameSchema(types, strict=True), content):
        return tuple(f"{entry['column']}: {entry['error']}" for entry in errors)
    broken = content.where(reduce(operator.or_, (rule.rows for rule in rules.values())))
    if broken.isEmpty():
        return ()
    of_rules = () if broken.where(F.col("rule_id").isNotNull()).isEmpty() else ("rule_id",)

    def told(rule: _Broken) -> str:
        found = broken.where(rule.rows)
        shown = tuple(dict.fromkeys((*table.key, *of_rules, rule.column)))
        facts = verdict(found.count(), found, shown, "", "").facts
        return f"{rule.said} in {facts['offending']} rows, for instance {facts['examples']}"

    errors = _errors(schema, broken)
    return tuple(told(rules[entry["column"], entry["check"]]) for entry in errors)


def _errors(schema: Any, rows: DataFrame) -> list[Any]:
    """What pandera finds: of each broken rule the column, the check and its own words."""
    errors = schema.validate(rows).pandera.errors
    return [entry for kinds in errors.values() for entries in kinds.values() for entry in entries]
