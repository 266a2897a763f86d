"""The customer-transaction report on the small bank, against loops over the delivered files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.run import Runner
from regulatory_assets_tests.bank.small_bank import DAYS, delivered
from regulatory_assets_tests.bank.small_lcr import read
from regulatory_assets_tests.reports.delivered import deliver, euro, groups, rows

DAY = DAYS[2]
FILES = delivered(DAY)
LIMIT = Decimal(10_000)
"""31 CFR 1010.311 and Directive (EU) 2015/849 name the same number; cash in euro counts from it."""


@pytest.fixture(scope="module")
def runner(sail: Engine, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    runner = deliver(tmp_path_factory.mktemp("aml"), FILES.parent, DAY, sail)
    runner.run_day(DAY, "test", groups(runner, ["aml"]))
    return runner


@pytest.fixture(scope="module")
def movements() -> list[dict[str, Any]]:
    """Each delivered movement with account, customer, assessment and amount in euro."""
    rates = {r["currency"]: r["rate"] for r in read(FILES / "fx_rates.csv")}
    kept = {a["account_id"]: a for a in read(FILES / "accounts.csv")}
    risk = {c["counterparty_id"]: c for c in read(FILES / "customer_risk.csv")}
    found = []
    for moved in read(FILES / "account_transactions.csv"):
        account = kept[moved["account_id"]]
        found.append(
            {
                "account": account,
                "risk": risk[account["counterparty_id"]],
                "euro": euro(moved["amount"], rates[moved["currency"]]),
                **moved,
            }
        )
    return found


def test_every_movement_stands_with_account_customer_and_amount(
    runner: Runner, movements: list[dict[str, Any]]
) -> None:
    reported = {
        row["transaction_id"]: row for row in rows(runner, "aml_customer_transactions", DAY)
    }
    assert reported.keys() == {m["transaction_id"] for m in movements}
    for moved in movements:
        row, account, risk = reported[moved["transaction_id"]], moved["account"], moved["risk"]
        assert row["reported_amount"] == moved["euro"]
        assert row["amount"] == Decimal(moved["amount"])
        for name in ("entity_id", "counterparty_id", "account_id", "product", "status"):
            assert row[name] == account[name]
        assert (row["branch_id"] or "") == account["branch_id"]
        assert (row["risk_band"], row["country"]) == (risk["risk_band"], risk["country"])
        assert str(row["politically_exposed"]).lower() == risk["politically_exposed"]
        away = moved["counter_country"] not in ("", risk["country"])
        assert row["cross_border"] == away
        assert (row["reporting_currency"], row["cash"]) == ("EUR", moved["cash"] == "true")


def test_every_feature_of_every_customers_day(
    runner: Runner, movements: list[dict[str, Any]]
) -> None:
    expected: dict[tuple[str, str], dict[str, Any]] = {}
    of_customer: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for moved in movements:
        account = moved["account"]
        of_customer[account["entity_id"], account["counterparty_id"]].append(moved)
    for key, day in of_customer.items():
        expected[key] = features(day)
    found = {
        (row["entity_id"], row["counterparty_id"]): row
        for row in rows(runner, "aml_customer_days", DAY)
    }
    assert found.keys() == expected.keys()
    for key, features_of_day in expected.items():
        assert {name: found[key][name] for name in features_of_day} == features_of_day, key
        assert found[key]["booking_date"] == date(2026, 1, 7)
    linked = {key for key, row in found.items() if row["linked"]}
    assert {found[key]["near_deposits"] for key in linked} == {4}
    assert len(linked) == 2


def features(day: list[Mapping[str, Any]]) -> dict[str, Any]:
    def total(some: list[Mapping[str, Any]]) -> Decimal:
        return sum((m["euro"] for m in some), Decimal(0))

    paid_in = [m for m in day if m["direction"] == "CREDIT"]
    debits = [m for m in day if m["direction"] == "DEBIT"]
    away = [m for m in day if m["counter_country"] not in ("", m["risk"]["country"])]
    deposits = [m for m in paid_in if m["cash"] == "true"]
    small = [m for m in deposits if m["euro"] < LIMIT]
    near = [m for m in small if m["euro"] >= LIMIT * 8 / 10]
    return {
        "risk_band": day[0]["risk"]["risk_band"],
        "reporting_currency": "EUR",
        "transactions": len(day),
        "accounts": len({m["account_id"] for m in day}),
        "credits": len(paid_in),
        "credited": total(paid_in),
        "debits": len(debits),
        "debited": total(debits),
        "largest": max(m["euro"] for m in day),
        "cross_border": len(away),
        "cross_border_amount": total(away),
        "cash_deposits": len(deposits),
        "cash_deposited": total(deposits),
        "threshold": LIMIT,
        "large_deposits": len(deposits) - len(small),
        "small_deposits": len(small),
        "small_deposited": total(small),
        "near_deposits": len(near),
        "near_deposited": total(near),
        "linked": len(small) > 1 and total(small) >= LIMIT,
    }


def test_one_more_deposit_reaches_its_customer_only(runner: Runner, tmp_path: Path) -> None:
    before = {r["counterparty_id"]: r for r in rows(runner, "aml_customer_days", DAY)}
    table = runner.graph.tables["account_transactions"]
    last = next(
        r
        for r in rows(runner, "aml_customer_transactions", DAY)
        if r["product"] == "CURRENT" and r["currency"] == "EUR" and not r["cash"]
    )
    (tmp_path / str(DAY)).mkdir()
    line = {
        "_operation": "upsert",
        "transaction_id": "NEW",
        "account_id": last["account_id"],
        "booking_date": str(DAY),
        "direction": "CREDIT",
        "currency": "EUR",
        "amount": "10000.00",
        "channel": "BRANCH",
        "cash": "true",
    }
    names = ("_operation", *table.column_names)
    (tmp_path / str(DAY) / f"{table.name}.delta-001.csv").write_text(
        ",".join(names) + "\n" + ",".join(line.get(n, "") for n in names) + "\n"
    )
    ingest_table(runner, tmp_path, table, DAY)
    outcomes = {o.table: o for o in runner.run_day(DAY, "test", groups(runner, ["aml"]))}
    assert outcomes["aml_customer_transactions"].rows == 1
    assert (outcomes["aml_customer_days"].booked, outcomes["aml_customer_days"].reversed) == (1, 1)
    after = {r["counterparty_id"]: r for r in rows(runner, "aml_customer_days", DAY)}
    who = last["counterparty_id"]
    assert after[who]["large_deposits"] == before[who]["large_deposits"] + 1
    assert after[who]["credited"] - before[who]["credited"] == LIMIT
