"""Currencies that rules name: refused where the bank has no rate, told where a day has none."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from regulatory_assets.adjustments.currencies import RATES, Values
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.ledger.table import Table
from regulatory_assets_tests.adjustments.test_rule import GRAPH, IN_FORCE, INSERT, VALID, operation

FIRST, SECOND = date(2026, 1, 5), date(2026, 1, 6)


def stated(rule: Rule, table: Table, column: str) -> Values:
    """Pounds have a rate on the second day alone; nothing else is known."""
    return {FIRST: ["EUR", "USD"], SECOND: ["EUR", "GBP", "USD"]} if table.name == RATES else {}


UNKNOWN = Governance(None, GRAPH, IN_FORCE)  # type: ignore[arg-type]
KNOWN = Governance(None, GRAPH, IN_FORCE, stated)  # type: ignore[arg-type]
ADD = {"op": "add", "field": "amount", "value": "1"}


def condition(op: str, value: Any, field: str = "currency") -> dict[str, Any]:
    return {"conditions": {"not": {"field": field, "op": op, "value": value}}}


def inserted(currency: str) -> dict[str, Any]:
    made = INSERT | {"values": INSERT["values"] | {"currency": currency}}  # type: ignore[operator]
    return {"conditions": {"all": []}, "operations": [made]}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (operation(**ADD, currency="EUT"), "operations.0"),
        (operation(op="set", field="currency", value="EUT"), "operations.0"),
        (operation(op="exclude", where={"field": "currency", "op": "=", "value": "EUT"}),
         "operations.0.where"),
        (inserted("EUT"), "operations.0.values"),
        (condition("=", "EUT"), "conditions.not"),
        (condition("not in", ["USD", "EUT"]), "conditions.not"),
        (condition("=", "EUT", "reporting_currency"), "conditions.not"),
        ({"limits": {"amounts": {"EUR": "1", "EUT": "1"}}}, "limits.amounts"),
    ],
)  # fmt: skip
def test_a_currency_without_any_rate_is_refused(changes: dict[str, Any], place: str) -> None:
    rule = parse(VALID | changes)
    assert UNKNOWN.validate(rule), "while nothing is delivered nobody can know"
    with pytest.raises(RuleError) as refusal:
        KNOWN.validate(rule)
    assert str(refusal.value) == (
        f"R-1 {place}: no rate of EUT is delivered; rates_of_day has EUR, GBP, USD; correct the "
        "code, or deliver its rate"
    )


@pytest.mark.parametrize("changes", [inserted("Euro"), condition("in", ["eur"])])
def test_what_is_no_code_is_refused_at_once(changes: dict[str, Any]) -> None:
    with pytest.raises(RuleError, match="is no currency; write its three capital letters"):
        UNKNOWN.validate(parse(VALID | changes))


def test_a_day_without_a_rate_is_told() -> None:
    pounds = operation(**ADD, currency="GBP") | condition("=", "USD")
    both = parse(VALID | pounds)
    assert KNOWN.validate(both).without_rate == (
        "no rate of GBP on 2026-01-05: what the rule says of it comes to nothing there",
    )
    later = parse(VALID | pounds | {"effective": "2026-01-06"})
    assert KNOWN.validate(later).without_rate == ()
    assert UNKNOWN.validate(both).without_rate == ()


def test_rates_are_read_once_for_a_rule() -> None:
    asked: list[str] = []

    def counted(rule: Rule, table: Table, column: str) -> Values:
        asked.append(table.name)
        return stated(rule, table, column)

    pounds = operation(**ADD, currency="GBP") | condition("=", "USD")
    governance = Governance(None, GRAPH, IN_FORCE, counted)  # type: ignore[arg-type]
    assert governance.validate(parse(VALID | pounds)).without_rate
    assert asked.count(RATES) == 1
