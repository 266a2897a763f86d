"""Trying a rule on a day: what matches, what changes, and nothing is posted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.adjustments.currencies import stated
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.trial import Trial, trial
from regulatory_assets.engine import Engine
from regulatory_assets_tests.adjustments import ruled_books as ruled
from regulatory_assets_tests.adjustments.test_governance import ANNA, Office, rule
from regulatory_assets_tests.adjustments.test_scenarios import DAY
from regulatory_assets_tests.kernel import books, books_model

OF_BOOK = {"field": "book", "op": "=", "value": "b1"}


def test_a_rule_is_tried_on_a_day(sail: Engine, tmp_path: Path, calculated: Path) -> None:
    """Every deal of a book doubled: those of nothing match and stay as they are."""
    office = Office(sail, tmp_path, calculated)
    deals = office.play.given.deals
    deals["b1", "d0"] = replace(deals["b1", "d0"], amount=Decimal(0))
    office.play.deliver()
    office.runner.run_day(DAY, "test")
    before = office.runner.register.history("deal_adjustments", DAY)

    def tried(day: date = DAY, most: int = 10, **changes: Any) -> Trial:
        snapshot = RuleBook(office.log).snapshot()
        return trial(office.runner, rule(**changes), snapshot, ruled.deal, day, most)

    doubled = [{"op": "multiply", "field": "amount", "value": "2"}]
    of_book = {k[1]: d.amount for k, d in deals.items() if k[0] == "b1"}
    changed = {d: amount for d, amount in sorted(of_book.items()) if amount}
    found = tried(conditions=OF_BOOK, operations=doubled)
    assert (found.matched, found.changed) == (len(of_book), len(changed))
    assert [(r.key, r.before, r.after) for r in found.rows] == [
        ({"book": "b1", "id": d}, {"amount": amount}, {"amount": 2 * amount})
        for d, amount in changed.items()
    ]
    few = tried(conditions=OF_BOOK, operations=doubled, most=2)
    assert few == replace(found, rows=found.rows[:2])

    gone = tried(operations=[{"op": "exclude"}])
    assert [(r.before is None, r.after) for r in gone.rows] == [(False, None)]
    values = {"book": "b1", "amount": "5", "active": True}
    made = [{"op": "insert", "values": values, "expected_source_id": "new"}]
    added = tried(conditions={"all": []}, operations=made)
    assert (added.matched, added.changed) == (0, 1)
    assert added.rows[0].key == {"book": "b1", "id": "MAN-R-1-1"}
    assert added.rows[0].before is None

    office.governance.submit(ANNA, rule("R-0", operations=doubled, priority=1))
    office.approve("R-0")
    (after,) = tried().rows
    assert (after.before, after.after) == ({"amount": Decimal(120)}, {"amount": Decimal(60)})
    with pytest.raises(RuleError, match="until it is ended, not on 2025-12-31"):
        tried(date(2025, 12, 31))
    assert office.runner.register.history("deal_adjustments", DAY) == before, "nothing is posted"

    code, parameters = tuple(sorted(books.CODE.items())), office.play.parameters
    settings = books_model.Settings(parameters.limit, parameters.factor, code)
    lines = ruled.scenario(office.play.given, settings, None, DAY)["lines"]
    for given in ({}, {"effective": "2027-01-01"}):  # its own last day, or the last of all
        known = stated(office.runner, rule(**given), ruled.LINES, "part")
        assert known == {DAY: {row[5] for row in lines}}
    absent = replace(ruled.LINES, name="absent")
    assert stated(office.runner, rule(), absent, "part") == {}
