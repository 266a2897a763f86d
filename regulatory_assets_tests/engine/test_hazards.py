"""What the engines are known to get wrong or to lack, as executable facts.

Each test states the behaviour one would expect. An engine that does not show it carries ``notyet``
with what follows for us; when an upgrade closes the gap the test fails, and the rule can go.
"""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, Schema
from pyspark.errors import PySparkException
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.engine import Engine
from regulatory_assets.ledger import frames
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


def write(
    engine: Engine,
    place: str,
    data: pa.Table,
    mode: str = "append",
    where: str = "true",
    **options: str,
) -> None:
    frame = engine.session.createDataFrame(data).where(where)
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
    write(engine, place, rows("a", "1"), where="key = 'nobody'")
    assert DeltaTable(place).file_uris() == []


def test_more_than_eleven_commits(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path)
    for number in range(12):
        write(engine, place, rows(f"p{number:02}", "1"))
    assert len(read(engine, place)) == 12


def write_at_once(engine: Engine, place: str) -> None:
    """Four writers of a part each; every part arrives."""
    parts = [f"p{number}" for number in range(4)]
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda part: write(engine, place, rows(part, "1")), parts))
    assert keys(place) == [f"{part}0" for part in parts]


def test_concurrent_appends_to_a_created_table(engine: Engine, tmp_path: Path) -> None:
    write_at_once(engine, create(tmp_path))


@notyet("spark", "the writers refuse one another: tables are created before anybody writes")
def test_concurrent_first_writes(engine: Engine, tmp_path: Path) -> None:
    """Several tries, since writers may miss one another by chance."""
    for number in range(10):
        write_at_once(engine, str(tmp_path / f"new{number}"))


# What Sail does not offer


def test_update_changes_the_rows_it_names(engine: Engine, tmp_path: Path) -> None:
    """Offered by both; a ledger never uses it."""
    place = create(tmp_path)
    write(engine, place, rows("a", "1", "2"))
    engine.session.sql(f"UPDATE delta.`{place}` SET key = 'z' WHERE key = 'a1'").collect()
    assert read(engine, place) == [("a0", Decimal(1)), ("z", Decimal(2))]


@pytest.mark.parametrize("statement", ["OPTIMIZE", "VACUUM"])
@notyet("sail", "not offered: compaction posts a snapshot, files are removed by delta-rs")
def test_maintenance(sail: Engine, tmp_path: Path, statement: str) -> None:
    place = create(tmp_path)
    write(sail, place, rows("a", "1"))
    sail.session.sql(f"{statement} delta.`{place}`").collect()


@notyet("sail", "not offered: the register is the history")
def test_describe_history(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path)
    write(engine, place, rows("a", "1"))
    assert engine.session.sql(f"DESCRIBE HISTORY delta.`{place}`").count() == 2


@notyet("sail", "not offered: consolidation paths are columns, not recursion")
def test_recursive_query(engine: Engine) -> None:
    query = "SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3"
    frame = engine.session.sql(f"WITH RECURSIVE t(n) AS ({query}) SELECT max(n) AS n FROM t")
    assert frame.collect()[0].n == 3


@notyet("sail", "not offered: dates are parsed by try_cast or in Arrow")
def test_try_to_date(engine: Engine) -> None:
    assert value(engine, "try_to_date(a)", a="x") is None


@notyet("sail", "no change data feed: postings are the change data")
def test_change_data_feed(engine: Engine, tmp_path: Path) -> None:
    place = create(tmp_path, {"delta.enableChangeDataFeed": "true"})
    write(engine, place, rows("a", "1"))
    reader = engine.session.read.format("delta").option("readChangeFeed", "true")
    changes = reader.option("startingVersion", "1").load(place)
    assert "_change_type" in changes.columns


@notyet("sail", "a source of pysail's own, registered first: databases are asked by SQLAlchemy")
def test_a_database_is_read_by_its_address(engine: Engine) -> None:
    """Of a database that comes with Spark."""
    address = {"url": "jdbc:derby:memory:facts;create=true", "dbtable": "sysibm.sysdummy1"}
    assert engine.session.read.format("jdbc").options(**address).load().count() == 1


@notyet("sail", "observations stay empty: counts are queries of their own")
def test_observe(engine: Engine) -> None:
    from pyspark.sql import Observation

    seen = Observation("seen")
    engine.session.range(3).observe(seen, F.count(F.lit(1)).alias("n")).collect()
    assert seen.get == {"n": 3}


@notyet("sail", "a frame is calculated anew at each look: what is looked at twice is written aside")
def test_cached_rows_outlive_their_file(engine: Engine, tmp_path: Path) -> None:
    pq.write_table(rows("a", "1"), tmp_path / "rows.parquet")
    frame = engine.session.read.parquet(str(tmp_path)).cache()
    assert len(frame.collect()) == 1
    (tmp_path / "rows.parquet").unlink()
    assert len(frame.collect()) == 1


@notyet("sail", "a hint in a query is ignored: files are not laid out by hints")
def test_a_hint_in_a_query(engine: Engine) -> None:
    frame = engine.session.sql("SELECT /*+ REPARTITION(3) */ id FROM range(20)")
    assert frame.select(F.spark_partition_id().alias("part")).distinct().count() == 3


@notyet("sail", "a malformed line raises: lines are read as text and split")
def test_permissive_csv_keeps_reading(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "lines.csv"
    file.write_text("a,1\nb\nc,3,4\n")
    frame = engine.session.read.schema("k string, n int").csv(str(file))
    assert [row.k for row in frame.orderBy("k").collect()] == ["a", "b", "c"]


def parts(engine: Engine, *, joined: bool) -> list[tuple[int, str]]:
    """Two structs a row, of unequal nullability, exploded."""
    one = F.struct(F.lit(1).alias("n"), F.lit("x").alias("t"))
    other = F.struct(F.lit(2).alias("n"), F.when(F.col("id") > 0, "y").alias("t"))
    both = F.concat(F.array(one), F.array(other)) if joined else F.array(one, other)
    frame = engine.session.range(2).select(F.explode(both).alias("part"))
    return sorted((row.n, str(row.t)) for row in frame.select("part.n", "part.t").collect())


PARTS = [(1, "x"), (1, "x"), (2, "None"), (2, "y")]


def test_explode_structs_of_unequal_nullability(engine: Engine) -> None:
    """Sail was seen to panic here by an earlier version."""
    assert parts(engine, joined=False) == PARTS


@notyet("sail", "arrays of unequal nullability are not joined: parts are written as one array")
def test_concat_arrays_of_unequal_nullability(engine: Engine) -> None:
    assert parts(engine, joined=True) == PARTS


Union = Callable[[DataFrame, DataFrame], DataFrame]


def united(engine: Engine, union: Union) -> list[int]:
    """How many rows are in unions of unions, of which fewer columns are asked for; the first also
    with a frame that surely holds nothing."""
    one = engine.session.createDataFrame(rows("a", "1"))
    found = []
    for first in (one, one.where("false")):
        pair = union(first, one)
        for both in (union(one, pair), union(union(one, first), one), union(pair, pair)):
            keys = union(both.select("key"), one.select("key"))
            found.append(keys.toArrow().num_rows)
    return found


@notyet("sail", "loses their columns: frames.union selects those of each part anew")
def test_union_of_unions(engine: Engine) -> None:
    assert united(engine, lambda a, b: a.unionAll(b)) == [4, 4, 5, 3, 3, 3]


def test_union_of_frames(engine: Engine) -> None:
    assert united(engine, lambda a, b: frames.union([a, b])) == [4, 4, 5, 3, 3, 3]


def filtered(engine: Engine, folder: Path, union: Union) -> int:
    """How many rows a filter leaves of a file and two others, by a column that is not asked for."""
    one, *others = (folder / name for name in "abc")
    for file in (one, *others):
        file.mkdir()
        pq.write_table(rows(file.name, "1"), file / "rows.parquet")
    first, *pair = (engine.session.read.parquet(str(file)) for file in (one, *others))
    return union(first, union(*pair)).where("part <> 'a'").select("key").toArrow().num_rows


@notyet("sail", "loses the column, though the second union is selected anew: so is every part")
def test_filter_over_a_union_of_files(engine: Engine, tmp_path: Path) -> None:
    assert filtered(engine, tmp_path, lambda a, b: a.unionAll(b.select("*"))) == 2


def test_filter_over_frames_of_files(engine: Engine, tmp_path: Path) -> None:
    assert filtered(engine, tmp_path, lambda a, b: frames.union([a, b])) == 2


def decimals(engine: Engine, *given: str) -> set[Decimal]:
    """What a Python function that returns these as money gives."""
    values = [Decimal(text) for text in given]
    function = F.udf(lambda n: values[n], MONEY.value)
    frame = engine.session.range(len(values)).select(function("id").alias("value"))
    return {row.value for row in frame.collect()}


def test_python_function_of_mixed_precision(engine: Engine) -> None:
    expected = {Decimal("1.5"), Decimal("12345678901.12345678")}
    assert decimals(engine, "1.5", "12345678901.12345678") == expected


@notyet("sail", "decimals beyond the scale raise: a function in Python returns text")
def test_python_function_of_larger_scale(engine: Engine) -> None:
    assert decimals(engine, "1.5", "1.123456789012") == {Decimal("1.5"), Decimal("1.12345679")}


BEFORE_A_SESSION = """
from pyspark.sql.connect.functions import udf
from pyspark.sql.types import StringType
udf(str, {returned})("id")
"""


@pytest.mark.parametrize(
    "returned",
    [
        "StringType()",
        pytest.param(
            "'string'",
            marks=pytest.mark.xfail(
                raises=subprocess.CalledProcessError,
                strict=True,
                reason="a session reads the name of a type: no module makes such a function",
            ),
        ),
    ],
)
def test_python_function_before_a_session(returned: str) -> None:
    """In a process without any; engines have no part in it."""
    code = BEFORE_A_SESSION.format(returned=returned)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


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


@notyet("spark", "wraps silently: with_mul_div bounds every quotient")
def test_quotient_beyond_bigint_raises(engine: Engine) -> None:
    with pytest.raises(PySparkException):
        value(engine, "cast(a as decimal(38,0)) div 3", a="1" + "0" * 30)


@notyet("sail", "raises from 1.7*10**34: with_mul_div keeps every dividend below")
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


@notyet("sail", "raw lines are written without statistics (bank.staging)")
def test_a_column_constant_in_one_row_group_is_read_as_it_is(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "lines.parquet"
    groups = (["EUR", "EUR"], ["X" * 5000, "USD"])
    with pq.ParquetWriter(path, pa.schema([("text", pa.string())])) as writer:
        for values in groups:
            writer.write_table(pa.table({"text": values}))
    found = engine.session.read.parquet(str(path)).toArrow()["text"].to_pylist()
    assert sorted(found) == sorted(v for values in groups for v in values)
