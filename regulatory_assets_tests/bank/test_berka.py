"""The real bank by its mappings: figures by another route where its files are at hand.

A made-up copy holds everything that the queries must get right or refuse.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from shutil import copyfile

import pyarrow as pa
import pytest

from regulatory_assets.bank.delivery import DeliveryError, find_files
from regulatory_assets.bank.formats import Unreadable, open_file
from regulatory_assets.bank.ingest import ingest
from regulatory_assets.bank.mapping import SourceMapping, load
from regulatory_assets.bank.tables import POSITIONS, SOURCES
from regulatory_assets.bank.writing import write_full
from regulatory_assets.demo import BERKA_FILES
from regulatory_assets_tests.bank.desk import Desk
from regulatory_assets_tests.bank.small_lcr import read, scopes
from regulatory_assets_tests.orchestration.homes import ROOT

MAPPINGS = ROOT / "data" / "berka" / "sources"
BESIDE = ROOT / "data" / "berka" / "beside"
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


def mappings() -> list[SourceMapping]:
    return [load(path, path.read_text(), SOURCES) for path in sorted(MAPPINGS.glob("*.yaml"))]


def lay_out(folder: Path, source: Path | None = None, day: date = DAY, **changed: str) -> Path:
    """A delivery folder with the bank's files, made up if no others are named, and those beside."""
    here = folder / day.isoformat()
    here.mkdir(parents=True, exist_ok=True)
    for path in BESIDE.iterdir():
        copyfile(path, here / path.name)
    for name, text in (FILES | changed).items():
        (here / f"{name}.asc").write_bytes(text.replace("\n", "\r\n").encode("latin-1"))
    for name in BERKA_FILES if source is not None else ():
        copyfile((source or folder) / name, here / name)
    return folder


class Bank:
    """What the mappings take from a delivery folder, in tables and in files like the sample's."""

    def __init__(self, desk: Desk, folder: Path, day: date = DAY) -> None:
        self.day, self.warnings = day, list[str]()
        self.rows: dict[str, list[dict[str, object]]] = {}
        desk.day = day
        for file in find_files(folder, day, SOURCES, mappings()):
            taken = ingest(desk.runner, file)
            assert taken.delivery.rejected == 0, (file.path.name, desk.rejected())
            self.warnings += taken.warnings
            self.rows[file.table.name] = desk.rows(file.table.name)
            schema = pa.schema([(c.name, c.type.arrow) for c in file.table.columns])
            rows = pa.Table.from_pylist(self.rows[file.table.name], schema=schema)
            write_full(folder / "out", day, file.table, [rows])
        self.deals = {str(d["deal_id"]): d for d in self.rows["deals"]}
        self.out = folder / "out" / day.isoformat()

    def amounts(self, start: str, column: str = "maturity_date") -> dict[str, tuple[object, ...]]:
        found = {n: d for n, d in self.deals.items() if n.startswith(start)}
        return {n: (d["amount"], d[column]) for n, d in found.items()}


@pytest.fixture(scope="module")
def module_desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("berka"))


@pytest.fixture(scope="module")
def bank(module_desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """The made-up copy."""
    return Bank(module_desk, lay_out(tmp_path_factory.mktemp("made_up")))


def test_balances_are_sums_of_movements_and_a_negative_one_is_an_open_loan(bank: Bank) -> None:
    assert bank.amounts("ACCOUNT", "product_type") == {
        "ACCOUNT-000001": (Decimal("800.00"), "DEPOSIT"),
        "ACCOUNT-000002": (Decimal("250.50"), "LOAN"),
        "ACCOUNT-000003": (Decimal("709.70"), "DEPOSIT"),
        "ACCOUNT-000005": (Decimal("30.00"), "DEPOSIT"),
        "ACCOUNT-000006": (Decimal("0.00"), "DEPOSIT"),
    }
    assert {d["maturity_date"] for n, d in bank.deals.items() if n[0] == "A"} == {None}


def test_only_the_account_whose_last_day_nowhere_agrees_is_listed(bank: Bank) -> None:
    (told,) = (w for w in bank.warnings if "printed" in w)
    assert told.endswith("(account 3, added_up 709.70, printed 711.00)")


def test_loans_are_outstanding_by_schedule(bank: Bank) -> None:
    # 501 paid on 30 Sep, 31 Oct, 30 Nov and 31 Dec; 502 ended, 503 has one payment left.
    assert bank.amounts("LOAN") == {
        "LOAN-000501": (Decimal(8000), date(1994, 8, 31)),
        "LOAN-000503": (Decimal(300), date(1994, 1, 15)),
    }


def test_the_depositor_is_the_owner_and_nothing_is_stable(bank: Bank) -> None:
    assert bank.deals["ACCOUNT-000001"]["counterparty_id"] == "CLIENT-000011"
    parties = bank.rows["counterparties"]
    assert [p["counterparty_id"] for p in parties] == [
        "CLIENT-000011", "CLIENT-000013", "CLIENT-000015", "CLIENT-000016",
    ]  # fmt: skip
    assert {(p["sector"], p["relationship"]) for p in parties} == {("RETAIL", False)}
    flags = {(d["transactional"], d["insurable"]) for d in bank.deals.values()}
    assert flags == {(False, False)}
    scope = scopes(bank.out)["BERKA"]
    assert (scope.outflows, scope.inflows) == (Decimal("153.97"), Decimal(150))


def test_liquid_assets_are_those_assumed(bank: Bank) -> None:
    assert bank.amounts("ASSET", "eligible") == {
        "ASSET-CASH": (Decimal(700_000), True),
        "ASSET-CENTRAL_BANK_RESERVE": (Decimal(4_400_000), True),
    }
    assert all(row["reason"] for row in read(BESIDE / "liquid_assets.csv"))


def test_every_table_of_positions_is_delivered(bank: Bank) -> None:
    assert bank.rows.keys() == {t.name for t in POSITIONS}
    assert bank.rows["fx_rates"] == [{"currency": "CZK", "rate": Decimal(1)}]
    branches = {b["branch_id"]: b["name"] for b in bank.rows["branches"]}
    assert branches["DISTRICT-55"] == "Brno - venkov"
    moved = {
        t["transaction_id"]: (t["direction"], t["amount"], t["channel"], t["cash"])
        for t in bank.rows["account_transactions"]
    }
    assert moved == {
        "TRANS-0000005": ("DEBIT", Decimal("350.50"), "BRANCH", True),
        "TRANS-0000009": ("CREDIT", Decimal("50.00"), "BRANCH", True),
        "TRANS-0000010": ("DEBIT", Decimal("20.00"), "BRANCH", True),
    }


def deals_file(folder: Path, day: date = DAY) -> Callable[[], object]:
    (file,) = (f for f in find_files(folder, day, SOURCES, mappings()) if f.table.name == "deals")
    return lambda: open_file(file)


def test_before_the_first_movement_accounts_are_empty(tmp_path: Path) -> None:
    reading = deals_file(lay_out(tmp_path, day=date(1993, 1, 2)), date(1993, 1, 2))()
    (rows,) = reading.pieces()  # type: ignore[attr-defined]
    assert [(r["c0"], r["c3"]) for r in rows.to_pylist()][:1] == [("ACCOUNT-000001", "0.00000000")]
    assert rows.num_rows == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("trans", '"VYBER";"VYBER";350.50', '"PREVOD";"VYBER";350.50', "line 6, trans_id 5, type"),
        ("trans", "10;5;931231", "9;5;931231", "stands twice.*trans.asc, number 9"),
        ("trans", "10;5;931231", "10;7;931231", "not in account.asc.*line 11, account_id 7"),
        ("trans", "10;5;931231", "10;5;930231", "not a day.*trans.asc, line 11, date 930231"),
        ("trans", "10;5;931231", "10;5;93123", "not a day.*trans.asc, line 11, date 93123"),
        ("trans", ";20.00;", ";2O.00;", "trans.asc, line 11: amount is no decimal"),
        ("trans", ";20.00;", ";;", "trans.asc, line 11: amount is empty"),
        ("trans", '10;5;931231;"VYDAJ"', '10;5;931231"VYDAJ"', "trans.asc, line 11: .*every line"),
        ("loan", "501;1;", "501;9;", "not in account.asc.*loan.asc, line 2, account_id 9"),
        ("loan", '"payments"', '"rate"', "loan.asc: the columns payments are missing"),
        ("disp", '7;16;6;"OWNER"', '7;16;6;"DISPONENT"', "no owner.*account_id 6, owners 0"),
        ("disp", '2;12;1;"DISPONENT"', '2;12;1;"OWNER"', "or two .*account_id 1, owners 2"),
    ],
)
def test_files_that_cannot_be_used_are_refused(
    tmp_path: Path, name: str, old: str, new: str, problem: str
) -> None:
    assert FILES[name].count(old) == 1
    asked = deals_file(lay_out(tmp_path, **{name: FILES[name].replace(old, new)}))
    with pytest.raises(Unreadable, match=problem):
        asked()


def test_assumptions_need_an_amount_and_a_reason(tmp_path: Path) -> None:
    lay_out(tmp_path)
    path = tmp_path / DAY.isoformat() / "liquid_assets.csv"
    for text, problem in (
        ("CASH,1,\n", "liquid_assets.csv, line 2: reason is empty"),
        ("CASH,,x\n", "liquid_assets.csv, line 2: amount is empty"),
        ("CASH,-1,x\n", "or negative .*line 2"),
        ("GOLD,1,x\n", "neither CASH nor"),
    ):
        path.write_text(f"product_type,amount,reason\n{text}")
        with pytest.raises(Unreadable, match=problem):
            deals_file(tmp_path)()


def test_a_bank_delivered_in_part_is_refused(tmp_path: Path) -> None:
    (lay_out(tmp_path) / DAY.isoformat() / "loan.asc").unlink()
    with pytest.raises(DeliveryError, match=r"berka_deals reads it together with loan\.asc"):
        find_files(tmp_path, DAY, SOURCES, mappings())


@needs_real_files
class TestRealFiles:
    @pytest.fixture(scope="class")
    def bank(self, module_desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Bank:
        return Bank(module_desk, lay_out(tmp_path_factory.mktemp("real"), REAL))

    def rows(self, name: str) -> list[dict[str, str]]:
        with (REAL / f"{name}.asc").open(encoding="latin-1", newline="") as stream:
            return list(csv.DictReader(stream, delimiter=";"))

    def test_known_figures(self, bank: Bank) -> None:
        kinds = {n: n.partition("-")[0] + str(d["product_type"]) for n, d in bank.deals.items()}
        of = {k: [bank.deals[n]["amount"] for n in kinds if kinds[n] == k] for k in kinds.values()}
        assert sum(of["ACCOUNTDEPOSIT"]) == Decimal("36575946.10")  # type: ignore[arg-type]
        assert (len(of["ACCOUNTDEPOSIT"]), len(of["LOANLOAN"])) == (1_139, 20)
        assert "ACCOUNTLOAN" not in of
        (told,) = (w for w in bank.warnings if "printed" in w)
        assert told.count("account 9188") == told.count("added_up") == 1
        assert len(bank.rows["account_transactions"]) == 1_754

    def test_every_deposit_by_the_csv_module(self, bank: Bank) -> None:
        sums: dict[str, Decimal] = {}
        for row in self.rows("trans"):
            if row["date"] <= "931231":
                amount = Decimal(row["amount"])
                signed = amount if row["type"] == "PRIJEM" else -amount
                sums[row["account_id"]] = sums.get(row["account_id"], Decimal(0)) + signed
        owners = {r["account_id"]: r["client_id"] for r in self.rows("disp") if "OWN" in r["type"]}
        assert bank.amounts("ACCOUNT", "counterparty_id") == {
            f"ACCOUNT-{int(a):06d}": (total, f"CLIENT-{int(owners[a]):06d}")
            for a, total in sums.items()
        }

    def test_every_loan_by_the_csv_module(self, bank: Bank) -> None:
        expected = {}
        for row in self.rows("loan"):
            if row["date"] <= "931231":
                # Every duration is longer than the bank is old, no loan starts after the 28th.
                months, day = 12 - int(row["date"][2:4]), int(row["date"][4:])
                assert day <= 28 or row["date"][2:4] == "12"
                left = Decimal(row["amount"]) - months * Decimal(row["payments"])
                expected[f"LOAN-{int(row['loan_id']):06d}"] = left
        assert {n: amount for n, (amount, _) in bank.amounts("LOAN").items()} == expected

    def test_ratio_is_plausible(self, bank: Bank) -> None:
        scope = scopes(bank.out)["BERKA"]
        assert scope.outflows == Decimal("3657594.610")
        assert Decimal("1.39") < scope.ratio < Decimal("1.40")
