"""Which worked example proves which entry of a parameter.

A number is proved by a case that fails when the number alone changes, a row without numbers by one
that fails when it says another code or, where it only names a line, is not there; a rule by a case
in which it decides. Cases are evaluated in plain Python. The rows of LIQ1 are a layout and decide
no figure of the ratio: they are not asked for here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.cases import (
    Cases,
    CurrencyCase,
    DealBank,
    ExpectedPart,
    ProfileCase,
    load_cases,
)
from regulatory_assets.regulation.parameters import Parameters, ParameterSet, RateTable
from regulatory_assets.regulation.tables import Key, Row
from regulatory_assets.reports.lcr.calculation import liquidity_coverage_ratio
from regulatory_assets.reports.lcr.currency import currency_views
from regulatory_assets.reports.lcr.mismatch import total_net_outflows
from regulatory_assets.reports.lcr.plain import (
    PARAMETERS,
    Bank,
    Entry,
    Part,
    Reading,
)

CASES = Path(__file__).parent / "cases"
SMALLEST = {
    ColumnType.RATE: Decimal("0.0001"),
    ColumnType.MONEY: Decimal("0.01"),
    ColumnType.INTEGER: Decimal(1),
}
"""How little a number is changed to see which case notices."""

UNREACHABLE = {
    ("deposit_lines", "retail_wholesale_part"): "a retail deposit has no such part",
    ("deposit_lines", "wholesale_retail_part"): "a wholesale deposit has no such part",
    ("inflow_lines", "minimum_of_no_loan"): "only loans have minimum payments",
}
"""Rules for combinations that no deal has, by file and name; they refuse what must not happen."""


UNASKED = {
    "lcr/country_currencies": "a list, taken whole from ISO 4217",
    "lcr/mismatch_lines": "only some of its lines have a flow with a date in a case",
}
"""Tables without numbers whose rows are not held against cases one by one."""


@dataclass(frozen=True)
class Code:
    """One row of a rate table that has no numbers."""

    table: str
    key: Key
    row: Row

    @property
    def entry(self) -> Entry:
        return self.row.path, self.row.line


@dataclass(frozen=True)
class Number:
    """One number of one entry of a rate table."""

    table: str
    key: Key
    column: str
    row: Row

    @property
    def entry(self) -> Entry:
        return self.row.path, self.row.line


def numbers(parameters: ParameterSet) -> Iterator[Number]:
    """Every number in force that decides a figure, each once though several regimes share it."""
    for table in _rate_tables(parameters):
        for key, row in _own_rows(table):
            yield from (Number(table.name, key, column, row) for column in table.types)


def codes(parameters: ParameterSet) -> Iterator[Code]:
    """Every row in force that decides a figure without a number, each once."""
    for table in _rate_tables(parameters):
        if not table.types and table.name not in UNASKED:
            yield from (Code(table.name, key, row) for key, row in _own_rows(table))


def _rate_tables(parameters: ParameterSet) -> Iterator[RateTable]:
    tables = (parameters[name] for name in PARAMETERS)
    return (table for table in tables if isinstance(table, RateTable))


def _own_rows(table: RateTable) -> Iterator[tuple[Key, Row]]:
    seen: set[Entry] = set()
    for regime in table.regimes:
        for key, row in table.rows(regime).items():
            if (row.path, row.line) not in seen:
                seen.add((row.path, row.line))
                yield key, row


def changed(number: Number, by: Decimal) -> Parameters:
    """The parameters with one number raised by an amount, in every regime that shares it."""
    value = number.row.values[number.column] + by
    other = replace(number.row, values={**number.row.values, number.column: value})
    return _instead(number, other)


def otherwise(code: Code, parameters: ParameterSet) -> Parameters:
    """The parameters with one row that says another code of each enumeration; without the row,
    where it says none."""
    texts = parameters.rates(code.table).texts
    said = {c: next(t for t in texts[c] if t != own) for c, own in code.row.texts.items()}
    return _instead(code, replace(code.row, texts=said) if said else None)


def _instead(entry: Number | Code, other: Row | None) -> Parameters:
    def instead(regime: str, key: Key, row: Row) -> Row | None:
        return other if (row.path, row.line) == entry.entry else row

    return Parameters.default().with_rows(entry.table, instead)


def failing(known: Parameters | None = None) -> Iterator[str]:
    """The cases that fail with some parameters; with those at hand if none are given."""
    known = known or Parameters.default()
    for case in cases().calculations:
        parameters = known.at(case.day, PARAMETERS)
        if _differs(liquidity_coverage_ratio(case.rows, parameters, case.regime), case.result):
            yield case.name
    for profile in cases().profiles:
        if _net(profile, known.at(profile.day, PARAMETERS)) != profile.result:
            yield profile.name
    for views in cases().currencies:
        given = _views(views, known.at(views.day, PARAMETERS))
        wrong = (_differs(given[c], result) for c, result in views.results.items() if c in given)
        if given.keys() != views.results.keys() or any(wrong):
            yield views.name
    for bank in cases().banks:
        yield from _failing(bank, known.at(bank.day, PARAMETERS))


def proving(parameters: ParameterSet, entry: Number | Code) -> list[str]:
    """The cases that fail when a number is raised by the smallest step of its type, or a row
    without numbers says otherwise."""
    if isinstance(entry, Code):
        return list(failing(otherwise(entry, parameters)))
    step = SMALLEST[parameters.rates(entry.table).types[entry.column]]
    return list(failing(changed(entry, step)))


def deciding() -> dict[Entry, list[str]]:
    """The cases in which each rule decides."""
    found: dict[Entry, list[str]] = {}
    for bank in cases().banks:
        reading = Reading(Parameters.default().at(bank.day, PARAMETERS))
        book = Bank(bank.rows, bank.day, reading, bank.earlier)
        for case in bank.cases:
            reading.used.clear()
            for name in case.names:
                list(book.parts_of(name))
            for entry in reading.used:
                found.setdefault(entry, []).append(case.name)
    return found


@cache
def cases() -> Cases:
    """The worked examples of the LCR; read once per process."""
    return load_cases(CASES)


def _net(case: ProfileCase, parameters: ParameterSet) -> Mapping[str, Decimal] | None:
    try:
        return total_net_outflows(
            case.outflows, case.inflows, case.profile, parameters, case.regime, case.bank
        )
    except ValueError:  # a shorter window leaves days of the profile outside
        return None


def _views(case: CurrencyCase, parameters: ParameterSet) -> Mapping[str, Mapping[str, Any]]:
    views = currency_views(case.rows, case.reporting_currency, parameters, case.regime)
    return {view.pop("currency"): view for view in views}


def _failing(bank: DealBank, parameters: ParameterSet) -> Iterator[str]:
    """The cases of a bank that give other parts than expected, and the ratios that differ."""
    book = Bank(bank.rows, bank.day, Reading(parameters), bank.earlier)
    for case in bank.cases:
        own = (part for name in case.names for part in book.parts_of(name))
        if {_content(part) for part in own} != {_content(part) for part in case.parts}:
            yield case.name
    for scope, result in bank.results.items():
        lines, seen = list(book.rows_of(scope)), (book.regime_of(scope), book.kind_of(scope))
        if _differs(liquidity_coverage_ratio(lines, parameters, *seen), result):
            yield f"{bank.path.stem}: {scope}"


def _differs(given: Mapping[str, object], result: Mapping[str, object]) -> bool:
    """Whether a calculation gives anything else than what a case says of it."""
    return any(given[name] != expected for name, expected in result.items())


def _content(part: Part | ExpectedPart) -> tuple[object, ...]:
    return part.deal_id, part.part, part.only_in, part.line, part.amount, part.weighted
