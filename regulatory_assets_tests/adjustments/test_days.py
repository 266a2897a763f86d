"""Closing a day by two persons; what reaches it afterwards is held until its own approval."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments.closing import ClosedDays, closings
from regulatory_assets.adjustments.days import Against, Days
from regulatory_assets.adjustments.people import NotAllowed
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.control.events import EventRefused
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.gate import DayClosed
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_governance import ANNA, BEN, CARLA, Office, rule
from regulatory_assets_tests.adjustments.test_scenarios import DAY
from regulatory_assets_tests.kernel import books


class Closed(Office):
    """The office, with a runner that asks the gate, and checks that a test may let fail."""

    def __init__(self, engine: Engine, root: Path, calculated: Path) -> None:
        super().__init__(engine, root, calculated)
        self.against = Against()
        gate = ClosedDays(self.log)
        self.runner = replace(self.runner, gate=gate)
        self.play.runner = replace(self.play.runner, gate=gate)
        self.days = Days(self.log, self.runner, lambda _: self.against)

    def close(self) -> None:
        self.days.close(ANNA, DAY)
        self.days.approve(BEN, DAY)

    def restate(self) -> None:
        self.days.restate(ANNA, DAY, "late data")
        self.days.approve(BEN, DAY)

    def change_a_deal(self) -> None:
        deals = self.play.given.deals
        deals["b1", "d1"] = replace(deals["b1", "d1"], amount=Decimal(77))


@pytest.fixture
def office(sail: Engine, tmp_path: Path, calculated: Path) -> Closed:
    return Closed(sail, tmp_path, calculated)


def revisions(office: Closed) -> dict[str, int]:
    positions = office.runner.positions(DAY)
    return {name: positions.version(name).revision for name in ruled.GRAPH.tables}


def test_a_day_is_closed_by_two_persons_at_its_revisions(office: Closed) -> None:
    assert office.days.of(DAY).state == "open"
    office.days.close(ANNA, DAY)
    assert office.days.of(DAY).state == "open", "a proposal alone closes nothing"
    with pytest.raises(NotReady, match="waits for a decision"):
        office.days.close(CARLA, DAY)
    with pytest.raises(NotAllowed, match="somebody else decides"):
        office.days.approve(ANNA, DAY)
    waiting = office.days.of(DAY).waiting
    assert waiting is not None
    with pytest.raises(EventRefused, match="own"):
        office.log.append(ANNA, "approved", "day", {}, waiting.seq)
    office.days.approve(BEN, DAY)
    closing = office.days.of(DAY)
    assert (closing.state, closing.waiting) == ("closed", None)
    assert closing.revisions == revisions(office)
    assert [e.actor for e in closing.closes[0]] == ["anna", "ben"]
    with pytest.raises(NotReady, match="closed already"):
        office.days.close(ANNA, DAY)
    with pytest.raises(NotReady, match="nothing waits"):
        office.days.approve(CARLA, DAY)
    assert list(closings(office.log.read())) == [DAY]


def test_a_day_that_is_not_final_is_not_closed(office: Closed) -> None:
    with pytest.raises(NotReady, match="nothing is registered for 2026-09-09"):
        office.days.close(ANNA, date(2026, 9, 9))
    office.against = Against(["lines: check sums has failed"])
    with pytest.raises(NotReady, match="cannot be closed: lines: check sums has failed"):
        office.days.close(ANNA, DAY)
    office.against = Against()
    office.days.close(ANNA, DAY)
    office.against = Against(["lines: check sums has failed"])
    with pytest.raises(NotReady, match="check sums has failed"):
        office.days.approve(BEN, DAY)
    office.against = Against()
    office.change_a_deal()
    office.play.deliver()
    with pytest.raises(NotReady, match=r"^[a-z_]+ for 2026-01-05 is not up to date"):
        office.days.approve(BEN, DAY)
    office.against = Against(undone=["lines: check sums has not been evaluated"])
    with pytest.raises(NotReady, match=r"^[a-z_]+ for 2026-01-05 is not up to date"):
        office.days.approve(BEN, DAY)
    office.against = Against(["lines: check sums has failed: 3 is not 4"], office.against.undone)
    with pytest.raises(NotReady, match=r"closed: lines: check sums has failed: 3 is not 4$"):
        office.days.approve(BEN, DAY)  # however often it is run
    office.against = Against()
    office.runner.run_day(DAY, "test")
    with pytest.raises(RuleError, match="have moved since event"):
        office.days.approve(BEN, DAY)
    office.days.reject(BEN, DAY, "moved")
    assert office.days.of(DAY).state == "open"
    office.close()
    assert office.days.of(DAY).revisions == revisions(office)


def test_late_data_waits_for_a_restatement(office: Closed) -> None:
    office.close()
    closed, before = dict(office.days.of(DAY).revisions), office.state("report")
    office.change_a_deal()
    with pytest.raises(DayClosed, match="days restate --date 2026-01-05"):
        office.play.deliver()
    assert revisions(office) == closed, "nothing was posted"
    assert all(o.way is Way.NOTHING for o in office.runner.run_day(DAY, "again"))

    office.days.restate(ANNA, DAY, "late data", ["deals.csv"])
    with pytest.raises(DayClosed):
        office.play.deliver()
    with pytest.raises(RuleError, match="have moved since"):
        office.days.approve(BEN, DAY, ["another.csv"])
    office.days.approve(BEN, DAY, ["deals.csv"])
    assert office.days.of(DAY).state == "restating"
    office.play.deliver()
    office.runner.run_day(DAY, "restated")
    assert office.state("report") != before
    kept = office.runner.positions(DAY).read(books.REPORT)
    as_closed = kept.as_consumed({(name, DAY): r for name, r in closed.items()})
    rows = office.runner.reader.net(as_closed).toArrow().to_pylist()
    assert sorted(map(repr, rows)) == before, "the closed figures are readable as they were"

    office.close()
    assert office.days.of(DAY).state == "closed"
    assert len(office.days.of(DAY).closes) == 2
    assert office.days.of(DAY).revisions == revisions(office)


def test_a_rule_that_reaches_a_closed_day_is_held_there(office: Closed) -> None:
    office.close()
    closed, before = dict(office.days.of(DAY).revisions), office.state("report")
    office.governance.submit(ANNA, rule())
    office.approve("R-1")
    with pytest.raises(DayClosed, match="held until its own approval"):
        office.runner.run_day(DAY, "test")
    with pytest.raises(DayClosed):
        office.runner.run_stage(ruled.deal, DAY, "test")
    assert revisions(office) == closed
    office.restate()
    office.runner.run_day(DAY, "restated")
    assert office.state("report") != before
    office.close()
    restated = office.state("report")
    office.governance.withdraw(ANNA, "R-1")
    office.approve("R-1", CARLA)
    with pytest.raises(DayClosed):
        office.runner.run_day(DAY, "test")
    assert office.state("report") == restated
    office.restate()
    office.runner.run_day(DAY, "restated")
    assert office.state("report") == before


class ClosedMeanwhile:
    """Open when a run begins, and closed when it has calculated."""

    asked = 0

    def held(self, day: date) -> str:
        self.asked += 1
        return "" if self.asked == 1 else f"{day} is closed"


def test_what_was_on_its_way_when_a_day_was_closed_posts_nothing(office: Closed) -> None:
    office.change_a_deal()
    before = revisions(office)
    kept = office.play.runner
    office.play.runner = replace(kept, gate=ClosedMeanwhile())
    with pytest.raises(DayClosed):
        office.play.deliver()
    assert revisions(office) == before
    office.play.runner = kept
    office.play.deliver()
    before = revisions(office)
    late = replace(office.runner, gate=ClosedMeanwhile())
    with pytest.raises(DayClosed):
        late.run_stage(ruled.reference, DAY, "test")
    assert revisions(office) == before


def test_only_a_closed_day_is_restated(office: Closed) -> None:
    nobody: Any = None
    asked = Days(office.log, nobody, lambda _: Against())
    with pytest.raises(NotReady, match="is open; only a closed day is restated"):
        asked.restate(ANNA, DAY, "told before anything is calculated")
    with pytest.raises(NotReady, match="is open; only a closed day is restated"):
        office.days.restate(ANNA, DAY, "why")
    office.close()
    office.restate()
    with pytest.raises(NotReady, match="is restating; only a closed day"):
        office.days.restate(ANNA, DAY, "again")
    office.close()
    office.days.restate(ANNA, DAY, "perhaps")
    office.days.reject(CARLA, DAY, "no")
    assert office.days.of(DAY).state == "closed", "a rejected restatement opens nothing"
    assert ClosedDays(office.log).held(DAY)
    assert not ClosedDays(office.log).held(date(2026, 1, 6))


def test_every_closed_day_of_the_window_is_looked_at(office: Closed) -> None:
    office.close()
    office.governance.submit(ANNA, rule())
    seen = office.governance.impact(office.runner, "R-1")
    assert [(d.day, d.closed) for d in seen.days] == [(DAY, True)]
    assert seen.days[0].document()["closed"]
