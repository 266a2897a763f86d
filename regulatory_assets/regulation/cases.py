"""Worked examples of a regulation, as YAML beside its parameters, and their loader.

A file is one of four kinds; every number is a quoted decimal, every date plain.

``cases: calculation`` gives weighted amounts per line and the result of a calculation; ``amounts``
are those before weighting, where the calculation looks at them::

    cases: calculation
    title: Caps of the stock
    regime: basel
    day: 2026-01-31
    items:
      - case: level2_cap_binds
        why: 300 of Level 2A beside 100 of Level 1 ...
        lines: {level1_security: "100", level2a_security: "300"}
        amounts: {lending_nonfinancial: "50"}
        result: {hqla: "166.66666667", ratio: not defined}

``cases: currencies`` gives the same by currency, and the result of every currency that has one::

    items:
      - case: five_percent_exactly
        why: ...
        reporting_currency: EUR
        lines: {EUR: {retail_stable: "47.5"}, USD: {own_debt: "50"}}
        amounts: {EUR: {retail_stable: "950"}, USD: {own_debt: "50"}}
        results: {EUR: {ratio: "0"}, USD: {ratio: "0"}}

``cases: profile`` gives total flows and the dated ones by day, and the net outflows that follow::

    items:
      - case: peak_on_day_5
        why: ...
        bank: full
        outflows: "100"
        inflows: "20"
        profile: [{day: "5", outflow: "10", inflow: "0"}]
        result: {net_outflows: "80"}

``cases: deals`` is one small bank: rows of source tables, and the parts that its deals must give.
The whole file is one bank on one day, to be calculated once; a case is a group of its deals, so
identifiers are unique in the file. ``defaults`` fills columns that a row leaves out; a column that
is given nowhere is null, or refused where the table forbids it. Rows that all cases need stand
under ``tables``. ``parts`` lists every part of the case's deals, memo parts too, in reporting
currency; a part of amount zero is left out. Where the scopes of an entity treat a deal differently,
each part says ``only_in`` which. ``results`` gives, where present, the results by scope::

    cases: deals
    title: A small bank
    day: 2026-01-31
    defaults: {deals: {entity_id: E1, currency: EUR}}
    tables: {fx_rates: [{currency: EUR, rate: "1"}]}
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

from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.regulation.document import Node, read

__all__ = [
    "CalculationCase",
    "Cases",
    "CurrencyCase",
    "DealBank",
    "DealCase",
    "ExpectedPart",
    "load_cases",
]

NOT_DEFINED = "not defined"
"""How a result that does not exist is written; it is None in Python."""

Result = Mapping[str, Decimal | None]
_PART = ("deal_id", "part", "line", "amount", "weighted")


@dataclass(frozen=True)
class CalculationCase:
    """Weighted amounts per line, and what a calculation must make of them."""

    name: str
    why: str
    regime: str
    day: date
    lines: Mapping[str, Decimal]
    amounts: Mapping[str, Decimal]
    result: Result
    place: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The lines as a calculation reads them; an amount that is not given is 0."""
        return _rows(self.lines, self.amounts)


@dataclass(frozen=True)
class CurrencyCase:
    """Weighted amounts and amounts per line by currency, and the results by currency."""

    name: str
    why: str
    regime: str
    day: date
    reporting_currency: str
    lines: Mapping[str, Mapping[str, Decimal]]
    amounts: Mapping[str, Mapping[str, Decimal]]
    results: Mapping[str, Result]
    place: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The lines of all currencies as a calculation reads them."""
        return [
            {"currency": currency, **row}
            for currency in dict.fromkeys((*self.lines, *self.amounts))
            for row in _rows(self.lines.get(currency, {}), self.amounts.get(currency, {}))
        ]


def _rows(weighted: Mapping[str, Decimal], amounts: Mapping[str, Decimal]) -> list[dict[str, Any]]:
    return [
        {
            "line": line,
            "amount": amounts.get(line, Decimal(0)),
            "weighted": weighted.get(line, Decimal(0)),
        }
        for line in dict.fromkeys((*weighted, *amounts))
    ]


@dataclass(frozen=True)
class ProfileCase:
    """Total flows, the dated ones by day (outflow, inflow), and the net outflows they must give."""

    name: str
    why: str
    regime: str
    day: date
    bank: str
    outflows: Decimal
    inflows: Decimal
    profile: Mapping[int, tuple[Decimal, Decimal]]
    result: Result
    place: str


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
    """Some deals of a bank and every part that they must give."""

    name: str
    why: str
    deal_ids: tuple[str, ...]
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

    @property
    def parts(self) -> tuple[ExpectedPart, ...]:
        return tuple(part for case in self.cases for part in case.parts)


@dataclass(frozen=True)
class Cases:
    """Every case of a folder."""

    calculations: tuple[CalculationCase, ...]
    banks: tuple[DealBank, ...]
    profiles: tuple[ProfileCase, ...] = ()
    currencies: tuple[CurrencyCase, ...] = ()


def load_cases(folder: Path, tables: Iterable[Table] = SOURCES) -> Cases:
    """Every ``*.yaml`` file of a folder; ``tables`` are those that deal cases may fill."""
    calculations: list[CalculationCase] = []
    banks: list[DealBank] = []
    profiles: list[ProfileCase] = []
    currencies: list[CurrencyCase] = []
    for path in sorted(folder.glob("*.yaml")):
        root = read(path)
        head = root.pairs()
        if "cases" not in head:
            raise root.error("the key cases is missing", "Add cases: calculation or cases: deals")
        kind = head["cases"].code(
            ("calculation", "currencies", "deals", "profile"), "kind of cases"
        )
        if kind == "calculation":
            calculations += _calculations(root)
        elif kind == "profile":
            profiles += _profiles(root)
        elif kind == "currencies":
            currencies += _currencies(root)
        else:
            banks.append(_Bank(root, tables).load())
    return Cases(tuple(calculations), tuple(banks), tuple(profiles), tuple(currencies))


def _calculations(root: Node) -> list[CalculationCase]:
    head = root.fields(("cases", "title", "regime", "day", "items"))
    head["title"].text()
    result = []
    for name, node in _named(head["items"], "case"):
        fields = node.fields(("case", "why", "lines", "result"), ("amounts",))
        result.append(
            CalculationCase(
                name,
                fields["why"].text(),
                head["regime"].text(),
                head["day"].date(),
                _amounts(fields["lines"]),
                _amounts(fields["amounts"]) if "amounts" in fields else {},
                _result(fields["result"]),
                node.place,
            )
        )
    return result


def _profiles(root: Node) -> list[ProfileCase]:
    head = root.fields(("cases", "title", "regime", "day", "items"))
    head["title"].text()
    needed = ("case", "why", "bank", "outflows", "inflows", "profile", "result")
    result = []
    for name, node in _named(head["items"], "case"):
        fields = node.fields(needed)
        profile: dict[int, tuple[Decimal, Decimal]] = {}
        for item in fields["profile"].items():
            of_day = item.fields(("day", "outflow", "inflow"))
            day = int(of_day["day"].decimal(ColumnType.INTEGER))
            if day in profile:
                raise item.error(f"day {day} stands twice", "Add the two up")
            amounts = (of_day[column].decimal(ColumnType.MONEY) for column in ("outflow", "inflow"))
            outflow, inflow = amounts
            profile[day] = outflow, inflow
        result.append(
            ProfileCase(
                name,
                fields["why"].text(),
                head["regime"].text(),
                head["day"].date(),
                fields["bank"].text(),
                fields["outflows"].decimal(ColumnType.MONEY),
                fields["inflows"].decimal(ColumnType.MONEY),
                profile,
                _result(fields["result"]),
                node.place,
            )
        )
    return result


def _currencies(root: Node) -> list[CurrencyCase]:
    head = root.fields(("cases", "title", "regime", "day", "items"))
    head["title"].text()
    result = []
    for name, node in _named(head["items"], "case"):
        fields = node.fields(("case", "why", "reporting_currency", "lines", "amounts", "results"))
        result.append(
            CurrencyCase(
                name,
                fields["why"].text(),
                head["regime"].text(),
                head["day"].date(),
                fields["reporting_currency"].text(),
                {c: _amounts(own) for c, own in fields["lines"].pairs().items()},
                {c: _amounts(own) for c, own in fields["amounts"].pairs().items()},
                {c: _result(own) for c, own in fields["results"].pairs().items()},
                node.place,
            )
        )
    return result


class _Bank:
    """Reads one file of deal cases."""

    def __init__(self, root: Node, tables: Iterable[Table]) -> None:
        self.tables = {table.name: table for table in tables}
        self.path = root.path
        self.head = root.fields(
            ("cases", "title", "day", "tables", "items"), ("defaults", "results")
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
        cases = tuple(self._case(name, node) for name, node in _named(self.head["items"], "case"))
        results: dict[str, Result] = {}
        if "results" in self.head:
            results = {k: _result(node) for k, node in self.head["results"].pairs().items()}
        title, day = self.head["title"].text(), self.head["day"].date()
        return DealBank(self.path, title, day, self.rows, cases, results)

    def _case(self, name: str, node: Node) -> DealCase:
        fields = node.fields(("case", "why", "deals", "parts"), self.tables)
        before = len(self.rows["deals"])
        for table in self.tables:
            if table in fields:
                self._add(table, fields[table])
        deal_ids = tuple(row["deal_id"] for row in self.rows["deals"][before:])
        parts: dict[tuple[str, str, str | None], ExpectedPart] = {}
        for item in fields["parts"].items():
            part = _part(item, deal_ids)
            key = part.deal_id, part.part, part.only_in
            if key in parts:
                raise item.error(f"{part.deal_id} {part.part} stands twice", "Keep one of the two")
            parts[key] = part
        return DealCase(name, fields["why"].text(), deal_ids, tuple(parts.values()), node.place)

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


def _part(node: Node, deal_ids: Sequence[str]) -> ExpectedPart:
    fields = node.fields(_PART, ("only_in",))
    return ExpectedPart(
        fields["deal_id"].code(deal_ids, "deal"),
        fields["part"].text(),
        fields["line"].text(),
        fields["amount"].decimal(ColumnType.MONEY),
        fields["weighted"].decimal(ColumnType.MONEY),
        fields["only_in"].text() if "only_in" in fields else None,
        node.place,
    )


def _amounts(node: Node) -> dict[str, Decimal]:
    return {name: value.decimal(ColumnType.MONEY) for name, value in node.pairs().items()}


def _result(node: Node) -> Result:
    return {
        name: None
        if value.kind == "str" and value.text() == NOT_DEFINED
        else value.decimal(ColumnType.MONEY)
        for name, value in node.pairs().items()
    }


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


def _named(items: Node, key: str) -> list[tuple[str, Node]]:
    """The items of a list with their names, each of which may stand once."""
    result: dict[str, Node] = {}
    for node in items.items():
        fields = node.pairs()
        if key not in fields:
            raise node.error(f"the key {key} is missing", "Give it a name")
        name = fields[key].text()
        if name in result:
            raise fields[key].error(
                f"the case {name} also stands in line {result[name].line}", "Rename one"
            )
        result[name] = node
    if not result:
        raise items.error("the list is empty", "Add a case, or remove the file")
    return list(result.items())
