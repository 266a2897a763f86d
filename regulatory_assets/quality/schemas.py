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
from decimal import Decimal
from functools import reduce
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger.table import LEDGER_COLUMNS, Column, ColumnType, Table


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


_KEEPS: dict[str, Callable[[Expression, Any], Expression]] = {
    "isin": lambda value, allowed: value.isin(*allowed),
    "greater_than_or_equal_to": lambda value, minimum: value >= minimum,
    "less_than_or_equal_to": lambda value, maximum: value <= maximum,
}
"""What a check of pandera's, by its name, says of a value, given its one statistic."""


def _breaks(schema: Any) -> Expression:
    """True for a row that breaks a rule of any column."""
    found = [F.col(name).isNull() for name, column in schema.columns.items() if not column.nullable]
    for name, column in schema.columns.items():
        for check in column.checks:
            (bound,) = check.statistics.values()
            found.append(~_KEEPS[check.name](F.col(name), bound))
    return reduce(operator.or_, found)


def broken_rules(table: Table, rows: DataFrame) -> tuple[str, ...]:
    """Every rule of the table's schema that the rows break, in words."""
    import pandera.pyspark as pa

    schema = pandera_schema(table)
    types = {name: pa.Column(c.dtype, nullable=True) for name, c in schema.columns.items()}
    content = rows.select(*table.content)
    if errors := _errors(pa.DataFrameSchema(types, strict=True), content):
        return errors
    broken = content.where(_breaks(schema))
    return () if broken.isEmpty() else _errors(schema, broken)


def _errors(schema: Any, rows: DataFrame) -> tuple[str, ...]:
    errors = schema.validate(rows).pandera.errors
    return tuple(
        f"{entry['column']}: {entry['check']} ({entry['error']})"
        for kinds in errors.values()
        for entries in kinds.values()
        for entry in entries
    )
