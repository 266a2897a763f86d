"""A bank that delivers no branches, accounts, movements and assessments still has its LCR."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from regulatory_assets.bank.tables import POSITIONS
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets.orchestration.rules import reached
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.bank.small_bank import DAYS, delivered
from regulatory_assets_tests.reports.delivered import deliver, rows

DAY = DAYS[2]


def test_stages_behind_an_undelivered_table_are_left_out(sail: Engine, tmp_path: Path) -> None:
    sources = production_graph().sources
    optional = {t.name for t in POSITIONS if t.optional}
    assert optional == {"branches", "accounts", "account_transactions", "customer_risk"}
    (tmp_path / str(DAY)).mkdir()
    for table in sources:
        if table in POSITIONS and table.name not in optional - {"accounts"}:
            shutil.copy(delivered(DAY) / f"{table.name}.csv", tmp_path / str(DAY))
    runner = deliver(tmp_path, tmp_path, DAY, sail)
    outcomes = runner.run_day(DAY, "test")
    groups = {runner.graph.tables[o.table].group for o in outcomes}
    assert groups == {"adjustments", "market", "lcr"}
    assert len(rows(runner, "lcr", DAY)) == 4
    with pytest.raises(NotReady, match="deliver branches for 2026-01-07 first"):
        runner.run_day(DAY, "test", ["branch_accounts"])
    assert runner.run_day(DAY, "test", ["lcr"])[0].table == "lcr"
    after_a_rule = reached(runner.graph, runner.graph.adjustments.values(), runner.positions(DAY))
    assert {runner.graph.tables[n].group for n in after_a_rule[1:]} == {"adjustments", "lcr"}
