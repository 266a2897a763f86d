"""Cases that give amounts by line or by day, and what a calculation makes of them.

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
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.cases.items import Result, amounts_of, named, result_of
from regulatory_assets.regulation.document import Node


def _items(root: Node) -> Iterator[tuple[str, str, date, Node]]:
    """The cases of a file, each with its name, and the regime and the day of all of them."""
    head = root.fields(("cases", "title", "regime", "day", "items"))
    head["title"].text()
    regime, day = head["regime"].text(), head["day"].date()
    for name, node in named(head["items"], "case"):
        yield name, regime, day, node


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


def calculations(root: Node) -> list[CalculationCase]:
    """The cases of a file of the kind ``calculation``."""
    result = []
    for name, regime, day, node in _items(root):
        fields = node.fields(("case", "why", "lines", "result"), ("amounts",))
        result.append(
            CalculationCase(
                name,
                fields["why"].text(),
                regime,
                day,
                amounts_of(fields["lines"]),
                amounts_of(fields["amounts"]) if "amounts" in fields else {},
                result_of(fields["result"]),
                node.place,
            )
        )
    return result


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


def currencies(root: Node) -> list[CurrencyCase]:
    """The cases of a file of the kind ``currencies``."""
    result = []
    for name, regime, day, node in _items(root):
        fields = node.fields(("case", "why", "reporting_currency", "lines", "amounts", "results"))
        result.append(
            CurrencyCase(
                name,
                fields["why"].text(),
                regime,
                day,
                fields["reporting_currency"].text(),
                {c: amounts_of(own) for c, own in fields["lines"].pairs().items()},
                {c: amounts_of(own) for c, own in fields["amounts"].pairs().items()},
                {c: result_of(own) for c, own in fields["results"].pairs().items()},
                node.place,
            )
        )
    return result


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


def profiles(root: Node) -> list[ProfileCase]:
    """The cases of a file of the kind ``profile``."""
    needed = ("case", "why", "bank", "outflows", "inflows", "profile", "result")
    result = []
    for name, regime, day, node in _items(root):
        fields = node.fields(needed)
        profile: dict[int, tuple[Decimal, Decimal]] = {}
        for item in fields["profile"].items():
            of_day = item.fields(("day", "outflow", "inflow"))
            number = int(of_day["day"].decimal(ColumnType.INTEGER))
            if number in profile:
                raise item.error(f"day {number} stands twice", "Add the two up")
            amounts = (of_day[column].decimal(ColumnType.MONEY) for column in ("outflow", "inflow"))
            outflow, inflow = amounts
            profile[number] = outflow, inflow
        result.append(
            ProfileCase(
                name,
                fields["why"].text(),
                regime,
                day,
                fields["bank"].text(),
                fields["outflows"].decimal(ColumnType.MONEY),
                fields["inflows"].decimal(ColumnType.MONEY),
                profile,
                result_of(fields["result"]),
                node.place,
            )
        )
    return result
