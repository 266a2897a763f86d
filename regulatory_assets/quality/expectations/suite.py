"""The expectations on a source table: made from its definition, with thresholds from data.

``thresholds.yaml`` says how much is too much, and what no definition can: which columns that may be
empty are critical, which numbers are plausible, which rows look alike. A bank's own file is laid
over it. How a day is measured stands in ``profile``.
"""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path

from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.quality.own import own_file
from regulatory_assets.regulation.document import Node, read

THRESHOLDS = Path(__file__).parent / "thresholds.yaml"

_LIMITS = ("missing", "duplicates", "outside", "unknown", "change")
_NUMBERS = (ColumnType.INTEGER, ColumnType.LONG, ColumnType.MONEY, ColumnType.RATE)


class Kind(Enum):
    """What is measured; the value is how it reads."""

    ROWS = "number"
    ROWS_CHANGE = "change of their number"
    MISSING = "share missing"
    TWICE = "share of lines whose key stands twice"
    ALIKE = "share of rows like another one"
    OUTSIDE = "share outside its range"
    UNCODED = "share not one of its codes"
    UNKNOWN = "share not in"
    TOTAL_CHANGE = "change of its total"


@dataclass(frozen=True)
class Expectation:
    """One measure of a table and day, and the bounds between which it is expected, inclusive.

    ``plausible`` are the bounds of a value for OUTSIDE, ``other`` the table that UNKNOWN looks in.
    """

    kind: Kind
    columns: tuple[str, ...] = ()
    at_least: Decimal | None = None
    at_most: Decimal | None = None
    plausible: tuple[Decimal | None, Decimal | None] = (None, None)
    other: Table | None = None

    @property
    def name(self) -> str:
        of = ", ".join(self.columns) or "rows"
        return f"{of}: {self.kind.value}{f' {self.other.name}' if self.other else ''}"

    @property
    def wanted(self) -> str:
        """The bounds in words, with what is plausible where it is given."""
        said = _between(self.at_least, self.at_most)
        plausible = _between(*self.plausible)
        return f"{said}; plausible is {plausible}" if plausible else said


def _between(low: Decimal | None, high: Decimal | None) -> str:
    bounds = (("at least", low), ("at most", high))
    return " and ".join(f"{word} {bound:f}" for word, bound in bounds if bound is not None)


@dataclass(frozen=True)
class Thresholds:
    """What ``thresholds.yaml`` says of one table."""

    limits: Mapping[str, Decimal]
    critical: Mapping[str, Decimal] = field(default_factory=dict)
    alike: tuple[str, ...] = ()
    plausible: Mapping[str, tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)


def suite(graph: Graph, table: Table) -> tuple[Expectation, ...]:
    """Every expectation on a source table. Raises ParameterError for thresholds that do not fit."""
    return tuple(_made(graph, table, thresholds(graph.sources)[table.name]))


def in_force(expected: Sequence[Expectation]) -> dict[str, str]:
    """What is expected in words, by what is measured: the thresholds that a judgement rests on."""
    return {e.name: e.wanted for e in expected}


def thresholds_hash(wanted: Mapping[str, str]) -> str:
    """Tells the thresholds that were in force from others."""
    told = "".join(f"{name}: {bounds}\n" for name, bounds in sorted(wanted.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def moved(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Each expectation that was another before, is new or is gone."""
    names = sorted(n for n in {**before, **now} if before.get(n) != now.get(n))
    return tuple(
        f"{n}: expected is {now.get(n, 'nothing')}, was {before.get(n, 'nothing')}" for n in names
    )


def _made(graph: Graph, table: Table, given: Thresholds) -> Iterator[Expectation]:
    limits, change = given.limits, given.limits["change"]
    yield Expectation(Kind.ROWS, at_least=Decimal(0 if table.optional else 1))
    yield Expectation(Kind.ROWS_CHANGE, at_least=-change, at_most=change)
    yield Expectation(Kind.TWICE, table.key, at_most=limits["duplicates"])
    if given.alike:
        yield Expectation(Kind.ALIKE, given.alike, at_most=limits["duplicates"])
    for column in table.delivered:
        of = (column.name,)
        critical = given.critical.get(column.name, None if column.nullable else limits["missing"])
        if critical is not None:
            yield Expectation(Kind.MISSING, of, at_most=critical)
        if column.allowed:
            yield Expectation(Kind.UNCODED, of, at_most=limits["outside"])
        low, high = given.plausible.get(column.name, (None, None))
        if column.type in _NUMBERS and {low, high, column.minimum, column.maximum} != {None}:
            yield Expectation(Kind.OUTSIDE, of, at_most=limits["outside"], plausible=(low, high))
        if column.type is ColumnType.MONEY and not column.nullable:
            yield Expectation(Kind.TOTAL_CHANGE, of, at_least=-change, at_most=change)
        other = _master(graph, column)
        if other is not None and other is not table:
            yield Expectation(Kind.UNKNOWN, of, at_most=limits["unknown"], other=other)


def _master(graph: Graph, column: Column) -> Table | None:
    """The table that a column names a row of: the first one declared whose key it is."""
    return next((t for t in graph.sources if t.key == (column.name,)), None)


# -- thresholds --------------------------------------------------------------------------------


def thresholds(tables: tuple[Table, ...]) -> Mapping[str, Thresholds]:
    """The thresholds of each table: the package's, with a bank's own laid over them. Raises
    ParameterError with file and line."""
    own = own_file(THRESHOLDS.name)
    return thresholds_of(tables, (THRESHOLDS,) if own is None else (own, THRESHOLDS))


@cache
def thresholds_of(tables: tuple[Table, ...], paths: tuple[Path, ...]) -> Mapping[str, Thresholds]:
    """The thresholds that some files give; what an earlier one says stands before a later one's.

    What any says of a table stands before what any says by default. Only the last must be whole.
    """
    by_name = {t.name: t for t in tables}
    defaults: list[Mapping[str, Node]] = []
    of_tables: list[Mapping[str, Node]] = []
    for path in paths:
        whole = path is paths[-1]
        root = read(path).fields(("default", "tables") if whole else (), ("default", "tables"))
        default = root.get("default")
        if default is not None:
            defaults.append(default.fields(_LIMITS if whole else (), _LIMITS))
        of_tables.append(root["tables"].pairs() if "tables" in root else {})
        for name, node in of_tables[-1].items():
            if name not in by_name:
                raise node.error(f"no source table {name}", f"Use one of {', '.join(by_name)}")
    return {
        name: _of_table([given[name] for given in of_tables if name in given], table, defaults)
        for name, table in by_name.items()
    }


def _of_table(
    nodes: Sequence[Node], table: Table, defaults: Sequence[Mapping[str, Node]]
) -> Thresholds:
    given = [node.fields((), (*_LIMITS, "critical", "alike", "plausible")) for node in nodes]
    said: ChainMap[str, Node] = ChainMap(*map(dict, given), *map(dict, defaults))
    critical: dict[str, Decimal] = {}
    plausible: dict[str, tuple[Decimal | None, Decimal | None]] = {}
    for fields in reversed(given):
        critical |= _critical(fields["critical"], table) if "critical" in fields else {}
        plausible |= _plausible(fields["plausible"], table) if "plausible" in fields else {}
    return Thresholds(
        {name: said[name].decimal(ColumnType.RATE) for name in _LIMITS},
        critical,
        said["alike"].codes(table.column_names, "the column") if "alike" in said else (),
        plausible,
    )


def _plausible(node: Node, table: Table) -> dict[str, tuple[Decimal | None, Decimal | None]]:
    numbers = [c.name for c in table.columns if c.type in _NUMBERS]
    found = {}
    for name, bounds in node.pairs().items():
        if name not in numbers:
            raise bounds.error(
                f"{table.name} has no number column {name}", f"Use one of {', '.join(numbers)}"
            )
        given = bounds.fields((), ("at_least", "at_most"))
        found[name] = (_bound(given, "at_least"), _bound(given, "at_most"))
    return found


def _critical(node: Node, table: Table) -> dict[str, Decimal]:
    given = node.fields((), table.delivered_names)
    return {name: value.decimal(ColumnType.RATE) for name, value in given.items()}


def _bound(given: Mapping[str, Node], name: str) -> Decimal | None:
    return given[name].decimal(ColumnType.MONEY) if name in given else None
