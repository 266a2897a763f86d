"""The bank that is kept in ``data/``: made by its command, small, sound, and whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql.connect import functions as F
from typer.testing import CliRunner

from regulatory_assets.bank import kinds, sample
from regulatory_assets.bank.delivery import CONTROL_TOTALS
from regulatory_assets.bank.ecb import ecb_rate
from regulatory_assets.cli import app
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import StageKind
from regulatory_assets.ledger.table import Table
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination
from regulatory_assets_tests.bank import small_nsfr, small_positions
from regulatory_assets_tests.bank.small_bank import DAYS
from regulatory_assets_tests.bank.small_lcr import read, scopes, text_of
from regulatory_assets_tests.bank.test_generator import WRITTEN, by_id, bytes_of
from regulatory_assets_tests.orchestration.homes import ROOT
from regulatory_assets_tests.reports.delivered import deliver, rows

DATA = ROOT / "data"


def test_every_byte_of_its_days_is_from_the_command(tmp_path: Path) -> None:
    command, made = tmp_path / "command", tmp_path / "made"
    ran = CliRunner().invoke(app, [*sample.COMMAND, "--out", str(command)])
    assert ran.exit_code == 0, ran.output
    sample.write_sample(made)
    kept = {name: b for name, b in bytes_of(DATA).items() if not name.startswith("berka/")}
    assert bytes_of(made) == kept
    days = {name: b for name, b in kept.items() if not name.startswith("corrections/")}
    assert bytes_of(command) == days
    files = {CONTROL_TOTALS, *(f"{table.name}.csv" for table in WRITTEN)}
    assert {name.removesuffix(".gz") for name in days} == {
        f"{day}/{name}" for day in DAYS for name in files
    }
    options = f"regulatory-assets {' '.join(sample.COMMAND)} --out data"
    assert options in (DATA / "README.md").read_text(encoding="utf-8")


def test_it_is_small() -> None:
    assert sum(p.stat().st_size for p in DATA.rglob("*") if p.is_file()) < 2_000_000


def test_the_first_day_holds_seven_dirty_lines_of_different_kinds() -> None:
    lines = text_of(DATA / str(DAYS[0]) / "deals.csv").splitlines()
    assert len(lines) == 1 + sample.DEALS + 7
    assert len([line for line in lines if line.startswith("X")]) == 6
    ids = Counter(line.split(",")[0] for line in lines)
    assert [n for n in ids.values() if n > 1] == [2]
    for later in DAYS[1:]:
        deals = read(DATA / later.isoformat() / "deals.csv")
        assert len(by_id(deals)) == len(deals) == sample.DEALS


def test_its_rates_are_those_of_the_central_bank() -> None:
    for day in DAYS:
        for row in read(DATA / str(day) / "fx_rates.csv"):
            own = row["currency"] == kinds.REPORTING_CURRENCY
            assert Decimal(row["rate"]) == (1 if own else ecb_rate(row["currency"], day))


def test_the_correction_changes_one_large_retail_deposit() -> None:
    day = DAYS[-1].isoformat()
    (change,) = read(DATA / "corrections" / day / "deals.delta-001.csv")
    parties = {p["counterparty_id"]: p for p in read(DATA / day / "counterparties.csv")}
    retail = {
        n: d
        for n, d in by_id(read(DATA / day / "deals.csv")).items()
        if d["product_type"] == "DEPOSIT"
        and d["currency"] == "EUR"
        and parties[d["counterparty_id"]]["sector"] == "RETAIL"
    }
    largest = max(retail.values(), key=lambda d: Decimal(d["amount"]))
    assert change.pop("_operation") == "upsert"
    assert Decimal(change["amount"]) - Decimal(largest["amount"]) == sample.CORRECTION_ADDS
    assert change == largest | {"amount": change["amount"]}


@pytest.mark.parametrize("day", DAYS)
def test_ratios_are_those_of_a_sound_bank(day: date) -> None:
    found = scopes(DATA / day.isoformat(), lambda d: not d["deal_id"].startswith("X"))
    assert set(found) == {*kinds.ENTITIES, kinds.GROUP}
    assert all(Decimal("1.2") < s.ratio < Decimal("1.8") for s in found.values())


@pytest.mark.parametrize("day", DAYS)
def test_its_long_loans_are_funded_for_long(day: date) -> None:
    assert Decimal("1.05") < small_nsfr.ratio(DATA / day.isoformat()) < Decimal("1.3")


@pytest.mark.timeout(300)
def test_a_day_goes_through_every_table_and_no_blocking_check_fails(
    sail: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The first day, whose dirty lines cost one whole deal: what names it elsewhere only warns."""
    runner = deliver(tmp_path_factory.mktemp("sample"), DATA, DAYS[0], sail)
    outcomes = {o.table: o for o in runner.run_day(DAYS[0], "test")}
    day = Examination(runner.positions(DAYS[0]), runner.reader, runner.register)
    delivered = {t.name for t in runner.graph.sources if runner.register.latest(t.name, DAYS[0])}
    assert delivered == {t.name for t in WRITTEN}
    assert set(outcomes) == {s.name for s in runner.graph.stages}
    failed = {
        (c.table.name, c.name): c.blocking
        for c in all_checks(runner.graph)
        if not c.examine(day, 0).passed
    }
    lost = ("deposit_terms", "deals_of_deal_id"), ("general_ledger", "deals")
    assert failed == dict.fromkeys(lost, False)
    of_scope = {row["scope"]: row["ratio"] for row in rows(runner, "lcr", DAYS[0])}
    assert set(of_scope) == {*kinds.ENTITIES, kinds.GROUP}
    assert all(Decimal("1.2") < ratio < Decimal("1.8") for ratio in of_scope.values()), of_scope
    for name, expected in small_positions.flows(DATA / DAYS[0].isoformat()).items():
        taken = rows(runner, name, DAYS[0])
        for component, amount in zip(("outflow", "inflow"), expected, strict=True):
            weighted = [row["weighted"] for row in taken if row["component"] == component]
            # The package rounds the worth of each in reporting currency.
            assert abs(sum(weighted, Decimal(0)) - amount) < Decimal("0.00001"), name
    slow = [(t.name, by) for t, by in _asked(runner.graph) if not _tells_most(runner, t, by)]
    assert not slow, "to be found by the column that tells most rows apart (Table.selective)"


def _asked(graph: Graph) -> Iterator[tuple[Table, tuple[str, ...]]]:
    """Columns by which stages look for rows of tables, where these are several."""
    asked = {(table, table.key) for table in graph.tables.values() if not table.bounded}
    for stage in graph.stages:
        groups = () if stage.kind is StageKind.AGGREGATE else stage.by
        own = (groups, *(lookup.by for lookup in stage.lookups))
        asked |= {(stage.reads, by) for by in own if {*by} <= {*stage.reads.column_names}}
    yield from ((table, columns) for table, columns in asked if len(columns) > 1)


def _tells_most(runner: Runner, table: Table, columns: tuple[str, ...]) -> bool:
    """Whether no other of the columns has more than twice as many values on the day."""
    version = runner.positions(DAYS[0]).version(table.name)
    values = (F.countDistinct(column).alias(column) for column in columns)
    (counted,) = runner.reader.rows(version).agg(*values).collect()
    return max(counted) <= 2 * counted[table.most_selective(columns)]
