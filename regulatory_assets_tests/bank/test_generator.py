"""The sample bank: the same bytes for the same seed, and a bank one can believe in."""

from __future__ import annotations

import ast
import inspect
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from regulatory_assets.bank import (
    accounts,
    book,
    dirty,
    draw,
    generator,
    kinds,
    positions,
    rows,
    treasury,
)
from regulatory_assets.bank.delivery import find_files
from regulatory_assets.bank.generator import (
    FIRST_DAY,
    business_days,
    generate,
    generate_correction,
    main,
)
from regulatory_assets.bank.tables import ASSET_CLASSES, CHANNELS, SECTORS, SOURCES
from regulatory_assets_tests.bank.small_lcr import Row, level, read, scopes

DAYS = business_days(FIRST_DAY, 3)
SEED = 7
WRITTEN = [table for table in SOURCES if not table.personal]
"""Nobody's name is generated."""
DEALS = 3_000
Bank = Mapping[str, list[dict[str, str]]]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.csv*"))}


def bank_of(folder: Path) -> Bank:
    return {table.name: read(folder / f"{table.name}.csv") for table in WRITTEN}


def by_id(deals: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    return {d["deal_id"]: d for d in deals}


def due_in(deal: Row, day: date) -> int | None:
    maturity = deal["maturity_date"]
    return (date.fromisoformat(maturity) - day).days if maturity else None


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    generate(folder, DEALS, DAYS, SEED)
    return folder


@pytest.fixture(scope="module")
def banks(out: Path) -> list[Bank]:
    return [bank_of(out / day.isoformat()) for day in DAYS]


@pytest.fixture(scope="module")
def first(banks: list[Bank]) -> Bank:
    return banks[0]


class TestSameBytes:
    def test_the_same_seed_gives_the_same_bytes(self, out: Path, tmp_path: Path) -> None:
        generate(tmp_path, DEALS, DAYS, SEED)
        assert bytes_of(tmp_path) == bytes_of(out)

    def test_another_seed_gives_another_bank(self, out: Path, tmp_path: Path) -> None:
        generate(tmp_path, DEALS, DAYS[:1], SEED + 1)
        name = f"{DAYS[0]}/deals.csv"
        assert bytes_of(tmp_path)[name] != bytes_of(out)[name]

    def test_the_size_of_the_pieces_does_not_matter(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        share = Decimal("0.01")
        generate(tmp_path / "a", DEALS, DAYS, SEED, share)
        generator._book.cache_clear()
        monkeypatch.setattr(book, "CHUNK", 211)
        monkeypatch.setattr(rows, "CHUNK", 97)
        generate(tmp_path / "b", DEALS, DAYS, SEED, share)
        generator._book.cache_clear()
        assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")

    def test_a_day_does_not_depend_on_the_days_before_it(self, out: Path, tmp_path: Path) -> None:
        generate(tmp_path, DEALS, [DAYS[0], DAYS[2]], SEED)
        assert bytes_of(tmp_path / DAYS[2].isoformat()) == bytes_of(out / DAYS[2].isoformat())

    def test_draws_are_those_of_any_machine(self) -> None:
        keys = np.arange(4, dtype=np.int64)
        some = draw.Draw(1)
        assert some.below(1000, "field", keys).tolist() == [710, 93, 530, 753]
        sizes = some.log_normal(np.full(4, 10_000), np.full(4, 1_000), "size", keys)
        assert sizes.tolist() == [5379, 15183, 5332, 5154]

    @pytest.mark.parametrize(
        "module", [accounts, book, dirty, draw, kinds, positions, rows, treasury]
    )
    def test_nothing_is_a_float_or_a_clock(self, module: ModuleType) -> None:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float))
            assert not isinstance(node, ast.Div)
            name = getattr(node, "id", getattr(node, "attr", ""))
            assert name not in {"float", "float64", "mean", "random", "now", "time", "hash"}


class TestFormat:
    def test_files_are_a_delivery(self, out: Path) -> None:
        for day in DAYS:
            files = find_files(out, day, SOURCES)
            assert [f.mode for f in files] == ["full"] * len(WRITTEN)
            assert {f.table.name for f in files} == {t.name for t in WRITTEN}
        assert not list(out.rglob("*.part"))

    @pytest.mark.parametrize("table", WRITTEN, ids=lambda t: t.name)
    def test_rows_fit_their_table(self, banks: list[Bank], table: object) -> None:
        for bank in banks:
            delivered = bank[table.name]
            keys = [tuple(row[k] for k in table.key) for row in delivered]
            assert len(set(keys)) == len(keys) > 0
            for column in table.columns:
                values = {row[column.name] for row in delivered}
                assert column.nullable or "" not in values
                assert not column.allowed or values - {""} <= set(column.allowed)

    def test_references_are_known(self, banks: list[Bank]) -> None:
        for bank in banks:
            for column, table, readers in (
                ("entity_id", "entities", ("deals", "accounts", "branches")),
                ("counterparty_id", "counterparties", ("deals", "accounts", "customer_risk")),
                ("counterparty_id", "customer_risk", ("accounts",)),
                ("currency", "fx_rates", ("deals", "accounts", "account_transactions")),
                ("security_id", "securities", ("deals",)),
                ("account_id", "accounts", ("deals", "account_transactions")),
                ("branch_id", "branches", ("accounts",)),
            ):
                known = {row[column] for row in bank[table]} | {""}
                for reader in readers:
                    assert {row[column] for row in bank[reader]} <= known, (column, reader)

    def test_an_account_is_that_of_its_deal(self, banks: list[Bank]) -> None:
        for bank in banks:
            kept = {a["account_id"]: a for a in bank["accounts"]}
            entity_of = {b["branch_id"]: b["entity_id"] for b in bank["branches"]}
            named = [d for d in bank["deals"] if d["account_id"]]
            assert len(named) == len(kept) > 0.9 * DEALS
            for deal in named:
                account = kept[deal["account_id"]]
                for column in ("entity_id", "counterparty_id", "currency"):
                    assert account[column] == deal[column]
                assert (account["product"] == "LOAN") == (deal["product_type"] == "LOAN")
                assert account["branch_id"] in ("", *entity_of)
                assert entity_of.get(account["branch_id"], deal["entity_id"]) == deal["entity_id"]

    def test_movements_are_of_the_day_and_some_stay_just_below_the_threshold(
        self, banks: list[Bank]
    ) -> None:
        near: Counter[tuple[str, str]] = Counter()
        for day, bank in zip(DAYS, banks, strict=True):
            moved = bank["account_transactions"]
            assert {m["booking_date"] for m in moved} == {day.isoformat()}
            assert {m["channel"] for m in moved} == set(CHANNELS)
            near.update(
                (day.isoformat(), m["account_id"])
                for m in moved
                if m["cash"] == "true"
                and m["direction"] == "CREDIT"
                and 8_000 <= Decimal(m["amount"]) < 10_000
            )
        assert max(near.values()) == accounts.SLOTS

    def test_accounts_are_opened_before_they_are_used(self, banks: list[Bank]) -> None:
        before, after = ({a["account_id"]: a for a in bank["accounts"]} for bank in banks[:2])
        assert all(a["opened"] < DAYS[0].isoformat() for a in before.values())
        begun = {a["opened"] for n, a in after.items() if n not in before}
        assert begun == {DAYS[1].isoformat()}
        assert all(after[n] == before[n] for n in before.keys() & after.keys())

    def test_products_are_strewn_over_the_ids(self, first: Bank) -> None:
        ids = [d["deal_id"] for d in first["deals"]]
        assert ids == sorted(ids)
        assert {len(i) for i in ids} == {11}
        for start in range(0, DEALS, 500):
            part = {d["product_type"] for d in first["deals"][start : start + 500]}
            assert {"DEPOSIT", "LOAN", "REPO", "REVERSE_REPO", "SECURITY"} <= part


class TestBelievable:
    def test_most_deals_are_retail_deposits_and_loans(self, first: Bank) -> None:
        sectors = {p["counterparty_id"]: p["sector"] for p in first["counterparties"]}
        retail = [d for d in first["deals"] if sectors.get(d["counterparty_id"]) == "RETAIL"]
        assert len(retail) > 0.75 * DEALS
        assert {d["product_type"] for d in retail} == {"DEPOSIT", "LOAN"}

    def test_every_code_occurs(self, first: Bank) -> None:
        assert {d["product_type"] for d in first["deals"]} == {kind.product for kind in kinds.KINDS}
        assert {p["sector"] for p in first["counterparties"]} == set(SECTORS)
        none_held = {"PUBLIC_SECTOR"}
        assert {s["asset_class"] for s in first["securities"]} == set(ASSET_CLASSES) - none_held
        assert {d["currency"] for d in first["deals"]} == set(kinds.CURRENCIES)

    def test_collateral_and_holdings_of_every_level(self, first: Bank) -> None:
        levels = {s["security_id"]: level(s) for s in first["securities"]}
        for product in ("REPO", "REVERSE_REPO", "SECURITY"):
            for entity in kinds.ENTITIES:
                found = {
                    levels[d["security_id"]]
                    for d in first["deals"]
                    if d["product_type"] == product and d["entity_id"] == entity
                }
                assert found == {"1", "2A", "2B", "RMBS", ""}

    @pytest.mark.parametrize("number", range(len(DAYS)))
    def test_due_dates_stand_on_both_sides_of_the_window(
        self, banks: list[Bank], number: int
    ) -> None:
        day = DAYS[number]
        for product in ("DEPOSIT", "LOAN"):
            due = {due_in(d, day) for d in banks[number]["deals"] if d["product_type"] == product}
            assert {None, 30, 31} <= due

    def test_some_loans_are_overdue_and_some_matured_unpaid(self, first: Bank) -> None:
        late = [d for d in first["deals"] if d["days_past_due"] != "0"]
        assert {d["product_type"] for d in late} == {"LOAN"}
        matured = [d for d in late if (due_in(d, DAYS[0]) or 1) < 0]
        assert 0 < len(matured) < len(late) < DEALS / 50
        for deal in matured:
            assert due_in(deal, DAYS[0]) == -int(deal["days_past_due"])

    def test_only_secured_deals_have_collateral(self, first: Bank) -> None:
        for deal in first["deals"]:
            secured = deal["product_type"] in ("REPO", "REVERSE_REPO")
            assert (deal["collateral_value"] != "") == secured
            named = secured or deal["product_type"] == "SECURITY"
            assert (deal["security_id"] != "") == named
            if secured:
                assert Decimal(deal["collateral_value"]) >= Decimal(deal["amount"])

    def test_operational_amounts_stay_within_the_balance(self, first: Bank) -> None:
        found = [d for d in first["deals"] if d["operational_amount"]]
        assert found
        assert all(Decimal(d["operational_amount"]) <= Decimal(d["amount"]) for d in found)

    @pytest.mark.parametrize("number", range(len(DAYS)))
    def test_both_sides_of_intragroup_deals_agree(self, banks: list[Bank], number: int) -> None:
        bank = banks[number]
        partner = {p["counterparty_id"]: p["partner_entity_id"] for p in bank["counterparties"]}
        lent, borrowed = [], []
        for deal in bank["deals"]:
            own, other = deal["entity_id"], partner.get(deal["counterparty_id"])
            terms = ("currency", "amount", "maturity_date", "security_id", "collateral_value")
            agreed = tuple(deal[c] for c in terms)
            if other and deal["product_type"] in ("LOAN", "REVERSE_REPO"):
                lent.append((own, other, *agreed))
            elif other:
                borrowed.append((other, own, *agreed))
        assert sorted(lent) == sorted(borrowed)
        assert len(lent) == 6

    def test_sizes_are_log_normal(self) -> None:
        keys = np.arange(200_000, dtype=np.int64)
        median, sigma = 1_000_000, 900
        sizes = draw.Draw(3).log_normal(
            np.full(keys.shape, median), np.full(keys.shape, sigma), "size", keys
        )
        logs = np.log(sizes)
        assert abs(np.exp(logs.mean()) / median - 1) < 0.01
        assert abs(logs.std() - sigma / 1000) < 0.01


class TestFromDayToDay:
    def test_most_deals_stay_as_they_are(self, tmp_path: Path) -> None:
        generate(tmp_path, 40_000, DAYS, SEED)
        for before, after in pairwise(
            by_id(read(tmp_path / day.isoformat() / "deals.csv")) for day in DAYS
        ):
            both = before.keys() & after.keys()
            changed = sum(before[n] != after[n] for n in both)
            assert 0.008 < changed / len(before) < 0.018
            for gone in (before.keys() - both, after.keys() - both):
                assert 0.002 < len(gone) / len(before) < 0.004

    @pytest.mark.parametrize("seed", [SEED, 20260105])
    def test_the_ratio_stays_sound_over_a_quarter(self, tmp_path: Path, seed: int) -> None:
        days = business_days(FIRST_DAY, 61)[::15]
        generate(tmp_path, 10_000, days, seed)
        for day in days:
            found = scopes(tmp_path / day.isoformat())
            for name in ("BANK_DE", "BANK_FR", kinds.GROUP):
                assert Decimal("1.2") < found[name].ratio < Decimal("1.8"), (day, name)

    def test_rolled_deals_never_mature(self, banks: list[Bank]) -> None:
        for day, bank in zip(DAYS, banks, strict=True):
            for deal in bank["deals"]:
                matured = (due_in(deal, day) or 1) <= 0
                assert not matured or deal["product_type"] in ("LOAN", "DEPOSIT")

    def test_business_days_leave_weekends_out(self) -> None:
        days = business_days(date(2026, 1, 8), 4)
        assert [d.isoformat() for d in days] == [
            "2026-01-08", "2026-01-09", "2026-01-12", "2026-01-13",
        ]  # fmt: skip


class TestDirty:
    def test_a_share_of_broken_lines_by_turns(self, tmp_path: Path) -> None:
        report = generate(tmp_path, DEALS, DAYS[:2], SEED, Decimal("0.01"))
        assert report.dirty == 30
        assert report.deals == {DAYS[0]: DEALS + 30, DAYS[1]: DEALS}
        lines = (tmp_path / DAYS[0].isoformat() / "deals.csv").read_text("utf-8").splitlines()
        fields = Counter(line.count(",") + 1 for line in lines)
        assert len(dirty.KINDS) == 15
        assert fields == {16: DEALS + 1 + 26, 13: 2, 17: 2}

    def test_clean_lines_stay_as_they_are(self, out: Path, tmp_path: Path) -> None:
        generate(tmp_path, DEALS, DAYS[:1], SEED, Decimal("0.01"))
        name = f"{DAYS[0]}/deals.csv"
        clean = bytes_of(out)[name].splitlines()
        lines = Counter(bytes_of(tmp_path)[name].splitlines())
        lines.subtract(clean)
        added = [line for line, n in lines.items() if n]
        assert len(added) == 30
        known = {line.split(b",")[0] for line in clean}
        assert sum(line.split(b",")[0] in known for line in added) == 2


class TestCorrection:
    @pytest.fixture(scope="class")
    def changes(self, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
        folder = tmp_path_factory.mktemp("correction")
        path = generate_correction(folder, DEALS, FIRST_DAY, SEED, Decimal("0.02"))
        assert path == folder / FIRST_DAY.isoformat() / "deals.delta-001.csv"
        return read(path)

    def test_four_in_five_change_an_amount(
        self, changes: list[dict[str, str]], first: Bank
    ) -> None:
        deals = by_id(first["deals"])
        deleted = [c for c in changes if c["_operation"] == "delete"]
        upserts = [c for c in changes if c["_operation"] == "upsert"]
        new = [c for c in upserts if c["deal_id"] not in deals]
        changed = [c for c in upserts if c["deal_id"] in deals]
        assert (len(changed), len(new), len(deleted)) == (48, 6, 6)
        amounts = {"amount", "collateral_value", "operational_amount"}
        for change in changed:
            before = deals[change["deal_id"]]
            differing = {c for c in before if before[c] != change[c]}
            assert "amount" in differing <= amounts
        for change in deleted:
            assert deals[change["deal_id"]].items() <= change.items()

    def test_keys_are_spread_over_the_book(self, changes: list[dict[str, str]]) -> None:
        assert len(by_id(changes)) == len(changes)
        touched = [int(c["deal_id"][1:]) for c in changes if c["deal_id"].startswith("D")]
        assert touched == sorted(touched)
        assert max(b - a for a, b in pairwise(touched)) <= 2 * DEALS // len(changes)

    def test_a_later_day_can_be_corrected(self, out: Path, tmp_path: Path) -> None:
        path = generate_correction(tmp_path, DEALS, FIRST_DAY, SEED, Decimal("0.01"), day=DAYS[2])
        deals = by_id(read(out / DAYS[2].isoformat() / "deals.csv"))
        known = [c for c in read(path) if not c["deal_id"].startswith("N")]
        assert {c["deal_id"] for c in known} <= deals.keys()

    def test_a_share_of_no_deals_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"0\.0001 of 3000 deals is not one"):
            generate_correction(tmp_path, DEALS, FIRST_DAY, SEED, Decimal("0.0001"))


@pytest.mark.parametrize("share", ["-0.1", "1"])
def test_dirt_is_a_share(tmp_path: Path, share: str) -> None:
    with pytest.raises(ValueError, match="share of dirty rows"):
        generate(tmp_path, DEALS, DAYS, SEED, Decimal(share))


def test_a_bank_too_small_to_hold_every_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 800 deals"):
        generate(tmp_path, 799, DAYS, SEED)


def test_the_command_writes_the_same(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--deals", str(DEALS), "--days", "3", "--seed", str(SEED), "--out", str(tmp_path),
          "--correction", "0.01", "--stated-rates"])  # fmt: skip
    written = bytes_of(tmp_path)
    assert written.pop(f"{FIRST_DAY}/deals.delta-001.csv").count(b"\n") == 31
    assert written == bytes_of(out)
    assert "writing deals" in capsys.readouterr().err
