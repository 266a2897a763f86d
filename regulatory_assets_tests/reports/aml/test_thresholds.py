"""Structuring by hand-made days: at, just below and above the threshold of each currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql.connect import functions as F

from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import Way
from regulatory_assets.ledger.run import Runner
from regulatory_assets.regulation.parameters import BASEL, Parameters
from regulatory_assets.reports.aml.stages import aml_customer_days
from regulatory_assets.reports.aml.tables import AML_CUSTOMER_DAYS, AML_CUSTOMER_TRANSACTIONS
from regulatory_assets_tests.laws import inputs
from regulatory_assets_tests.laws.inputs import apply, arrow, as_frame
from regulatory_assets_tests.regulation.moved import entries, moved
from regulatory_assets_tests.reports.following import (
    but,
    differing,
    follow,
    found,
    standing,
    whole,
)

DAY = date(2026, 1, 7)

# Customer: currency, cash deposits, and (large, small, their sum, near, their sum, linked).
CASES: Mapping[str, tuple[str, Sequence[str], tuple[int, int, str, int, str, bool]]] = {
    "one at the threshold in euro": ("EUR", ["10000"], (1, 0, "0", 0, "0", False)),
    "one cent below in euro": ("EUR", ["9999.99"], (0, 1, "9999.99", 1, "9999.99", False)),
    "least that is near": ("EUR", ["8000"], (0, 1, "8000", 1, "8000", False)),
    "a cent less than near": ("EUR", ["7999.99"], (0, 1, "7999.99", 0, "0", False)),
    "two reach it together": ("EUR", ["9000", "1000"], (0, 2, "10000", 1, "9000", True)),
    "two stay a cent below it": ("EUR", ["9000", "999.99"], (0, 2, "9999.99", 1, "9000", False)),
    "a large one does not make a small one linked": (
        "EUR", ["12000", "9500"], (1, 1, "9500", 1, "9500", False)
    ),
    "many small ones": ("EUR", ["2500"] * 4, (0, 4, "10000", 0, "0", True)),
    "one at the threshold in dollars": ("USD", ["10000"], (0, 1, "10000", 1, "10000", False)),
    "one cent above in dollars": ("USD", ["10000.01"], (1, 0, "0", 0, "0", False)),
    "together at the threshold in dollars": (
        "USD", ["5000", "5000"], (0, 2, "10000", 0, "0", False)
    ),
    "together above in dollars": ("USD", ["5000", "5000.01"], (0, 2, "10000.01", 0, "0", True)),
    "near in koruna": ("CZK", ["400000", "399999.99"], (0, 2, "799999.99", 1, "400000", True)),
}  # fmt: skip


def movement(number: int, customer: str, currency: str, amount: str, **other: Any) -> Any:
    row = {
        "transaction_id": f"T{number}",
        "entity_id": "E",
        "counterparty_id": customer,
        "account_id": f"A {customer}",
        "branch_id": None,
        "product": "CURRENT",
        "status": "ACTIVE",
        "opened_remotely": False,
        "held_for_others": False,
        "risk_band": "LOW",
        "country": "DE",
        "politically_exposed": False,
        "booking_date": DAY,
        "direction": "CREDIT",
        "channel": "BRANCH",
        "cash": True,
        "counter_country": None,
        "cross_border": False,
        "currency": currency,
        "amount": Decimal(amount),
        "reporting_currency": currency,
        "reported_amount": Decimal(amount),
        **other,
    }
    return tuple(row[name] for name in AML_CUSTOMER_TRANSACTIONS.column_names)


def days(engine: Engine, moved: Sequence[Any]) -> dict[str, dict[str, Any]]:
    given = {
        AML_CUSTOMER_TRANSACTIONS.name: as_frame(
            engine, inputs.entries(AML_CUSTOMER_TRANSACTIONS, moved)
        )
    }
    found = apply(aml_customer_days, given, engine, Parameters.default(), DAY)
    return {row["counterparty_id"]: row for row in found.to_pylist()}


def movements() -> list[Any]:
    moved: list[Any] = []
    for customer, (currency, amounts, _) in CASES.items():
        moved += [movement(len(moved) + n, customer, currency, a) for n, a in enumerate(amounts)]
        # What must not count: cash paid out, a transfer in, and both of another customer.
        moved.append(movement(len(moved), customer, currency, "9500", direction="DEBIT"))
        moved.append(movement(len(moved), customer, currency, "9500", cash=False))
    return moved


def check(engine: Engine) -> None:
    moved = movements()
    names = ("large_deposits", "small_deposits", "small_deposited", "near_deposits",
             "near_deposited", "linked")  # fmt: skip
    found = days(engine, moved)
    for customer, (_, _, (large, small, small_sum, near, near_sum, linked)) in CASES.items():
        wanted = (large, small, Decimal(small_sum), near, Decimal(near_sum), linked)
        assert tuple(found[customer][n] for n in names) == wanted, customer
    assert all(set(row) >= set(AML_CUSTOMER_DAYS.column_names) for row in found.values())


def test_structuring(sail: Engine) -> None:
    check(sail)


@pytest.mark.spark
def test_structuring_on_spark(spark: Engine) -> None:
    check(spark)


def test_a_currency_without_a_threshold_has_none_instead_of_a_guess(sail: Engine) -> None:
    """The column is mandatory, so its schema check fails and nothing is published."""
    (row,) = days(sail, [movement(1, "C", "XXX", "9500")]).values()
    assert row["threshold"] is None
    assert not AML_CUSTOMER_DAYS.column("threshold").nullable


def test_the_same_customer_on_two_days_has_two_rows(sail: Engine) -> None:
    before = DAY.replace(day=6)
    moved = [
        movement(1, "C", "EUR", "9000"),
        movement(2, "C", "EUR", "9000", booking_date=before),
    ]
    given = {
        AML_CUSTOMER_TRANSACTIONS.name: as_frame(
            sail, inputs.entries(AML_CUSTOMER_TRANSACTIONS, moved)
        )
    }
    found = apply(aml_customer_days, given, sail, Parameters.default(), DAY).to_pylist()
    assert {(r["booking_date"], r["linked"]) for r in found} == {(DAY, False), (before, False)}


def test_another_threshold_reaches_the_days_in_its_currency(tmp_path: Path, sail: Engine) -> None:
    """Of any two currencies one moves without the other: followed to the days that are reported in
    it, all is as calculated anew. A stage that looked for what is linked alone would leave others
    as they were judged before."""
    stage, runner = aml_customer_days, _runner(tmp_path, sail)
    (cited,) = stage.cites
    forgetful = replace(stage, cites=(but(cited, F.col("linked")),))
    before: set[str] = set()
    for some in ({"EUR"}, {"USD"}, {"EUR", "CZK"}):
        of_some = {e for e in entries(cited, DAY) if e[-1] in some}
        runner = replace(runner, parameters=moved(cited.parameter, of_some, _half))
        days_in = {("E", DAY, who) for who, (currency, *_) in CASES.items()
                   if currency in some ^ before}  # fmt: skip
        assert runner.plan(stage, DAY).why.endswith("; the groups that use them")
        assert differing(runner, stage, DAY) == found(runner, stage, DAY) == days_in
        assert not days_in <= found(runner, forgetful, DAY)
        follow(runner, stage, DAY)
        before = some


def test_thresholds_of_other_regimes_reach_nothing(tmp_path: Path, sail: Engine) -> None:
    stage, runner = aml_customer_days, _runner(tmp_path, sail)
    (cited,) = stage.cites
    others = {e for e in entries(cited, DAY) if e[0] != BASEL}
    assert others
    runner = replace(runner, parameters=moved(cited.parameter, others, _half))
    plan = runner.plan(stage, DAY)
    assert plan.way is Way.EMPTY
    assert plan.why.endswith("; none that it uses")
    assert standing(runner, stage, DAY) == whole(runner, stage, DAY)


def _half(number: Decimal) -> Decimal:
    return number / 2


def _runner(folder: Path, engine: Engine) -> Runner:
    """The movements of all cases, with the days made of them."""
    database = connect(f"sqlite:///{folder / 'control.sqlite'}")
    migrate(database)
    graph = Graph((AML_CUSTOMER_TRANSACTIONS,), (aml_customer_days,))
    lake, parameters = Lake(folder / "lake", engine.session), Parameters.default()
    runner = Runner(graph, lake, Register(database), parameters, engine.identity, "test")
    given = as_frame(engine, arrow(AML_CUSTOMER_TRANSACTIONS, movements()))
    deliver(runner, AML_CUSTOMER_TRANSACTIONS, DAY, given, "full", "test")
    runner.run_day(DAY, "test")
    return runner
