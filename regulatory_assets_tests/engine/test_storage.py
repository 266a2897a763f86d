"""What is written is read: any value of any column type, by either engine, from the other's files.

Through the lake as the product uses it, so the tables are made as ledgers are made.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regulatory_assets.bank.tables import POSITIONS
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.table import PARTITION_COLUMNS, Column, ColumnType, Table

_COLUMNS = (
    *(Column(f"some_{kind.name.lower()}", kind, "Filled.") for kind in ColumnType),
    *(Column(f"any_{kind.name.lower()}", kind, "Maybe.", nullable=True) for kind in ColumnType),
)
_DECIMALS = (ColumnType.MONEY, ColumnType.RATE)

EVERYTHING = Table(
    name="everything",
    description="A column of every type, with and without nulls; of keys the log keeps statistics.",
    key=tuple(column.name for column in _COLUMNS if column.type not in _DECIMALS),
    group="tests",
    columns=_COLUMNS,
)

TABLES = (EVERYTHING, *POSITIONS)

TEXTS = (
    "",
    " ",
    "'",
    '"',
    "a\nb\r\n",
    "\\",
    "NULL",
    "null",
    "€ äöü",
    "日本",
    "😀",
    "\x00",
    "a,b;c\t",
)


def integers(bits: int) -> st.SearchStrategy[int]:
    edge = 2 ** (bits - 1)
    return st.sampled_from((0, 1, -1, edge - 1, -edge)) | st.integers(-edge, edge - 1)


def decimals(digits: int) -> st.SearchStrategy[Decimal]:
    edge = 10**digits - 1
    units = st.sampled_from((0, 1, -1, edge, -edge, 36900369003690037 % edge))
    return (units | st.integers(-edge, edge)).map(
        lambda n: Decimal((int(n < 0), tuple(int(digit) for digit in str(abs(n))), -8))
    )


DATES = st.sampled_from(
    (date.min, date(1582, 10, 4), date(1582, 10, 15), date(1900, 2, 28), date(1970, 1, 1), date.max)
)

VALUES: dict[ColumnType, st.SearchStrategy[Any]] = {
    ColumnType.STRING: st.sampled_from(TEXTS) | st.text(max_size=8),
    ColumnType.DATE: DATES | st.dates(),
    ColumnType.INTEGER: integers(32),
    ColumnType.LONG: integers(64),
    ColumnType.BOOLEAN: st.booleans(),
    ColumnType.MONEY: decimals(28),
    ColumnType.RATE: decimals(12),
}


def stored_columns(table: Table) -> list[str]:
    return [name for name in table.arrow_schema.names if name not in PARTITION_COLUMNS]


def entries(table: Table) -> st.SearchStrategy[dict[str, Any]]:
    """Any row that the table's types admit, ledger columns included."""
    nullable = {column.name for column in table.columns if column.nullable} | {"rule_id"}
    columns = {name: VALUES[table.type_of(name)] for name in stored_columns(table)}
    return st.fixed_dictionaries(
        {name: st.none() | each if name in nullable else each for name, each in columns.items()}
    )


def books(table: Table) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(entries(table), min_size=2, max_size=8)


Stored = Counter[tuple[Any, ...]]


def write(
    engine: Engine, root: Path, table: Table, rows: list[dict[str, Any]]
) -> dict[str, Stored]:
    """Two postings of a day: a file of one row, where statistics say all, and one of the rest."""
    lake = Lake(root, engine.session)
    names = stored_columns(table)
    schema = pa.schema([table.arrow_schema.field(name) for name in names])
    written = {}
    for part in (rows[:1], rows[1:]):
        posting = uuid4().hex
        frame = engine.session.createDataFrame(pa.Table.from_pylist(part, schema=schema))
        lake.append(table, DAY, posting, frame)
        written[posting] = Counter(tuple(row[name] for name in names) for row in part)
    return written


def read(engine: Engine, root: Path, table: Table, posting: str) -> Stored:
    found = Lake(root, engine.session).scan(table, DAY, [posting]).select(*stored_columns(table))
    return Counter(tuple(row.values()) for row in found.toArrow().to_pylist())


DAY = date(2026, 1, 5)
MANY = settings(max_examples=10)
ONE = settings(max_examples=1)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@MANY
@given(data=st.data())
def test_sail_reads_what_it_wrote(
    sail: Engine, tmp_path_factory: pytest.TempPathFactory, table: Table, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("lake")
    for posting, rows in write(sail, root, table, data.draw(books(table))).items():
        assert read(sail, root, table, posting) == rows


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@ONE
@given(data=st.data())
def test_sail_and_spark_read_what_each_wrote(
    sail: Engine,
    spark: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    table: Table,
    data: st.DataObject,
) -> None:
    root = tmp_path_factory.mktemp("lake")
    rows = data.draw(books(table))
    for writer in (sail, spark):
        for posting, written in write(writer, root, table, rows).items():
            for reader in (sail, spark):
                found = read(reader, root, table, posting)
                assert found == written, f"{writer.name} wrote, {reader.name} read"


def test_what_is_written_aside_is_read_back_with_its_types(engine: Engine, tmp_path: Path) -> None:
    """Types of a ledger, and others that come up in a calculation; with rows and without."""
    kinds = [k for k in ColumnType if k is not ColumnType.DATE]
    ledger = [f"CAST('1' AS {k.value}) AS {k.name}" for k in kinds]
    ledger += [f"CAST(NULL AS {k.value}) AS none_{k.name}" for k in ColumnType]
    ledger += ["DATE '2026-01-05' AS day", "id + CAST(0.5 AS DECIMAL(30,18)) AS wide"]
    other = ["TIMESTAMP_NTZ '2026-01-05 01:02:03.000004' AS moment", "array('a', NULL) AS list"]
    for columns in (ledger, other):
        rows = engine.session.range(2).selectExpr(*columns)
        for frame in (rows, rows.where("false")):
            with Lake(tmp_path, engine.session).scratch() as store:
                kept = store(frame)
                assert [(f.name, f.dataType) for f in kept.schema] == [
                    (f.name, f.dataType) for f in frame.schema
                ]
                assert Counter(map(repr, kept.collect())) == Counter(map(repr, frame.collect()))
