"""The worked examples through the real stages: files in, parts of deals and ratios out."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.rule import SUFFIX, Rule, parse
from regulatory_assets.adjustments.unmoved import beside
from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.frames import ENTRY
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import Way
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.rules import NoRules, RuleSet
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import Cited, Entry, Stage
from regulatory_assets.ledger.table import Table
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination, Result
from regulatory_assets.quality.reports.intragroup import two_books_of_lines, with_itself
from regulatory_assets.quality.reports.lcr import ratio_ties, scopes_reported, unclassified
from regulatory_assets.quality.reports.positions import (
    call_days,
    carried_debt,
    carrying_debt,
    carrying_lines,
    classified_debt,
    classified_facilities,
    counted_once,
    debt_apart,
    lines_apart,
    lines_ended,
    lines_within_limit,
    parties_of_sets,
)
from regulatory_assets.regulation.cases import DealBank
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports.lcr import coverage
from regulatory_assets.reports.lcr.stages import lcr_lines
from regulatory_assets.reports.lcr.tables import LCR_LINES
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.laws import inputs
from regulatory_assets_tests.regulation.moved import entries, moved
from regulatory_assets_tests.reports.following import but, differing, follow, found, standing, whole

EVERY_LINE = "deal_lines"
"""The files of every line and its boundaries, by family, begin with this."""


def _as_one(banks: Sequence[DealBank]) -> DealBank:
    """The banks of some files as one, since each that is run takes its time; what they share is the
    same in all of them, else its key is there twice and nothing is calculated."""
    first = banks[0]
    rows = {
        table: [*{tuple(row.items()): row for b in banks for row in b.rows[table]}.values()]
        for table in first.rows
    }
    cases = tuple(case for bank in banks for case in bank.cases)
    return replace(first, path=first.path.with_stem(EVERY_LINE), rows=rows, cases=cases)


def _is_of_every_line(bank: DealBank) -> bool:
    return bank.path.stem.startswith(EVERY_LINE)


BANKS = (
    *(bank for bank in coverage.cases().banks if not _is_of_every_line(bank)),
    _as_one([bank for bank in coverage.cases().banks if _is_of_every_line(bank)]),
)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _delivered(bank: DealBank, graph: Graph) -> list[Table]:
    return [table for table in graph.sources if not table.optional or bank.rows.get(table.name)]


def _deliver(bank: DealBank, folder: Path) -> None:
    for table in _delivered(bank, production_graph()):
        _write(folder, bank.day, table, bank.rows.get(table.name, ()))
    for day, of_day in bank.earlier.items():
        for name, rows in of_day.items():
            _write(folder, day, production_graph().tables[name], rows)


def _write(folder: Path, day: date, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    (folder / day.isoformat()).mkdir(exist_ok=True)
    with (folder / day.isoformat() / f"{table.name}.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(table.column_names)
        for row in rows:
            writer.writerow([_text(row[c]) for c in table.column_names])


def run_bank(
    bank: DealBank,
    folder: Path,
    engine: Engine,
    calculating: Engine | None = None,
    only: str = "",
) -> Runner:
    """Deliver a bank and calculate its day, perhaps by another engine; all of it, or one table and
    what that is made from."""
    _deliver(bank, folder)
    database = connect(SecretStr(f"sqlite:///{folder / 'control.sqlite'}"))
    migrate(database)
    runner = Runner(
        production_graph(),
        Lake(folder / "lake", engine.session),
        Register(database),
        Parameters.default(),
        engine.identity,
        "cases",
    )
    here = [(bank.day, table) for table in _delivered(bank, runner.graph)]
    here += [(day, runner.graph.tables[n]) for day, of in bank.earlier.items() for n in of]
    for day, table in here:
        (taken,) = ingest_table(runner, folder, table, day)
        assert taken.delivery.rejected == 0, table.name
    if calculating is not None:
        lake = Lake(folder / "lake", calculating.session)
        runner = replace(runner, lake=lake, engine=calculating.identity)
    if not only:
        runner.run_day(bank.day, "cases")
        return runner
    wanted = runner.graph.stage(only)
    needed = {only, *runner.graph.ancestors(wanted)} - runner.positions(bank.day).left_out()
    runner.run_day(bank.day, "cases", needed)
    return runner


def rows_of_day(runner: Runner, name: str, day: date) -> list[Mapping[str, Any]]:
    table = runner.graph.tables[name]
    version = Version.registered(runner.register, table, day)
    rows: list[Mapping[str, Any]] = runner.reader.rows(version).toArrow().to_pylist()
    return rows


@pytest.mark.parametrize("bank", BANKS, ids=lambda bank: bank.path.stem)
def test_every_part_and_ratio_of_the_worked_examples(
    bank: DealBank, tmp_path: Path, sail: Engine
) -> None:
    _compare(bank, run_bank(bank, tmp_path, sail, only="lcr"))


def test_every_line_on_spark(tmp_path: Path, sail: Engine, spark: Engine) -> None:
    """What Spark makes of the tables of the bank with every line, stage by stage, is what Sail has
    made of them. How Spark reads and writes ledgers is looked at in the kernel's tests."""
    bank = _bank(EVERY_LINE)
    runner = run_bank(bank, tmp_path, sail, only="lcr")
    graph, reader = runner.graph, runner.reader
    behind = {"lcr", *graph.ancestors(graph.stage("lcr"))}
    rows = {
        table.name: reader.rows(version).select(ENTRY, *table.content).toArrow()
        for table in graph.tables.values()
        if (version := Version.registered(runner.register, table, bank.day)).live
    }
    made = [s for s in graph.stages if s.name in behind & rows.keys()]
    assert {"lcr_flows", "lcr_lines", "lcr_components", "lcr"} <= {s.name for s in made}
    for stage in made:
        given = {
            t.name: inputs.as_frame(spark, rows.get(t.name, inputs.entries(t, ())))
            for t in stage.inputs
        }
        found = inputs.apply(stage, given, spark, runner.parameters, bank.day)
        by_sail = inputs.rows_of(rows[stage.name])
        assert Counter(inputs.rows_of(found)) == Counter(by_sail), stage.name


@pytest.mark.parametrize("name", ["other_lines", EVERY_LINE])
def test_another_factor_reaches_the_parts_that_use_it(
    name: str, tmp_path: Path, sail: Engine
) -> None:
    """Of any two lines one moves without the other once: followed to the parts that use those that
    moved, the day is what all of it is when calculated with the same factors."""
    bank = _bank(name)
    runner = run_bank(bank, tmp_path, sail, only="lcr_flows")
    stage = runner.graph.stage("lcr_flows")
    every = entries(stage.cites[0], bank.day)
    lines = {line: number for number, line in enumerate(dict.fromkeys(e[1] for e in every))}
    for bit in range(len(lines).bit_length()):
        some = {e for e in every if lines[e[1]] >> bit & 1}
        runner = replace(runner, parameters=moved("lcr/lines", some))
        follow(runner, stage, bank.day)
    if name != EVERY_LINE:  # the bank in which collateral is posted for facilities
        _unwound(runner, stage, bank.day)


def _unwound(runner: Runner, stage: Stage, day: date) -> None:
    """Haircuts take all of what is unwound, and then as much as they do: posted collateral covers
    nothing for a while, so parts go and come back that are on no line that moved. Not every
    facility is found by one of its two parts alone."""
    (cited,) = stage.cites
    nothing = moved("lcr/lines", _haircuts(cited, day), lambda _: Decimal(0))
    for parameters, forgotten in ((nothing, "posted"), (Parameters.default(), "undrawn")):
        runner = replace(runner, parameters=parameters)
        others = but(cited, F.col("part") != forgotten)
        using = differing(runner, stage, day)
        assert using <= found(runner, stage, day)
        assert not using <= found(runner, replace(stage, cites=(others,)), day), forgotten
        follow(runner, stage, day)


def test_another_factor_reaches_pools_where_it_is_a_haircut(tmp_path: Path, sail: Engine) -> None:
    """What stands in pools uses no other factor. A stage that said so of haircuts as well would
    leave old ones standing."""
    bank = _bank("holdings")
    runner = run_bank(bank, tmp_path, sail, only="pooled_holdings")
    stage = runner.graph.stage("pooled_holdings")
    (cited,) = stage.cites
    haircuts = _haircuts(cited, bank.day)
    others = moved("lcr/lines", {*entries(cited, bank.day)} - {*haircuts})
    stood, runner = standing(runner, stage, bank.day), replace(runner, parameters=others)
    (outcome,) = runner.run_day(bank.day, "values", [stage.name])
    assert (outcome.way, outcome.rows) == (Way.EMPTY, 0)
    assert outcome.why.endswith("; none that it uses")
    assert stood == standing(runner, stage, bank.day) == whole(runner, stage, bank.day)
    runner = replace(runner, parameters=moved("lcr/lines", haircuts))
    forgetful = replace(stage, cites=(Cited("lcr/lines"),))
    assert runner.plan(forgetful, bank.day).way is Way.EMPTY
    assert stood != whole(runner, stage, bank.day)
    follow(runner, stage, bank.day)


@dataclass(frozen=True)
class Fixed:
    """The same rules on every day, one at a stage."""

    rules: Mapping[str, Rule]

    def at(self, stage: Stage, day: date) -> RuleSet:
        rule = self.rules.get(stage.name.removesuffix(SUFFIX))
        return CompiledRules(stage, (rule,), lambda _: {}) if rule else NoRules()


@dataclass(frozen=True)
class Mended:
    """A rule that gives a trade a line on every day until it is withdrawn."""

    withdrawn: bool = False

    def at(self, stage: Stage, day: date) -> RuleSet:
        if stage.name != "flow_adjustments":
            return NoRules()
        written = {
            "id": "R-1", "stage": "flow", "purpose": "methodology", "effective": str(day),
            "conditions": {"field": "deal_id", "op": "=", "value": "SU11"},
            "operations": [{"op": "reclassify", "value": "secured_funding_other"}],
            "reason": "a test", "owner": "tests",
        }  # fmt: skip
        rule = parse(written)
        rules = () if self.withdrawn else (rule,)
        return CompiledRules(stage, rules, lambda _: {rule.id: rule.digest})


MOVED_PIECES = (
    (
        ("MIX5,2,1,OTHER,1,40", "SU11,2,2,RMBS_AA,1,40"),
        {"MIX5 whole_level2a": "60", "MIX5 whole_none": "40"}
        | {"SU11 whole_level1": "60", "SU11 whole_level2b_rmbs": "40"},
    ),
    (
        ("SU11,1,1,OTHER,1,120", "SU11,2,2,GOV0,1,40"),
        {"MIX5 whole_level2a": "60", "MIX5 whole_none": "40", "SU11 whole": "unclassified"},
    ),
    (
        ("MIX5,2,1,GOV20,1,40", "SU11,1,1,GOV20,1,120"),
        {"MIX5 whole": "100", "SU11 whole": "100"},
    ),
)
"""Pieces by trade, leg, number, security, units and value, and what then stands of their trades."""


def test_a_piece_of_another_level_reaches_its_deal(tmp_path: Path, sail: Engine) -> None:
    """Pieces of a repo and of a swap move to securities of other levels and back: the trade is
    divided by them and is whole again (BCBS 238 paras 114-115, 145-146), each time as a whole
    calculation has it. Where a swap gives another level it has no line, and the check says so."""
    bank = _of_deals(_bank(EVERY_LINE), ("MIX5", "SU11"))
    runner = run_bank(bank, tmp_path, sail, only="lcr_flows")
    beside = ("received_pieces", "received_collateral")
    names = ("piece_levels", "collateral_levels", "lcr_flows")
    pieces = runner.graph.tables["collateral_pieces"]
    columns = ",".join(pieces.column_names)

    def parts() -> dict[str, str]:
        base = runner.reader.base(runner.positions(bank.day).version("lcr_flows"))
        return {
            f"{row['deal_id']} {row['part']}": row["line"]
            if row["line"] == "unclassified"
            else format(row["amount"].normalize(), "f")
            for row in base.where("part like 'whole%'").toArrow().to_pylist()
        }

    def classified() -> Result:
        day = Examination(runner.positions(bank.day), runner.reader, runner.register)
        return unclassified.examine(day, 0)

    assert parts() == MOVED_PIECES[-1][1]
    for number, (moved_pieces, expected) in enumerate(MOVED_PIECES, start=1):
        file = tmp_path / str(bank.day) / f"collateral_pieces.delta-{number:03}.csv"
        lines = "".join(f"upsert,{piece},true,0,false\n" for piece in moved_pieces)
        file.write_text(f"_operation,{columns}\n{lines}")
        ingest_table(runner, tmp_path, pieces, bank.day)
        ways = {o.table: o.way for o in runner.run_day(bank.day, "moved", [*beside, *names])}
        for stage in map(runner.graph.stage, names):
            assert ways[stage.name] is Way.CHANGE
            assert standing(runner, stage, bank.day) == whole(runner, stage, bank.day)
        assert parts() == expected
        told = classified()
        assert told.passed != ("unclassified" in expected.values())
        assert told.passed or ("deal for each level given" in told.said and "SU11" in told.said)
        for rules in (Mended(), Mended(withdrawn=True)) if not told.passed else ():
            replace(runner, rules=rules).run_day(bank.day, "ruled", ["flow_adjustments"])
            assert classified().passed is not rules.withdrawn
            assert parts() == expected, "as the deal was delivered"


def _of_deals(bank: DealBank, deals: Collection[str]) -> DealBank:
    """A bank with some of its deals alone, whose trades have their names."""
    named = {"deals": "deal_id", "financing_legs": "trade_id", "collateral_pieces": "trade_id"}
    rows = {
        table: [r for r in found if table not in named or r[named[table]] in deals]
        for table, found in bank.rows.items()
    }
    return replace(bank, rows=rows)


def _bank(name: str) -> DealBank:
    (bank,) = (bank for bank in BANKS if bank.path.stem == name)
    return bank


def _haircuts(cited: Cited, day: date) -> list[Entry]:
    """The entries of what is unwound."""
    return [entry for entry in entries(cited, day) if entry[1].startswith("unwind_")]


def test_what_stands_in_deals_as_well_counts_twice_and_is_told(
    tmp_path: Path, sail: Engine
) -> None:
    """Net amounts as deals beside the flows they are made of; a deal that is due later than the
    holder of its instrument can be paid; a line of a customer whom nobody knows; an entity that has
    nothing at all. A line and an instrument that say a deal carries them, which nobody delivers; a
    trade in another's set. A line and an instrument carried by deals that cannot; a line with the
    entity itself, one that has ended, one of another limit, one that the other book has not; a call
    that is expected on no day; deals of both kinds that no row names."""
    bank = _bank("beside_deals")
    like = bank.rows["deals"][0] | {"counterparty_id": None, "maturity_date": None}
    kinds = {
        "NET": "DERIVATIVE_INFLOW",
        "LESS": "DOWNGRADE_COLLATERAL",
        "MOVED": "MARKET_VALUATION",
        "ALONE": "COVERED_DEBT",
        "FREE": "UNCOMMITTED_FACILITY",
        "WITHOUT": "GUARANTEE",
    }
    twice = [like | {"deal_id": n, "product_type": kind} for n, kind in kinds.items()]
    rows = dict(bank.rows) | {"deals": [*bank.rows["deals"], *twice]}
    early = {"put_date": date(2026, 3, 1)}
    rows["own_debt"] = [r | (early if r["deal_id"] else {}) for r in rows["own_debt"]]
    rows["own_debt"] = [*rows["own_debt"], rows["own_debt"][0] | {"deal_id": "NOWHERE"}]
    rows["own_debt"][-1] |= {"instrument_id": "LOST"}
    debt = rows["own_debt"][0] | {"put_date": None, "outstanding": Decimal(0)}
    kinds = {"KIND": {"deal_id": "CRF1"}, "POOL": {"ranking": "COVERED"}, "FX": {"currency": "USD"}}
    kinds["CALL"] = {"deal_id": None, "call_expected": True}
    rows["own_debt"] += [debt | wrong | {"instrument_id": name} for name, wrong in kinds.items()]
    wrong = {"F1": {"counterparty_id": "NOBODY"}, "F13": {"undrawn_deal_id": "NOWHERE"}}
    rows["facilities"] = [r | wrong.get(r["facility_id"], {}) for r in rows["facilities"]]
    line = next(r for r in rows["facilities"] if r["facility_id"] == "F2")
    lines = {"CARRIED": {"undrawn_deal_id": "DEBT", "undrawn": Decimal(0)}}
    lines["NO FAULT"] = {"undrawn_deal_id": "WITHOUT", "drawn": Decimal(1000)}
    lines["NO FAULT"] |= {"undrawn": Decimal(0)}
    lines["ENDED"] = {"maturity_date": bank.day}
    lines["ITSELF"] = {"counterparty_id": "PARTNER1"}
    lines["WITHIN"] = {"counterparty_id": "PARTNER2", "undrawn": Decimal(700)}
    lines["HAS"] = {"entity_id": "E2", "counterparty_id": "PARTNER1", "direction": "RECEIVED"}
    lines["HAS"] |= {"undrawn": Decimal(600), "drawn": Decimal(400)}
    rows["facilities"] += [line | more | {"facility_id": name} for name, more in lines.items()]
    party = next(r for r in bank.rows["counterparties"] if r["counterparty_id"] == "BANK")
    rows["counterparties"] = [*bank.rows["counterparties"], *(
        party | {"counterparty_id": f"PARTNER{n}", "partner_entity_id": f"E{n}"} for n in (1, 2)
    )]  # fmt: skip
    other = {"T2": {"counterparty_id": "CORPORATE"}, "T6": {"counterparty_id": "CORPORATE"}}
    rows["derivatives"] = [r | other.get(r["trade_id"], {}) for r in rows["derivatives"]]
    idle = {"entity_id": "IDLE", "name": "Without deals"}
    rows["entities"] = [*bank.rows["entities"], bank.rows["entities"][0] | idle]
    runner = run_bank(replace(bank, rows=rows), tmp_path, sail, only="lcr")
    day = Examination(runner.positions(bank.day), runner.reader, runner.register)
    asked = (
        counted_once, carried_debt, classified_facilities, scopes_reported, parties_of_sets,
        carrying_debt, carrying_lines, lines_ended, lines_within_limit, call_days,
        debt_apart, lines_apart, two_books_of_lines, with_itself,
    )  # fmt: skip
    carried = {("facilities", "deals_of_undrawn_deal_id"), ("own_debt", "deals_of_deal_id")}
    named = [c for c in all_checks(runner.graph) if (c.table.name, c.name) in carried]
    assert all(check.blocking for check in named)
    said = [check.examine(day, 0) for check in (*asked, *named)]
    assert not any(result.passed for result in said)
    examples = [result.facts["examples"] for result in said]
    assert examples == [
        "entity_id=E1, line=derivatives; entity_id=E1, line=downgrade_collateral; "
        "entity_id=E1, line=market_valuation",
        "instrument_id=OD10, deal_id=DEBT, first_payment=2026-03-01, maturity_date=2026-03-02",
        "facility_id=F1, part=rest, only_in=None",
        "scope=IDLE",
        "trade_id=T2, netting_set_id=N1",
        "instrument_id=FX, deal_id=DEBT, product_type=OWN_DEBT; "
        "instrument_id=KIND, deal_id=CRF1, product_type=CREDIT_FACILITY; "
        "instrument_id=POOL, deal_id=DEBT, product_type=OWN_DEBT",
        "facility_id=CARRIED, undrawn_deal_id=DEBT, product_type=OWN_DEBT",
        "facility_id=ENDED, maturity_date=2026-01-31, undrawn=1000.00000000",
        "facility_id=CARRIED, facility_limit=1000.00000000, drawn=0.00000000, undrawn=0.00000000; "
        "facility_id=WITHIN, facility_limit=1000.00000000, drawn=0.00000000, undrawn=700.00000000",
        "instrument_id=CALL, maturity_date=2026-03-02",
        "entity_id=E1, deals=1",
        "entity_id=E1, deals=2",  # the line that carried F13 is named by nobody
        "lender=E1, borrower=E1, currency=EUR, lent_more_than_owed=1000.00000000; "
        "lender=E1, borrower=E2, currency=EUR, lent_more_than_owed=100.00000000",
        "lcr_facility_flows: facility_id=ITSELF, part=rest",
        "undrawn_deal_id=NOWHERE",
        "deal_id=NOWHERE",
    ]
    assert classified_debt.examine(day, 0).passed
    _mended(runner, bank.day)


def _mended(runner: Runner, day: date) -> None:
    """Rules take out what is delivered twice, and give a line its customer and another 1,000: 5 %
    of 2,000 for a retail one (BCBS 238 para 131(a)). One takes too much, a deal that carries a line
    and instruments."""
    twice = {"op": "in", "field": "deal_id", "value": ["NET", "LESS", "MOVED", "DEBT"]}
    known = {"op": "set", "field": "counterparty_id", "value": "RETAIL"}
    more = {"op": "add", "field": "undrawn", "value": "1000", "currency": "EUR"}
    written = {
        "deal": {"id": "R-D", "conditions": twice, "operations": [{"op": "exclude"}]},
        "facility": {
            "id": "R-F", "conditions": {"op": "=", "field": "facility_id", "value": "F1"},
            "operations": [known, more],
        },
    }  # fmt: skip
    like = {"purpose": "methodology", "effective": str(day), "reason": "a test", "owner": "tests"}
    rules = {s: parse({**of, "stage": s, **like}) for s, of in written.items()}
    ruled = replace(runner, rules=Fixed(rules))
    positions = runner.positions(day)
    stages = {"lcr_lines", *runner.graph.ancestors(runner.graph.stage("lcr_lines"))}
    ruled.run_day(day, "ruled", stages - positions.left_out())
    examination = Examination(ruled.positions(day), ruled.reader, ruled.register)
    assert counted_once.examine(examination, 0).passed
    assert classified_facilities.examine(examination, 0).passed
    after = {c.table.name: c for c in all_checks(runner.graph) if c.name == "after_rules"}
    lost = (
        f"1 {name} of {rows} rows of {table} not in deals after rules, for instance {name}=DEBT, "
        "by R-D; "
        for table, name, rows in (("facilities", "undrawn_deal_id", 1), ("own_debt", "deal_id", 3))
    )
    assert after["lcr_lines"].examine(examination, 0).said.startswith("".join(lost))
    of_rule = [r for r in rows_of_day(ruled, "lcr_facility_flows", day) if r["rule_id"] == "R-F"]
    assert {r["sign"]: (r["line"], r["amount"], r["weighted"]) for r in of_rule} == {
        -1: ("unclassified", Decimal(1000), Decimal(0)),
        1: ("facility_retail", Decimal(2000), Decimal(100)),
    }
    (line,) = [r for r in rows_of_day(ruled, "lcr_lines", day)
               if (r["rule_id"], r["line"]) == ("R-F", "facility_retail")]  # fmt: skip
    assert (line["amount"], line["weighted"]) == (Decimal(2000), Decimal(100))
    retail = {"op": "=", "field": "line", "value": "facility_retail"}
    vain = parse(written["facility"] | like | {"stage": "flow", "conditions": retail})
    found = beside(ruled, vain, runner.graph.stage("flow_adjustments"), day)
    assert [*found] == [("lcr_facility_flows", 1, "facility")], "F1 alone is of a retail customer"


def _part(row: Mapping[str, Any]) -> str:
    """What a row is of its deal, of a derivative the number of the payment."""
    return str(row.get("part") or row.get("flow") or "whole")


def _compare(bank: DealBank, runner: Runner) -> None:
    left_out = runner.positions(bank.day).left_out()
    given = {
        (row[table.key[0]], _part(row), row["only_in"]): (
            row["line"],
            row["amount"],
            row["weighted"],
        )
        for table in lcr_lines.drives
        if table.name not in left_out
        for row in rows_of_day(runner, table.name, bank.day)
    }
    expected = {(p.deal_id, p.part, p.only_in): (p.line, p.amount, p.weighted) for p in bank.parts}
    wrong = {
        key: (given.get(key), expected.get(key))
        for key in given.keys() | expected.keys()
        if given.get(key) != expected.get(key)
    }
    assert not wrong
    assert not list(_untied(bank, rows_of_day(runner, "lcr_scope_lines", bank.day)))
    day = Examination(runner.positions(bank.day), runner.reader, runner.register)
    tied = ratio_ties.examine(day, 0)
    assert tied.passed, tied.said
    ratios = {row["scope"]: row for row in rows_of_day(runner, "lcr", bank.day)}
    for scope, result in bank.results.items():
        assert {name: ratios[scope][name] for name in result} == dict(result)


def _untied(bank: DealBank, lines: Sequence[Mapping[str, Any]]) -> Iterator[object]:
    """What solo lines less those inside a group do not give of the group's, and the reverse. Deals
    that a group treats in its own way are lines of its own (``only_in``)."""
    scopes = {
        row["entity_id"]: (row["entity_id"], *(row["group_path"] or "").split("/"))
        for row in bank.rows["entities"]
    }
    columns = (*LCR_LINES.key, "amount", "weighted", "n")
    alike = [row for row in lines if row["only_in"] is None]
    for group in {row["scope"] for row in lines if row["consolidation"] == "group"}:
        expected = Counter(
            tuple(row[c] for c in columns)
            for row in alike
            if row["consolidation"] == "solo"
            and group in scopes[row["entity_id"]]
            and group not in scopes.get(row["partner_entity_id"], ())
        )
        expected.subtract(tuple(row[c] for c in columns) for row in alike if row["scope"] == group)
        yield from (left for left in expected.items() if left[1])


def test_a_group_that_does_not_tie_is_found() -> None:
    """What is inside a group, left in it, and a cent that a member's line has not."""
    (bank,) = (bank for bank in BANKS if bank.path.stem == "transfer")
    solo = dict.fromkeys(LCR_LINES.key) | {"scope": "E1", "consolidation": "solo", "n": 1}
    solo |= {"entity_id": "E1", "amount": Decimal(1), "weighted": Decimal(1)}
    group = solo | {"scope": "G", "consolidation": "group"}
    assert not list(_untied(bank, [solo, group]))
    assert list(_untied(bank, [solo, group | {"amount": Decimal("1.01")}]))
    inside = {"partner_entity_id": "E2"}
    assert list(_untied(bank, [solo | inside, group | inside]))
