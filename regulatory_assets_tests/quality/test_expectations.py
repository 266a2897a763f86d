"""Expectations on deliveries, measured on files small enough to be counted by eye."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance
from typer.testing import CliRunner

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.releasing import Released
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.cli import app
from regulatory_assets.quality import released
from regulatory_assets.quality.examination import Examination
from regulatory_assets.quality.expectations.profile import profile
from regulatory_assets.quality.expectations.report import Judged, judge
from regulatory_assets.quality.expectations.suite import suite, thresholds, thresholds_of
from regulatory_assets.quality.ties import ties
from regulatory_assets.regulation.document import ParameterError
from regulatory_assets.runtime import open_runtime
from regulatory_assets_tests.bank.desk import Desk
from regulatory_assets_tests.bank.small_bank import DAYS, delivered
from regulatory_assets_tests.orchestration.homes import new_home

SECOND = date(2020, 1, 2)
ACCOUNTS = (
    "account_id,counterparty_id,entity_id,branch_id,product,currency,opened,status,"
    "opened_remotely,held_for_others\n"
)
MOVES = (
    "transaction_id,account_id,booking_date,direction,currency,amount,channel,cash,"
    "counter_country\n"
)
DEALS = (
    "deal_id,entity_id,counterparty_id,account_id,product_type,currency,amount,maturity_date,"
    "security_id,collateral_value,operational_amount,transactional,insurable,locked_in,eligible,"
    "days_past_due\n"
)


def account(name: str, customer: str = "C1", branch: str = "B1", product: str = "CURRENT") -> str:
    return f"{name},{customer},E1,{branch},{product},EUR,2020-01-01,ACTIVE,false,false\n"


def deal(name: str, amount: str, operational: str, overdue: int = 0) -> str:
    terms = f"EUR,{amount},,,,{operational},true,true,false,false,{overdue}"
    return f"{name},E1,C1,A1,DEPOSIT,{terms}\n"


def move(name: str, amount: str, of: str = "A1", channel: str = "CARD") -> str:
    return f"{name},{of},2020-01-02,DEBIT,EUR,{amount},{channel},false,\n"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two days; on the second, 20 lines of accounts and 10 movements."""
    made = Desk(tmp_path_factory.mktemp("expectations"))
    first = {
        "accounts.csv": ACCOUNTS + "".join(account(f"A{n}") for n in range(16)),
        "account_transactions.csv": MOVES + move("T1", "400.50") + move("T2", "99.50"),
    }
    good = [account(f"A{n}") for n in range(11)]
    second = {
        "entities.csv": "entity_id,name,group_path,regime,reporting_currency\nE1,One,,basel,EUR\n",
        "counterparties.csv": "counterparty_id,sector,relationship,partner_entity_id\n"
        "C1,RETAIL,true,\n",
        "accounts.csv": ACCOUNTS
        + "".join(good)
        + account("A11", branch="")  # three have no branch, two a customer whom nobody knows
        + account("A12", branch="")
        + account("A13", branch="", customer="C8")
        + account("A14", customer="C9")
        + account("A15", product="")  # of five nothing is taken
        + account("A16", product="")
        + account("A17", product="SHARES")
        + account("A18")
        + account("A18"),
        "deals.csv": DEALS
        + deal("D1", "10", "10")
        + deal("D2", "20", "-5")
        + deal("D3", "2000000000000", "", overdue=3650)
        + deal("D4", "1000000000000", "", overdue=3651)
        + deal("D5", "30", ""),
        "account_transactions.csv": MOVES
        + move("T1", "100.25")
        + move("T2", "100.25")
        + move("T3", "100.25")  # like the two before
        + move("T4", "100.25", channel="ATM")
        + move("T5", "449.00", of="A99")
        + "".join(move(f"T{n}", "-1") for n in range(6, 9))
        + move("T9", "x")
        + move("T10", ""),
    }
    for files in (first, second):
        if files is second:
            made.next_day()
        for name, content in files.items():
            made.deliver(name, content)
            made.take(name.removesuffix(".csv"))
    return made


def measured(desk: Desk, name: str) -> dict[str, Decimal]:
    runner = desk.runner
    day = Examination(runner.positions(desk.day), runner.reader, runner.register)
    table = desk.table(name)
    found = profile(day, table, suite(runner.graph, table))
    return {expectation.name: value for expectation, value in found.items()}


def judged(desk: Desk, name: str) -> Judged:
    runner = desk.runner
    day = Examination(runner.positions(desk.day), runner.reader, runner.register)
    expected = suite(runner.graph, desk.table(name))
    return judge(f"{name} today", expected, profile(day, desk.table(name), expected))


def test_every_share_is_one_of_the_lines_delivered(desk: Desk) -> None:
    found = measured(desk, "accounts")
    assert {name: value for name, value in found.items() if value} == {
        "rows: number": 15,
        "rows: change of their number": Decimal("-0.0625"),  # 15 of 16
        "account_id: share of lines whose key stands twice": Decimal("0.1"),  # 2 of 20
        "branch_id: share missing": Decimal("0.15"),  # 3 of 20
        "product: share missing": Decimal("0.1"),
        "product: share not one of its codes": Decimal("0.05"),
        "counterparty_id: share not in counterparties": Decimal("0.1"),
    }
    assert found["entity_id: share not in entities"] == 0
    assert not any("fx_rates" in name or "branches" in name for name in found)  # not delivered

    moves = measured(desk, "account_transactions")
    assert {name: value for name, value in moves.items() if value} == {
        "rows: number": 5,
        "rows: change of their number": Decimal("1.5"),
        "amount: change of its total": Decimal("0.7"),  # 850 after 500
        "amount: share outside its range": Decimal("0.3"),
        "amount: share missing": Decimal("0.1"),
        "account_id, booking_date, direction, currency, amount, channel: "
        "share of rows like another one": Decimal("0.2"),
        "account_id: share not in accounts": Decimal("0.1"),
    }

    deals = measured(desk, "deals")  # of the five, one is rejected for its operational amount
    ranges = {name.partition(":")[0]: v for name, v in deals.items() if "range" in name and v}
    assert ranges == dict.fromkeys(
        ("amount", "operational_amount", "days_past_due"), Decimal("0.2")
    )


def test_a_delta_is_measured_with_the_file_that_it_changes(desk: Desk) -> None:
    desk.next_day()
    for name in ("entities.csv", "counterparties.csv"):
        shutil.copy(desk.deliveries / "2020-01-02" / name, desk.here)
        desk.take(name.removesuffix(".csv"))
    desk.deliver("accounts.csv", ACCOUNTS + account("A1", product="") + account("A2"))
    desk.take("accounts")
    desk.deliver("accounts.csv", ACCOUNTS + "".join(account(f"A{n}") for n in range(1, 8)))
    desk.deliver(
        "accounts.delta-1.csv",
        "_operation," + ACCOUNTS + "upsert," + account("A8", branch="")
        + "delete," + account("A1") + "upsert," + account("A9", product=""),
    )  # fmt: skip
    desk.take("accounts")
    for amount in ("100", "50"):
        desk.deliver("account_transactions.csv", MOVES + move("T1", amount))
        desk.take("account_transactions")
    moves = measured(desk, "account_transactions")
    assert moves["amount: change of its total"] == Decimal("-0.941176")  # 50 after 850
    found = measured(desk, "accounts")
    assert found["rows: number"] == 7
    assert found["branch_id: share missing"] == Decimal("0.125")  # 1 of 7 rows and 1 rejected
    assert found["product: share missing"] == Decimal("0.125")  # not that of the file replaced
    assert found["rows: change of their number"] == Decimal("-0.533333")  # 7 of 15


def test_what_is_delivered_empty_has_shares_of_nothing(desk: Desk) -> None:
    desk.next_day()
    desk.deliver("accounts.csv", ACCOUNTS)
    desk.deliver("fx_rates.csv", "currency,rate\n")
    for name in ("accounts", "fx_rates"):
        desk.take(name)
    found = measured(desk, "accounts")
    assert {name: value for name, value in found.items() if value} == {
        "rows: change of their number": -1
    }
    assert "currency: share not in fx_rates" in found
    rates = judged(desk, "fx_rates")
    assert rates.failed == ("rows: number is 0, expected at least 1",)


def test_great_expectations_judges_and_writes_a_page_alone(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    called: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **_: called.append(a) or [])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(desk, "day", SECOND)
    found = judged(desk, "accounts")
    assert not found.passed
    assert found.failed == (
        "account_id: share of lines whose key stands twice is 0.100000, expected at most 0.001",
        "counterparty_id: share not in counterparties is 0.100000, expected at most 0",
        "product: share missing is 0.100000, expected at most 0.05",
        "product: share not one of its codes is 0.050000, expected at most 0.001",
    )
    assert found.said.startswith("4 of ")
    page = found.page
    assert "<title>accounts today</title>" in page
    assert page.count("fa-times") >= 4
    assert "must be less than or equal to" in page
    assert not re.search(r"https?:|<script|<link|<img|A1\b|C9", page)
    assert called == []
    assert list(tmp_path.iterdir()) == []


def test_suites_follow_the_definitions(desk: Desk) -> None:
    graph = desk.runner.graph
    for table in graph.sources:
        names = [e.name for e in suite(graph, table)]
        assert len(set(names)) == len(names)
        for column in table.delivered:
            missing = f"{column.name}: share missing" in names
            assert missing or column.nullable
            assert (f"{column.name}: share not one of its codes" in names) == bool(column.allowed)
    deals = {e.name for e in suite(graph, desk.table("deals"))}
    assert {
        "counterparty_id: share missing",  # may be empty, but is critical
        "currency: share not in fx_rates",
        "security_id: share not in securities",
        "days_past_due: share outside its range",
        "amount: change of its total",
    } <= deals
    assert "maturity_date: share missing" not in deals
    rates = {e.name: e.plausible for e in suite(graph, desk.table("fx_rates"))}
    assert rates["rate: share outside its range"] == (Decimal("0.00001"), Decimal(1000))
    assert "name: share missing" in {e.name for e in suite(graph, desk.table("persons"))}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("  deals:", "  dealings:", "no source table dealings"),
        ("critical: {branch_id", "critical: {branch", "the key branch is unknown"),
        ("      amount: {", "      currency: {", "no number column currency"),
        ('missing: "0.05"', "missing: 0.05", "must be a quoted string"),
        ('  unknown: "0"', '  strange: "0"', "the key strange is unknown"),
    ],
)
def test_thresholds_that_do_not_fit_are_refused(
    tmp_path: Path, old: str, new: str, why: str
) -> None:
    from regulatory_assets.quality.expectations.suite import THRESHOLDS

    text = THRESHOLDS.read_text()
    assert old in text
    (tmp_path / "t.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(ParameterError, match=why) as refused:
        thresholds_of(SOURCES, (tmp_path / "t.yaml",))
    assert refused.value.line


OWN = """
default: {unknown: "0.01", change: "0.3"}
tables:
  deals:
    missing: "0.02"
    critical: {account_id: "0.9"}
    plausible: {amount: {at_most: "5"}}
  persons: {duplicates: "0.5"}
"""
TIES = """
- name: deals
  title: Ours.
  table: general_ledger
  sum: balance
  by: [entity_id]
  equals: {table: deals, sum: amount, by: [entity_id]}
  both: true
  tolerance: "7.00"
  blocking: true
- name: provisions
  title: More of ours.
  table: cash_flows
  sum: interest
  by: [deal_id]
  equals: {table: deals, sum: amount, by: [deal_id]}
  both: false
  tolerance: "0.00"
  blocking: false
"""


def test_a_banks_own_thresholds_and_ties_are_laid_over_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged, packaged_ties = thresholds(SOURCES), ties()
    monkeypatch.setenv("REGULATORY_ASSETS_QUALITY", str(tmp_path / "own"))
    with pytest.raises(ParameterError, match="is no folder"):
        thresholds(SOURCES)
    (tmp_path / "own").mkdir()
    assert (thresholds(SOURCES), ties()) == (packaged, packaged_ties)
    (tmp_path / "own" / "thresholds.yaml").write_text(OWN)
    (tmp_path / "own" / "ties.yaml").write_text(TIES)
    found, limits = thresholds(SOURCES), ("missing", "duplicates", "outside", "unknown", "change")

    def shown(table: str) -> tuple[str, ...]:
        return tuple(str(found[table].limits[name]) for name in limits)

    assert shown("deals") == ("0.02", "0.001", "0.001", "0.01", "0.3")
    assert shown("counterparties")[-1] == "0.1", "a table's own stands before any default"
    assert shown("persons")[:2] == ("0.05", "0.5")
    assert found["deals"].critical == {
        "counterparty_id": Decimal("0.05"),
        "account_id": Decimal("0.9"),
    }
    assert found["deals"].plausible["amount"] == (None, Decimal(5))
    assert found["deals"].plausible["days_past_due"] == (None, Decimal(3650))
    assert found["deals"].alike == packaged["deals"].alike
    both = {(t.left.table.name, t.name): (str(t.tolerance), t.blocking) for t in ties()}
    assert len(both) == len(ties()) == len(packaged_ties) + 1
    assert both["general_ledger", "deals"] == ("7.00", True)
    assert both["cash_flows", "provisions"] == ("0.00", False)
    said = released.contents()
    tied = ["quality/ties", "quality/ties own"]
    assert list(released.unreleased(Released(), "quality/ties")) == tied
    assert len(list(released.unreleased(Released()))) == 4
    (tmp_path / "own" / "ties.yaml").write_text(f"# a comment counts for nothing\n{TIES}")
    assert released.contents() == said
    (tmp_path / "own" / "ties.yaml").write_text(TIES.replace('"7.00"', '"7.01"'))
    assert {n for n, of in released.contents().items() if of != said[n]} == {"quality/ties"}
    (tmp_path / "own" / "thresholds.yaml").write_text(OWN.replace("deals:", "dealings:"))
    thresholds_of.cache_clear()
    for use in (lambda: thresholds(SOURCES), lambda: open_runtime().releasing):
        with pytest.raises(ParameterError, match=r"thresholds\.yaml:5: no source table dealings"):
            use()
    (tmp_path / "own" / "ties.yaml").write_text("- [\n")
    with pytest.raises(ParameterError, match=r"ties\.yaml:2: this is not YAML"):
        released.contents()


@pytest.fixture
def reported(tmp_path: Path) -> Iterator[Path]:
    with new_home(tmp_path / "home") as home:
        (home.deliveries / str(DAYS[0])).mkdir()
        for name in ("entities.csv", "fx_rates.csv"):
            shutil.copy(delivered(DAYS[0]) / name, home.deliveries / str(DAYS[0]))
        with (home.deliveries / str(DAYS[0]) / "fx_rates.csv").open("a") as rates:
            rates.write("XXX,1000.5\n")
        yield home.folder


@pytest.mark.timeout(300)
def test_the_report_is_an_asset_linked_from_every_table(
    reported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = CliRunner().invoke(app, ["sources", "report", "--date", str(DAYS[0]), "--json"])
    assert (none.exit_code, none.stdout) == (1, "")
    assert f"nothing is registered for {DAYS[0]}; run it first" in none.stderr
    tables = ("--select", "entities", "--select", "fx_rates")
    assert CliRunner().invoke(app, ["run", "--date", str(DAYS[0]), *tables]).exit_code == 0
    assert not (reported / "reports").exists()  # no part of a day's run

    ran = CliRunner().invoke(app, ["sources", "report", "--date", str(DAYS[0]), "--json"])

    assert ran.exit_code == 0, ran.output
    document = json.loads(ran.stdout)
    assert [Path(page).name for page in document["pages"]] == ["entities.1.html", "fx_rates.1.html"]
    (unexpected,) = document["unexpected"]
    assert "delivery_report: check fx_rates failed: 1 of 5 expectations" in unexpected
    assert "rate: share outside its range is 0.166667, expected at most 0.001" in unexpected
    instance = DagsterInstance.get()
    made = instance.get_latest_materialization_event(AssetKey("delivery_report"))
    assert made is not None
    assert made.asset_materialization is not None
    link = made.asset_materialization.metadata["fx_rates"].value
    assert link == (Path(document["pages"][1]).as_uri())
    (seen,) = instance.fetch_observations(AssetKey("fx_rates"), limit=5).records
    assert seen.asset_observation is not None
    assert seen.asset_observation.metadata["report"].value == link
    first = str(seen.asset_observation.metadata["thresholds"].value)
    assert seen.asset_observation.metadata["unreleased"].value == ["quality/thresholds"]
    people.open_demo(open_runtime().events)
    for words in (("propose", "--reason", "all", "--as", "anna"), ("release", "--as", "ben")):
        assert CliRunner().invoke(app, ["parameters", *words]).exit_code == 0
    assert open_runtime().unreleased(DAYS[0]) == []
    assert f"<p>Thresholds {first}.</p>" in Path(document["pages"][1]).read_text()

    # Somebody makes what was found plausible: it is met now, and said that more is allowed.
    (tmp_path / "own").mkdir()
    own = 'tables: {fx_rates: {plausible: {rate: {at_most: "2000"}}}}\n'
    (tmp_path / "own" / "thresholds.yaml").write_text(own)
    monkeypatch.setenv("REGULATORY_ASSETS_QUALITY", str(tmp_path / "own"))
    thresholds_of.cache_clear()
    ran = CliRunner().invoke(app, ["sources", "report", "--date", str(DAYS[0]), "--json"])
    document = json.loads(ran.stdout)
    assert document["unexpected"] == []
    (seen, *_) = instance.fetch_observations(AssetKey("fx_rates"), limit=1).records
    assert seen.asset_observation is not None
    told = seen.asset_observation.metadata
    changed = (
        "rate: share outside its range: expected is at most 0.001; plausible is at most 2000, "
        "was at most 0.001; plausible is at least 0.00001 and at most 1000"
    )
    assert told["thresholds_moved"].value == [changed]
    assert told["unreleased"].value == ["quality/thresholds own"]
    assert open_runtime().unreleased(DAYS[0]) == ["quality/thresholds own"], "no close with it"
    status = CliRunner().invoke(app, ["parameters", "status", "--json"])
    states = json.loads(status.stdout)["files"]
    assert (states["quality/thresholds own"], states["quality/ties"]) == ("new", "released")
    assert told["thresholds"].value != first
    pages = {Path(page).name for page in document["pages"]}
    assert pages == {
        "entities.1.html",
        "fx_rates.1.html",
        f"fx_rates.1.{told['thresholds'].value}.html",
    }
    (page,) = (Path(p) for p in document["pages"] if str(told["thresholds"].value) in p)
    assert f"Otherwise than in the report before: {changed}." in page.read_text()
    assert changed not in Path(str(link).removeprefix("file://")).read_text()
