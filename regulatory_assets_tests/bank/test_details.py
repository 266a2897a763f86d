"""The tables beyond positions: generated, delivered, conformed, and tied to the deals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql.connect import functions as F

from regulatory_assets.bank import book, dirty, generator
from regulatory_assets.bank.conform import REASONS, conform
from regulatory_assets.bank.control_totals import control_totals
from regulatory_assets.bank.delivery import DeliveredFile
from regulatory_assets.bank.details import derivatives, secured
from regulatory_assets.bank.formats.piece import LINE
from regulatory_assets.bank.generator import FIRST_DAY, business_days, generate
from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.bank.mapping import standard
from regulatory_assets.bank.staging import stage
from regulatory_assets.bank.tables import DEALS as DEALS_TABLE
from regulatory_assets.bank.tables import DETAILS, POSITIONS
from regulatory_assets.bank.tables.customers import RATING_SCALE
from regulatory_assets.bank.tables.structure import ACCOUNT_CLASSES
from regulatory_assets.control.register import Revision
from regulatory_assets.engine import Engine
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.lake import new_posting
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination, Result
from regulatory_assets.quality.reports.delivered import delivered_before
from regulatory_assets.quality.ties import TIES, ties, ties_of
from regulatory_assets.regulation.document import ParameterError
from regulatory_assets_tests.bank.desk import Desk
from regulatory_assets_tests.bank.small_lcr import Row, read

GENERATED = (*POSITIONS, *DETAILS)
DAYS = business_days(FIRST_DAY, 2)
DEALS, SEED = 3_000, 11
Bank = Mapping[str, Sequence[Row]]


def bank_of(folder: Path) -> Bank:
    return {t.name: read(folder / f"{t.name}.csv") for t in GENERATED}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("details")
    generate(out, DEALS, DAYS, SEED)
    return out


@pytest.fixture(scope="module")
def bank(folder: Path) -> Bank:
    return bank_of(folder / str(DAYS[0]))


def amounts(rows: Sequence[Row], column: str, *by: str) -> dict[tuple[str, ...], Decimal]:
    sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row[column]:
            sums[tuple(row[c] for c in by)] += Decimal(row[column])
    return dict(sums)


class TestGenerated:
    def test_instalments_repay_the_loan_and_are_to_come(self, bank: Bank) -> None:
        deals = amounts(bank["deals"], "amount", "deal_id")
        repaid = amounts(bank["cash_flows"], "principal", "deal_id")
        assert len(repaid) > 200
        assert repaid.items() <= deals.items()
        matures = {d["deal_id"]: d["maturity_date"] for d in bank["deals"]}
        last: dict[str, str] = {}
        for flow in bank["cash_flows"]:
            assert last.get(flow["deal_id"], str(DAYS[0])) < flow["due_date"]
            last[flow["deal_id"]] = flow["due_date"]
        assert {n: matures[n] for n in last} == last

    def test_the_general_ledger_is_the_sum_of_the_deals(self, bank: Bank) -> None:
        branch = {a["account_id"]: a["branch_id"] for a in bank["accounts"]} | {"": ""}
        held: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for deal in bank["deals"]:
            place = (deal["entity_id"], deal["product_type"], deal["currency"])
            held[*place, branch[deal["account_id"]]] += Decimal(deal["amount"])
        by = ("entity_id", "account_class", "currency", "branch_id")
        booked = amounts(bank["general_ledger"], "balance", *by)
        beyond = {p for p in booked if p[1] in ACCOUNT_CLASSES[-4:]}
        assert {p: a for p, a in booked.items() if p not in beyond} == held
        assert {p[1] for p in beyond} == {"EQUITY", "OTHER_ASSET", "OTHER_LIABILITY"}

    def test_the_books_close(self, bank: Bank) -> None:
        rate = {r["currency"]: Decimal(r["rate"]) for r in bank["fx_rates"]}
        owed = {"DEPOSIT", "REPO", "EQUITY", "OTHER_LIABILITY"}
        net: dict[str, Decimal] = defaultdict(Decimal)
        for row in bank["general_ledger"]:
            euro = Decimal(row["balance"]) * rate[row["currency"]]
            net[row["entity_id"]] += -euro if row["account_class"] in owed else euro
        # Rates of the books have six places.
        assert all(abs(left) < 100 for left in net.values()), net

    def test_legs_and_pieces_are_those_of_the_deals(self, bank: Bank) -> None:
        deals = {d["deal_id"]: d for d in bank["deals"] if "REPO" in d["product_type"]}
        legs = {(x["trade_id"], x["leg"]): x for x in bank["financing_legs"]}
        swaps = {t for t, _ in legs} - deals.keys()
        assert len(swaps) == 3
        assert {legs[t, n]["asset"] for t in swaps for n in "12"} == {"SECURITIES"}
        for deal_id, deal in deals.items():
            cash, securities = legs[deal_id, "1"], legs[deal_id, "2"]
            assert (cash["value"], securities["value"]) == (
                deal["amount"], deal["collateral_value"],
            )  # fmt: skip
            funding = deal["product_type"] == "REPO"
            assert (cash["direction"], securities["direction"]) == (
                ("RECEIVED", "GIVEN") if funding else ("GIVEN", "RECEIVED")
            )
            assert cash["start_date"] <= str(DAYS[0])
        worth = amounts(bank["collateral_pieces"], "market_value", "trade_id", "leg")
        assert worth == {p: Decimal(x["value"]) for p, x in legs.items() if x["asset"] != "CASH"}
        classes = {s["security_id"]: tuple(s.values())[1:] for s in bank["securities"]}
        free = {n for n, d in deals.items() if d["eligible"] == "true"}
        most = 0
        for piece in bank["collateral_pieces"]:
            most = max(most, int(piece["piece"]))
            if piece["trade_id"] in deals:
                named = deals[piece["trade_id"]]["security_id"]
                assert classes[piece["security_id"]] == classes[named]
                kind, weight, *_ = classes[named]
                by_terms = kind in ("RMBS", "EQUITY") or (kind == "SOVEREIGN" and weight != "0")
                assert piece["security_id"] == named or not by_terms  # of one level
            if piece["trade_id"] in free:
                assert piece["reusable"] == "true"
                assert piece["recallable"] == "false"
                assert Decimal(piece["reused_quantity"]) == 0
        assert most == secured.PIECES

    def test_ratings_give_the_credit_quality(self, bank: Bank) -> None:
        """One counts; of two the worse; of three or more the second best."""
        found: dict[str, list[int]] = defaultdict(list)
        for row in bank["security_ratings"]:
            found[row["security_id"]].append(RATING_SCALE.index(row["rating"]))
        assert {len(v) for v in found.values()} == {1, 2, 3}
        for security in bank["securities"]:
            ratings = sorted(found.get(security["security_id"], []))
            quality = "UNRATED"
            if ratings:
                counts = ratings[0] if len(ratings) == 1 else ratings[1]
                name = RATING_SCALE[counts]
                quality = "BELOW_BBB_MINUS"
                if counts <= RATING_SCALE.index("BBB-"):
                    quality = "A_PLUS_TO_BBB_MINUS"
                if name in ("AAA", "AA+", "AA", "AA-"):
                    quality = "AAA_TO_AA_MINUS"
            assert quality == security["credit_quality"], security

    def test_holdings_are_free_where_their_deal_is(self, bank: Bank) -> None:
        held = {h["deal_id"]: h for h in bank["holdings"]}
        deals = [d for d in bank["deals"] if d["product_type"] == "SECURITY"]
        assert held.keys() == {d["deal_id"] for d in deals}
        for deal in deals:
            holding = held[deal["deal_id"]]
            free = (
                Decimal(holding["encumbered_quantity"]) == 0
                and not holding["pool_id"]
                and holding["operational_ok"] == "true"
            )
            assert free == (deal["eligible"] == "true")
        pools = {p["pool_id"]: p["entity_id"] for p in bank["pledged_pools"]}
        entity = {d["deal_id"]: d["entity_id"] for d in deals}
        for deal_id, holding in held.items():
            assert pools.get(holding["pool_id"], entity[deal_id]) == entity[deal_id]

    def test_terms_of_deposits_and_schemes_agree_with_the_deals(self, bank: Bank) -> None:
        terms = {t["deal_id"]: t for t in bank["deposit_terms"]}
        sector = {c["counterparty_id"]: c["sector"] for c in bank["counterparties"]}
        scheme = {s["entity_id"]: s for s in bank["deposit_schemes"]}
        assert {Decimal(s["insured_limit"]) for s in scheme.values()} == {Decimal(100_000)}
        deposits = [d for d in bank["deals"] if d["product_type"] == "DEPOSIT"]
        assert terms.keys() == {d["deal_id"] for d in deposits}
        notice = 0
        for deal in deposits:
            term = terms[deal["deal_id"]]
            insured = deal["insurable"] == "true" and deal["entity_id"] in scheme
            assert term["scheme_id"] == (scheme[deal["entity_id"]]["scheme_id"] if insured else "")
            free = term["withdrawal_right"] == "true" and term["material_penalty"] == "false"
            open_end = not deal["maturity_date"] or term["notice_days"]
            retail = sector[deal["counterparty_id"]] in ("RETAIL", "SMALL_BUSINESS")
            assert free == (deal["locked_in"] == "false" if retail else bool(open_end))
            assert Decimal(term["accrued_interest"]) <= Decimal(deal["amount"])
            if term["notice_days"]:
                notice += 1
                due = DAYS[0] + timedelta(days=int(term["notice_days"]))
                assert deal["maturity_date"] == str(due)
        assert notice

    def test_holders_lines_and_provisions(self, bank: Bank) -> None:
        holder = {a["account_id"]: a["counterparty_id"] for a in bank["accounts"]}
        joint: dict[str, list[Row]] = defaultdict(list)
        for row in bank["account_holders"]:
            joint[row["account_id"]].append(row)
        assert len(joint) > 20
        for account, rows in joint.items():
            assert len({r["counterparty_id"] for r in rows}) == 2
            assert holder[account] in {r["counterparty_id"] for r in rows}
            assert [r["share"] for r in rows] == ["", ""] or sum(
                Decimal(r["share"]) for r in rows
            ) == 1
        deals = {d["deal_id"]: d for d in bank["deals"]}
        for line in bank["facilities"]:
            assert line["drawn"] == deals[line["drawn_deal_id"]]["amount"]
            parts = Decimal(line["drawn"]) + Decimal(line["undrawn"])
            assert Decimal(line["facility_limit"]) == parts
        set_aside = amounts(bank["provisions"], "amount", "deal_id")
        for loan in bank["loans"]:
            deal = deals[loan["deal_id"]]
            net = Decimal(loan["carrying_value"]) + set_aside.get((loan["deal_id"],), Decimal(0))
            assert net == Decimal(deal["amount"])
            assert (Decimal(loan["arrears"]) > 0) == (deal["days_past_due"] != "0")
        assert len(bank["loans"]) == sum(d["product_type"] == "LOAN" for d in deals.values())

    def test_margin_follows_what_a_netting_set_is_worth(self, bank: Bank) -> None:
        worth = amounts(bank["derivatives"], "market_value", "netting_set_id")
        margin = [m for m in bank["margin_balances"] if m["kind"] == "VARIATION"]
        assert margin
        for row in margin:
            value = worth[row["netting_set_id"],]
            assert (row["direction"] == "RECEIVED") == (value > 0)
            assert 0 <= abs(value) - Decimal(row["amount"]) <= abs(value) / 20 + Decimal("0.01")
        trades = {t["trade_id"]: t for t in bank["derivatives"]}
        for flow in bank["derivative_flows"]:
            assert str(DAYS[0]) < flow["due_date"] <= trades[flow["trade_id"]]["maturity_date"]

    def test_past_collateral_flows_stay_and_reach_back_24_months(self, folder: Path) -> None:
        first, second = (bank_of(folder / str(d))["collateral_flows"] for d in DAYS)
        days = sorted({date.fromisoformat(f["flow_date"]) for f in first})
        assert days[0] <= DAYS[0] - timedelta(days=derivatives.MONTHS_24 - 7)
        assert days[-1] >= DAYS[0] - timedelta(days=7)
        assert {d.weekday() for d in days} == {2}
        assert [f for f in second if f["flow_date"] <= str(DAYS[0])] == [
            f for f in first if f in second
        ]

    def test_capital_is_that_of_a_sound_bank(self, bank: Bank) -> None:
        def of(name: str, what: str, scope: str) -> dict[str, Decimal]:
            return {r[what]: Decimal(r["amount"]) for r in bank[name] if r["scope"] == scope}

        for scope in ("BANK_DE", "BANK_FR", "GROUP"):
            funds, risks = of("own_funds", "component", scope), of("other_rwa", "kind", scope)
            deducted = funds["CET1_INTANGIBLES"] + funds["CET1_DEFERRED_TAX"]
            held = sum(
                funds[c]
                for c in ("COMMON_SHARES", "SHARE_PREMIUM", "RETAINED_EARNINGS",
                          "OTHER_COMPREHENSIVE_INCOME", "OTHER_RESERVES")
            )  # fmt: skip
            other = sum(a for k, a in risks.items() if not k.startswith("LEVERAGE"))
            # Operational risk is 11 % of credit risk, by which both are sized.
            credit = risks["OPERATIONAL_RISK"] * 100 / 11
            assert Decimal("0.12") < (held - deducted) / (credit + other) < Decimal("0.18")
        issued = amounts(bank["own_debt"], "outstanding", "entity_id", "ranking")
        assert (
            issued["BANK_DE", "TIER_2"] == of("own_funds", "component", "BANK_DE")["T2_INSTRUMENTS"]
        )

    def test_the_size_of_the_pieces_does_not_matter(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        generator._book.cache_clear()
        monkeypatch.setattr(book, "CHUNK", 211)
        for module in ("customers", "derivatives", "secured"):
            monkeypatch.setattr(f"regulatory_assets.bank.details.{module}.CHUNK", 4)
        generate(tmp_path, DEALS, DAYS[:1], SEED, tables=DETAILS)
        generator._book.cache_clear()
        for table in DETAILS:
            name = f"{DAYS[0]}/{table.name}.csv"
            assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.fixture(scope="module")
def taken(_desk: Desk) -> Desk:
    """A small bank with all its tables in the ledgers."""
    _desk.next_day()
    day = _desk.day
    generate(_desk.deliveries, 800, [day], SEED, totals=True)
    for table in GENERATED:
        ingest_table(_desk.runner, _desk.deliveries, table, day)
    return _desk


def _post(desk: Desk, last: Revision, posting: str) -> None:
    """Register a posting that takes one row back and books one."""
    after = replace(last, revision=last.revision + 1, posting=posting, booked=1, reversed=1)
    desk.runner.register.commit([after])


class TestDelivered:
    @pytest.fixture(scope="class")
    def day(self, taken: Desk) -> date:
        return taken.day

    def examination(self, taken: Desk, day: date) -> Examination:
        runner = taken.runner
        return Examination(runner.positions(day), runner.reader, runner.register)

    def answers(
        self, taken: Desk, day: date, table: str, without: Sequence[str] = ("schema", "ledger")
    ) -> dict[str, Result]:
        """What each check of a table says; those that any table has are tested elsewhere."""
        where = self.examination(taken, day)
        found = [c for c in all_checks(taken.runner.graph) if c.table.name == table]
        checks = [c for c in found if c.name not in without]
        return {c.name: c.examine(where, 0) for c in checks}

    def test_every_row_arrives_as_it_was_delivered(self, taken: Desk, day: date) -> None:
        for table in DETAILS:
            version = Version.registered(taken.runner.register, table, day)
            stored = taken.runner.reader.rows(version).select(*table.column_names).toArrow()
            expected = read(taken.deliveries / str(day) / f"{table.name}.csv")
            assert stored.num_rows == len(expected) > 0, table.name
            kinds = {c.name: c.type for c in table.columns}

            def plain(row: Mapping[str, object], kinds: Mapping[str, ColumnType]) -> list[object]:
                shown: list[object] = []
                for name, kind in kinds.items():
                    value = row[name]
                    if value in (None, ""):
                        shown.append("")
                    elif kind in (ColumnType.MONEY, ColumnType.RATE):
                        shown.append(str(Decimal(str(value)).normalize()))
                    else:
                        shown.append(str(value).lower())
                return shown

            key = [[plain(r, kinds) for r in rows] for rows in (stored.to_pylist(), expected)]
            assert sorted(key[0]) == sorted(key[1]), table.name

    def test_control_totals_speak_of_every_table(self, taken: Desk, day: date) -> None:
        """They were compared when the tables were taken, each with its rows and its amounts."""
        totals = {t.table: t for t in control_totals(taken.deliveries, day, GENERATED)}
        assert totals.keys() == {t.name for t in GENERATED}
        for name, amount in (("deals", "amount"), ("cash_flows", "principal")):
            rows = read(taken.deliveries / str(day) / f"{name}.csv")
            assert (totals[name].rows, totals[name].sum_column) == (len(rows), amount)
            assert totals[name].total == sum(Decimal(r[amount]) for r in rows)
        assert totals["securities"].sum_column is None

    def test_every_check_passes(self, taken: Desk, day: date) -> None:
        said = {
            (t.name, name): r.said
            for t in DETAILS
            for name, r in self.answers(taken, day, t.name).items()
            if not r.passed
        }
        assert not said
        names = {(t.left.table.name, t.name) for t in ties()}
        assert {(t, n) for t, n in names if n not in self.answers(taken, day, t)} == set()

    @pytest.mark.parametrize(
        ("table", "column", "value", "failing"),
        [
            ("general_ledger", "balance", "balance + 1.01", {"deals"}),
            ("cash_flows", "principal", "principal + 0.01", {"principal"}),
            ("cash_flows", "principal", "0", {"principal"}),
            ("cash_flows", "deal_id", "'NOBODY'", {"deals_of_deal_id", "principal"}),
            ("financing_legs", "value", "value + 0.01", {"cash"}),
            ("collateral_pieces", "market_value", "market_value - 0.01", {"pieces"}),
            ("collateral_pieces", "security_id", "'NOBODY'", {"securities_of_security_id"}),
            ("facilities", "drawn", "drawn + 0.01", {"drawn", "limit"}),
            ("account_holders", "share", "0.95", {"shares"}),
            ("deals", "operational_amount", "amount + 0.01", {"operational"}),
            ("own_funds", "scope", "'NOBODY'", {"scopes"}),
            ("loans", "collateral_type", "'NOTHING'", {"schema"}),
            ("derivatives", "netting_set_id", "'NOBODY'", {"netting_sets_of_netting_set_id"}),
            (
                "customer_groups",
                "counterparty_id",
                "'NOBODY'",
                {"counterparties_of_counterparty_id"},
            ),
        ],
    )
    def test_a_tampered_row_is_found(
        self, taken: Desk, day: date, table: str, column: str, value: str, failing: set[str]
    ) -> None:
        runner = taken.runner
        definition = taken.table(table)
        version = Version.registered(runner.register, definition, day)
        given = F.col(column).isNotNull() if column != "share" else F.lit(True)
        row = runner.reader.rows(version).where(given).orderBy(*definition.key).limit(1)
        changed = row.withColumn(column, F.expr(value))
        entries = frames.union([frames.negative(row), changed])
        posting = new_posting()
        runner.lake.append(definition, day, posting, entries.select("entry", *definition.content))
        chain = version.chain
        _post(taken, chain[-1], posting)
        try:
            without = () if "schema" in failing else ("schema", "ledger")
            said = self.answers(taken, day, table, without)
        finally:
            back = new_posting()
            undone = frames.union([frames.negative(changed), row])
            runner.lake.append(definition, day, back, undone.select("entry", *definition.content))
            _post(taken, runner.register.history(table, day)[-1], back)
        assert {name for name, result in said.items() if not result.passed} == failing

    def test_instalments_of_interest_alone_repay_nothing(self, desk: Desk) -> None:
        """Of no deal that is left with another one, be it of a cent."""
        deals, flows = (",".join(desk.table(n).column_names) for n in ("deals", "cash_flows"))
        deal = ",E,,,DEPOSIT,EUR,5,,,,,false,false,false,false,0\n"
        desk.deliver("deals.csv", f"{deals}\nA{deal}B{deal}")
        paid = "{0},1,2020-03-01,,0,1\n{0},2,2020-04-01,,{1},1\n"
        desk.deliver("cash_flows.csv", f"{flows}\n{paid.format('A', 0)}{paid.format('B', 0.01)}")
        for name in ("deals", "cash_flows"):
            assert [t.delivery.rejected for t in desk.take(name)] == [0]
        told = self.answers(desk, desk.day, "cash_flows")["principal"]
        assert not told.passed
        assert told.facts["offending"] == 1
        assert "B" in told.said

    def test_an_undelivered_table_is_no_fault(self, desk: Desk) -> None:
        generate(desk.deliveries, 800, [desk.day], SEED)
        asked = ("general_ledger", "collateral_pieces", "derivatives", "margin_balances")
        for table in GENERATED:
            if table.name in (*asked, "entities"):
                ingest_table(desk.runner, desk.deliveries, table, desk.day)
        day, said = desk.day, {}
        for name in asked:
            said |= {(name, n): r for n, r in self.answers(desk, day, name).items()}
        assert said["general_ledger", "deals"].said == "deals was not delivered"
        facts = {"tolerance": "1.00", "severity": "warns"}
        assert said["general_ledger", "deals"].facts == facts
        assert said["collateral_pieces", "pieces"].said == "financing_legs was not delivered"
        unset = said["derivatives", "netting_sets_of_netting_set_id"]
        assert (unset.passed, unset.said) == (True, "netting_sets was not delivered")
        sets = said["derivatives", "sets"]
        assert not sets.passed, "each trade by itself: more than the set pays, and receives"
        assert "netting_sets was not delivered: each trade is netted by itself" in sets.said
        assert not said["derivatives", "counterparties_of_counterparty_id"].passed
        # But where what was delivered is in no figure without it, that is told.
        alone = said["margin_balances", "with_netting_sets"]
        assert not alone.passed
        assert alone.said.startswith("netting_sets was not delivered, so the LCR has no outflow")

    def test_what_was_delivered_the_day_before_is_missed(self, desk: Desk) -> None:
        """Of every table that may be missing: the figures are other ones without it, and nothing
        else says so. A header says that there is none any more."""
        entities = ",".join(desk.table("entities").column_names)
        heads = {n: ",".join(desk.table(n).column_names) for n in ("deposit_schemes", "own_debt")}
        desk.next_day()
        # On the second day one is missed; on the third the day before lacked it already.
        for present, missed in ((heads, None), (["own_debt"], True), (["own_debt"], False)):
            before = desk.day
            desk.next_day()
            desk.deliver("entities.csv", f"{entities}\nE,E,,basel,EUR\n")
            for name in present:
                desk.deliver(f"{name}.csv", f"{heads[name]}\n")
            for name in ("entities", *present):
                desk.take(name)
            told = delivered_before.examine(self.examination(desk, desk.day), 0)
            assert missed is None or told.passed != missed
            if missed:
                missing = f"deposit_schemes was delivered on {before} and not today"
                assert told.said.startswith(missing)


def test_details_conform_on_spark_as_on_sail(
    sail: Engine, spark: Engine, folder: Path, tmp_path: Path
) -> None:
    """A few rows, and each of their values once missing, once wrong, once beyond."""
    day = DAYS[0]
    for name in ("security_ratings", "cash_flows", "netting_sets", "facilities", "own_funds"):
        (table,) = (t for t in DETAILS if t.name == name)
        path = tmp_path / f"{name}.csv"
        head, *lines = (folder / str(day) / path.name).read_text().splitlines()[:6]
        values = lines[0].split(",")
        for place in range(len(values)):
            for wrong in ("", "?", "-99999999999999999999999.123456789", "2026-02-30"):
                lines.append(",".join([*values[:place], wrong, *values[place + 1 :]]))
        path.write_text("\n".join([head, *lines, ""]))
        kept = stage(DeliveredFile(path, day, standard(table, "full")), tmp_path / "raw")
        found = []
        for engine in (sail, spark):
            raw = engine.session.read.parquet(str(kept.path))
            rows = conform(raw, kept.columns, kept.mapping, day).toArrow().to_pylist()
            found.append(sorted(rows, key=lambda row: row[LINE]))
        assert found[0] == found[1], name
        refused = [row for row in found[0] if row[REASONS]]
        assert len(values) <= len(refused) < len(lines), name


def test_every_kind_of_dirty_row_is_rejected(desk: Desk) -> None:
    """And costs no other row, but the one whose key it repeats."""
    generate(desk.deliveries, 800, [desk.day], SEED, Decimal("0.01875"), tables=[DEALS_TABLE],
             totals=True)  # fmt: skip
    (taken,) = ingest_table(desk.runner, desk.deliveries, DEALS_TABLE, desk.day)
    (counted,) = control_totals(desk.deliveries, desk.day, GENERATED)
    assert (counted.rows, counted.sum_column) == (815, None)
    assert len(dirty.KINDS) == 15
    assert (taken.delivery.delivered, taken.delivery.rejected) == (815, 16)
    lines = (desk.here / "deals.csv").read_text().splitlines()
    reasons = {n: reason for n, (reason, _) in desk.rejected().items()}
    known = [reasons[n + 1] for n, line in enumerate(lines) if line.startswith("X")]
    assert len(known) == 14
    for said, column in zip(known, BROKEN, strict=True):
        assert column in said, (said, column)


BROKEN = (
    "amount", "maturity_date", "product_type", "entity_id", "fields", "amount", "fields",
    "insurable", "amount", "maturity_date", "product_type", "amount", "collateral_value",
    "days_past_due",
)  # fmt: skip
"""What the reasons name, in the order of the kinds; a repeated key has no line of its own."""


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("table: cash_flows", "table: cash", "table cash is unknown"),
        ("sum: principal", "sum: amount", "column amount is unknown"),
        ('"1.00"', "1.00", "must be a quoted string"),
        ("among: {asset: [CASH]}", "among: {asset: [GOLD]}", "code GOLD is unknown"),
        ("among: {asset: [CASH]}", "among: {assets: [CASH]}", "has no column assets"),
        ("both: false", "either: false", "the key either is unknown"),
        ("zero: false", "zero: no", "true or false is needed"),
    ],
)
def test_a_tie_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = TIES.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "ties.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ParameterError, match=problem):
        ties_of(path)
