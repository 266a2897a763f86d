"""The branch report on the small bank, against loops over the delivered files."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from regulatory_assets.engine import Engine
from regulatory_assets.ledger.run import Runner
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination
from regulatory_assets_tests.bank.small_bank import DAYS, delivered
from regulatory_assets_tests.bank.small_lcr import read
from regulatory_assets_tests.laws.inputs import Rules
from regulatory_assets_tests.reports.delivered import deliver, euro, groups, rows

DAY = DAYS[1]
FILES = delivered(DAY)


@pytest.fixture(scope="module")
def runner(sail: Engine, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    runner = deliver(tmp_path_factory.mktemp("branch"), FILES.parent, DAY, sail)
    runner.run_day(DAY, "test", groups(runner, ["branch"]))
    return runner


@pytest.fixture(scope="module")
def report(runner: Runner) -> list[dict[str, Any]]:
    return rows(runner, "branch_summary_report", DAY)


def of_files() -> dict[tuple[str, str | None], dict[str, Any]]:
    """Every figure by entity and branch, one loop a file."""
    rates = {r["currency"]: r["rate"] for r in read(FILES / "fx_rates.csv")}
    kept = {a["account_id"]: a for a in read(FILES / "accounts.csv")}
    found: dict[tuple[str, str | None], dict[str, Any]] = defaultdict(lambda: defaultdict(Decimal))
    holders: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for branch in read(FILES / "branches.csv"):
        found[branch["entity_id"], branch["branch_id"]]["staff"] = int(branch["staff"])
        found[branch["entity_id"], None]["staff"] = None
    for account in kept.values():
        place = account["entity_id"], account["branch_id"] or None
        found[place]["accounts"] += 1
        holders[place].add(account["counterparty_id"])
    for deal in read(FILES / "deals.csv"):
        account = kept.get(deal["account_id"])
        place = deal["entity_id"], (account["branch_id"] or None) if account else None
        name = {"DEPOSIT": "deposits", "LOAN": "loans"}.get(deal["product_type"], "other")
        found[place][name] += euro(deal["amount"], rates[deal["currency"]])
        found[place]["deals"] += 1
    for moved in read(FILES / "account_transactions.csv"):
        account = kept[moved["account_id"]]
        place = account["entity_id"], account["branch_id"] or None
        amount = euro(moved["amount"], rates[moved["currency"]])
        credit = moved["direction"] == "CREDIT"
        found[place]["credited" if credit else "debited"] += amount
        if moved["cash"] == "true":
            found[place]["cash_in" if credit else "cash_out"] += amount
        found[place]["transactions"] += 1
    for place, customers in holders.items():
        found[place]["customers"] = len(customers)
    return found


def test_every_figure_of_every_branch(report: list[dict[str, Any]]) -> None:
    names = ("staff", "customers", "accounts", "deals", "deposits", "loans", "other",
             "transactions", "credited", "debited", "cash_in", "cash_out")  # fmt: skip
    expected = of_files()
    found = {(row["entity_id"], row["branch_id"]): row for row in report}
    assert found.keys() == expected.keys()
    for place, row in found.items():
        assert {n: row[n] for n in names} == {n: expected[place][n] for n in names}, place
        assert row["currency"] == "EUR"


def test_totals_are_those_of_the_files(report: list[dict[str, Any]]) -> None:
    deals = read(FILES / "deals.csv")
    rates = {r["currency"]: r["rate"] for r in read(FILES / "fx_rates.csv")}
    assert sum(row["deals"] for row in report) == len(deals)
    everything = sum(row["deposits"] + row["loans"] + row["other"] for row in report)
    assert everything == sum(euro(d["amount"], rates[d["currency"]]) for d in deals)
    moved = read(FILES / "account_transactions.csv")
    assert sum(row["transactions"] for row in report) == len(moved)


def test_each_entity_has_one_unassigned_row_with_what_no_branch_holds(
    report: list[dict[str, Any]],
) -> None:
    unassigned = [row for row in report if row["branch_id"] is None]
    assert [row["name"] for row in unassigned] == ["unassigned"] * 3
    assert {row["entity_id"] for row in unassigned} == {"BANK_DE", "BANK_FR", "BROKER_DE"}
    assert all(row["other"] > 0 for row in unassigned), "cash, reserves and securities"
    assert all(row["other"] == 0 for row in report if row["branch_id"] is not None)


def test_rules_move_branches_and_customers_and_everything_still_ties(
    sail: Engine, report: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Rules that halve what deals hold and what a currency is worth, at each stage that has any."""
    runner = deliver(tmp_path_factory.mktemp("ruled"), FILES.parent, DAY, sail, Rules(adding=False))
    runner.run_day(DAY, "test", groups(runner, ["aml", "branch"]))
    day = Examination(runner.positions(DAY), runner.reader, runner.register)
    table = runner.graph.tables["branch_summary_report"]
    version = day.as_read(table)
    before = runner.reader.base(version).select(*table.column_names).toArrow().to_pylist()
    after = runner.reader.net(version).toArrow().to_pylist()
    assert sorted(before, key=str) == sorted(report, key=str)
    quarter = sum(row["deposits"] for row in report) / 4
    assert abs(sum(row["deposits"] for row in after) - quarter) < 1, "amount and rate are halved"
    assert sum(row["deals"] for row in after) == sum(row["deals"] for row in report)
    failed = {
        (c.table.name, c.name)
        for c in all_checks(runner.graph)
        if c.table.group in ("aml", "branch") and not c.examine(day, 0).passed
    }
    assert failed == set()


def test_an_entity_without_a_branch_is_told_and_not_lost(
    sail: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("headless")
    deliveries = folder / "deliveries" / str(DAY)
    deliveries.mkdir(parents=True)
    for path in FILES.glob("*.csv"):
        lines = path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if path.stem != "branches" or "BROKER_DE" not in line]
        (deliveries / path.name).write_text("".join(kept))
    runner = deliver(folder, deliveries.parent, DAY, sail)
    runner.run_day(DAY, "test", groups(runner, ["branch"]))
    day = Examination(runner.positions(DAY), runner.reader, runner.register)
    (ties,) = (c for c in all_checks(runner.graph) if c.table.name == "branch_summary_report"
               and c.name == "ties")  # fmt: skip
    answer = ties.examine(day, 0)
    assert not answer.passed
    assert answer.said == "BROKER_DE has no branch; deliver at least its head office"


def test_an_account_of_another_entity_counts_as_unassigned_and_is_told(
    sail: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("foreign")
    deliveries = folder / "deliveries" / str(DAY)
    deliveries.mkdir(parents=True)
    deals = read(FILES / "deals.csv")
    strayed = next(d for d in deals if d["account_id"] and d["entity_id"] == "BANK_DE")
    for path in FILES.glob("*.csv"):
        text = path.read_text()
        if path.stem == "accounts":
            text = text.replace(
                next(line for line in text.splitlines() if line.startswith(strayed["account_id"])),
                f"{strayed['account_id']},{strayed['counterparty_id']},BANK_FR,FR01,CURRENT,EUR,"
                "2020-01-01,ACTIVE,false,false",
            )
        (deliveries / path.name).write_text(text)
    runner = deliver(folder, deliveries.parent, DAY, sail)
    runner.run_day(DAY, "test", groups(runner, ["branch"]))
    (row,) = (r for r in rows(runner, "branch_deals", DAY) if r["deal_id"] == strayed["deal_id"])
    assert (row["entity_id"], row["branch_id"], row["account_known"]) == ("BANK_DE", None, False)
    day = Examination(runner.positions(DAY), runner.reader, runner.register)
    answers = {
        (c.table.name, c.name): c.examine(day, 0)
        for c in all_checks(runner.graph)
        if c.table.group == "branch"
    }
    assert {key for key, answer in answers.items() if not answer.passed} == {
        ("branch_deals", "accounts")
    }
