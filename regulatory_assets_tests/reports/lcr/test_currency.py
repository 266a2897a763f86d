"""The ratio by significant currency: a group of two banks by hand, from deals to the command."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from regulatory_assets.cli import app
from regulatory_assets.engine import Engine
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination
from regulatory_assets.quality.reports.lcr import _operands
from regulatory_assets.regulation.cases import load_cases
from regulatory_assets.regulation.parameters import BASEL, Parameters
from regulatory_assets.reports.lcr.coverage import cases
from regulatory_assets.reports.lcr.currency import currency_views

from .test_stages import rows_of_day, run_bank

# E1 owes 900 in EUR and, at 0.5, 20 + 80 in USD: 10 %. The 80 are a deposit of E2, so that the
# group owes 900 + 1,000 in EUR and 20 of 1,920 in USD: no view. Neither assets nor promises count.
BANK = """
cases: deals
title: Two banks of a group
day: 2026-01-31
defaults:
  entities: {regime: basel, reporting_currency: EUR, group_path: G}
  counterparties: {relationship: true}
  deals: {currency: EUR, transactional: false, insurable: false, locked_in: false,
    eligible: false, days_past_due: "0"}
tables:
  entities: [{entity_id: E1, name: One}, {entity_id: E2, name: Two}]
  fx_rates: [{currency: EUR, rate: "1"}, {currency: USD, rate: "0.5"}]
  counterparties:
    - {counterparty_id: RETAIL, sector: RETAIL}
    - {counterparty_id: ONE, sector: BANK, partner_entity_id: E1}
    - {counterparty_id: TWO, sector: BANK, partner_entity_id: E2}
items:
  - case: group
    why: see above
    deals:
      - {deal_id: D1, entity_id: E1, product_type: DEPOSIT, counterparty_id: RETAIL, amount: "900", insurable: true}
      - {deal_id: D2, entity_id: E1, product_type: OWN_DEBT, amount: "40", currency: USD, maturity_date: 2027-01-31}
      - {deal_id: D3, entity_id: E1, product_type: DEPOSIT, counterparty_id: TWO, amount: "160", currency: USD}
      - {deal_id: D4, entity_id: E1, product_type: CASH, amount: "60", currency: USD, eligible: true}
      - {deal_id: D5, entity_id: E1, product_type: CASH, amount: "90", eligible: true}
      - {deal_id: D6, entity_id: E1, product_type: LOAN, counterparty_id: RETAIL, amount: "9999", currency: USD, maturity_date: 2027-01-31}
      - {deal_id: D7, entity_id: E1, product_type: GUARANTEE, counterparty_id: RETAIL, amount: "0"}
      - {deal_id: D8, entity_id: E2, product_type: DEPOSIT, counterparty_id: RETAIL, amount: "1000", insurable: true}
      - {deal_id: D9, entity_id: E2, product_type: LOAN, counterparty_id: ONE, amount: "160", currency: USD, maturity_date: 2026-02-15}
    parts: []
"""  # noqa: E501
# liabilities, share, hqla, outflows, inflows, net outflows, ratio
EXPECTED = {
    ("E1", "EUR"): ("900", "0.9", "90", "45", "0", "45", "2"),
    ("E1", "USD"): ("100", "0.1", "30", "80", "0", "80", "0.375"),
    ("E2", "EUR"): ("1000", "1", "0", "50", "0", "50", "0"),
    ("G", "EUR"): ("1900", "0.98958333", "90", "95", "0", "95", "0.94736842"),
}
SHOWN = ("liabilities", "share", "hqla", "outflows", "inflows", "net_outflows", "ratio")


def test_a_group_from_deals_to_the_views(
    sail: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "bank.yaml").write_text(BANK)
    (bank,) = load_cases(tmp_path / "bank").banks
    runner = run_bank(bank, tmp_path, sail)
    rows = {(r["scope"], r["currency"]): r for r in rows_of_day(runner, "lcr_currency", bank.day)}
    found = {key: tuple(row[name] for name in SHOWN) for key, row in rows.items()}
    assert found == {key: tuple(map(Decimal, row)) for key, row in EXPECTED.items()}

    (total,) = (r for r in rows_of_day(runner, "lcr", bank.day) if r["scope"] == "E1")
    for name in ("level1", "outflows", "inflows_uncapped"):
        views = sum(rows["E1", currency][name] for currency in ("EUR", "USD"))
        assert views == total[name], "what is not capped adds up where every currency has a view"
    day = Examination(runner.positions(bank.day), runner.reader, runner.register)
    (check,) = (c for c in all_checks(runner.graph) if c.table.name == "lcr_currency" and c.blocking
                and c.name == "ties")  # fmt: skip
    assert check.examine(day, 0).passed

    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(tmp_path))
    words = ["show", "currencies", "--date", str(bank.day), "--currency", "USD"]
    (shown,) = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert (shown["entity"], shown["scope"], shown["currency"]) == ("E1", "solo", "USD")
    assert [Decimal(shown[name]) for name in SHOWN] == [*map(Decimal, EXPECTED["E1", "USD"])]
    assert {"lcr/liability_lines", "lcr/significant_currency"} < {*shown["unreleased"]}
    assert "37.50 %" in CliRunner().invoke(app, words).stdout
    refused = CliRunner().invoke(app, [*words, "--entity", "G"])
    assert refused.exit_code == 1
    assert "G EUR" in refused.stderr


def test_a_view_that_does_not_tie_is_found() -> None:
    (case, *_) = cases().currencies
    parameters = Parameters.default()
    p = parameters.at(case.day, parameters.names)
    views = list(currency_views(case.rows, case.reporting_currency, p, case.regime))
    sums = {
        (currency, p.rates("lcr/lines").text(line, "component", BASEL)): amount
        for currency, lines in (("USD", {"own_debt": Decimal(30)}),)
        for line, amount in lines.items()
    }
    levels = {("USD", "hqla_level1"): Decimal(10), ("USD", "hqla_level2a"): Decimal(85)}
    usd = [view for view in views if view["currency"] == "USD"]
    assert not list(_operands({**sums, **levels}, usd, ("currency",)))
    (fault,) = _operands({**sums, **levels, ("USD", "inflow"): Decimal(1)}, usd, ("currency",))
    assert fault == "USD inflows_uncapped: 0, its parts give 1"


def test_what_a_bank_owes_is_a_liability_and_nothing_else() -> None:
    """The lines of deposits, own debt, deposits of a network and repos, under every regime."""
    owing = {"DEPOSIT", "OWN_DEBT", "COVERED_DEBT", "NETWORK_DEPOSIT", "REPO"}
    tables = ("lcr/deposit_lines", "lcr/outflow_lines", "lcr/secured_lines")
    day = Parameters.default().at(date(2026, 1, 31), [*tables, "lcr/liability_lines"])
    lines = {
        rule.then["line"]
        for table in map(day.decisions, tables)
        for regime in table.regimes
        for rule in table.rules(regime)
        if owing & {*rule.when.get("product_type", owing)}
    }
    liabilities = {line for (line,) in day.rates("lcr/liability_lines").rows(BASEL)}
    assert liabilities == lines - {"unclassified"}
