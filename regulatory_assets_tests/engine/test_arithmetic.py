"""The exact helpers against Python's integers, many rows at a time, on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyspark.errors import PySparkException
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.engine import Engine
from regulatory_assets.ledger.arithmetic import fraction, product, ratio, total, with_mul_div
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.terminal import of_the_engine

ROWS = 2000
FEW = settings(max_examples=3)
MONEY, RATE = ColumnType.MONEY, ColumnType.RATE
SEEDS = st.integers(min_value=0, max_value=2**32)

Row = tuple[Decimal | None, ...]


def decimal(units: int) -> Decimal:
    """An amount of so many units of its eighth decimal, whatever the context."""
    digits = tuple(int(digit) for digit in str(abs(units)))
    return Decimal((int(units < 0), digits, -8))


def half_up(exact: Fraction) -> Decimal:
    """Eight decimals, halves away from zero, by another way than the product's."""
    units, rest = divmod(abs(exact) * 10**8, 1)
    units += rest >= Fraction(1, 2)
    return decimal(-int(units) if exact < 0 else int(units))


def amount(random: Random, digits: int) -> Decimal:
    """Any size up to so many digits, the edges often, either sign."""
    size = random.choice((1, 5, digits // 2, digits))
    units = random.choice((0, 1, 5, 10**size - 1, 10 ** (size - 1), random.randrange(10**size)))
    return decimal(random.choice((1, -1)) * units)


def some(random: Random, digits: int) -> Decimal | None:
    return None if random.random() < 0.02 else amount(random, digits)


Formula = Callable[..., Column]


def calculated(
    frame: DataFrame, formula: Formula | None, names: Sequence[str], *kept: str
) -> DataFrame:
    """``value`` by a formula of some columns; where none is given, by division."""
    operands = [F.col(name) for name in names]
    if formula is None:
        a, b, c = operands
        return with_mul_div(frame, {"value": (a, b, c)}).select(*kept, "value")
    return frame.select(*kept, formula(*operands).alias("value"))


def computed(
    engine: Engine, formula: Formula | None, rows: Iterable[Row], types: Sequence[ColumnType]
) -> list[Decimal | None]:
    """The formula of each row, in the rows' order."""
    names = [f"c{n}" for n in range(len(types))]
    schema = pa.schema([(name, kind.arrow) for name, kind in zip(names, types, strict=True)])
    columns = zip(*rows, strict=True)
    arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
    data = pa.Table.from_arrays(arrays, schema=schema)
    data = data.append_column("row", pa.array(range(len(data))))
    frame = engine.session.createDataFrame(data)
    result = calculated(frame, formula, names, "row")
    table = result.toArrow().sort_by("row")
    assert table.schema.field("value").type == MONEY.arrow
    values: list[Decimal | None] = table["value"].to_pylist()
    return values


def differing(rows: list[Row], found: list[Any], expected: list[Any]) -> list[Any]:
    assert len(found) == len(rows)
    return [each for each in zip(rows, found, expected, strict=True) if each[1] != each[2]]


@FEW
@example(seed=0)
@given(seed=SEEDS)
def test_product(engine: Engine, seed: int) -> None:
    random = Random(seed)
    rows: list[Row] = []
    expected: list[Decimal | None] = []
    while len(rows) < ROWS:
        money, rate = some(random, 25), some(random, 12)
        result = (
            None if money is None or rate is None else half_up(Fraction(money) * Fraction(rate))
        )
        if result is None or abs(result) < 10**20:
            rows.append((money, rate))
            expected.append(result)
    assert differing(rows, computed(engine, product, rows, (MONEY, RATE)), expected) == []


@FEW
@example(seed=0)
@given(seed=SEEDS)
def test_mul_div(engine: Engine, seed: int) -> None:
    random = Random(seed)
    rows: list[Row] = []
    expected: list[Decimal | None] = []
    while len(rows) < ROWS:
        a, b, c = some(random, 23), some(random, 23), some(random, 24)
        if random.random() < 0.3:
            c = a
        if a is not None and c and abs(a) > abs(c) * 9 * 10**9:
            continue
        result = None
        if a is not None and b is not None and c:
            result = half_up(Fraction(a) * Fraction(b) / Fraction(c))
            if abs(result) >= 10**20:
                continue
        rows.append((a, b, c))
        expected.append(result)
    assert differing(rows, computed(engine, None, rows, (MONEY,) * 3), expected) == []


def test_division_where_it_is_asked_for(engine: Engine) -> None:
    """What is not asked raises nowhere, whatever its operands; a name may be that of an operand."""
    told = [("yes", Decimal(7), Decimal(2)), ("no", LARGEST, Decimal(1)), (None, LARGEST, LARGEST)]
    schema = pa.schema([("of", pa.string()), ("a", MONEY.arrow), ("c", MONEY.arrow)])
    data = pa.Table.from_pylist([dict(zip(schema.names, t, strict=True)) for t in told], schema)
    a, c, asked = F.col("a"), F.col("c"), F.col("of") == "yes"
    found = with_mul_div(engine.session.createDataFrame(data), {"a": (a, a, c)}, where=asked)
    assert found.columns == ["of", "a", "c"]
    rows = found.toArrow().to_pylist()
    assert {row["of"]: row["a"] for row in rows} == {"yes": Decimal("24.5"), "no": None, None: None}


@FEW
@given(amounts=st.lists(st.integers(min_value=-(10**25), max_value=10**25), max_size=50))
def test_total(engine: Engine, amounts: list[int]) -> None:
    rows = [("all", decimal(units)) for units in amounts] + [("nulls", None)]
    data = pa.Table.from_pylist(
        [{"of": of, "v": v} for of, v in rows],
        schema=pa.schema([("of", pa.string()), ("v", MONEY.arrow)]),
    )
    frame = engine.session.createDataFrame(data)
    grouped = frame.groupBy("of").agg(total(F.col("v")).alias("value")).toArrow()
    found = dict(zip(grouped["of"].to_pylist(), grouped["value"].to_pylist(), strict=True))
    assert grouped.schema.field("value").type == MONEY.arrow
    assert found == ({"all": decimal(sum(amounts))} if amounts else {}) | {"nulls": 0}
    whole = frame.where("of = 'nobody'").agg(total(F.col("v")).alias("value")).toArrow()
    assert whole["value"].to_pylist() == [0]


LARGEST = decimal(10**28 - 1)


@pytest.mark.parametrize(
    ("formula", "operands"),
    [
        (product, (decimal(10**25), Decimal(1))),
        (product, (decimal(-(10**25) + 1), Decimal("-9999.99999999"))),
        (None, (decimal(10**23), Decimal(1), Decimal(1))),
        (None, (Decimal(1), decimal(10**23), Decimal(1))),
        (None, (Decimal(1), Decimal(1), decimal(10**24))),
        (None, (Decimal(100), Decimal(0), decimal(1))),
        (None, (decimal(10**23 - 1), decimal(10**23 - 1), decimal(10**17))),
        (lambda one, other: total(one + other - other), (LARGEST, Decimal(0))),
    ],
    ids=["amount", "result", "first", "second", "divisor", "share", "large", "within"],
)
def test_beyond_the_bounds(
    engine: Engine, request: pytest.FixtureRequest, formula: Any, operands: tuple[Decimal, ...]
) -> None:
    """Nothing wraps and nothing turns null: beyond the documented bounds the query raises."""
    types = (MONEY, RATE) if formula is product else (MONEY,) * len(operands)
    names = [f"c{n}" for n in range(len(types))]
    schema = pa.schema([(name, kind.arrow) for name, kind in zip(names, types, strict=True)])
    data = pa.Table.from_pylist([dict(zip(names, operands, strict=True))], schema=schema)
    frame = engine.session.createDataFrame(data)
    result = calculated(frame, formula, names)
    if request.node.callspec.id.endswith("within"):
        assert result.toArrow()["value"].to_pylist() == [LARGEST]
    else:
        with pytest.raises(PySparkException):
            result.collect()


def test_total_beyond_money_raises(engine: Engine) -> None:
    data = pa.table({"v": pa.array([LARGEST, decimal(1)], MONEY.arrow)})
    with pytest.raises(PySparkException) as raised:
        engine.session.createDataFrame(data).agg(total(F.col("v"))).collect()
    assert of_the_engine(raised.value).startswith("a number is too large to be calculated with (")


UNITS = st.integers(min_value=-(10**28) + 1, max_value=10**28 - 1)


@given(top=UNITS, bottom=UNITS)
@example(top=1, bottom=0)
@example(top=1, bottom=2 * 10**8)
@example(top=-1, bottom=2 * 10**8)
def test_ratio(top: int, bottom: int) -> None:
    expected = half_up(Fraction(top, bottom)) if bottom else None
    assert ratio(decimal(top), decimal(bottom)) == expected


@given(units=UNITS, top=st.integers(), bottom=st.integers().filter(bool))
@example(units=-5, top=1, bottom=10)
def test_fraction(units: int, top: int, bottom: int) -> None:
    expected = half_up(Fraction(units, 10**8) * Fraction(top, bottom))
    assert fraction(decimal(units), top, bottom) == expected


def test_ratio_has_eight_decimals() -> None:
    assert str(ratio(Decimal(2), Decimal(3))) == "0.66666667"
    assert str(ratio(Decimal(4), Decimal(2))) == "2.00000000"
    assert str(fraction(Decimal("-0.00000001"), 1, 2)) == "-1E-8"
