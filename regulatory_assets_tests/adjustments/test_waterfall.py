"""Rule by rule: the steps begin before any rule, end after all of them, and sum."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from regulatory_assets.adjustments.waterfall import BEFORE, waterfall
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.plan import NotReady
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_mutants import EVERY, HALVE, MORE, begin, put
from regulatory_assets_tests.adjustments.test_scenarios import DAY


def test_steps_lead_from_before_to_after(sail: Engine, tmp_path: Path) -> None:
    play = begin(sail, tmp_path)
    put(play, "B-halves", "deal", EVERY, HALVE, priority=1)
    put(play, "A-adds", "deal", EVERY, MORE, priority=2)
    put(play, "scales", "line", {"field": "part", "op": "=", "value": "whole"},
        {"op": "scale", "value": "3"})  # fmt: skip
    play.run()
    report = ruled.GRAPH.stage("report")
    steps = waterfall(play.runner, report, DAY, "amount")
    version = play.runner.positions(DAY).read(report.writes)
    for read, at in ((play.reader.base, 0), (play.reader.net, -1)):
        for row in read(version).toArrow().to_pylist():
            mine = [s for s in steps if s.key == (row["book"], row["part"])]
            assert mine[at].figure == row["amount"]
            assert mine[0].rule == BEFORE
            changes = sum((s.change or Decimal(0) for s in mine), Decimal(0))
            if (
                mine[0].figure is not None
                and len(mine) > 1
                and None not in (s.change for s in mine[1:])
            ):
                assert mine[0].figure + changes == mine[-1].figure
    whole = [s.rule for s in steps if s.key == ("b0", "whole")]
    assert whole == [BEFORE, "B-halves", "A-adds", "scales"], "priority, then stage by stage"


def test_what_rules_change_through_groups_has_its_step(sail: Engine, tmp_path: Path) -> None:
    """A rate that triples pushes customers over their limit: no single row was adjusted for it."""
    play = begin(sail, tmp_path)
    put(play, "rate", "market", {"field": "currency", "op": "=", "value": "EUR"},
        {"op": "multiply", "field": "rate", "value": "3"})  # fmt: skip
    play.run()
    steps = waterfall(play.runner, ruled.GRAPH.stage("report"), DAY, "amount")
    assert {s.rule for s in steps} == {BEFORE, "through flows"}


def test_only_a_report_over_sums_has_a_waterfall(sail: Engine, tmp_path: Path) -> None:
    play = begin(sail, tmp_path)
    play.run()
    with pytest.raises(NotReady, match="flows: only a report"):
        waterfall(play.runner, ruled.GRAPH.stage("flows"), DAY, "amount")
