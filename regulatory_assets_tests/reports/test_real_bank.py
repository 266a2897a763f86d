"""Both reports on the real bank, where its files are at hand, against loops over those files."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from decimal import Decimal

import pytest

from regulatory_assets.engine import Engine
from regulatory_assets.ledger.run import Runner
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination
from regulatory_assets_tests.bank.test_berka import DAY, MAPPINGS, REAL, lay_out, needs_real_files
from regulatory_assets_tests.reports.delivered import deliver, groups, rows

pytestmark = needs_real_files


def raw(name: str) -> list[dict[str, str]]:
    with (REAL / f"{name}.asc").open(encoding="latin-1", newline="") as stream:
        found = csv.DictReader(stream, delimiter=";")
        return [row for row in found if row.get("date", "") <= "931231"]


@pytest.fixture(scope="module")
def runner(sail: Engine, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGULATORY_ASSETS_SOURCES", str(MAPPINGS))
        runner = deliver(folder, lay_out(folder / "deliveries", REAL), DAY, sail)
    runner.run_day(DAY, "test", groups(runner, ["aml", "branch"]))
    return runner


def test_each_district_holds_what_its_accounts_moved(runner: Runner) -> None:
    district = {a["account_id"]: int(a["district_id"]) for a in raw("account")}
    owner = {d["account_id"]: d["client_id"] for d in raw("disp") if d["type"] == "OWNER"}
    deposits: dict[int, Decimal] = defaultdict(Decimal)
    turnover: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    movements: Counter[int] = Counter()
    for row in raw("trans"):
        place, amount = district[row["account_id"]], Decimal(row["amount"])
        credit = row["type"] == "PRIJEM"
        deposits[place] += amount if credit else -amount
        if row["date"] == "931231":
            movements[place] += 1
            turnover[place, "credited" if credit else "debited"] += amount
            if row["operation"] in ("VKLAD", "VYBER"):
                turnover[place, "cash_in" if credit else "cash_out"] += amount
    customers = {p: {owner[a] for a, q in district.items() if q == p} for p in district.values()}
    report = {row["branch_id"]: row for row in rows(runner, "branch_summary_report", DAY)}
    rest = report.pop(None)
    assert len(report) == 77
    for place in range(1, 78):
        row = report[f"DISTRICT-{place:02d}"]
        assert row["deposits"] == deposits[place]
        assert row["transactions"] == movements[place]
        assert row["customers"] == len(customers.get(place, ()))
        for name in ("credited", "debited", "cash_in", "cash_out"):
            assert row[name] == turnover[place, name], (place, name)
    assert sum(row["deposits"] for row in report.values()) == Decimal("36575946.10")
    assert sum(row["transactions"] for row in report.values()) == 1_754
    assert sum(row["accounts"] for row in report.values()) == 1_139
    assert (rest["deals"], rest["deposits"], rest["other"]) == (2, 0, Decimal(5_100_000))


def test_loans_are_where_their_account_is(runner: Runner) -> None:
    district = {a["account_id"]: a["district_id"] for a in raw("account")}
    lent = Counter(int(district[row["account_id"]]) for row in raw("loan"))
    report = rows(runner, "branch_summary_report", DAY)
    with_loans = {int(r["branch_id"][-2:]) for r in report if r["loans"]}
    assert with_loans == set(lent)
    assert sum(r["loans"] for r in report) == Decimal("2458722.00")


def test_each_owners_day(runner: Runner) -> None:
    owner = {d["account_id"]: int(d["client_id"]) for d in raw("disp") if d["type"] == "OWNER"}
    credited: dict[int, Decimal] = defaultdict(Decimal)
    debited: dict[int, Decimal] = defaultdict(Decimal)
    deposits: Counter[int] = Counter()
    moved: Counter[int] = Counter()
    for row in raw("trans"):
        if row["date"] == "931231":
            who, credit = owner[row["account_id"]], row["type"] == "PRIJEM"
            moved[who] += 1
            (credited if credit else debited)[who] += Decimal(row["amount"])
            deposits[who] += credit and row["operation"] == "VKLAD"
    found = {int(r["counterparty_id"][-6:]): r for r in rows(runner, "aml_customer_days", DAY)}
    assert found.keys() == moved.keys()
    for who, row in found.items():
        assert (row["transactions"], row["cash_deposits"]) == (moved[who], deposits[who])
        assert (row["credited"], row["debited"]) == (credited[who], debited[who])
        assert (row["threshold"], row["linked"]) == (Decimal(500_000), False)
        assert row["risk_band"] == "NOT_ASSESSED"


def test_the_checks_say_that_nobody_is_assessed_and_nothing_else(runner: Runner) -> None:
    day = Examination(runner.positions(DAY), runner.reader, runner.register)
    failed = [
        (c.table.name, c.name, c.blocking)
        for c in all_checks(runner.graph)
        if c.table.group in ("aml", "branch", "sources") and not c.examine(day, 0).passed
    ]
    assert failed == [("aml_customer_days", "assessed", False)]
