"""A rule over a year of few days, some of them closed, from its evidence to its withdrawal."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments.book import Proposals
from regulatory_assets.adjustments.closing import ClosedDays
from regulatory_assets.adjustments.days import Against, Days
from regulatory_assets.adjustments.impact import Impact
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.gate import DayClosed
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_governance import ANNA, BEN, Office, rule
from regulatory_assets_tests.adjustments.test_scenarios import DAY
from regulatory_assets_tests.kernel.world import frame

pytestmark = pytest.mark.long
CLOSED, JANUARY, MARCH = DAY, date(2026, 1, 30), date(2026, 3, 2)
ALL_DAYS = (CLOSED, JANUARY, MARCH)


class Year(Office):
    """The office over three days, of which the first is closed and the second ends a month."""

    def __init__(self, engine: Engine, root: Path, calculated: Path) -> None:
        super().__init__(engine, root, calculated)
        self.runner = replace(self.runner, gate=ClosedDays(self.log))
        self.days = Days(self.log, self.runner, lambda _: Against())
        for day in ALL_DAYS[1:]:
            for table in ruled.GRAPH.sources:
                content = frame(engine, table, self.play.given.rows(table.name))
                deliver(self.runner, table, day, content, "full", "test")
            self.runner.run_day(day, "test")

    def close(self) -> None:
        self.days.close(ANNA, CLOSED)
        self.days.approve(BEN, CLOSED)

    def restate(self) -> None:
        self.days.restate(ANNA, CLOSED, "the rule")
        self.days.approve(BEN, CLOSED)
        self.runner.run_day(CLOSED, "restated")

    def decide(self) -> Impact:
        seen = self.governance.impact(self.runner, "R-1")
        self.governance.approve(BEN, "R-1", seen.hash, self.runner)
        return seen

    def run(self) -> set[date]:
        """Run every day; those that were held."""
        held = set()
        for day in ALL_DAYS:
            try:
                self.runner.run_day(day, "test")
            except DayClosed:
                held.add(day)
        return held

    def report(self, day: date) -> list[str]:
        version = self.runner.positions(day).read(ruled.GRAPH.tables["report"])
        return sorted(map(repr, self.runner.reader.net(version).toArrow().to_pylist()))


def test_a_year_with_closed_days(sail: Engine, tmp_path: Path, calculated: Path) -> None:
    year = Year(sail, tmp_path, calculated)
    before = year.report(DAY)
    assert all(year.report(day) == before for day in ALL_DAYS), "the same deals on each"
    year.close()
    memo = tmp_path / "memo.txt"
    memo.write_text("what was agreed")
    stated = hashlib.sha256(memo.read_bytes()).hexdigest()
    window: dict[str, Any] = {"effective": "2025-06-01", "expiry": "2026-12-31"}
    one = rule(**window, evidence={"file": "memo.txt", "sha256": stated})
    year.governance.submit(ANNA, one, tmp_path)

    memo.write_text("something else")
    with pytest.raises(RuleError, match=r"R-1 evidence: .* the rule states"):
        year.governance.validate(one, tmp_path)
    seen = year.decide()
    assert [(d.day, d.closed, d.document().get("closed")) for d in seen.days] == [
        (CLOSED, True, True), (JANUARY, False, None), (MARCH, False, None)
    ]  # fmt: skip
    kept = Proposals(year.log.read()).of("R-1")[0].event.document["evidence"]
    assert kept == {"file": "memo.txt", "sha256": stated}, "the log has what was submitted"
    assert year.run() == {CLOSED}
    after = year.report(JANUARY)
    assert after != before
    assert [year.report(d) for d in ALL_DAYS] == [before, after, after]

    year.restate()
    year.close()
    year.governance.end(ANNA, "R-1", MARCH)
    ended = year.decide()
    assert [bool(d.stages) for d in ended.days] == [False, False, True]
    assert [d.affected for d in ended.days] == [0, 0, 1]
    assert [d.reach.rows for d in ended.days] == [1, 1, 0]
    assert [d.unmoved for d in ended.days] == [None] * 3, "an end leaves earlier days as they are"
    assert year.run() == set()
    assert [year.report(d) for d in ALL_DAYS] == [after, after, before]

    year.governance.withdraw(ANNA, "R-1")
    year.decide()
    assert year.run() == {CLOSED}
    assert [year.report(d) for d in ALL_DAYS] == [after, before, before]
    year.restate()
    assert [year.report(d) for d in ALL_DAYS] == [before] * 3
