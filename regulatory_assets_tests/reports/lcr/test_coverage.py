"""Every entry of every parameter is proved by a worked example, and no number stands in code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pytest

import regulatory_assets
from regulatory_assets.regulation.parameters import DecisionTable, Parameters, RateTable
from regulatory_assets.reports.lcr import coverage
from regulatory_assets.reports.lcr.coverage import SMALLEST, UNASKED, UNREACHABLE, Code, Number
from regulatory_assets.reports.lcr.plain import PARAMETERS as NAMES

DAY = date(2026, 1, 31)
PARAMETERS = Parameters.default().at(DAY, NAMES)
NUMBERS = list(coverage.numbers(PARAMETERS))
CODES = list(coverage.codes(PARAMETERS))
PACKAGE = Path(regulatory_assets.__file__).parent
CALCULATION = ("reports", "regulation")
PLAIN = {Decimal(0), Decimal(1)}
"""Nought and one are also how programs count."""


def test_every_case_holds_in_plain_python() -> None:
    assert list(coverage.failing()) == []


@pytest.mark.parametrize("number", NUMBERS, ids=lambda n: f"{n.table}:{'-'.join(n.key)}")
@pytest.mark.parametrize("sign", [1, -1], ids=["more", "less"])
def test_a_changed_number_fails_a_case(number: Number, sign: int) -> None:
    step = SMALLEST[PARAMETERS.rates(number.table).types[number.column]]
    assert any(coverage.failing(coverage.changed(number, sign * step)))


@pytest.mark.parametrize("code", CODES, ids=lambda c: f"{c.table}:{'-'.join(c.key)}")
def test_a_row_without_numbers_that_says_otherwise_fails_a_case(code: Code) -> None:
    assert coverage.proving(PARAMETERS, code)


def test_every_row_of_the_files_is_asked_for() -> None:
    """All tables of the report but the layout of LIQ1, which a test of its own looks at."""
    names = {name for name in Parameters.default().names if name.startswith("lcr/")}
    assert names - set(NAMES) == {"lcr/liq1_lines", "lcr/liq1_rows"}
    tables = [PARAMETERS[name] for name in NAMES]
    entries = {
        (row.path, row.line)
        for table in tables
        if isinstance(table, RateTable) and table.name not in UNASKED
        for regime in table.regimes
        for row in table.rows(regime).values()
    }
    assert {entry.entry for entry in (*NUMBERS, *CODES)} == entries


def test_every_rule_decides_in_a_case() -> None:
    deciding = coverage.deciding()
    silent = {
        (rule.path.stem, rule.name)
        for name in NAMES
        if isinstance(table := PARAMETERS[name], DecisionTable)
        for regime in table.regimes
        for rule in table.rules(regime)
        if (rule.path, rule.line) not in deciding
    }
    assert silent == set(UNREACHABLE)


def _numbers_in(source: str) -> Iterator[tuple[int, Decimal]]:
    """Literals that are numbers, also when written as text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
            if isinstance(node.value, bool):
                continue
            try:
                value = Decimal(str(node.value))
            except InvalidOperation:
                continue
            if value.is_finite():
                yield node.lineno, abs(value)


def _figures() -> set[Decimal]:
    return {abs(n.row.values[n.column]) for n in NUMBERS} - PLAIN


@pytest.mark.parametrize(
    "path",
    [p for folder in CALCULATION for p in sorted((PACKAGE / folder).rglob("*.py"))],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_no_number_in_code_equals_a_parameter(path: Path) -> None:
    found = [line for line, value in _numbers_in(path.read_text()) if value in _figures()]
    assert not found, f"{path.name}: lines {found} repeat a parameter"


@pytest.mark.parametrize("text", ["0.85", '"0.85"', 'Decimal("0.850")', "100_000", "-0.5", "30"])
def test_a_figure_in_code_would_be_found(text: str) -> None:
    assert any(value in _figures() for _, value in _numbers_in(f"rate = f({text})"))
