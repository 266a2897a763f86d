"""What people look at while a run of the day is writing: the day as it stood, not mixed with it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments import impact
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.shadow import ShadowLake
from regulatory_assets_tests.adjustments.test_governance import ANNA, BEN, DAY, Office, rule
from regulatory_assets_tests.kernel import books

TRIPLED = [{"op": "multiply", "field": "amount", "value": "3"}]


@pytest.mark.parametrize(("why", "at"), [("rule", 8), ("delivery", 3)])
def test_a_rule_is_looked_at_beside_a_run_of_the_day(
    sail: Engine,
    tmp_path: Path,
    calculated: Path,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
    at: int,
) -> None:
    """Which follows a rule that was in force already, or what is delivered only now; it ends while
    the look has written some of what it would post."""
    office, written = Office(sail, tmp_path, calculated), 0
    if why == "rule":
        event = office.governance.submit(ANNA, rule("R-0", operations=TRIPLED, priority=7))
        office.log.append(BEN, "approved", "R-0", {"needed": 1}, event.seq)
    monkeypatch.setattr(impact, "ratio_tables", lambda _: (books.REPORT,))
    wanted = impact.would_do(office.runner, office.log, rule(), DAY)
    assert any(f.before != f.after for f in wanted.figures)
    append = ShadowLake.append

    def appended(lake: ShadowLake, *posting: Any) -> None:
        nonlocal written
        written += 1
        if written == at:
            if why == "delivery":
                deals = office.play.given.deals
                deals["b1", "d1"] = replace(deals["b1", "d1"], amount=Decimal(77))
                office.play.deliver()
            assert any(o.rows for o in office.runner.run_day(DAY, "meanwhile"))
        append(lake, *posting)

    monkeypatch.setattr(ShadowLake, "append", appended)
    assert impact.would_do(office.runner, office.log, rule(), DAY) == wanted
    assert written > at
