"""A rule whose rows would fail the day's checks is not approved; of a day it is told before."""

from __future__ import annotations

from typing import Any

import pytest

from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.impact import would_do
from regulatory_assets.adjustments.rule import Rule, RuleError
from regulatory_assets.ledger.run import Runner
from regulatory_assets.quality.checks import against_rows
from regulatory_assets.regulation.parameters import Parameters
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
    assert "entity_id not in entities" in said
    without = {"conditions": {"field": "sector", "op": "=", "value": "RETAIL"}}
    gone = rule("P-3", stage="reference", operations=[{"op": "exclude"}], **without)
    (said,) = would_do(bank, log, gone, DAY, against_rows).failing
    assert "counterparty_id of " in said
    assert "rows of deals no more in counterparties, for instance" in said
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
