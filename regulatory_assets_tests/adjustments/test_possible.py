"""A rule whose rows would fail a check is not approved; where they fail later it is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.impact import would_do
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.shadow import shadow
from regulatory_assets.ledger.table import Table
from regulatory_assets.quality import references
from regulatory_assets.quality.checks import against_rows
from regulatory_assets.quality.examination import Examination, Result
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.adjustments.test_governance import ANNA, BEN, rule
from regulatory_assets_tests.adjustments.test_legs import DAY, REPO, bank

__all__ = ["bank"]


def multiplied(by: str, **changes: Any) -> Rule:
    operations = [{"op": "multiply", "field": "amount", "value": by}]
    conditions = {"field": "deal_id", "op": "=", "value": REPO}
    return rule("P-1", operations=operations, conditions=conditions, **changes)


def test_rows_that_break_their_table_are_not_approved(bank: Runner) -> None:
    assert isinstance(bank.rules, RuleBook)
    log = bank.rules.log
    values = {
        "entity_id": "NOBODY", "product_type": "LOAN", "currency": "EUR", "amount": "1",
        "transactional": False, "insurable": False, "locked_in": False, "eligible": False,
        "days_past_due": 0,
    }  # fmt: skip
    insert = {"op": "insert", "values": values, "expected_source_id": "X"}
    made = rule("P-2", conditions={"all": []}, operations=[insert])
    (said,) = would_do(bank, log, made, DAY, against_rows).failing
    assert said == (
        "1 entity_id of 1 rows of deals not in entities after rules, for instance "
        "entity_id=NOBODY, by P-2"
    )
    without = {"conditions": {"field": "sector", "op": "=", "value": "RETAIL"}}
    gone = rule("P-3", stage="reference", operations=[{"op": "exclude"}], **without)
    (said,) = would_do(bank, log, gone, DAY, against_rows).failing
    assert re.search(
        r"^[0-9]+ counterparty_id of [0-9]+ rows of deals not in counterparties after rules, for "
        r"instance counterparty_id=.*, by P-3$",
        said,
    )
    assert would_do(bank, log, multiplied("2"), DAY, against_rows).failing == ()

    governance = Governance(log, bank.graph, Parameters.default().at, examine=against_rows)
    governance.submit(ANNA, multiplied("-1"))
    seen = governance.impact(bank, "P-1")
    (said,) = seen.days[0].failing
    assert said.startswith("deal_adjustments breaks: amount")
    with pytest.raises(RuleError) as refusal:
        governance.approve(BEN, "P-1", seen.hash, bank)
    assert f"P-1 operations: {DAY}: {said}. Reject it" in str(refusal.value)
    governance.reject(BEN, "P-1", "a sign was lost")


def test_what_only_says_more_of_a_row_goes_with_it() -> None:
    """Else no deposit that has terms, and no security that is held, could be taken out."""
    graph = production_graph()
    names = [name for stage in graph.stages for name in references.must_find(stage, graph)]
    must = {(name.table.name, name.known.name) for name in names}
    assert ("deals", "counterparties") in must
    assert not {("deposit_terms", "deals"), ("holdings", "deals")} & must
    carried = {(name.table.name, *name.by) for name in references.carried(graph)}
    counts = {("facilities", "undrawn_deal_id"), ("own_debt", "deal_id")}
    assert counts <= carried
    assert not {("facilities", "drawn_deal_id"), ("facilities", "counterparty_id")} & carried


def test_rows_that_rules_name_are_looked_for_again_each_day(bank: Runner) -> None:
    """A customer of nobody: a rule gives it a deal, and its source delivers it no more; or a rule
    takes it out, and its source delivers a deal of it later."""
    assert isinstance(bank.rules, RuleBook)
    stages = [bank.graph.stage(f"{stage}_adjustments") for stage in ("reference", "deal")]
    checks = {(c.table.name, c.name): c for c in references.reference_checks(bank.graph)}

    def rows(table: Table) -> DataFrame:
        return bank.reader.net(bank.positions(DAY).read(table))

    used = rows(DEALS).select("counterparty_id").where("counterparty_id is not null")
    alone = frames.anti(rows(COUNTERPARTIES), used, ["counterparty_id"])
    who = min(row["counterparty_id"] for row in alone.toArrow().to_pylist())
    mine = {"field": "counterparty_id", "op": "=", "value": who}
    to = [{"op": "set", "field": "counterparty_id", "value": who}]
    moved = rule("P-4", conditions={"field": "deal_id", "op": "=", "value": REPO}, operations=to)
    gone = rule("P-5", stage="reference", conditions=mine, operations=[{"op": "exclude"}])
    less = rows(COUNTERPARTIES).where(F.col("counterparty_id") != who)
    given = F.when(F.col("deal_id") == REPO, F.lit(who)).otherwise(F.col("counterparty_id"))
    more = rows(DEALS).withColumn("counterparty_id", given)
    for tried, table, late in ((moved, COUNTERPARTIES, less), (gone, DEALS, more)):
        with shadow(bank, RuleBook(bank.rules.log, trying=tried)) as trial:

            def found(name: str, of: str, runner: Runner = trial) -> Result:
                for stage in stages:
                    runner.run_stage(stage, DAY, "test")
                day = Examination(runner.positions(DAY), runner.reader, runner.register)
                return checks[of, name].examine(day, 0)

            assert found("after_rules", "deal_adjustments").passed
            deliver(trial, table, DAY, late.select(*table.column_names), "full", "late")
            assert found("counterparties_of_counterparty_id", "deals").passed, "not before rules"
            failed = found("after_rules", "deal_adjustments")
            assert not failed.passed
            assert failed.said == (
                "1 counterparty_id of 1 rows of deals not in counterparties after rules, for "
                f"instance counterparty_id={who}, by {tried.id}; end it, or submit a next version"
            )
