"""What the engines are known to get wrong or to lack, as executable facts.

Each test states the behaviour one would expect. An engine that does not show it carries ``notyet``
with what follows for us; when an upgrade closes the gap the test fails, and the rule can go.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Schema
from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from regulatory_assets.engine import Engine
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets_tests.fixtures_engine import notyet

MONEY = ColumnType.MONEY
LARGEST = "9" * 38
SCHEMA = pa.schema(
    [("part", pa.string()), ("key", pa.string()), ("amount", MONEY.arrow)],
)


def rows(part: str, *amounts: str) -> pa.Table:
    records = [
        {"part": part, "key": f"{part}{n}", "amount": Decimal(amount)}
        for n, amount in enumerate(amounts)
    ]
    return pa.Table.from_pylist(records, schema=SCHEMA)


def create(folder: Path, configuration: dict[str, str] | None = None) -> str:
    """A Delta table of its own, made by delta-rs before an engine writes."""
    place = folder / uuid.uuid4().hex
    place.mkdir()
    DeltaTable.create(
        str(place),
        schema=Schema.from_arrow(SCHEMA),
        partition_by=["part"],
        configuration=configuration or {"delta.dataSkippingStatsColumns": "key"},
    )
    return str(place)


def write(engine: Engine, place: str, data: pa.Table, mode: str = "append", **options: str) -> None:
    frame = engine.session.createDataFrame(data)
    frame.write.format("delta").mode(mode).partitionBy("part").options(**options).save(place)


def read(engine: Engine, place: str) -> list[tuple[Any, ...]]:
    frame = engine.session.read.format("delta").load(place).select("key", "amount").orderBy("key")
    return [tuple(row.values()) for row in frame.toArrow().to_pylist()]


def value(engine: Engine, expression: str, **operands: str) -> Any:
    """An expression over operands that the engine cannot fold beforehand; None gives no error."""
    data = pa.Table.from_pylist([operands or {"nothing": "x"}])
    frame = engine.session.createDataFrame(data).select(F.expr(expression).alias("value"))
    return frame.toArrow().to_pylist()[0]["value"]


def keys(place: str) -> Iterable[str]:
    return sorted(DeltaTable(place).to_pyarrow_table()["key"].to_pylist())


# Storage


@notyet("sail", "reads wrong money through statistics: none are kept of decimal columns")
def test_one_distinct_amount_comes_back_with_statistics(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path, {"delta.dataSkippingNumIndexedCols": "32"})
    write(engine, place, rows("a", "369003690.03690037"))
    assert read(engine, place) == [("a0", Decimal("369003690.03690037"))]


def test_one_distinct_amount_comes_back_without_statistics(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path)
    write(engine, place, rows("a", "369003690.03690037"))
    assert read(engine, place) == [("a0", Decimal("369003690.03690037"))]


@notyet("sail", "replaceWhere is unchecked: it is never used")
def test_replace_where_refuses_rows_outside_it(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path)
    write(engine, place, rows("a", "1"))
    with pytest.raises(PySparkException):
        write(engine, place, rows("b", "2"), "overwrite", replaceWhere="part = 'a'")


@notyet("sail", "dynamic overwrite takes the whole table: nothing is ever overwritten")
def test_dynamic_overwrite_keeps_other_partitions(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path)
    write(engine, place, rows("a", "1"))
    write(engine, place, rows("b", "1"))
    write(engine, place, rows("b", "2"), "overwrite", partitionOverwriteMode="dynamic")
    assert [key for key, _ in read(engine, place)] == ["a0", "b0"]


@notyet("sail", "the codec is ignored: compression is left to the engine")
def test_compression_is_honoured(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path)
    write(engine, place, rows("a", "1"), compression="zstd")
    (file,) = DeltaTable(place).file_uris()
    footer = pq.read_metadata(file.removeprefix("file://"))
    assert footer.row_group(0).column(0).compression == "ZSTD"


def test_an_empty_frame_adds_no_file(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path)
    write(engine, place, SCHEMA.empty_table())
    assert DeltaTable(place).file_uris() == []


def test_more_than_eleven_commits(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path)
    for number in range(13):
        write(engine, place, rows(f"p{number:02}", "1"))
    assert len(read(engine, place)) == 13


def test_concurrent_appends_to_a_created_table(engine: Engine, tmp_path: Path) -> None:
    """On a table that is not there yet Spark fails this; hence tables are created up front."""
    place = create(tmp_path)
    parts = [f"p{number}" for number in range(4)]
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda part: write(engine, place, rows(part, "1")), parts))
    assert keys(place) == [f"{part}0" for part in parts]


# What Sail does not offer


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE delta.`{place}` SET key = 'z'",
        "OPTIMIZE delta.`{place}`",
        "VACUUM delta.`{place}`",
        "DESCRIBE HISTORY delta.`{place}`",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3)"
        " SELECT max(n) FROM t",
        "SELECT try_to_date('x')",
    ],
    ids=["update", "optimize", "vacuum", "history", "recursive", "try_to_date"],
)
@notyet("sail", "not offered: nothing in the product needs it")
def test_statement_is_offered(engine: Engine, tmp_path: Path, statement: str) -> None:
    place = create(tmp_path)
    write(engine, place, rows("a", "1"))
    engine.session.sql(statement.format(place=place)).collect()


@notyet("sail", "no change data feed: postings are the change data")
def test_change_data_feed(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path, {"delta.enableChangeDataFeed": "true"})
    write(engine, place, rows("a", "1"))
    reader = engine.session.read.format("delta").option("readChangeFeed", "true")
    changes = reader.option("startingVersion", "1").load(place)
    assert "_change_type" in changes.columns


@notyet("sail", "observations stay empty: counts are queries of their own")
def test_observe(engine: Engine) -> None:
    from pyspark.sql import Observation

    seen = Observation("seen")
    engine.session.range(3).observe(seen, F.count(F.lit(1)).alias("n")).collect()
    assert seen.get == {"n": 3}


@notyet("sail", "a malformed line raises: lines are read as text and split")
def test_permissive_csv_keeps_reading(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "lines.csv"
    file.write_text("a,1\nb\nc,3,4\n")
    frame = engine.session.read.schema("k string, n int").csv(str(file))
    assert [row.k for row in frame.orderBy("k").collect()] == ["a", "b", "c"]


@notyet("sail", "panics on unequal nullability: no stage explodes arrays of structs")
def test_explode_structs_of_unequal_nullability(engine: Engine) -> None:
    frame = engine.session.range(2).select(
        F.explode(
            F.array(
                F.struct(F.lit(1).alias("n"), F.lit("x").alias("t")),
                F.struct(F.lit(2).alias("n"), F.when(F.col("id") > 0, "y").alias("t")),
            )
        ).alias("part")
    )
    assert frame.select("part.n", "part.t").count() == 4


@notyet("sail", "mixed precisions raise: functions in Python return text")
def test_decimal_function_in_python(engine: Engine) -> None:
    given = {0: Decimal("1.5"), 1: Decimal("12345678901.12345678")}
    function = F.udf(lambda n: given[n], MONEY.value)
    frame = engine.session.range(2).select(function("id").alias("value"))
    assert {row.value for row in frame.collect()} == set(given.values())


# Arithmetic


@notyet("sail", "wraps silently: sums are of money, 28 digits, and cast at once")
def test_sum_of_38_digits_raises(engine: Engine) -> None:
    data = pa.Table.from_pylist([{"v": LARGEST}] * 4)
    frame = engine.session.createDataFrame(data).select(F.col("v").cast("decimal(38,0)"))
    with pytest.raises(PySparkException):
        frame.agg(F.sum("v").alias("value")).collect()


@notyet("sail", "keeps 39 digits in decimal(38): every product is cast to money at once")
def test_product_of_39_digits_raises(engine: Engine) -> None:
    with pytest.raises(PySparkException):
        value(engine, "cast(a as decimal(38,0)) * 3", a="5" + "0" * 37)


@pytest.mark.parametrize("operation", ["a + 1", "a * 2", "-(a + 0) - 2"])
@notyet("sail", "wraps silently even with ANSI on: counts stay far from 2**63")
def test_overflow_of_bigint_raises(engine: Engine, operation: str) -> None:
    with pytest.raises(PySparkException):
        value(engine, operation.replace("a", "cast(a as bigint)"), a=str(2**63 - 1))


@notyet("spark", "wraps silently: mul_div bounds every quotient")
def test_quotient_beyond_bigint_raises(engine: Engine) -> None:
    with pytest.raises(PySparkException):
        value(engine, "cast(a as decimal(38,0)) div 3", a="1" + "0" * 30)


@notyet("sail", "raises from 1.7*10**34: mul_div keeps every dividend below")
def test_dividend_of_35_digits(engine: Engine) -> None:
    found = value(
        engine, "cast(a as decimal(38,0)) div cast(b as decimal(38,0))", a="9" * 35, b="9" * 34
    )
    assert found == 10


def test_whole_quotients_truncate_to_bigint(engine: Engine) -> None:
    division = "cast(a as decimal(38,0)) div cast(b as decimal(38,0))"
    assert value(engine, division, a="199999", b="100000") == 1
    assert value(engine, division, a="-199999", b="100000") == -1
    assert value(engine, f"typeof({division})", a="1", b="1") == "bigint"


@notyet("sail", "types quotients otherwise: no decimal is divided by '/' in a stage")
def test_decimal_quotient_is_typed_as_spark_does(engine: Engine) -> None:
    quotient = f"cast(a as {MONEY.value}) / cast(b as {MONEY.value})"
    assert value(engine, quotient, a="1", b="3") == Decimal("0.3333333333")


@notyet("sail", "hashes more than 18 digits otherwise: hashes never cross engines")
def test_hash_of_money_is_sparks(engine: Engine) -> None:
    assert value(engine, f"xxhash64(cast(a as {MONEY.value}))", a="1.5") == -4962504234041728888


def test_hash_of_other_types_is_sparks(engine: Engine) -> None:
    assert value(engine, "xxhash64(a, 1, cast(null as string))", a="a") == -4810547614043336770
    assert value(engine, "xxhash64(cast(a as decimal(12,8)))", a="1.5") == 4942790547879981041


def test_hashes_skip_nulls(engine: Engine) -> None:
    """Why a mask of the nulls is hashed with the values."""
    first = value(engine, "xxhash64(a, cast(null as string), 'b')", a="a")
    assert first == value(engine, "xxhash64(a, 'b', cast(null as string))", a="a")
