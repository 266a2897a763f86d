"""Loading worked examples, and one broken file for every kind of error."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from regulatory_assets.regulation.cases import load_cases
from regulatory_assets.regulation.parameters import ParameterError

from .broken import broken, broken_file

GOOD_BANK = """
cases: deals
title: A bank
day: 2026-01-31
defaults:
  deals: {entity_id: E1, currency: EUR, product_type: CASH, transactional: false,
    insurable: false, locked_in: false, eligible: true, days_past_due: "0"}
tables:
  fx_rates: [{currency: EUR, rate: "1"}]
items:
  - case: one
    why: because
    counterparties: [{counterparty_id: C1, sector: BANK, relationship: false}]
    deals:
      - {deal_id: D1, amount: "1.50", maturity_date: 2026-02-01}
      - {deal_id: D2, amount: "2", currency: USD, maturity_date: ~}
    parts:
      - {deal_id: D1, part: whole, line: level1_cash, amount: "1.50", weighted: "1.50"}
      - {deal_id: D2, part: whole, line: level1_cash, amount: "1", weighted: "1"}
results:
  E1: {hqla: "2.5", ratio: not defined}
"""


@pytest.mark.parametrize("name", broken("bad_cases"))
def test_a_broken_file_is_refused_with_file_line_and_remedy(name: str, tmp_path: Path) -> None:
    path, problem, line = broken_file("bad_cases", name, tmp_path)
    with pytest.raises(ParameterError) as caught:
        load_cases(tmp_path)
    assert problem in caught.value.problem
    assert (caught.value.path, caught.value.line) == (path, line)
    assert caught.value.remedy


def test_a_bank_has_complete_typed_rows(tmp_path: Path) -> None:
    (tmp_path / "bank.yaml").write_text(GOOD_BANK)
    (bank,) = load_cases(tmp_path).banks
    assert bank.day == date(2026, 1, 31)
    first, second = bank.rows["deals"]
    assert (first["amount"], first["maturity_date"]) == (Decimal("1.50"), date(2026, 2, 1))
    assert (first["currency"], second["currency"]) == ("EUR", "USD")
    assert (first["days_past_due"], first["eligible"]) == (0, True)
    assert second["maturity_date"] is None
    assert second["security_id"] is None
    assert [row["currency"] for row in bank.rows["fx_rates"]] == ["EUR"]
    assert bank.cases[0].names == ("C1", "D1", "D2")
    assert bank.parts[0].weighted == Decimal("1.5")
    assert bank.results == {"E1": {"hqla": Decimal("2.5"), "ratio": None}}
