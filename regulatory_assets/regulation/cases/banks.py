"""Small banks: deals and all that belongs to them, and the parts that the deals must give.

``cases: deals`` is one small bank: rows of source tables, and the parts that its deals must give.
The whole file is one bank on one day, to be calculated once; a case is a group of its deals, so
identifiers are unique in the file. ``defaults`` fills columns that a row leaves out; a column that
is given nowhere is null, or refused where the table forbids it. Rows that all cases need stand
under ``tables``, those of each day before it under ``earlier``. ``parts`` lists every part of the
case's deals, memo parts too, in reporting currency; a part of amount zero is left out. What no deal
stands for (a facility, a netting set) is named like one, by the first key column of its row. Where
the scopes of an entity treat a deal differently, each part says ``only_in`` which. ``results``
gives, where present, the results by scope::

    cases: deals
    title: A small bank
    day: 2026-01-31
    defaults: {deals: {entity_id: E1, currency: EUR}}
    tables: {fx_rates: [{currency: EUR, rate: "1"}]}
    earlier: [{day: 2026-01-30, fx_rates: [{currency: USD, rate: "0.9"}]}]
    items:
      - case: limit_to_the_cent
        why: ...
        counterparties: [{counterparty_id: C1, sector: RETAIL, relationship: true}]
        deals: [{deal_id: D1, counterparty_id: C1, amount: "100000.01"}]
        parts:
          - {deal_id: D1, part: stable, line: retail_stable, amount: "100000", weighted: "5000"}
    results: {E1: {hqla: "0"}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.regulation.cases.items import Result, named, result_of
from regulatory_assets.regulation.document import Node

_PART = ("deal_id", "part", "line", "amount", "weighted")


@dataclass(frozen=True)
class ExpectedPart:
    """One part of a deal, the line that takes it, amount and weighted amount."""

    deal_id: str
    part: str
    line: str
    amount: Decimal
    weighted: Decimal
    only_in: str | None
    place: str


@dataclass(frozen=True)
class DealCase:
    """Some deals of a bank and every part that they must give; of what no deal stands for too."""

    name: str
    why: str
    names: tuple[str, ...]
    """The first key column of each row of the case: what a part may belong to."""
    parts: tuple[ExpectedPart, ...]
    place: str


@dataclass(frozen=True)
class DealBank:
    """A small bank on one day: complete rows by source table, its cases, its results by scope."""

    path: Path
    title: str
    day: date
    rows: Mapping[str, Sequence[Mapping[str, Any]]]
    cases: tuple[DealCase, ...]
    results: Mapping[str, Result]
    earlier: Mapping[date, Mapping[str, Sequence[Mapping[str, Any]]]]
    """Rows of earlier days, for what stands on when a day lacks its own."""

    @property
    def parts(self) -> tuple[ExpectedPart, ...]:
        return tuple(part for case in self.cases for part in case.parts)


def bank(root: Node, tables: Iterable[Table]) -> DealBank:
    """The bank of a file of the kind ``deals``; ``tables`` are those that it may fill."""
    return _Bank(root, tables).load()


class _Bank:
    """Reads one file of deal cases."""

    def __init__(self, root: Node, tables: Iterable[Table]) -> None:
        self.tables = {table.name: table for table in tables}
        self.path = root.path
        self.head = root.fields(
            ("cases", "title", "day", "tables", "items"), ("defaults", "earlier", "results")
        )
        self.rows: dict[str, list[dict[str, Any]]] = {name: [] for name in self.tables}
        self.keys: dict[tuple[str, ...], str] = {}
        self.defaults: dict[str, dict[str, Node]] = {}
        if "defaults" in self.head:
            for name, node in self.head["defaults"].fields((), self.tables).items():
                self.defaults[name] = node.fields((), self.tables[name].column_names)

    def load(self) -> DealBank:
        for name, node in self.head["tables"].fields((), self.tables).items():
            self._add(name, node)
        cases = tuple(self._case(name, node) for name, node in named(self.head["items"], "case"))
        results: dict[str, Result] = {}
        if "results" in self.head:
            results = {k: result_of(node) for k, node in self.head["results"].pairs().items()}
        title, day = self.head["title"].text(), self.head["day"].date()
        earlier = self._earlier(day) if "earlier" in self.head else {}
        return DealBank(self.path, title, day, self.rows, cases, results, earlier)

    def _earlier(self, day: date) -> dict[date, dict[str, list[dict[str, Any]]]]:
        found: dict[date, dict[str, list[dict[str, Any]]]] = {}
        for node in self.head["earlier"].items():
            fields = dict(node.fields(("day",), self.tables))
            other = fields.pop("day")
            if not other.date() < min(found, default=day):
                raise other.error(f"{other.date()} comes too late", "Name the last day first")
            found[other.date()] = {
                name: [self._row(self.tables[name], row) for row in rows.items()]
                for name, rows in fields.items()
            }
        return found

    def _case(self, name: str, node: Node) -> DealCase:
        fields = node.fields(("case", "why", "parts"), self.tables)
        names: dict[str, None] = {}
        for name_of_table, table in self.tables.items():
            if name_of_table in fields:
                before = len(self.rows[name_of_table])
                self._add(name_of_table, fields[name_of_table])
                added = self.rows[name_of_table][before:]
                names |= dict.fromkeys(str(row[table.key[0]]) for row in added)
        parts: dict[tuple[str, str, str | None], ExpectedPart] = {}
        for item in fields["parts"].items():
            part = _part(item, tuple(names))
            key = part.deal_id, part.part, part.only_in
            if key in parts:
                raise item.error(f"{part.deal_id} {part.part} stands twice", "Keep one of the two")
            parts[key] = part
        return DealCase(name, fields["why"].text(), tuple(names), tuple(parts.values()), node.place)

    def _add(self, name: str, rows: Node) -> None:
        table = self.tables[name]
        for node in rows.items():
            row = self._row(table, node)
            key = (name, *(str(row[column]) for column in table.key))
            if key in self.keys:
                raise node.error(
                    f"{' '.join(key)} also stands in line {self.keys[key]}",
                    "Identifiers are unique in a file; use another",
                )
            self.keys[key] = str(node.line)
            self.rows[name].append(row)

    def _row(self, table: Table, node: Node) -> dict[str, Any]:
        given = node.fields((), table.column_names)
        fields = {**self.defaults.get(table.name, {}), **given}
        row: dict[str, Any] = {}
        for column in table.columns:
            if column.name in fields and fields[column.name].kind != "null":
                row[column.name] = _value(column, fields[column.name])
            elif column.nullable:
                row[column.name] = None
            else:
                raise node.error(
                    f"{table.name} needs {column.name}", "Give it here or under defaults"
                )
        return row


def _part(node: Node, names: Sequence[str]) -> ExpectedPart:
    fields = node.fields(_PART, ("only_in",))
    return ExpectedPart(
        fields["deal_id"].code(names, "deal"),
        fields["part"].text(),
        fields["line"].text(),
        fields["amount"].decimal(ColumnType.MONEY),
        fields["weighted"].decimal(ColumnType.MONEY),
        fields["only_in"].text() if "only_in" in fields else None,
        node.place,
    )


def _value(column: Column, node: Node) -> Any:
    if column.type is ColumnType.BOOLEAN:
        return node.boolean()
    if column.type is ColumnType.DATE:
        return node.date()
    if column.type is ColumnType.STRING:
        return node.code(column.allowed, column.name) if column.allowed else node.text()
    if column.type in (ColumnType.MONEY, ColumnType.RATE):
        return node.decimal(column.type)
    return int(node.decimal(ColumnType.INTEGER))
