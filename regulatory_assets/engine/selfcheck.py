"""What an engine must prove at start: storage and arithmetic keep the contract, to the digit.

One value of every column type goes through a Delta table made as ledgers are made, then every
exact helper and every overflow that a stage relies on is tried. Any difference refuses the engine,
so that a wrong version or setting is found before a figure is computed.
"""

from __future__ import annotations

import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from deltalake import DeltaTable, Schema
from pyspark.errors import PySparkException
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession

from regulatory_assets.engine import EngineError
from regulatory_assets.ledger.arithmetic import product, total, with_mul_div
from regulatory_assets.ledger.table import ColumnType

VALUES: dict[ColumnType, Any] = {
    ColumnType.STRING: "Überweisung, 'zwei'\n€",
    ColumnType.DATE: date(2026, 1, 5),
    ColumnType.INTEGER: -(2**31),
    ColumnType.LONG: 2**63 - 1,
    ColumnType.BOOLEAN: True,
    ColumnType.MONEY: Decimal("369003690.03690037"),
    ColumnType.RATE: Decimal("0.12345678"),
}
"""The amount is one that Sail reads wrongly when the table keeps statistics of it."""

_KEY, _POSTING = "key", "posting"
_COLUMNS = [kind.name.lower() for kind in VALUES]


def check(session: SparkSession, folder: Path, identity: str) -> None:
    """Raise :class:`EngineError` naming the first difference; leaves nothing behind.

    The folder must be one that the engine sees too: the lake.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".selfcheck-", dir=folder) as place:
        stored = _store(session, place)
        _compare(identity, "stored rows", _rows(stored), _expected())
        _compare(identity, "arithmetic", _rows(_arithmetic(stored)), [ARITHMETIC])
    rows = session.range(2)
    for what, column in _overflows().items():
        try:
            found = _rows(rows.select(column.alias("value")))
        except PySparkException:
            continue
        raise EngineError(
            f"{identity} does not keep the arithmetic contract: {what} must raise, gave {found}"
        )


def _compare(
    identity: str, what: str, found: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    if found == expected:
        return
    if len(found) != len(expected):
        raise EngineError(
            f"{identity} does not keep the contract: {what}: "
            f"{len(found)} rows instead of {len(expected)}"
        )
    differences = "; ".join(
        f"{name} expected {want!r}, got {got.get(name)!r}"
        for got, wanted in zip(found, expected, strict=True)
        for name, want in wanted.items()
        if got.get(name) != want
    )
    raise EngineError(f"{identity} does not keep the contract: {what}: {differences}")


def _rows(frame: DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = frame.toArrow().to_pylist()
    return rows


def _expected() -> list[dict[str, Any]]:
    filled = {_KEY: "filled", **dict(zip(_COLUMNS, VALUES.values(), strict=True))}
    return [{_KEY: "empty"} | dict.fromkeys(_COLUMNS), filled]


def _store(session: SparkSession, place: str) -> DataFrame:
    """A Delta table made as ledgers are, with a row of values and one of nulls, a file each."""
    import pyarrow as pa

    kinds = {name: kind.arrow for name, kind in zip(_COLUMNS, VALUES, strict=True)}
    schema = pa.schema({_POSTING: pa.string(), _KEY: pa.string(), **kinds})
    DeltaTable.create(
        place,
        schema=Schema.from_arrow(schema),
        partition_by=[_POSTING],
        configuration={"delta.dataSkippingStatsColumns": _KEY},
    )
    rows = [{_POSTING: row[_KEY], **row} for row in _expected()]
    frame = session.createDataFrame(pa.Table.from_pylist(rows, schema=schema))
    frame.write.format("delta").mode("append").partitionBy(_POSTING).save(place)
    return session.read.format("delta").load(place).select(_KEY, *_COLUMNS).orderBy(_KEY)


def _money(text: str) -> Column:
    return F.lit(text).cast(ColumnType.MONEY.value)


def _arithmetic(stored: DataFrame) -> DataFrame:
    """One row of results, from the stored values so that nothing is folded away."""
    money, rate = F.col("money"), F.col("rate")
    integer = "decimal(38,0)"
    results = {
        "total": total(money),
        "total_of_none": total(F.when(F.col(_KEY) == "nobody", money)),
        "product": F.max(product(money, rate)),
        "half_up": F.max(product(_money("-0.00000001"), rate * 0 + F.lit("0.5").cast("decimal"))),
        "share": F.max("share"),
        "div": F.max(F.call_function("div", F.col("long").cast(integer), F.lit(10).cast(integer))),
        "hash": F.max(F.xxhash64("string", "date", "integer", "long", "boolean", "rate")),
    }
    share = (_money("-100000"), money, _money("369003691.11111111"))
    divided = with_mul_div(stored, {"share": share})
    return divided.agg(*(column.alias(name) for name, column in results.items()))


ARITHMETIC = {
    "total": Decimal("369003690.03690037"),
    "total_of_none": Decimal("0.00000000"),
    "product": Decimal("45556007.38007380"),
    "half_up": Decimal("-0.00000001"),
    "share": Decimal("-99999.99970889"),
    "div": 922337203685477580,
    "hash": 6488121531940478823,
}
"""Known answers, calculated with integers and not by an engine; the hash is Spark's."""


def _overflows() -> dict[str, Column]:
    """Values that must raise: a wrapped or a null amount would go unnoticed."""
    largest = _money("99999999999999999999.99999999")
    return {
        "a sum beyond money": total(largest),
        "a product beyond money": product(_money("9" + "0" * 16), F.lit("9999.0")),
        "a cast to a narrower decimal": largest.cast(ColumnType.RATE.value),
        "text that is not a number": F.concat("id", F.lit("x")).cast("int"),
    }
