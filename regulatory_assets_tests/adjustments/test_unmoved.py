"""A rule by which no reported figure moves is told of wherever people look at rules.

Of a deal's ``due`` the flows take a copy and no line does, so a rule on it ends there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments import overlays
from regulatory_assets.adjustments.book import Proposals
from regulatory_assets.adjustments.impact import impact, would_do
from regulatory_assets.adjustments.injection import injections
from regulatory_assets.adjustments.reviewing import to_review
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.adjustments.unmoved import Unmoved, reported
from regulatory_assets.engine import Engine
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_governance import ANNA, BEN, Office, rule
from regulatory_assets_tests.adjustments.test_scenarios import DAY
from regulatory_assets_tests.kernel import books

DUE = [{"op": "set", "field": "due", "value": "2030-01-01"}]
SAME = [{"op": "multiply", "field": "amount", "value": "1"}]
NOBODY = {"field": "id", "op": "=", "value": "nobody"}
IS_60 = {"all": [{"field": "id", "op": "=", "value": "d1"},
                 {"field": "book", "op": "=", "value": "b1"},
                 {"field": "amount", "op": "=", "value": "60"}]}  # fmt: skip


def test_people_are_told_of_a_rule_that_moves_no_figure(
    sail: Engine, tmp_path: Path, calculated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(sail, tmp_path, calculated)

    def told(one: Rule) -> Unmoved | None:
        return would_do(office.runner, office.log, one, DAY).unmoved

    assert reported(ruled.GRAPH) == {"report"}
    assert told(rule()) is None, "it moves the report"
    ends = Unmoved("deals", None, 1, ("deal_adjustments", "flows"))
    assert told(rule(operations=DUE)) == ends
    said = "1 row of deals changed, and no reported figure moves: it ends at flows; act at a later"
    assert str(ends).startswith(said)
    assert "moves: no later stage goes by it; act" in str(replace(ends, carried=ends.carried[:1]))
    assert str(told(rule(operations=SAME))).startswith("1 row of deals matched and none changed")
    none = told(rule(conditions=NOBODY))
    assert str(none) == "no row of deals meets the conditions"
    assert none is not None
    others = replace(none, beside=(("more", 12, "facility"),))
    assert str(others) == f"{none}; 12 rows of more do, act on these at facility"

    def run(name: str) -> dict[str, dict[str, Any]]:
        runner = replace(office.runner, run_id=name)
        runner.run_day(DAY, "test")
        return {d["rule_id"]: d for d in injections(runner, books.REPORT, DAY, name, 1.0)}

    ending = rule("R-2", conditions=IS_60, priority=1, expiry="2026-03-01")
    for one in (rule(operations=DUE), ending):
        office.governance.submit(ANNA, one)
        seen = office.governance.impact(office.runner, one.id)
        assert seen.days[0].unmoved == (ends if one.id == "R-1" else None)
        office.governance.approve(BEN, one.id, seen.hash, office.runner)
        told_of = run(one.id)[one.id]
        if one.id == "R-1":
            assert told_of["ratios"] == []
            assert told_of["unmoved"] == "1 row is changed, and no figure of report moves"
        else:
            assert "unmoved" not in told_of

    def why(day: date = DAY) -> dict[str, str]:
        found = reversed([*to_review(office.runner, office.log, day)])
        return {r.rule: r.why for r in found}

    moved_nothing = {"R-1": f"moved nothing when it was approved: {ends}"}
    assert why() == why(date(2026, 1, 29)) == moved_nothing
    assert why(date(2026, 1, 30)) == moved_nothing | {"R-2": "expires on 2026-03-01"}
    assert why(date(2027, 1, 1)) == moved_nothing, "the one has expired, the other held for a year"
    assert why(date(2027, 1, 2)) == {"R-1": "has held since 2026-01-01"}
    deals = office.play.given.deals
    deals["b1", "d1"] = replace(deals["b1", "d1"], amount=Decimal(61))
    office.play.deliver()
    office.runner.run_day(DAY, "test")
    assert why()["R-2"] == f"changes nothing on {DAY}"

    monkeypatch.setattr(overlays, "unnamed", lambda one, *_: ["nsfr"] * (one.id == "R-1"))
    found = [r.why for r in to_review(office.runner, office.log, DAY) if r.rule == "R-1"]
    assert found[0] == "is an overlay and reaches nsfr, which it does not name"

    (proposal,) = Proposals(office.log.read()).of("R-1")
    (day,) = impact(office.runner, office.log, proposal.event.seq, days=[DAY]).days
    assert day.unmoved == ends, "of a rule in force the day without it is what was run"
