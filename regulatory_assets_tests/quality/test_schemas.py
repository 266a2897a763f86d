"""pandera schemas are generated from the tables and refuse what a table forbids."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.engine import start
from regulatory_assets.ledger.frames import as_base_rows
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.quality.schemas import broken_rules, pandera_schema
from regulatory_assets.runtime import production_graph
from regulatory_assets.settings import Settings

THINGS = Table(
    name="things",
    description="Every type of column.",
    key=("name",),
    group="test",
    columns=(
        Column("name", ColumnType.STRING, "Key."),
        Column("kind", ColumnType.STRING, "Code.", allowed=("A", "B"), nullable=True),
        Column("day", ColumnType.DATE, "Day."),
        Column("count", ColumnType.INTEGER, "Count.", minimum="0"),
        Column("many", ColumnType.LONG, "Many."),
        Column("yes", ColumnType.BOOLEAN, "Yes."),
        Column("money", ColumnType.MONEY, "Money.", minimum="0", maximum="999.5"),
        Column("rate", ColumnType.RATE, "Rate.", nullable=True),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> DataFrame:
    folder: Path = tmp_path_factory.mktemp("engine")
    session = start(Settings(var=folder)).session
    row = ("a", "A", date(2026, 1, 5), 1, 2, True, Decimal("1.5"), None)
    schema = ", ".join(f"{c.name} {c.type.value}" for c in THINGS.columns)
    return as_base_rows(session.createDataFrame([row], schema), THINGS)


def test_a_good_row_breaks_nothing(good: DataFrame) -> None:
    assert broken_rules(THINGS, good) == ()


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("kind", F.lit("C"), "kind is none of A, B in 1 rows, for instance name=a, kind=C"),
        ("count", F.lit(-1), "count is less than 0"),
        (
            "money",
            F.lit("999.50000001").cast("decimal(28,8)"),
            "money is more than 999.5 in 1 rows, for instance name=a, money=999.50000001",
        ),
        ("day", F.lit(None).cast("date"), "day is empty"),
        (
            "many",
            F.lit(1).cast("int"),
            "many: expected column 'many' to have type LongType(), got IntegerType()",
        ),
        ("sign", F.lit(2), "sign is none of -1, 1"),
    ],
)
def test_every_rule_is_kept(good: DataFrame, column: str, value: object, told: str) -> None:
    (broken,) = broken_rules(THINGS, good.withColumn(column, value))
    assert broken.startswith(told)


def test_every_table_has_a_schema_with_its_columns() -> None:
    for table in production_graph().tables.values():
        assert set(pandera_schema(table).columns) == set(table.content)
