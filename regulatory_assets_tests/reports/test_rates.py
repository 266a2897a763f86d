"""The rates by which a day is converted: its own, else the last ones that are not too old."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from regulatory_assets.adjustments.fitting import check
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import parse
from regulatory_assets.bank.tables import FX_RATES
from regulatory_assets.bank.tables.structure import DEPOSIT_SCHEMES
from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import NotReady, Way, moved_days
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Outcome, Runner
from regulatory_assets.ledger.table import Table
from regulatory_assets.orchestration.later_days import _asked
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination, Result
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.adjustments import market_adjustments
from regulatory_assets.reports.lcr.quarter import lcr_quarter
from regulatory_assets.reports.rates import RATES_OF_DAY, rates_of_day
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.kernel.world import frame
from regulatory_assets_tests.quality.test_checks import OneRule

DAY = date(2026, 4, 7)
"""The Tuesday after Easter: the last rates before it are of Thursday, April 2nd."""

Rates = Mapping[str, str]


class Bank:
    """A bank that delivers rates, and whatever else a test asks about."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        database = connect(f"sqlite:///{folder / 'control.sqlite'}")
        migrate(database)
        self.engine, self.delivered = engine, dict[date, Rates]()
        self.runner = Runner(
            production_graph(), Lake(folder / "lake", engine.session), Register(database),
            Parameters.default(), engine.identity, "rates",
        )  # fmt: skip

    def deliver(self, day: date, rates: Rates) -> None:
        self.delivered[day] = rates
        rows = [(currency, Decimal(rate)) for currency, rate in rates.items()]
        deliver(self.runner, FX_RATES, day, frame(self.engine, FX_RATES, rows), "full", "test")

    def run(self, day: date) -> Outcome:
        return self.runner.run_stage(rates_of_day, day, "test")

    def behind(self) -> set[date]:
        """The days that the sensor for later days asks for."""
        graph, parameters = self.runner.graph, self.runner.parameters
        return {*moved_days(graph, self.runner.register, parameters.at)}

    def rates(self, day: date) -> dict[str, tuple[Decimal, date]]:
        version = Version.registered(self.runner.register, RATES_OF_DAY, day)
        rows = self.runner.reader.rows(version).toArrow().to_pylist()
        return {row["currency"]: (row["rate"], row["rate_date"]) for row in rows}

    def expected(self, day: date) -> dict[str, tuple[Decimal, date]]:
        """By convention 14, read from what was delivered."""
        found = {}
        for age in (5, 4, 3, 2, 1, 0):
            other = day - timedelta(days=age)
            for currency, rate in self.delivered.get(other, {}).items():
                found[currency] = Decimal(rate), other
        return found

    def asked(self, table: Table, name: str, day: date = DAY) -> Result:
        runner = self.runner
        (check,) = (c for c in all_checks(runner.graph) if (c.table, c.name) == (table, name))
        return check.examine(Examination(runner.positions(day), runner.reader, runner.register), 0)


@pytest.fixture
def bank(sail: Engine, tmp_path: Path) -> Bank:
    return Bank(sail, tmp_path)


def test_the_rate_of_the_day_else_the_last_of_five_days(bank: Bank) -> None:
    bank.deliver(date(2026, 4, 1), {"GBP": "1.1", "SEK": "0.09"})
    bank.deliver(date(2026, 4, 2), {"EUR": "1", "USD": "0.9", "GBP": "1.2", "CHF": "1.05"})
    bank.deliver(date(2026, 4, 3), {"CHF": "1.06"})
    bank.deliver(DAY, {"EUR": "1", "USD": "0.8"})
    assert bank.run(DAY).booked == 4
    assert bank.rates(DAY) == {
        "EUR": (1, DAY),
        "USD": (Decimal("0.8"), DAY),
        "GBP": (Decimal("1.2"), date(2026, 4, 2)),  # five days old
        "CHF": (Decimal("1.06"), date(2026, 4, 3)),
    }
    carried = bank.asked(RATES_OF_DAY, "carried")
    assert not carried.passed
    assert carried.said == (
        "2 rates are of an earlier day, for instance CHF of 2026-04-03, GBP of 2026-04-02; deliver "
        "them in fx_rates once there are any of 2026-04-07"
    )


def test_a_day_on_which_none_are_published(bank: Bank) -> None:
    """A header alone says that there are none; while nothing says so the day waits for them."""
    bank.deliver(date(2026, 4, 2), {"EUR": "1", "USD": "0.9"})
    monday = date(2026, 4, 6)
    with pytest.raises(NotReady, match="deliver fx_rates for 2026-04-06 first"):
        bank.run(monday)
    bank.deliver(monday, {})
    bank.run(monday)
    assert bank.rates(monday) == bank.expected(monday) != {}


def test_a_currency_without_a_rate_is_told_with_the_age_of_its_last(bank: Bank) -> None:
    name = f"{RATES_OF_DAY.name}_of_currency"
    rows = [("E1", c, "A scheme", c, Decimal(1), True, False) for c in ("EUR", "GBP", "SEK", "USD")]
    bank.deliver(date(2026, 4, 1), {"SEK": "0.09"})
    bank.deliver(date(2026, 4, 2), {"GBP": "1.2"})
    bank.deliver(DAY, {"EUR": "1"})
    schemes = frame(bank.engine, DEPOSIT_SCHEMES, rows)
    deliver(bank.runner, DEPOSIT_SCHEMES, DAY, schemes, "full", "test")
    bank.run(DAY)
    found = bank.asked(DEPOSIT_SCHEMES, name)
    assert not found.passed
    assert found.said == (
        "2 currency not in rates_of_day (2 rows of deposit_schemes), for instance currency=SEK; "
        "currency=USD; of SEK the last rate is of 2026-04-01, 6 days before; of USD there was none "
        "before; deliver rates in fx_rates"
    )
    bank.deliver(DAY, {"EUR": "1", "SEK": "0.08", "USD": "0.9"})
    bank.run(DAY)
    assert bank.asked(DEPOSIT_SCHEMES, name).passed


def test_a_rule_corrects_a_rate_of_an_earlier_day_on_its_own_days(bank: Bank) -> None:
    """It says nothing of which day a rate is, and the next day has what was delivered."""
    before, after = DAY - timedelta(days=1), DAY + timedelta(days=1)
    for day, rates in ((before, {"USD": "0.9"}), (DAY, {"EUR": "1"}), (after, {"EUR": "1"})):
        bank.deliver(day, rates)
        bank.run(day)
    corrected = {"op": "set", "field": "rate", "value": "0.8"}
    written = {
        "id": "M-1", "stage": "market", "purpose": "methodology", "effective": str(DAY),
        "conditions": {"field": "currency", "op": "=", "value": "USD"},
        "operations": [corrected], "reason": "a test", "owner": "tests",
    }  # fmt: skip
    ruled = replace(bank.runner, rules=OneRule(parse(written)))
    ruled.run_stage(market_adjustments, DAY, "test")
    rows = ruled.reader.net(ruled.positions(DAY).read(RATES_OF_DAY)).toArrow().to_pylist()
    assert {(r["currency"], r["rate"], r["rate_date"]) for r in rows} == {
        ("EUR", 1, DAY), ("USD", Decimal("0.8"), before),
    }  # fmt: skip
    assert bank.rates(after)["USD"] == (Decimal("0.9"), before)
    other = {"op": "set", "field": "rate_date", "value": str(DAY)}
    with pytest.raises(RuleError, match="rate_date"):
        check(parse(written | {"operations": [other]}), market_adjustments)


def test_late_rates_reach_the_days_that_they_stand_on_and_no_others(bank: Bank) -> None:
    """Days and currencies at random: what the sensor asks for and the day's own run suffice, and
    where no rate moves nothing is posted."""
    random, days = Random(14), [DAY + timedelta(days=n) for n in range(8)]
    for day in days:
        bank.deliver(day, {})
        bank.run(day)
    for step in range(6):
        day = random.choice(days)
        codes = random.sample(["EUR", "GBP", "USD"], random.randrange(4))
        before = {d: bank.expected(d) for d in days}
        bank.deliver(day, dict.fromkeys(codes, f"1.{step + 1:02}"))
        behind = bank.behind()
        assert {d for d in behind if not 0 < (d - day).days <= 5} == set()
        for d in sorted({day, *behind}):
            moved = before[d] != bank.expected(d)
            assert bool(bank.run(d).rows) == moved
        assert {d: bank.rates(d) for d in days} == {d: bank.expected(d) for d in days}
        assert bank.behind() == set()
    assert bank.run(days[-1]).way is Way.NOTHING


def test_the_sources_are_asked_whether_they_find_other_rates(bank: Bank) -> None:
    """By checks of their own, which only a run of the whole day asks."""
    graph, positions = bank.runner.graph, bank.runner.positions(DAY)
    assert {"deals", "rates_of_day", "lcr"} < {*_asked(graph, [rates_of_day], positions)}
    assert _asked(graph, [lcr_quarter], positions) == ("lcr_quarter", "liq1")
