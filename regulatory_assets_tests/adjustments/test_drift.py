"""The base moves under an approved rule: it is told; beyond twice what was approved it fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from regulatory_assets.adjustments.book import Proposals, RuleBook
from regulatory_assets.adjustments.people import NotAllowed
from regulatory_assets.adjustments.reach import Reach, beyond_approved
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.reviewing import to_review
from regulatory_assets.engine import Engine
from regulatory_assets.quality.examination import Examination
from regulatory_assets.quality.rules import rule_checks
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_governance import (
    ANNA,
    BEN,
    CARLA,
    Office,
    in_reporting,
    rule,
)
from regulatory_assets_tests.adjustments.test_scenarios import DAY
from regulatory_assets_tests.kernel.books_model import Deal

CHECKS = {c.name: c for c in rule_checks(ruled.GRAPH) if c.table.name == "deal_adjustments"}


class Drifting(Office):
    """The office, with the checks of rules and one deal whose amount a test sets."""

    def base(self, amount: str) -> None:
        deals = self.play.given.deals
        deals["b1", "d1"] = replace(deals["b1", "d1"], amount=Decimal(amount))
        self.play.deliver()
        self.runner.run_day(DAY, "test")

    def said(self, name: str) -> tuple[bool, str]:
        runner, rules = self.runner, RuleBook(self.log).snapshot()
        day = Examination(runner.positions(DAY), runner.reader, runner.register, rules)
        result = CHECKS[name].examine(day, 0)
        return result.passed, result.said


@pytest.fixture
def office(sail: Engine, tmp_path: Path, calculated: Path) -> Drifting:
    return Drifting(sail, tmp_path, calculated)


def test_a_rule_that_drifts_needs_another_approval(office: Drifting) -> None:
    """It halves one deal: of 60 when it was approved, later of 100, 120 and 120.02."""
    assert office.said("approved_reach") == (True, "no rule is in force")
    office.governance.submit(ANNA, rule())
    office.approve("R-1")
    office.runner.run_day(DAY, "test")
    assert office.said("base_changed")[0]
    assert office.said("approved_reach")[0]
    with pytest.raises(RuleError, match="nothing waits for a decision"):
        office.governance.impact(office.runner, "R-1")

    office.base("100")
    passed, words = office.said("base_changed")
    assert not passed
    assert "R-1: moves amount by 50.00000000 reporting currency, 30.00000000 when" in words
    assert office.said("approved_reach")[0]
    office.base("120")
    assert office.said("approved_reach")[0], "twice what was approved is within it"

    office.base("120.02")
    passed, words = office.said("approved_reach")
    assert not passed
    assert "R-1: it moves amount by 60.01000000 reporting currency, approved were 30.0" in words
    standing, before = Proposals(office.log.read()).standing("R-1"), office.state("report")
    (told,) = to_review(office.runner, office.log, DAY)
    assert told.why.startswith(f"waits for another approval: on {DAY} it moves amount by 60.01")
    seen = office.governance.impact(office.runner, "R-1")
    assert [d.reach.moved["amount"]["reporting currency"] for d in seen.days] == [Decimal("60.01")]
    wrote = {w.table: w for w in seen.days[0].stages}
    assert {*wrote} >= {"deal_adjustments", "flows", "lines"}
    own = wrote["deal_adjustments"]
    assert (own.booked, own.reversed, own.amounts) == (2, 0, in_reporting(amount="-60.01"))
    with pytest.raises(NotAllowed, match="somebody else decides"):
        office.governance.approve(ANNA, "R-1", seen.hash, office.runner)
    with pytest.raises(NotAllowed, match="nobody decides twice"):
        office.governance.approve(BEN, "R-1", seen.hash, office.runner)
    event, _ = office.governance.approve(CARLA, "R-1", seen.hash, office.runner)
    assert "approved were 30.0" in event.document["reasons"][0]
    assert all(office.said(name)[0] for name in CHECKS)
    assert list(to_review(office.runner, office.log, DAY)) == []
    now = Proposals(office.log.read()).standing("R-1")
    assert standing is not None
    assert now is not None
    assert (now.rule, now.proposal.decided) == (standing.rule, standing.proposal.decided)
    assert office.behind() == {}, "the rule is the one it was"
    assert office.state("report") == before


def test_a_run_beyond_the_limits_fails(office: Drifting) -> None:
    office.governance.submit(ANNA, rule(limits={"amounts": {"EUR": "40"}}))
    office.approve("R-1")
    assert office.said("approved_reach")[0], "not run yet"
    office.base("80")
    assert office.said("approved_reach")[0]
    office.base("80.02")
    passed, words = office.said("approved_reach")
    assert not passed
    assert "R-1: it moves amount by 40.01000000 EUR, its limit is 40; end it, or submit" in words
    office.governance.submit(ANNA, rule(version=2, limits={"amounts": {"EUR": "41"}}))
    office.approve("R-1")
    office.runner.run_day(DAY, "test")
    assert office.said("approved_reach")[0]


def test_a_manual_deal_gives_way_with_a_warning(office: Drifting) -> None:
    values = {"book": "b1", "customer": "c0", "currency": "EUR", "amount": "5", "active": True}
    made = [{"op": "insert", "values": values, "expected_source_id": e} for e in ("n1", "n2")]
    office.governance.submit(ANNA, rule(conditions={"all": []}, operations=made))
    office.approve("R-1")
    (day,) = Proposals(office.log.read()).of("R-1")[0].seen.values()
    assert day == Reach(2, {"amount": {"reporting currency": Decimal(10)}})
    office.runner.run_day(DAY, "test")
    assert office.said("given_way") == (True, "2 rows stand")
    office.play.given.deals["b1", "n2"] = Deal("c0", "EUR", Decimal(6), None, active=True)
    office.base("60")
    passed, words = office.said("given_way")
    assert not passed
    assert words == "MAN-R-1-2 has given way to n2; end R-1 from this day on"
    assert "R-1: changes 1 rows, 2 when it was approved" in office.said("base_changed")[1]


def test_a_day_nobody_looked_at_is_held_against_the_most_that_was_seen() -> None:
    monday, tuesday, wednesday = (date(2026, 1, d) for d in (5, 6, 7))

    def reach(rows: int, amount: str) -> Reach:
        return Reach(rows, {"amount": {"EUR": Decimal(amount)}})

    def words(seen: dict[date, Reach], day: date, found: Reach) -> int:
        return len(list(beyond_approved(seen, day, found, Decimal(2))))

    seen = {monday: reach(2, "10"), tuesday: reach(5, "4")}
    assert words(seen, monday, reach(4, "20")) == 0
    assert words(seen, monday, reach(5, "20.01")) == 2
    assert words(seen, tuesday, reach(10, "8.01")) == 1
    assert words(seen, wednesday, reach(10, "20")) == 0
    assert words(seen, wednesday, reach(11, "20")) == 1
    assert words({}, monday, reach(1, "1")) == 2
    assert words({}, monday, Reach()) == 0
    assert words(seen, monday, Reach(1, {"amount": {"USD": Decimal(1)}})) == 1
