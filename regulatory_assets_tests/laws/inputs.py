"""Random source tables from their definitions, and stages applied to tables in memory.

Columns that a lookup or a name ties together draw from one pool of values, so that lookups hit.
Nothing here names a stage or a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.fitting import check, settable
from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.control.register import Revision
from regulatory_assets.engine import Engine
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.change import Calculation
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.joining import Move
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.rules import NoRules
from regulatory_assets.ledger.run import ParameterSource
from regulatory_assets.ledger.stages import COUNTS, Stage, StageKind, measures
from regulatory_assets.ledger.table import BASE, Column, ColumnType, Table
from regulatory_assets.regulation.parameters import Parameters

Row = tuple[Any, ...]
Rows = list[Row]

ROWS, VALUES = 200, 5
_LARGEST = Decimal(1_000_000)
_KNOWN = Parameters.default().at(date(2026, 1, 5), ["lcr/lines", "aml/cash_thresholds"])
_MEANT = {
    "regime": _KNOWN.rates("lcr/lines").regimes,
    "reporting_currency": [c for (c,) in _KNOWN.rates("aml/cash_thresholds").rows()],
}
"""Values of columns that may say anything; of others most that follows is empty."""


class Pools:
    """Which columns share values: those that a lookup joins, and text columns of one name."""

    def __init__(self, graph: Graph) -> None:
        self._parent: dict[str, str] = {}
        self.driving = {s.reads for s in graph.stages if s.kind is not StageKind.ADJUSTMENT}
        for stage in graph.stages:
            for lookup in stage.lookups:
                for mine, theirs in zip(lookup.by, lookup.table.key, strict=True):
                    self._parent[self.of(mine)] = self.of(theirs)

    def of(self, column: str) -> str:
        while (above := self._parent.get(column, column)) != column:
            column = above
        return column


def _value(column: Column, pools: Pools, day: date, random: Random) -> Any:
    if column.nullable and random.random() < 0.2:
        return None
    if column.allowed:
        return random.choice(column.allowed)
    match column.type:
        case ColumnType.STRING:
            if column.name in _MEANT and random.random() < 0.8:
                return random.choice(_MEANT[column.name])
            return f"{pools.of(column.name)}-{random.randrange(VALUES)}"
        case ColumnType.DATE:
            return day + timedelta(days=random.choice((-1, 0, 1, 29, 30, 31, 400)))
        case ColumnType.BOOLEAN:
            return random.random() < 0.6
        case ColumnType.INTEGER | ColumnType.LONG:
            least = int(column.minimum or 0)
            return random.choice((least, least, least + 1, least + 90))
        case ColumnType.MONEY | ColumnType.RATE:
            return _decimal(column, random)
    raise AssertionError(column)


def _decimal(column: Column, random: Random) -> Decimal:
    """Round and awkward numbers within the bounds, none so large that sums overflow."""
    rate = column.type is ColumnType.RATE
    least = Decimal(column.minimum or 0)
    most = min(Decimal(column.maximum or _LARGEST), Decimal(12) if rate else _LARGEST)
    drawn = Decimal(random.randrange(10**8)).scaleb(-8) * most
    choices = [least, most, Decimal(1), Decimal("0.2"), drawn, drawn]
    value = random.choice([c for c in choices if least <= c <= most])
    return value.quantize(Decimal("0.00000001"))


def sources(graph: Graph, day: date, random: Random) -> dict[str, Rows]:
    """Rows of every source table, keys unique."""
    pools = Pools(graph)
    return {table.name: _rows(table, pools, day, random) for table in graph.sources}


def _rows(table: Table, pools: Pools, day: date, random: Random) -> Rows:
    found: dict[Row, Row] = {}
    for _ in range(ROWS):
        row = tuple(_value(c, pools, day, random) for c in table.columns)
        found[_key(table, row)] = row
    wide = table in pools.driving or not _is_looked_up(table, pools)
    if len(found) <= VALUES and len(table.key) == 1 and wide:
        names = table.column_names
        place = names.index(table.key[0])
        rows = [tuple(_value(c, pools, day, random) for c in table.columns) for _ in range(ROWS)]
        more: dict[Row, Row] = {
            (f"{n}",): (*row[:place], f"{row[place]}-{n}", *row[place + 1 :])
            for n, row in enumerate(rows)
        }
        # A table that is both read and looked up keeps the keys that lookups hit.
        found = found | more if _is_looked_up(table, pools) else more
    return list(found.values())


def _is_looked_up(table: Table, pools: Pools) -> bool:
    return any(pools.of(c) != c or c in pools._parent.values() for c in table.key)


def _key(table: Table, row: Row) -> Row:
    return tuple(row[table.column_names.index(k)] for k in table.key)


def changed(graph: Graph, before: Mapping[str, Rows], day: date, random: Random) -> dict[str, Rows]:
    """Some tables with rows gone, new, and other than before."""
    fresh = sources(graph, day, random)
    found: dict[str, Rows] = {}
    for table in graph.sources:
        rows = {_key(table, r): r for r in before[table.name]}
        if random.random() < 0.7:
            for row in fresh[table.name]:
                if random.random() < 0.3:
                    rows[_key(table, row)] = row
            for key in list(rows):
                if random.random() < 0.1:
                    del rows[key]
        found[table.name] = list(rows.values())
    return found


def arrow(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Business rows of a table as Arrow."""
    schema = pa.schema([pa.field(c.name, c.type.arrow) for c in table.columns])
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(table.columns)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def as_frame(engine: Engine, content: pa.Table) -> DataFrame:
    if not content.num_rows:
        return engine.session.createDataFrame([], from_arrow_schema(content.schema))
    return engine.session.createDataFrame(content)


def entries(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Business rows as base entries."""
    own = arrow(table, rows)
    count = own.num_rows
    columns: dict[str, pa.Array] = {
        ENTRY: pa.array([1] * count, pa.int32()),
        "layer": pa.array([BASE] * count, pa.string()),
        "sign": pa.array([1] * count, pa.int32()),
        "rule_id": pa.array([None] * count, pa.string()),
    }
    return pa.table(columns | {n: own.column(n) for n in own.column_names})


@dataclass(frozen=True)
class Rules:
    """Rules for every adjustment stage, from its definition alone: one that changes, one that
    excludes, and where rows may be added one that adds some, of which one has been delivered."""

    adding: bool = True
    leaves: bool = True

    def at(self, stage: Stage, day: date) -> CompiledRules:
        if stage.spreads is not None:
            return CompiledRules(stage, (self._spreading(stage, stage.spreads),), lambda _: {})
        columns = sorted(settable(stage).values(), key=lambda c: c.type not in _AMOUNTS)
        excluded = {"field": stage.reads.key[0], "op": "like", "value": "%-0"}
        documents = [
            self._rule(stage, f"changes-{stage.name}", {"all": []}, _operation(columns[0])),
            self._rule(stage, f"excludes-{stage.name}", excluded, {"op": "exclude"}),
        ]
        if stage.inserts and self.adding:
            values = {c.name: _written(c) for c in stage.reads.columns if not c.nullable}
            del values[stage.inserts]
            expected = [f"{stage.inserts}-{n}-0" for n in range(VALUES)]
            made = [{"op": "insert", "values": values, "expected_source_id": e} for e in expected]
            documents.append(self._rule(stage, f"adds-{stage.name}", {"all": []}, *made))
        if stage.leaves and self.leaves:
            own = (c for c in stage.reads.columns if c.name not in COUNTS and not c.nullable)
            made = [
                {"op": "insert", "values": {c.name: _written(c) for c in own}, "currency": "EUR"}
            ]
            documents.append(self._rule(stage, f"adds-{stage.name}", {"all": []}, *made))
        return CompiledRules(stage, tuple(documents), lambda _: {})

    def _spreading(self, stage: Stage, leaves: Stage) -> Rule:
        """Each amount of a leaf, over all members that have a positive one."""
        own = (c for c in leaves.reads.columns if c.name not in COUNTS and not c.nullable)
        made: list[dict[str, Any]] = [
            {"op": "insert", "values": {c.name: _written(c) for c in own}, "currency": "EUR"}
        ]
        for name in measures(stage):
            above = {"field": name, "op": ">", "value": "0"}
            made.append({"op": "allocate", "field": name, "where": above})
        return self._rule(leaves, f"spreads-{stage.name}", {"all": []}, *made, spreading=stage)

    def _rule(
        self,
        stage: Stage,
        name: str,
        conditions: Any,
        *operations: Any,
        spreading: Stage | None = None,
    ) -> Rule:
        document = {
            "id": name, "stage": stage.name.removesuffix("_adjustments"), "effective": "2020-01-01",
            "purpose": "methodology", "conditions": conditions, "operations": operations,
            "reason": "laws", "owner": "laws",
        }  # fmt: skip
        rule = parse(document)
        check(rule, stage, spreading)
        return rule


def _operation(column: Column) -> dict[str, Any]:
    if column.type in _AMOUNTS:
        return {"op": "multiply", "field": column.name, "value": "0.5"}
    value = True if column.type is ColumnType.BOOLEAN else (*column.allowed, "other")[0]
    return {"op": "set", "field": column.name, "value": value}


def _written(column: Column) -> Any:
    """A value of a column, as a rule writes it."""
    match column.type:
        case ColumnType.STRING:
            return (*column.allowed, f"{column.name}-0")[0]
        case ColumnType.DATE:
            return "2026-02-01"
        case ColumnType.BOOLEAN:
            return True
    return str(column.minimum or 1)


_AMOUNTS = (ColumnType.MONEY, ColumnType.RATE)
RULES = Rules()


class Given(Reader):
    """A reader of frames in memory, in place of a lake."""

    def __init__(self, engine: Engine, given: Mapping[str, DataFrame]) -> None:
        self.lake: Any = type("Session", (), {"session": engine.session})()
        self._given = given

    def entries(self, version: Version) -> DataFrame:
        return self._given[version.table.name]

    def rows(
        self,
        version: Version,
        among: DataFrame | None = None,
        on: Sequence[str] = (),
        first: Sequence[str] = (),
    ) -> DataFrame:
        found = self.entries(version)
        return found if among is None else frames.semi(found, among, on)


def _posted(table: Table, day: date) -> Revision:
    """That the table has rows; what they are is given."""
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Revision(
        table.name, day, 1, "given", "delta", "", "", moment, 1, 0, "", "", "", "", inputs=()
    )


def apply(
    stage: Stage,
    given: Mapping[str, DataFrame],
    engine: Engine,
    parameters: ParameterSource,
    day: date,
) -> pa.Table:
    """The whole output of a stage for the given inputs."""
    versions = {t.name: Version(t, day, (_posted(t, day),)) for t in stage.inputs}
    calculation = Calculation(
        stage,
        {t.name: Move(versions[t.name], versions[t.name]) for t in stage.inputs},
        Version(stage.writes, day, ()),
        parameters.at(day, stage.parameters),
        Given(engine, given),
        store=lambda frame: frame,
        rules=RULES.at(stage, day) if stage.ruled else NoRules(),
    )
    return calculation.full().select(ENTRY, *stage.writes.content).toArrow()


def rows_of(content: pa.Table) -> Rows:
    """Rows as tuples; decimals as text, so that their digits are compared as well."""
    columns = [
        [str(v) if isinstance(v, Decimal) else v for v in content.column(n).to_pylist()]
        for n in content.column_names
    ]
    return list(zip(*columns, strict=True))
