"""What a rule with several operations makes of rows, on the real stages' declarations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pyspark.errors import PySparkException

from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.fitting import check, conditional
from regulatory_assets.adjustments.rule import parse
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.adjustments import deal_adjustments
from regulatory_assets.reports.lcr.adjustments import component_adjustments, flow_adjustments
from regulatory_assets.terminal import of_the_engine
from regulatory_assets_tests.kernel.books import DAYS

Row = dict[str, Any]


def made(engine: Engine, stage: Stage, rows: list[Row], *operations: Row) -> list[Row]:
    """The contra and rebooked rows of one rule on all rows, by key and sign."""
    document = {
        "id": "R", "stage": stage.name.removesuffix("_adjustments"), "purpose": "methodology",
        "conditions": {"all": []}, "operations": operations, "effective": "2026-01-01",
        "reason": "a test", "owner": "tests",
    }  # fmt: skip
    rule = parse(document)
    check(rule, stage)
    table = stage.reads
    known = conditional(stage)
    schema = ", ".join(f"{name} {column.type.value}" for name, column in known.items())
    content = [tuple((dict.fromkeys(known) | row).values()) for row in rows]
    frame = engine.session.createDataFrame(content, schema)
    parameters = Parameters.default().at(DAYS[0], stage.parameters)
    found = CompiledRules(stage, (rule,), lambda _: {}).apply(frame, stage, parameters)
    return sorted(
        found.toArrow().to_pylist(), key=lambda r: ([r[k] or "" for k in table.key], r["sign"])
    )


def flow(name: str, line: str) -> Row:
    row: Row = {"deal_id": name, "part": "whole", "entity_id": "E", "currency": "EUR"}
    row |= {"regime": "basel", "component": "outflow", "line": line}
    return row | {"amount": Decimal(100), "factor": Decimal("0.2"), "weighted": Decimal(20)}


def where(**values: str) -> Row:
    ((field, value),) = values.items()
    return {"where": {"field": field, "op": "=", "value": value}}


FLOWS = [flow("a", "x"), flow("b", "x"), flow("c", "x")]


def test_each_of_two_moves_brings_its_lines_factor(sail: Engine) -> None:
    """Stable deposits run off at 5 %, less stable ones at 10 % (BCBS 238 paras 75, 79)."""
    moves = (
        {"op": "reclassify", "value": "retail_stable"} | where(deal_id="a"),
        {"op": "reclassify", "value": "retail_less_stable"} | where(deal_id="b"),
    )
    booked = [r for r in made(sail, flow_adjustments, FLOWS, *moves) if r["sign"] > 0]
    assert [(r["deal_id"], r["line"], r["factor"], r["weighted"]) for r in booked] == [
        ("a", "retail_stable", Decimal("0.05"), 5),
        ("b", "retail_less_stable", Decimal("0.1"), 10),
    ]


def test_each_of_two_exclusions_takes_rows_out(sail: Engine) -> None:
    rows = made(sail, flow_adjustments, FLOWS, {"op": "exclude"} | where(deal_id="a"),
                {"op": "exclude"} | where(deal_id="b"))  # fmt: skip
    assert [(r["deal_id"], r["sign"]) for r in rows] == [("a", -1), ("b", -1)]


@pytest.mark.parametrize(("currency", "changed"), [("EUR", ["DE"]), ("USD", ["US"]), ("GBP", [])])
def test_money_changes_only_what_is_in_its_currency(
    sail: Engine, currency: str, changed: list[str]
) -> None:
    """A hundred dollars are not added to a scope that reports in euros, nor to a part of a dollar
    deal of an entity that does; where nobody knows the currency, nothing is added."""
    hundred = {"op": "add", "field": "amount", "value": "100", "currency": currency}
    own = (("DE", "EUR"), ("US", "USD"), ("nobody", None))
    rows = [
        {"scope": scope, "component": "outflow", "consolidation": "solo",
         "reporting_currency": of, "amount": Decimal(1)}
        for scope, of in own
    ]  # fmt: skip
    found = made(sail, component_adjustments, rows, hundred)
    assert [r["scope"] for r in found if r["sign"] > 0] == changed
    parts = [flow(scope, "x") | {"currency": "USD", "reporting_currency": of} for scope, of in own]
    found = made(sail, flow_adjustments, parts, hundred)
    assert [(r["deal_id"], r["amount"]) for r in found if r["sign"] > 0] == [
        (scope, Decimal(200)) for scope in changed
    ]


def test_a_whole_number_beyond_its_type_is_told_with_its_rule(engine: Engine) -> None:
    """Sail wraps what it adds, so that a deal 2147483647 days late was early by as much."""
    late = {"deal_id": "a", "days_past_due": 1}

    def add(days: int) -> list[Row]:
        operation = {"op": "add", "field": "days_past_due", "value": days}
        return made(engine, deal_adjustments, [late], operation)

    assert [r["days_past_due"] for r in add(2**31 - 2)] == [1, 2**31 - 1]
    with pytest.raises(PySparkException) as raised:
        add(2**31 - 1)
    said = of_the_engine(raised.value)
    assert said.startswith("a number is too large to be calculated with (")
    assert "R operations.0: days_past_due with 2147483647 added" in said
    assert "correct the row that holds it, or the rule that makes it" in said
