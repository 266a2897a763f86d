"""The pandera schema of a table, generated from its one definition.

It runs where the data is: pandera's PySpark backend sends each rule to the engine as a count, over
Spark Connect on Sail and on Apache Spark alike, so the memory it needs does not grow with the
table. Uniqueness is left out: posting refuses a key that would stand twice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

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


def broken_rules(table: Table, rows: DataFrame) -> tuple[str, ...]:
    """Every rule of the table's schema that the rows break, in words."""
    validated = pandera_schema(table).validate(rows.select(*table.content))
    return tuple(
        f"{entry['column']}: {entry['check']} ({entry['error']})"
        for kinds in validated.pandera.errors.values()
        for entries in kinds.values()
        for entry in entries
    )
