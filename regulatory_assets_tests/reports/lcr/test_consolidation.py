"""What only a group's figure holds: its lines stand above the members' books, and in no solo.

Two groups, one in the other: S holds E1 and E2, G holds S and E3; E4 stands alone. Each entity has
cash, E1 has lent to E3 what falls out of G. Expected figures are added up by hand.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments.fitting import check
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import parse
from regulatory_assets.adjustments.waterfall import BEFORE, waterfall
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.run import Runner
from regulatory_assets.quality.checks import all_checks, checks_of
from regulatory_assets.quality.examination import Examination
from regulatory_assets.reports.lcr.adjustments import line_adjustments, line_allocations
from regulatory_assets.reports.lcr.calculation import NO_COMPONENT, OF_NO_LINE
from regulatory_assets.reports.lcr.tables import COMPONENTS, LCR, LCR_SCOPE_LINES, OF_LINES
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.adjustments.ruled_books import Book
from regulatory_assets_tests.kernel.world import frame
from regulatory_assets_tests.reports import delivered

DAY = date(2026, 1, 7)
FLAGS = dict.fromkeys(("transactional", "insurable", "locked_in", "eligible"), "false")


def deal(name: str, entity: str, kind: str, amount: str, **more: str) -> dict[str, str]:
    deal = {"deal_id": name, "entity_id": entity, "product_type": kind, "currency": "EUR"}
    return deal | {"amount": amount, "days_past_due": "0"} | FLAGS | more


PATHS = {"E1": "G/S", "E2": "G/S", "E3": "G", "E4": ""}
INSIDE = {"counterparty_id": "C3", "maturity_date": "2026-01-20"}
DEALS = [
    deal("c1", "E1", "CASH", "100", eligible="true"),
    deal("c2", "E2", "CASH", "20", eligible="true"),
    deal("c3", "E3", "CASH", "3", eligible="true"),
    deal("c4", "E4", "CASH", "7", eligible="true"),
    *(deal(f"o{n}", f"E{n}", "OTHER_CONTRACTUAL_OUTFLOW", "50", maturity_date="2026-01-20")
      for n in (1, 2, 3, 4)),
    deal("lent", "E1", "LOAN", "8", **INSIDE),
]  # fmt: skip


def write(folder: Path, name: str, rows: Sequence[dict[str, str]]) -> None:
    with (folder / f"{name}.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, production_graph().tables[name].column_names)
        writer.writeheader()
        writer.writerows(rows)


def entities(paths: dict[str, str]) -> list[dict[str, str]]:
    told = {"regime": "basel", "reporting_currency": "EUR"}
    return [{"entity_id": e, "name": e, "group_path": p, **told} for e, p in paths.items()]


class Bank:
    """The bank's day up to the ratio, and the rules in force on it."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.engine, self.book = engine, Book()
        here = root / str(DAY)
        here.mkdir(parents=True)
        write(here, "deals", DEALS)
        write(here, "entities", entities(PATHS))
        write(here, "fx_rates", [{"currency": "EUR", "rate": "1"}])
        partner = {"sector": "BANK", "relationship": "false", "partner_entity_id": "E3"}
        write(here, "counterparties", [{"counterparty_id": "C3"} | partner])
        security = {"security_id": "S1", "asset_class": "OTHER", "financial_issuer": "false"}
        write(here, "securities", [security | {"credit_quality": "UNRATED", "risk_weight": ""}])
        self.runner: Runner = delivered.deliver(root, root, DAY, engine, self.book)
        self.graph = self.runner.graph

    def run(self) -> None:
        wanted = {*self.graph.ancestors(self.graph.stage("lcr")), "lcr", "line_allocations"}
        self.runner.run_day(DAY, "test", wanted - {*self.runner.positions(DAY).left_out()})

    def put(self, name: str, stage: str, operations: list[dict[str, Any]], **of: Any) -> None:
        document = {
            "id": name, "stage": stage, "purpose": "methodology", "conditions": {"all": []},
            "effective": "2026-01-01", "reason": "a test", "owner": "tests",
            "operations": operations,
        }  # fmt: skip
        rule = parse(document | of)
        acting = self.graph.stage(f"{stage}_adjustments")
        check(rule, acting, self.graph.spreading(acting))
        self.book.rules[rule.id] = rule

    def figures(self, column: str, *, net: bool = True) -> dict[str, Decimal]:
        version = self.runner.positions(DAY).read(LCR)
        read = self.runner.reader.net if net else self.runner.reader.base
        return {r["scope"]: r[column] for r in read(version).toArrow().to_pylist()}

    def failing(self, *tables: str) -> set[str]:
        runner = self.runner
        day = Examination(runner.positions(DAY), runner.reader, runner.register)
        checks = all_checks(self.graph)
        return {
            c.name
            for name in tables
            for c in checks_of(checks, self.graph.tables[name])
            if c.blocking and c.name != "approved_reach" and not c.examine(day, 0).passed
        }


def line(entity: str, name: str, component: str, amount: str, **more: str) -> dict[str, Any]:
    values = {"entity_id": entity, "currency": "EUR", "line": name, "component": component}
    values["regime"] = "basel"
    values |= {"amount": amount, "weighted": amount} | more
    return {"op": "insert", "values": values, "currency": "EUR"}


CHECKED = ("adjustment_entities", "line_adjustments", "lcr_scope_lines", "lcr_components", "lcr")


def numbers(**given: str) -> dict[str, Decimal]:
    return {scope: Decimal(value) for scope, value in given.items()}


@pytest.fixture(scope="module")
def bank(sail: Engine, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    made = Bank(sail, tmp_path_factory.mktemp("consolidation"))
    made.run()
    return made


def test_a_consolidation_adjustment_is_in_its_scope_and_those_above(bank: Bank) -> None:
    before = bank.figures("ratio")
    assert before["G"] == Decimal("0.82000000")
    assert bank.figures("level1") == numbers(E1="100", E2="20", E3="3", E4="7", S="120", G="123")
    bank.put("IN-S", "line", [
        line("ADJ-S", "level1_cash", "hqla_level1", "5"),
        line("ADJ-S", "level1_cash", "hqla_level1", "1", partner_entity_id="E1"),
    ])  # fmt: skip
    bank.put("IN-G", "line", [line("ADJ-G", "other_contractual_outflow", "outflow", "10")])
    bank.put("ADD-ON", "line", [line("E3", "level1_cash", "hqla_level1", "2")])
    bank.run()
    assert bank.figures("level1") == numbers(E1="100", E2="20", E3="5", E4="7", S="126", G="131")
    assert bank.figures("outflows") == numbers(E1="50", E2="50", E3="50", E4="50", S="100", G="160")
    assert bank.figures("inflows") == numbers(E1="8", E2="0", E3="0", E4="0", S="8", G="0")
    assert bank.figures("ratio", net=False) == before
    assert bank.figures("ratio")["G"] == Decimal("0.81875000")
    assert bank.failing(*CHECKED) == set()

    version = bank.runner.positions(DAY).version(LCR_SCOPE_LINES.name)
    leaves = bank.runner.reader.rows(version).where("layer = 'adjustment'").toArrow().to_pylist()
    assert sorted((r["rule_id"], r["scope"], r["consolidation"], r["n"]) for r in leaves) == [
        ("ADD-ON", "E3", "solo", 1), ("ADD-ON", "G", "group", 1),
        ("IN-G", "G", "group", 1),
        ("IN-S", "G", "group", 1), ("IN-S", "G", "group", 1),
        ("IN-S", "S", "group", 1), ("IN-S", "S", "group", 1),
    ]  # fmt: skip
    assert {r["reporting_currency"] for r in leaves} == {"EUR"}

    steps = waterfall(bank.runner, bank.graph.stage("lcr"), DAY, "level1")
    assert [(s.rule, s.figure) for s in steps if s.key == ("G",)] == [
        (BEFORE, Decimal(123)), ("ADD-ON", Decimal(125)), ("IN-S", Decimal(131)),
    ]  # fmt: skip
    assert [s.rule for s in steps if s.key == ("S",)] == [BEFORE, "IN-S"]

    bank.put("IN-S", "line", [line("ADJ-S", "level1_cash", "hqla_level1", "4")], version=2)
    del bank.book.rules["ADD-ON"], bank.book.rules["IN-G"]
    bank.run()
    assert bank.figures("level1") == numbers(E1="100", E2="20", E3="3", E4="7", S="124", G="127")
    assert bank.figures("outflows")["G"] == 150
    bank.book.rules.clear()


def test_a_groups_add_on_is_spread_over_parts_of_deals_and_moves_nothing(bank: Bank) -> None:
    """Ten of the group's own outflows, over those of its members that are due; by deal, the looked
    up product tells which. No other table has a row changed by it."""
    own = line("ADJ-G", "other_contractual_outflow", "outflow", "10")
    bank.put("IN-G", "line", [own])
    bank.run()
    outflows = {"all": [
        {"field": "product_type", "op": "=", "value": "OTHER_CONTRACTUAL_OUTFLOW"},
        {"field": "entity_id", "op": "in", "value": ["E1", "E2", "E3"]},
    ]}  # fmt: skip
    of_line = {"op": "allocate", "field": "weighted", "where": outflows}
    bank.put("IN-G", "line", [own, of_line, {"op": "allocate", "field": "amount"}], version=2)
    runner = bank.runner
    before = runner.positions(DAY)
    bank.run()
    after = runner.positions(DAY)
    moved = {n for n in bank.graph.tables if after.version(n).since(before.version(n).revision)}
    assert moved == {line_allocations.name}
    version = runner.positions(DAY).version(line_allocations.name)
    stored = runner.reader.rows(version).toArrow().to_pylist()
    assert sorted((r["deal_id"], r["operation"], r["measure"], r["share"]) for r in stored) == [
        ("o1", 2, "weighted", Decimal("3.33333334")), ("o2", 2, "weighted", Decimal("3.33333333")),
        ("o3", 2, "weighted", Decimal("3.33333333")),
    ]  # fmt: skip
    rules: Any = bank.book
    day = Examination(runner.positions(DAY), runner.reader, runner.register, rules)
    (spread,) = (c for c in all_checks(bank.graph) if c.name == "spread")
    said = spread.examine(day, 0)
    assert (said.passed, spread.blocking) == (False, False)
    assert said.said.startswith(
        "IN-G operation 3 does not spread the amount added to ADJ-G EUR basel outflow "
        "other_contractual_outflow on 2026-01-07: its members have no amount"
    )
    bank.book.rules.clear()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"entity": "ADJ-X"}, "ADJ-X is neither an entity nor a scope's adjustment entity"),
        ({"component": "inflow"}, "level1_cash is of hqla_level1, not inflow"),
    ],
)
def test_a_line_out_of_place_is_found(bank: Bank, values: dict[str, str], said: str) -> None:
    given = {"entity": "ADJ-S", "name": "level1_cash", "component": "hqla_level1"} | values
    bank.put("WRONG", "line", [line(amount="1", **given)])
    bank.runner.run_stage(line_adjustments, DAY, "test")
    assert bank.failing("line_adjustments") == {"places"}
    runner = bank.runner
    day = Examination(runner.positions(DAY), runner.reader, runner.register)
    (places,) = (c for c in all_checks(bank.graph) if c.name == "places")
    assert places.examine(day, 0).said == said
    bank.book.rules.clear()


COLUMNS = ("ratio", "outflows")


def test_rules_of_all_stages_add_up_in_either_order(bank: Bank) -> None:
    """The steps lead from before the rules to after them, whichever of them came first. Every
    entity reports in euros: what is to be added to dollars is added to nothing."""

    def adds(field: str, euros: str) -> list[dict[str, Any]]:
        added = {"EUR": euros, "USD": "1000"}
        return [{"op": "add", "field": field, "value": v, "currency": c} for c, v in added.items()]

    more = [{"op": "multiply", "field": "amount", "value": "2"}]
    cash = {"field": "deal_id", "op": "in", "value": ["c1", "c3"]}
    less = [{"op": "multiply", "field": "amount", "value": "0.9"}]
    outflow = {"field": "component", "op": "=", "value": "outflow"}
    of_e1 = {"field": "deal_id", "op": "=", "value": "o1"}
    of_e2 = {"all": [{"field": "entity_id", "op": "=", "value": "E2"}, outflow]}
    puts = [
        lambda: bank.put("Z-DEAL", "deal", more, conditions=cash),
        lambda: bank.put("F-FLOW", "flow", adds("amount", "10"), conditions=of_e1),
        lambda: bank.put("N-LINE", "line", adds("weighted", "4"), conditions=of_e2),
        lambda: bank.put("A-COMPONENT", "component", less, conditions=outflow),
        lambda: bank.put("M-LINE", "line", [line("ADJ-G", "level1_cash", "hqla_level1", "6")]),
    ]
    seen = []
    for order in (puts, puts[::-1]):
        first, *others = order
        bank.book.rules.clear()
        first()
        bank.run()
        for put in others:
            put()
        bank.run()
        stage = bank.graph.stage("lcr")
        seen.append([waterfall(bank.runner, stage, DAY, c) for c in COLUMNS])
        for column, steps in zip(COLUMNS, seen[-1], strict=True):
            base, net = bank.figures(column, net=False), bank.figures(column)
            for scope in net:
                mine = [s for s in steps if s.key == (scope,)]
                assert (mine[0].rule, mine[0].figure) == (BEFORE, base[scope])
                assert mine[-1].figure == net[scope]
                assert base[scope] + sum(s.change or 0 for s in mine) == net[scope]
    assert seen[0] == seen[1]
    ratio, outflows = seen[0]
    assert [(s.rule, s.figure) for s in outflows if s.key == ("G",)] == [
        (BEFORE, Decimal(150)),
        ("F-FLOW", Decimal(160)),
        ("N-LINE", Decimal(164)),
        ("A-COMPONENT", Decimal("147.6")),
    ]
    assert [(s.rule, s.figure) for s in ratio if s.key == ("G",)] == [
        (BEFORE, Decimal("0.82000000")),  # 123 / 150
        ("Z-DEAL", Decimal("1.50666667")),  # 226 / 150
        ("F-FLOW", Decimal("1.41250000")),  # 226 / 160
        ("M-LINE", Decimal("1.45000000")),  # 232 / 160
        ("N-LINE", Decimal("1.41463415")),  # 232 / 164
        ("A-COMPONENT", Decimal("1.57181572")),  # 232 / 147.6
    ]


def test_a_rule_on_an_entity_is_as_if_it_had_been_delivered(bank: Bank) -> None:
    """E3 is put into S, which then has what G has; without the rule all is as it was."""
    bank.book.rules.clear()
    into = [{"op": "set", "field": "group_path", "value": "G/S"}]
    bank.put("E3", "entity", into, conditions={"field": "entity_id", "op": "=", "value": "E3"})
    bank.run()
    solo = {"E1": "100", "E2": "20", "E3": "3", "E4": "7"}
    assert bank.figures("level1") == numbers(**solo, S="123", G="123")
    assert bank.figures("level1", net=False) == numbers(**solo, S="120", G="123")
    assert bank.failing(*CHECKED) == set()
    bank.book.rules.clear()
    bank.run()
    assert bank.figures("level1") == numbers(**solo, S="120", G="123")


def test_a_scope_moves_and_takes_its_adjustments_along(bank: Bank) -> None:
    """S leaves G, and what is booked above its members leaves with them; then S is gone."""
    bank.book.rules.clear()
    bank.put("IN-S", "line", [line("ADJ-S", "level1_cash", "hqla_level1", "5")])
    table = bank.graph.tables["entities"]

    def move(path: str) -> None:
        moved = entities(PATHS | {"E1": path, "E2": path})
        rows = [tuple(r[c] or None for c in table.column_names) for r in moved]
        deliver(bank.runner, table, DAY, frame(bank.engine, table, rows), "full", "test")

    move("S")
    bank.run()
    assert bank.figures("level1") == numbers(E1="100", E2="20", E3="3", E4="7", S="125", G="3")
    assert bank.figures("level1", net=False)["S"] == 120
    assert bank.failing(*CHECKED) == set()
    move("")
    for name in ("entity_adjustments", "adjustment_entities"):
        bank.runner.run_stage(bank.graph.stage(name), DAY, "test")
    assert "places" in bank.failing("line_adjustments"), "no scope S is left"


def test_a_line_is_added_once_and_whole() -> None:
    assert {*OF_LINES} == {*COMPONENTS, *NO_COMPONENT} - {*OF_NO_LINE}

    def added(*operations: dict[str, Any]) -> None:
        document = {
            "id": "R", "stage": "line", "purpose": "methodology", "conditions": {"all": []},
            "effective": "2026-01-01", "reason": "a test", "owner": "tests",
            "operations": operations,
        }  # fmt: skip
        check(parse(document), line_adjustments)

    good = line("ADJ-G", "level1_cash", "hqla_level1", "5")
    added(good, line("ADJ-G", "level1_cash", "hqla_level1", "5", partner_entity_id="E1"))
    for bad, said in (
        ([good, good], "operations.1: adds the same line again; add the two up"),
        ([line("ADJ-G", "x", "unknown", "5")], "'unknown' is none of hqla_level1"),
        ([good | {"currency": None}], "a line's money is in the reporting currency; name it"),
        ([good | {"expected_source_id": "X"}], "nobody delivers what is added here"),
        ([line("ADJ-G", "x", "outflow", "5", n="1")], "n: the values of a row are entity_id"),
        ([good | {"values": {**good["values"], "weighted": None}}], "weighted: needed"),
    ):
        with pytest.raises(RuleError) as refusal:
            added(*bad)
        assert said in str(refusal.value)
