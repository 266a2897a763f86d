"""The real bank's files: figures by another route where they are at hand, and a made-up copy."""

from __future__ import annotations

import csv
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from regulatory_assets.bank.berka import BerkaReport, deliver, months_later
from regulatory_assets.bank.delivery import DeliveryError, find_files
from regulatory_assets.bank.tables import POSITIONS, SOURCES
from regulatory_assets.regulation.document import ParameterError
from regulatory_assets_tests.bank.small_lcr import read, scopes

ROOT = Path(__file__).resolve().parents[2]
ASSUMPTIONS = ROOT / "data" / "berka-assumptions.yaml"
REAL = Path(os.environ.get("REGULATORY_ASSETS_BERKA", ROOT.parent / "shared/data/berka"))
DAY = date(1993, 12, 31)

needs_real_files = pytest.mark.skipif(
    not REAL.is_dir(),
    reason=f"the PKDD'99 files are not in {REAL} (set REGULATORY_ASSETS_BERKA)",
)

FILES = {
    "account": """"account_id";"district_id";"frequency";"date"
1;55;"POPLATEK MESICNE";930101
2;74;"POPLATEK MESICNE";930105
3;55;"POPLATEK PO OBRATU";930201
4;55;"POPLATEK MESICNE";940101
5;55;"POPLATEK MESICNE";931231
6;55;"POPLATEK MESICNE";931201
""",
    "district": """A1;A2;A3;A4
55;"Brno - venkov";"south Moravia";157042
74;"Ostrava - mesto";"north Moravia";323870
75;"Prerov";"north Moravia";138032
""",
    "disp": """"disp_id";"client_id";"account_id";"type"
1;11;1;"OWNER"
2;12;1;"DISPONENT"
3;13;2;"OWNER"
4;11;3;"OWNER"
5;14;4;"OWNER"
6;15;5;"OWNER"
7;16;6;"OWNER"
""",
    "loan": """"loan_id";"account_id";"date";"amount";"duration";"payments";"status"
501;1;930831;12000;12;1000.00;"A"
502;3;930115;3300;11;300.00;"B"
503;3;930115;3600;12;300.00;"D"
504;4;940105;9000;12;750.00;"A"
""",
    "trans": """"trans_id";"account_id";"date";"type";"operation";"amount";"balance";"k_symbol"
1;1;930110;"PRIJEM";"VKLAD";1000.00;1000.00;""
2;1;931230;"VYDAJ";"PREVOD NA UCET";200.00;800.00;"P\u00d8\u00cdKAZ"
3;1;940102;"PRIJEM";"VKLAD";5000.00;5800.00;""
4;2;930201;"PRIJEM";"VKLAD";100.00;100.00;""
5;2;931231;"VYBER";"VYBER";350.50;-250.50;""
6;3;930301;"PRIJEM";"VKLAD";700.10;700.10;""
7;3;931101;"VYDAJ";"VYBER";0.40;700.30;""
8;3;931201;"PRIJEM";"VKLAD";10.00;711.00;""
9;5;931231;"PRIJEM";"VKLAD";50.00;50.00;""
10;5;931231;"VYDAJ";"VYBER";20.00;29.55;"SLUZBY"
""",
}


def write_files(folder: Path, **changed: str) -> Path:
    for name, text in (FILES | changed).items():
        (folder / f"{name}.asc").write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    return folder


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    folder = tmp_path / "bank"
    folder.mkdir()
    return write_files(folder)


@pytest.fixture
def report(bank: Path, tmp_path: Path) -> BerkaReport:
    return deliver(bank, DAY, tmp_path, ASSUMPTIONS)


def deals(out: Path, day: date = DAY) -> dict[str, dict[str, str]]:
    return {d["deal_id"]: d for d in read(out / day.isoformat() / "deals.csv")}


def test_balances_are_sums_of_movements(report: BerkaReport, tmp_path: Path) -> None:
    found = deals(tmp_path)
    amounts = {n: Decimal(d["amount"]) for n, d in found.items() if n.startswith("ACCOUNT")}
    assert amounts == {
        "ACCOUNT-000001": Decimal("800.00"),
        "ACCOUNT-000002": Decimal("250.50"),
        "ACCOUNT-000003": Decimal("709.70"),
        "ACCOUNT-000005": Decimal("30.00"),
        "ACCOUNT-000006": Decimal("0.00"),
    }
    assert report.accounts == 5
    assert report.movements == 9
    assert report.total_balance == Decimal("1289.20")


def test_a_negative_balance_is_an_open_loan(report: BerkaReport, tmp_path: Path) -> None:
    overdraft = deals(tmp_path)["ACCOUNT-000002"]
    assert (overdraft["product_type"], overdraft["maturity_date"]) == ("LOAN", "")
    assert report.overdrafts == 1


def test_only_the_account_whose_last_day_nowhere_agrees_is_listed(report: BerkaReport) -> None:
    assert [(m.account, m.computed, m.printed) for m in report.mismatches] == [
        (3, Decimal("709.70"), (Decimal("711.00"),))
    ]
    assert any("account 3: movements sum to 709.70" in line for line in report.lines())


def test_loans_are_outstanding_by_schedule(report: BerkaReport, tmp_path: Path) -> None:
    found = {n: d for n, d in deals(tmp_path).items() if n.startswith("LOAN")}
    shown = {n: (Decimal(d["amount"]), d["maturity_date"]) for n, d in found.items()}
    # 501 paid on 30 Sep, 31 Oct, 30 Nov and 31 Dec; 502 ended, 503 has one payment left.
    assert shown == {
        "LOAN-000501": (Decimal(8000), "1994-08-31"),
        "LOAN-000503": (Decimal(300), "1994-01-15"),
    }
    assert (report.loans, report.loans_outstanding) == (2, Decimal(8300))


def test_the_depositor_is_the_owner_and_nothing_is_stable(
    report: BerkaReport, tmp_path: Path
) -> None:
    found = deals(tmp_path)
    assert found["ACCOUNT-000001"]["counterparty_id"] == "CLIENT-000011"
    parties = read(tmp_path / DAY.isoformat() / "counterparties.csv")
    assert [p["counterparty_id"] for p in parties] == [
        "CLIENT-000011", "CLIENT-000013", "CLIENT-000015", "CLIENT-000016",
    ]  # fmt: skip
    assert {(p["sector"], p["relationship"]) for p in parties} == {("RETAIL", "false")}
    assert {(d["transactional"], d["insurable"]) for d in found.values()} == {("false", "false")}
    scope = scopes(tmp_path / DAY.isoformat())["BERKA"]
    assert scope.outflows == Decimal("153.97")
    assert scope.inflows == Decimal(150)


def test_liquid_assets_are_those_assumed(report: BerkaReport, tmp_path: Path) -> None:
    found = {d["product_type"]: d for n, d in deals(tmp_path).items() if n.startswith("ASSET")}
    assert {n: Decimal(d["amount"]) for n, d in found.items()} == {
        "CASH": Decimal(700_000),
        "CENTRAL_BANK_RESERVE": Decimal(4_400_000),
    }
    assert {d["eligible"] for d in found.values()} == {"true"}
    assert any("assumed" in line for line in report.lines())


def test_every_table_of_positions_is_delivered(report: BerkaReport, tmp_path: Path) -> None:
    files = find_files(tmp_path, DAY, SOURCES)
    assert {f.table.name for f in files} == {t.name for t in POSITIONS}
    for file in files:
        with file.path.open(encoding="utf-8") as stream:
            assert tuple(next(csv.reader(stream))) == file.table.column_names
    folder = tmp_path / DAY.isoformat()
    assert [(r["currency"], Decimal(r["rate"])) for r in read(folder / "fx_rates.csv")] == [
        ("CZK", Decimal(1))
    ]
    entity = read(folder / "entities.csv")[0]
    assert (entity["entity_id"], entity["reporting_currency"]) == ("BERKA", "CZK")


def test_before_the_first_movement_accounts_are_empty(bank: Path, tmp_path: Path) -> None:
    report = deliver(bank, date(1993, 1, 2), tmp_path, ASSUMPTIONS)
    assert (report.accounts, report.movements, report.total_balance) == (1, 0, Decimal(0))


def test_a_missing_folder_says_what_was_expected_where(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"nowhere: there is no such folder.*trans\.asc"):
        deliver(tmp_path / "nowhere", DAY, tmp_path, ASSUMPTIONS)


def test_missing_files_are_named(bank: Path, tmp_path: Path) -> None:
    (bank / "loan.asc").unlink()
    (bank / "disp.asc").unlink()
    with pytest.raises(DeliveryError, match=r"bank: disp\.asc, loan\.asc missing"):
        deliver(bank, DAY, tmp_path, ASSUMPTIONS)


def test_missing_assumptions_are_named(bank: Path, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"none\.yaml: the file of assumed liquid assets"):
        deliver(bank, DAY, tmp_path, tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('cash: {amount: "1", reason: x}\n', "central_bank_reserve is missing"),
        ('cash: {amount: 1, reason: x}\ncentral_bank_reserve: {amount: "1", reason: x}\n',
         "quoted"),
        ('cash: {amount: "-1", reason: x}\ncentral_bank_reserve: {amount: "1", reason: x}\n',
         "cash is negative"),
        ('cash: {amount: "1"}\ncentral_bank_reserve: {amount: "1", reason: x}\n',
         "reason is missing"),
    ],
)  # fmt: skip
def test_assumptions_need_an_exact_amount_and_a_reason(
    bank: Path, tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "assumptions.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=problem):
        deliver(bank, DAY, tmp_path, path)


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("trans", '"VYBER";"VYBER";350.50', '"PREVOD";"VYBER";350.50', "movement 5 has the type"),
        ("trans", "10;5;931231", "9;5;931231", "trans_id stands twice"),
        ("trans", "10;5;931231", "10;7;931231", "trans.asc: account 7 is not in account.asc"),
        ("trans", "10;5;931231", "10;5;930231", "not a day written YYMMDD"),
        ("trans", ";20.00;", ";2O.00;", "not a PKDD'99 trans file"),
        ("trans", ";20.00;", ";;", "empty values in amount"),
        ("loan", "501;1;", "501;9;", "loan.asc: account 9 is not in account.asc"),
        ("loan", '"payments"', '"rate"', "not a PKDD'99 loan file"),
        ("disp", '7;16;6;"OWNER"', '7;16;6;"DISPONENT"', "account 6 has no owner"),
        ("disp", '2;12;1;"DISPONENT"', '2;12;1;"OWNER"', "two owners"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    bank: Path, tmp_path: Path, name: str, old: str, new: str, problem: str
) -> None:
    assert FILES[name].count(old) == 1
    write_files(bank, **{name: FILES[name].replace(old, new)})
    with pytest.raises(DeliveryError, match=problem):
        deliver(bank, DAY, tmp_path / "out", ASSUMPTIONS)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(1993, 8, 31), 6, date(1994, 2, 28)),
        (date(1995, 8, 31), 6, date(1996, 2, 29)),
        (date(1993, 12, 15), 1, date(1994, 1, 15)),
        (date(1993, 1, 31), 11, date(1993, 12, 31)),
    ],
)
def test_months_are_clipped_to_the_month_end(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later


@needs_real_files
class TestRealFiles:
    @pytest.fixture(scope="class")
    def out(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("berka")

    @pytest.fixture(scope="class")
    def report(self, out: Path) -> BerkaReport:
        return deliver(REAL, DAY, out, ASSUMPTIONS)

    def rows(self, name: str) -> list[dict[str, str]]:
        with (REAL / f"{name}.asc").open(encoding="latin-1", newline="") as stream:
            return list(csv.DictReader(stream, delimiter=";"))

    def test_known_figures(self, report: BerkaReport) -> None:
        assert report.total_balance == Decimal("36575946.10")
        assert (report.accounts, report.movements) == (1_139, 28_205)
        assert (report.loans, report.overdrafts) == (20, 0)
        assert [m.account for m in report.mismatches] == [9188]

    def test_every_deposit_by_the_csv_module(self, report: BerkaReport, out: Path) -> None:
        sums: dict[str, Decimal] = {}
        for row in self.rows("trans"):
            if row["date"] <= "931231":
                amount = Decimal(row["amount"])
                signed = amount if row["type"] == "PRIJEM" else -amount
                sums[row["account_id"]] = sums.get(row["account_id"], Decimal(0)) + signed
        owners = {r["account_id"]: r["client_id"] for r in self.rows("disp") if "OWN" in r["type"]}
        found = {
            int(n.removeprefix("ACCOUNT-")): (Decimal(d["amount"]), d["counterparty_id"])
            for n, d in deals(out).items()
            if d["product_type"] == "DEPOSIT"
        }
        assert found == {
            int(a): (total, f"CLIENT-{int(owners[a]):06d}") for a, total in sums.items()
        }

    def test_every_loan_by_the_csv_module(self, report: BerkaReport, out: Path) -> None:
        expected = {}
        for row in self.rows("loan"):
            if row["date"] <= "931231":
                # Every duration is longer than the bank is old, no loan starts after the 28th.
                months, day = 12 - int(row["date"][2:4]), int(row["date"][4:])
                assert day <= 28 or row["date"][2:4] == "12"
                left = Decimal(row["amount"]) - months * Decimal(row["payments"])
                expected[f"LOAN-{int(row['loan_id']):06d}"] = left
        found = {n: Decimal(d["amount"]) for n, d in deals(out).items() if n.startswith("LOAN")}
        assert found == expected
        assert report.loans_outstanding == sum(expected.values())

    def test_ratio_is_plausible(self, report: BerkaReport, out: Path) -> None:
        scope = scopes(out / DAY.isoformat())["BERKA"]
        assert scope.outflows == Decimal("3657594.610")
        assert Decimal("1.39") < scope.ratio < Decimal("1.40")
