"""Exact arithmetic that gives the same digits on every engine.

Stages multiply, sum and divide money through these helpers only. The engines type products and
quotients of decimals differently, and neither tells of every overflow; here each result is cast to
money at once, which raises on overflow on both. Rounding is half-up (half away from zero), as
``decimal.ROUND_HALF_UP``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.ledger.table import MONEY_LIMIT_DIGITS, SCALE, ColumnType

_MONEY, _RATE = ColumnType.MONEY.value, ColumnType.RATE.value
_FACTOR = f"decimal(25,{SCALE})"  # times a rate this fits 38 digits
_INTEGER = "decimal(38,0)"
_WHOLE = "decimal(28,0)"  # money in units of its last decimal
_UNITS = 10**SCALE

_LIMITS = {ColumnType.INTEGER: 2**31, ColumnType.LONG: 2**63}
TOO_LARGE = "too large for a whole number"
"""Ends what is said of a whole number beyond its type."""

_LIMB = 10**9
_OPERAND = f"decimal({MONEY_LIMIT_DIGITS + SCALE},{SCALE})"
_DIVISOR = f"decimal({MONEY_LIMIT_DIGITS + SCALE + 1},{SCALE})"
_QUOTIENT_LIMIT = 9 * 10**9
_ASKED = "__asked_to_divide"

Operands = tuple[Column, Column, Column]
"""Of a quotient ``a * b / c``."""


def product(amount: Column, rate: Column) -> Column:
    """Money times a rate, as money. Raises for an amount of 10**17 or a rate of 10**4 in size."""
    return (amount.cast(_FACTOR) * rate.cast(_RATE)).cast(_MONEY)


def total(column: Column) -> Column:
    """The sum of money, as money; 0 for no rows. Raises from 10**20 on.

    The cast of the summand keeps the raw sum within 38 digits, beyond which Sail wraps silently.
    """
    return F.coalesce(F.sum(column.cast(_MONEY)).cast(_MONEY), F.lit("0").cast(_MONEY))


def whole_sum(number: Column, added: Column, kind: ColumnType, beyond: str) -> Column:
    """Two whole numbers added, as one of the same type. Raises in the words of ``beyond`` where the
    sum is none: Sail wraps silently."""
    limit = _LIMITS[kind]
    exact = number.cast(_INTEGER) + added.cast(_INTEGER)
    outside = (exact < _integer(-limit)) | (exact >= _integer(limit))
    raised = F.raise_error(F.lit(f"{beyond}: {TOO_LARGE}")).cast(kind.value)
    return F.when(outside, raised).otherwise(exact.cast(kind.value))


def with_mul_div(
    frame: DataFrame, quotients: Mapping[str, Operands], where: Column | None = None
) -> DataFrame:
    """Rows with ``a * b / c`` of money, as money, under each name; null where c is 0, and where
    ``where`` does not hold, if it is given.

    Meant for shares: ``a / c`` is the share, ``b`` what is shared. Operands may be any delivered
    money. Raises where, in size, ``a`` or ``b`` reaches 10**15, ``c`` 10**16, ``a / c`` exceeds
    9 * 10**9 or the result reaches 10**20; below these bounds no step can overflow. What is asked
    of no row raises for none.

    What a division says several times are columns first, its operands and then their sizes: an
    engine plans all that is said. Nothing is divided for rows that do not ask.
    """
    names: dict[tuple[int, str], str] = {}
    columns: dict[str, Column] = {}
    sizes: dict[str, Column] = {}
    divisions: dict[str, Column] = {}
    for name, operands in quotients.items():
        of = []
        for operand, kind in zip(operands, (_OPERAND, _OPERAND, _DIVISOR), strict=True):
            column = names.setdefault((id(operand), kind), f"__operand_{len(names)}")
            asked = operand if where is None else F.when(F.col(_ASKED), operand)
            columns[column] = _units(asked.cast(kind))
            size = F.abs(F.col(column))
            sizes[f"{column}_size"] = F.nullif(size, _integer(0)) if kind == _DIVISOR else size
            of.append(column)
        a, b, c = (F.col(column) for column in of)
        negative = ((a < 0) != (b < 0)) != (c < 0)
        sizes[f"__unit_{name}"] = F.when(negative, _unit("-")).otherwise(_unit(""))
        units = _divided(*(F.col(f"{column}_size") for column in of))
        quotient = (units * F.col(f"__unit_{name}")).cast(_MONEY)
        divisions[name] = quotient if where is None else F.when(F.col(_ASKED), quotient)
    asking = frame if where is None else frame.withColumn(_ASKED, where)
    sized = asking.withColumns(columns).withColumns(sizes)
    return sized.withColumns(divisions).drop(_ASKED, *columns, *sizes)


def with_fractions(frame: DataFrame, fractions: Mapping[str, tuple[Column, Column]]) -> DataFrame:
    """Rows with what a part is of a whole, both money, as a rate under each name; 0 where the whole
    is 0. Raises as ``with_mul_div``, and for a rate of 10**4 in size."""
    one, none = F.lit(1).cast(_MONEY), F.lit(0).cast(_MONEY)
    found = with_mul_div(frame, {name: (part, one, of) for name, (part, of) in fractions.items()})
    return found.withColumns({name: F.coalesce(name, none).cast(_RATE) for name in fractions})


def _divided(first: Column, second: Column, divisor: Column) -> Column:
    """``first * second / divisor`` in units of money's last decimal, of operands in such units and
    without a sign.

    It is long division over integers, the only division on which the engines agree: ``second`` is
    cut into limbs of nine digits, so that every dividend stays below 1.7*10**34, which is as far as
    Sail divides, and every quotient within the bigint that ``div`` gives on both.
    """
    high = _div(second, _integer(_LIMB**2))
    middle = _div(second, _integer(_LIMB)) % _integer(_LIMB)
    low = second % _integer(_LIMB)

    top = first * high
    upper = (top % divisor) * _integer(_LIMB) + first * middle
    lower = (upper % divisor) * _integer(_LIMB) + first * low
    rounded = _div(lower * _integer(2) + divisor, divisor * _integer(2))
    quotient = _div(top, divisor) * _integer(_LIMB**2) + _div(upper, divisor) * _integer(_LIMB)
    return F.when(
        first > divisor * _integer(_QUOTIENT_LIMIT),
        F.raise_error(F.lit("mul_div: the divisor is too small for its operands")).cast(_WHOLE),
    ).otherwise((quotient + rounded).cast(_WHOLE))


def _unit(sign: str) -> Column:
    """Money's last decimal."""
    return F.lit(f"{sign}0.00000001").cast(f"decimal({SCALE},{SCALE})")


def _integer(value: int) -> Column:
    return F.lit(str(value)).cast(_INTEGER)


def _units(amount: Column) -> Column:
    """An amount in units of its last decimal."""
    return (amount * F.lit(_UNITS).cast("decimal(9,0)")).cast(_INTEGER)


def _div(dividend: Column, divisor: Column) -> Column:
    return F.call_function("div", dividend, divisor).cast(_INTEGER)


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    """``numerator / denominator`` with 8 decimals; None where the denominator is 0."""
    top, top_scale = numerator.as_integer_ratio()
    bottom, bottom_scale = denominator.as_integer_ratio()
    return _half_up(top * bottom_scale, bottom * top_scale) if bottom else None


def fraction(amount: Decimal, numerator: int, denominator: int) -> Decimal:
    """``amount * numerator / denominator`` with 8 decimals."""
    top, scale = amount.as_integer_ratio()
    return _half_up(top * numerator, scale * denominator)


def _half_up(numerator: int, denominator: int) -> Decimal:
    """A quotient of integers with 8 decimals, rounded once."""
    top, bottom = abs(numerator) * _UNITS, abs(denominator)
    units = (2 * top + bottom) // (2 * bottom)
    negative = (numerator < 0) != (denominator < 0)
    with localcontext(prec=len(str(units)) + 1):
        return Decimal(-units if negative else units).scaleb(-SCALE)
