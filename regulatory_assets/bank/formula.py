"""A small language for values made from delivered columns, as engine expressions.

    AMOUNT - COLLATERAL * number('0.5')
    'CALL' if KIND == 'C' and column('NOTICE DAYS') <= number('30') else upper(KIND)

Names are delivered columns; a name with blanks stands in ``column('...')``. Columns are text; in
``+ - *`` and in comparisons with a number they are numbers of at most 8 places. There is no
division: engines round it differently. Anything else is refused when the mapping is loaded.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column as Expression

from regulatory_assets.ledger.arithmetic import product
from regulatory_assets.ledger.table import ColumnType

TEXT, NUMBER, TRUTH = "text", "number", "truth"

_MONEY = ColumnType.MONEY.value
_OPERAND = "decimal(23,8)"  # of products: 15 digits before the point, as delivered money
_FACTOR = ColumnType.RATE.value

_FUNCTIONS: dict[str, tuple[tuple[str, ...], str, Callable[..., Expression]]] = {
    "trim": ((TEXT,), TEXT, F.trim),
    "upper": ((TEXT,), TEXT, F.upper),
    "lower": ((TEXT,), TEXT, F.lower),
    "length": ((TEXT,), NUMBER, lambda text: F.length(text).cast(_MONEY)),
    "number": ((TEXT,), NUMBER, lambda text: text.try_cast(_MONEY)),
    "abs": ((NUMBER,), NUMBER, lambda number: F.when(number < 0, -number).otherwise(number)),
    "is_empty": ((TEXT,), TRUTH, lambda text: text.isNull()),
}
_MANY: dict[str, Callable[..., Expression]] = {"concat": F.concat, "coalesce": F.coalesce}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Expression, Expression], Expression]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


class FormulaError(ValueError):
    """A formula that cannot be used; the message says which part."""


@dataclass(frozen=True)
class Formula:
    """A formula that was checked. ``uses`` are the delivered columns in it."""

    text: str
    uses: tuple[str, ...]

    @staticmethod
    def parse(text: str) -> Formula:
        """Raises FormulaError for anything the language does not have."""
        found: dict[str, Expression] = {}
        kind, _ = _compile(_parsed(text), _Names(found))
        if kind == TRUTH:
            raise FormulaError("the formula is true or false; write  'A' if ... else 'B'")
        return Formula(text, tuple(found))

    def value(self, columns: Mapping[str, Expression]) -> Expression:
        """The value as text; null where it cannot be computed."""
        kind, value = _compile(_parsed(self.text), columns)
        return value.cast("string") if kind == NUMBER else value


class _Names(dict[str, Expression]):
    """Answers every name, and remembers it."""

    def __init__(self, found: dict[str, Expression]) -> None:
        super().__init__()
        self._found = found

    def __missing__(self, name: str) -> Expression:
        return self._found.setdefault(name, F.col(f"`{name}`"))


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"not a formula: {getattr(error, 'msg', error)}") from error


def _compile(node: ast.expr, columns: Mapping[str, Expression]) -> tuple[str, Expression]:
    """The kind of a part, and its engine expression."""

    def number(part: ast.expr) -> Expression:
        kind, value = _compile(part, columns)
        if kind == TRUTH:
            raise FormulaError(f"{ast.unparse(part)} is true or false; a number is needed")
        return value if kind == NUMBER else value.try_cast(_MONEY)

    def wanted(part: ast.expr, kind: str) -> Expression:
        if kind == NUMBER:
            return number(part)
        found, value = _compile(part, columns)
        if found != kind:
            raise FormulaError(f"{ast.unparse(part)} is a {found}; {kind} is needed")
        return value

    match node:
        case ast.Name(id=name):
            return TEXT, columns[name]
        case ast.Call(func=ast.Name(id="column"), args=[ast.Constant(value=str(name))]):
            return TEXT, columns[name]
        case ast.Constant(value=str(text)):
            return TEXT, F.lit(text)
        case ast.UnaryOp(op=ast.USub(), operand=part):
            return NUMBER, -number(part)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return TRUTH, ~wanted(part, TRUTH)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as sign, right=right):
            one, other = number(left), number(right)
            both = one + other if isinstance(sign, ast.Add) else one - other
            return NUMBER, both.try_cast(_MONEY)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return NUMBER, product(number(left).try_cast(_OPERAND), number(right).try_cast(_FACTOR))
        case ast.BoolOp(op=joined, values=parts):
            sides = [wanted(part, TRUTH) for part in parts]
            every = isinstance(joined, ast.And)
            return TRUTH, reduce(lambda a, b: a & b if every else a | b, sides)
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            condition = wanted(test, TRUTH)
            kinds = {_compile(part, columns)[0] for part in (body, otherwise)}
            kind = TEXT if kinds == {TEXT} else NUMBER
            return kind, F.when(condition, wanted(body, kind)).otherwise(wanted(otherwise, kind))
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            if type(operator) not in _COMPARISONS:
                raise FormulaError("comparisons are ==, !=, <, <=, > and >=")
            kinds = {_compile(part, columns)[0] for part in (left, right)}
            kind = NUMBER if NUMBER in kinds else TEXT
            compare = _COMPARISONS[type(operator)]
            return TRUTH, compare(wanted(left, kind), wanted(right, kind))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in _FUNCTIONS:
            needs, kind, function = _FUNCTIONS[name]
            if len(given) != len(needs):
                raise FormulaError(f"{name} takes {len(needs)} value, {len(given)} are given")
            return kind, function(*(wanted(g, k) for g, k in zip(given, needs, strict=True)))
        case ast.Call(func=ast.Name(id=name), args=[_, *_] as given, keywords=[]) if name in _MANY:
            return TEXT, _MANY[name](*(wanted(part, TEXT) for part in given))
    known = ", ".join(("column", *_FUNCTIONS, *_MANY))
    raise FormulaError(
        f"{ast.unparse(node)!r} is not part of the language: names, texts in quotes, + - *, "
        f"comparisons, and, or, not, A if B else C, and the functions {known}; "
        "a number is written number('0.5')"
    )
