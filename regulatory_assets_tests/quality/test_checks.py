"""Every derived check passes on the small bank and fails when its table is tampered with."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.adjustments.book import stage_name
from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.files import load
from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.bank.generator import generate
from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.bank.tables import COUNTERPARTIES
from regulatory_assets.bank.tables.customers import COUNTERPARTY_DETAILS
from regulatory_assets.bank.tables.securities import SECURITY_TERMS
from regulatory_assets.bank.tables.structure import ENTITY_STRUCTURE
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.lake import new_posting
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.quality.checks import against_rows, all_checks
from regulatory_assets.quality.examination import Examination, Result
from regulatory_assets.runtime import open_runtime, production_graph
from regulatory_assets.settings import Settings
from regulatory_assets_tests.bank import small_bank
from regulatory_assets_tests.bank.small_bank import DAYS, delivered

DAY = DAYS[0]


@pytest.fixture(scope="module")
def calculated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("checks")
    runtime = open_runtime(Settings(var=folder / "var"))
    runner = runtime.runner("checks")
    deliveries = folder / "deliveries"
    shutil.copytree(delivered(DAY), deliveries / str(DAY))
    details = (SECURITY_TERMS, COUNTERPARTY_DETAILS, ENTITY_STRUCTURE)
    generate(deliveries, small_bank.DEALS, [DAY], small_bank.SEED, tables=details)
    with (deliveries / str(DAY) / "fx_rates.csv").open("a") as rates:
        rates.write("XXX,nothing\n")
    for table in runtime.graph.sources:
        ingest_table(runner, deliveries, table, DAY)
    runner.run_day(DAY, "checks")
    return folder / "var"


@pytest.fixture
def runner(calculated: Path, tmp_path: Path) -> Runner:
    shutil.copytree(calculated, tmp_path / "var")
    return open_runtime(Settings(var=tmp_path / "var")).runner("tampering")


def _answers(runner: Runner, table: str, since: int = 0) -> dict[str, Result]:
    day = Examination(runner.positions(DAY), runner.reader, runner.register)
    checks = [c for c in all_checks(runner.graph) if c.table.name == table]
    return {c.name: c.examine(day, since) for c in checks}


def _failed(runner: Runner, table: str, since: int = 0) -> set[str]:
    return {name for name, r in _answers(runner, table, since).items() if not r.passed}


def _tamper(
    runner: Runner,
    name: str,
    column: str,
    value: Column,
    miscount: int = 0,
    among: Column | None = None,
) -> None:
    """Register a revision that changes one column of one row, as a broken stage might."""
    table = runner.graph.tables[name]
    version = Version.registered(runner.register, table, DAY)
    wanted = F.col("weighted") != 0 if "weighted" in table.column_names else F.lit(True)
    wanted = wanted if among is None else among
    row = runner.reader.rows(version).where(wanted).orderBy(*table.key).limit(1)
    entries = frames.union([frames.negative(row), row.withColumn(column, value)])
    _post(runner, version, entries, 1 + miscount, 1)


def _post(runner: Runner, version: Version, entries: DataFrame, booked: int, back: int) -> None:
    table, posting, last = version.table, new_posting(), version.chain[-1]
    runner.lake.append(table, DAY, posting, entries.select("entry", *table.content))
    told = {"posting": posting, "booked": booked, "reversed": back}
    runner.register.commit([replace(last, revision=last.revision + 1, **told)])


def test_the_sample_passes_every_check_but_the_rejected_line(runner: Runner) -> None:
    there = [t for t in runner.graph.tables if runner.register.history(t, DAY)]
    failed = {(t, name) for t in there for name in _failed(runner, t)}
    assert failed == {("fx_rates", "rejected_share")}
    assert "1 of" in _answers(runner, "fx_rates")["rejected_share"].said


@pytest.mark.parametrize(
    ("table", "column", "value", "failing"),
    [
        ("lcr_lines", "weighted", "weighted + 0.00000001", {"sums"}),
        ("lcr_lines", "n", "n + 1L", {"sums"}),
        ("lcr_lines", "entity_id", "'NOBODY'", {"sums"}),
        ("lcr", "hqla", "hqla + 0.00000001", {"ties"}),
        ("scopes", "country_currency", "CAST(NULL AS STRING)", {"countries"}),
        ("lcr", "outflows", "outflows + 0.00000001", {"ties"}),
        ("deals", "currency", "'XXX'", {"rates_of_day_of_currency"}),
        ("deals", "entity_id", "'XXX'", {"entities_of_entity_id"}),
        ("deals", "counterparty_id", "'XXX'", {"counterparties_of_counterparty_id"}),
        ("deals", "security_id", "'XXX'", {"securities_of_security_id"}),
        ("deals", "product_type", "'XXX'", {"schema"}),
        ("deals", "days_past_due", "-1", {"schema"}),
        ("accounts", "branch_id", "'XXX'", {"branches_of_branch_id"}),
        ("account_transactions", "account_id", "'XXX'", {"accounts_of_account_id"}),
        ("account_transactions", "booking_date", "DATE '2026-01-06'", {"booked"}),
        ("aml_customer_transactions", "amount", "amount + 0.00000001", {"ties"}),
        ("aml_customer_days", "debited", "debited + 0.00000001", {"ties"}),
        ("aml_customer_days", "transactions", "transactions + 1L", {"ties"}),
        ("aml_customer_days", "risk_band", "'NOT_ASSESSED'", {"assessed"}),
        ("aml_customer_days", "threshold", "CAST(NULL AS DECIMAL(28,8))", {"schema"}),
        ("branch_deals", "account_known", "false", {"accounts"}),
        ("branch_positions", "loans", "loans + 0.00000001", {"sums"}),
        ("branch_summary_report", "other", "other + 0.00000001", {"ties"}),
        ("branch_summary_report", "accounts", "accounts + 1L", {"ties"}),
        ("branch_summary_report", "entity_id", "'XXX'", {"ties"}),
    ],
)
def test_a_tampered_row_is_found(
    runner: Runner, table: str, column: str, value: str, failing: set[str]
) -> None:
    before = runner.register.history(table, DAY)[-1].revision
    _tamper(runner, table, column, F.expr(value))
    assert _failed(runner, table) == failing
    assert _failed(runner, table, since=before) == failing, "also when only changes are looked at"


@pytest.mark.parametrize(
    ("column", "value"), [("line", "'unclassified'"), ("factor", "CAST(NULL AS DECIMAL(12,8))")]
)
def test_a_part_without_a_line_or_factor_is_found_until_a_rule_takes_it_back(
    runner: Runner, column: str, value: str
) -> None:
    """A rule on the deal has contras among the parts, beside the row that it does away with."""
    assert _failed(runner, "lcr_lines") == set()
    _tamper(runner, "lcr_flows", column, F.expr(value))
    assert _failed(runner, "lcr_lines") == {"classified"}
    version = Version.registered(runner.register, runner.graph.tables["lcr_flows"], DAY)
    wrong = F.col("factor").isNull() | (F.col("line") == "unclassified")
    of_rule = {"layer": F.lit("adjustment"), "sign": F.lit(-1), "rule_id": F.lit("R-1")}
    contra = runner.reader.rows(version).where(wrong).withColumns(of_rule)
    _post(runner, version, contra, 1, 0)
    assert _failed(runner, "lcr_lines") == set()


def test_what_a_check_reads_moves_in_the_run_of_its_table() -> None:
    """Else a run would leave it unasked about what has moved, and the next one ask in vain."""
    graph = production_graph()
    writers = {stage.name: stage for stage in graph.stages}
    elsewhere = {
        (check.table.name, check.name, read.name)
        for check in all_checks(graph)
        for read in check.reads
        if read.name in writers and read != check.table
        if check.table.name not in writers
        or read.name not in graph.ancestors(writers[check.table.name])
    }
    # Entities move everything that is reported; rates of another day are followed by a whole day.
    of_rates = {each for each in elsewhere if each[2] == "rates_of_day"}
    assert elsewhere - of_rates == {("line_adjustments", "places", "adjustment_entities")}
    sources = {table.name for table in graph.sources}
    assert {table for table, _, _ in of_rates} <= sources


def test_a_solo_line_that_is_not_the_entitys_line_is_found(runner: Runner) -> None:
    table = runner.graph.tables["lcr_scope_lines"]
    _tamper(runner, table.name, "consolidation", F.lit("solo"))
    _tamper(runner, table.name, "weighted", F.expr("weighted + 0.00000001"))
    assert "solo_ties" in _failed(runner, table.name)


def test_countries_that_decide_and_are_not_known_are_told_with_their_number(runner: Runner) -> None:
    """Of sovereigns above 0 % that somebody holds, of central banks that somebody has repos with,
    and of these entities; of no others."""

    def said(table: str = "lcr_flows") -> Result:
        return _answers(runner, table)["countries"]

    deals = runner.graph.tables["deals"]
    version = Version.registered(runner.register, deals, DAY)
    named = runner.reader.rows(version).where(F.col("security_id").isNotNull())
    used = sorted({r["security_id"] for r in named.select("security_id").toArrow().to_pylist()})
    above_0 = F.col("sovereign").isNotNull()
    _tamper(runner, "security_grades", "sovereign", F.lit("XX EUR"),
            among=above_0 & ~F.col("security_id").isin(*used))  # fmt: skip
    assert said().passed, said().said
    held = above_0 & F.col("security_id").isin(*used)
    for sovereign in (F.lit("XX EUR"), F.lit(None).cast("string")):
        _tamper(runner, "security_grades", "sovereign", sovereign,
                among=held & (F.col("sovereign") != "XX EUR"))  # fmt: skip
    told = said()
    assert told.facts["offending"] == 2
    assert "2 sovereigns above 0 %" in told.said
    assert "(XX)" in told.said
    assert "(not told)" in told.said
    assert "entity_structure" not in told.said
    _tamper(runner, "entity_scopes", "at_home", F.lit("DE EUR/ "))
    assert said().facts["offending"] == 3
    assert "1 entities that hold" in said().said
    repos = runner.reader.rows(version).where(F.col("product_type") == "REPO")
    partners = {r["counterparty_id"] for r in repos.select("counterparty_id").toArrow().to_pylist()}
    asked = F.col("counterparty_id").isin(*sorted(partners))
    not_told = F.lit(None).cast("string")
    _tamper(runner, "public_counterparties", "country", not_told, among=~asked)
    assert said().facts["offending"] == 3
    _tamper(runner, "public_counterparties", "country", not_told, among=asked)
    assert "1 public counterparties" in said().said
    _tamper(runner, "scopes", "country_currency", F.lit(None).cast("string"))
    assert "1 scopes" in said("scopes").said
    assert "BANK_DE (DE)" in said("scopes").said


def test_a_limit_that_decides_and_has_no_rate_is_found(runner: Runner) -> None:
    """Of who has insurable deposits, or small businesses; the row is BANK_DE's."""
    for limit, table in (("insured", "depositors"), ("small_business", "depositor_sizes")):
        assert _answers(runner, table)["limits"].passed
        _tamper(runner, "entity_limits", limit, F.expr("CAST(NULL AS DECIMAL(28,8))"))
        said = _answers(runner, table)["limits"]
        assert not said.passed
        assert "BANK_DE" in said.said


def test_rates_into_another_currency_than_the_reported_one_are_found(runner: Runner) -> None:
    """Twice the amounts of all figures, and each still names the same currency."""
    assert _answers(runner, "rates_of_day")["own_rate"].passed
    _tamper(runner, "rates_of_day", "rate", F.expr("rate + 1"), among=F.col("currency") == "EUR")
    said = _answers(runner, "rates_of_day")["own_rate"]
    assert not said.passed
    assert "EUR, in which entities report, has the rate 2.00000000; deliver rates" in said.said
    _tamper(runner, "entities", "reporting_currency", F.lit("DKK"))
    assert (
        "DKK, in which entities report, has no rate"
        in _answers(runner, "rates_of_day")["own_rate"].said
    )


def test_books_that_differ_within_the_group_are_found(runner: Runner) -> None:
    """One book holds a hundred more than the other: each pair of entities is asked by itself."""
    assert _answers(runner, "deals")["two_books"].passed
    partners = runner.reader.rows(Version.registered(runner.register, COUNTERPARTIES, DAY))
    within = frames.values(partners.where("partner_entity_id = 'BANK_FR'"))
    parties = [row["counterparty_id"] for row in within]
    of_banks = F.col("counterparty_id").isin(*parties) & (F.col("entity_id") == "BANK_DE")
    lent = of_banks & (F.col("product_type") == "LOAN")
    _tamper(runner, "deals", "amount", F.expr("amount + 100"), among=lent)
    said = _answers(runner, "deals")["two_books"]
    assert said.said.startswith("1 positions within the group differ")
    assert "lender=BANK_DE, borrower=BANK_FR, owed_as=DEPOSIT" in said.said
    assert "lent_more_than_owed=100.00000000" in said.said


def test_a_regime_that_no_file_names_is_found(runner: Runner) -> None:
    """As delivered, asked of every entity; where a rule says it, before the rule is approved."""
    assert _answers(runner, "entities")["regimes"].passed
    stage = runner.graph.stage("entity_adjustments")
    written = {
        "id": "E-1", "stage": "entity", "purpose": "methodology", "effective": str(DAY),
        "conditions": {"field": "entity_id", "op": "=", "value": "BANK_DE"},
        "operations": [{"op": "set", "field": "regime", "value": "basell"}],
        "reason": "a test", "owner": "tests",
    }  # fmt: skip
    ruled = replace(runner, rules=OneRule(parse(written)))
    assert ruled.run_stage(stage, DAY, "test").rows
    (said,) = against_rows(ruled, stage, DAY)
    assert "BANK_DE (basell); end the rule that says it, or " in said
    assert "regimes" in _failed(ruled, stage.name)
    assert _answers(ruled, "entities")["regimes"].passed
    idle = F.col("entity_id") == "BANK_FR"
    _tamper(runner, "entities", "regime", F.lit("basell"), among=idle)
    said = _answers(runner, "entities")["regimes"].said
    assert said.startswith("1 entities follow a regime that no parameter file names, for instance")
    assert "BANK_FR (basell); deliver one of basel, " in said


def test_scopes_that_cannot_be_told_apart_are_found(runner: Runner) -> None:
    """BANK_DE would be twice in GROUP, or others' figures in BANK_FR's own."""
    folder = delivered(DAY)
    lines = (folder / "entities.csv").read_text().splitlines()
    line = next(n for n, text in enumerate(lines, start=1) if text.startswith("BANK_DE,"))
    mine = F.col("entity_id") == "BANK_DE"
    for path, word in (
        ("GROUP/EU/GROUP", "GROUP stands twice"),
        ("GROUP//EU", "a scope has no name"),
        ("GROUP/BANK_DE", "BANK_DE is an entity"),
        ("BANK_FR/EU", "BANK_FR is an entity"),
        ("GROUP/EU", ""),
    ):
        _tamper(runner, "entities", "group_path", F.lit(path), among=mine)
        found = _answers(runner, "entities")["group_paths"]
        assert found.passed == (not word)
        told = (
            f"instance BANK_DE ({path}: {word}, entities.csv line {line}); deliver each scope once"
        )
        assert not word or told in found.said
    stage = runner.graph.stage("entity_adjustments")
    written = {
        "id": "E-1", "stage": "entity", "purpose": "methodology", "effective": str(DAY),
        "conditions": {"field": "entity_id", "op": "=", "value": "BANK_FR"},
        "operations": [{"op": "set", "field": "group_path", "value": "GROUP/EU/EU"}],
        "reason": "a test", "owner": "tests",
    }  # fmt: skip
    ruled = replace(runner, rules=OneRule(parse(written)))
    assert ruled.run_stage(stage, DAY, "test").rows
    (said,) = against_rows(ruled, stage, DAY)
    assert "BANK_FR (GROUP/EU/EU: EU stands twice); end the rule that says it, or " in said


def test_what_names_a_deal_that_a_rule_adds_is_no_fault_of_a_source(runner: Runner) -> None:
    """Its parts stand in the adjustment layer; the deal does not stand before rules."""
    added = F.col("deal_id") == "MAN-R-1-1"
    _tamper(runner, "lcr_flows", "deal_id", F.lit("MAN-R-1-1"))
    assert "deals_of_deal_id" in _failed(runner, "lcr_flows")
    _tamper(runner, "lcr_flows", "layer", F.lit("adjustment"), among=added)
    assert "deals_of_deal_id" not in _failed(runner, "lcr_flows")


def test_rows_that_the_register_does_not_count_are_found(runner: Runner) -> None:
    _tamper(runner, "lcr_flows", "amount", F.col("amount"), miscount=1)
    assert _failed(runner, "lcr_flows") == {"ledger"}


class OneRule:
    """A rule that is in force at its stage on every day, whoever approved it."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def at(self, stage: Stage, day: date) -> CompiledRules:
        mine = stage.name == stage_name(self.rule)
        return CompiledRules(stage, (self.rule,) if mine else (), lambda _: {})


def test_an_inserted_deal_is_checked_like_a_delivered_one(runner: Runner) -> None:
    examples = Path(__file__).parents[2] / "docs" / "how-to" / "rules" / "examples.yaml"
    (written,) = (each.rule for each in load(examples) if each.rule.inserts)
    stage = runner.graph.stage("deal_adjustments")
    for counterparty, failing in (
        ("C0000000004", set()),
        ("nobody", {"after_rules"}),
    ):
        (made,) = written.operations
        values = {**(made.values or {}), "counterparty_id": counterparty}
        rule = written.model_copy(
            update={"operations": (made.model_copy(update={"values": values}),)}
        )
        ruled = replace(runner, rules=OneRule(rule))
        assert ruled.run_stage(stage, DAY, "test").booked == 1
        assert _failed(runner, stage.name) == failing


def test_a_rule_that_moves_the_rate_of_the_reported_currency_is_found(runner: Runner) -> None:
    """Before it is approved, and each day; the rule of another rate is none of these."""
    stage = runner.graph.stage("market_adjustments")
    more = {"op": "multiply", "field": "rate", "value": "1.01"}
    for currency, operation, found in (
        ("EUR", more, "the rate 1.01000000"),
        ("EUR", {"op": "exclude"}, "no rate"),
        ("USD", more, ""),
    ):
        written = {
            "id": "M-1", "stage": "market", "purpose": "methodology", "effective": str(DAY),
            "conditions": {"field": "currency", "op": "=", "value": currency},
            "operations": [operation], "reason": "a test", "owner": "tests",
        }  # fmt: skip
        ruled = replace(runner, rules=OneRule(parse(written)))
        assert ruled.run_stage(stage, DAY, "test").rows
        said = f"EUR, in which entities report, has {found}; end the rule that changes it, or "
        words = [word for word in against_rows(ruled, stage, DAY) if word.startswith(said)]
        assert len(words) == bool(found)
        assert _failed(ruled, stage.name) == ({"own_rate"} if found else set())
        assert _answers(ruled, "rates_of_day")["own_rate"].passed


@pytest.mark.parametrize(
    ("operation", "factor", "said"),
    [
        ({"op": "multiply", "value": "0.95"}, "0.0475", None),
        ({"op": "add", "value": "0.96"}, "1.01", "is more than 1"),
        ({"op": "add", "value": "-0.06"}, "-0.01", "is less than 0"),
    ],
)
def test_a_factor_that_is_no_share_is_found_with_its_rule(
    runner: Runner, operation: dict[str, str], factor: str, said: str | None
) -> None:
    """Stable deposits run off at 5 % (BCBS 238 para 75); nothing runs off twice, or grows."""
    written = {
        "id": "F-1", "stage": "flow", "purpose": "methodology", "effective": str(DAY),
        "conditions": {"field": "line", "op": "=", "value": "retail_stable"},
        "operations": [{"field": "factor", **operation}], "reason": "a test", "owner": "tests",
    }  # fmt: skip
    stage = runner.graph.stage("flow_adjustments")
    ruled = replace(runner, rules=OneRule(parse(written)))
    booked = ruled.run_stage(stage, DAY, "test").booked
    told = against_rows(ruled, stage, DAY)
    if said is None:
        assert booked
        assert not told
        return
    (words,) = told
    assert words.startswith(f"flow_adjustments breaks: factor {said} in {booked // 2} rows")
    assert f"rule_id=F-1, factor={Decimal(factor):.8f}" in words
    assert "schema" in _failed(ruled, stage.name)
