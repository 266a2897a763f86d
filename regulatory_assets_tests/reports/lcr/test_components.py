"""Rules on the components of the ratio: a worked example with an add-on that no deal has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.fitting import check
from regulatory_assets.adjustments.form import read_form
from regulatory_assets.adjustments.rule import parse
from regulatory_assets.adjustments.waterfall import BEFORE, waterfall
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.plan import Way
from regulatory_assets.ledger.rules import NoRules, RuleSet
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.quality.checks import all_checks
from regulatory_assets.quality.examination import Examination

from .test_stages import BANKS, run_bank

(BANK,) = (bank for bank in BANKS if bank.path.stem == "small_banks")
ADD_ON = {
    "rule_id": "ADD-ON",
    "version": 1,
    "stage": "final_calc",
    "purpose": "methodology",
    "effective_date": "2024-01-01",
    "reason": "a contingent claim that no deal shows",
    "owner": "treasury",
    "conditions": [
        {"field": "scope", "operator": "=", "value": "E1"},
        {"field": "component", "operator": "=", "value": "outflow"},
    ],
}


@dataclass(frozen=True)
class OneRule:
    """The rule at its stage while it is in force, none elsewhere."""

    operation: dict[str, Any]
    withdrawn: bool = False

    def at(self, stage: Stage, day: date) -> RuleSet:
        if stage.name != "component_adjustments":
            return NoRules()
        document = read_form(ADD_ON | {"adjustments": [self.operation]})
        rule = parse(document)
        check(rule, stage)
        rules = () if self.withdrawn else (rule,)
        return CompiledRules(stage, rules, lambda _: {rule.id: rule.digest})


@pytest.mark.parametrize(
    ("operation", "outflows", "net", "ratio"),
    [
        # 149 + 43 = 192; inflows 50 are below 75 %; 142 / 142.
        ({"op": "add", "field": "amount", "value": "43", "currency": "EUR"}, "192", "142", "1"),
        # Nothing flows out: inflows are capped at nothing, and the ratio is not defined.
        ({"op": "exclude"}, "0", "0", None),
    ],
)
def test_a_rule_on_a_component_moves_the_ratio_and_nothing_before_it(
    sail: Engine, tmp_path: Path, operation: dict[str, Any], outflows: str, net: str, ratio: str
) -> None:
    runner = run_bank(BANK, tmp_path, sail)

    def figures() -> dict[str, Any]:
        version = runner.positions(BANK.day).read(runner.graph.tables["lcr"])
        rows = runner.reader.net(version).toArrow().to_pylist()
        return {r["scope"]: {k: r[k] for k in ("outflows", "net_outflows", "ratio")} for r in rows}

    before = figures()
    ruled = replace(runner, rules=OneRule(operation))
    done = {o.table: o for o in ruled.run_day(BANK.day, "test")}
    moved = {"component_adjustments", "lcr", "lcr_quarter", "liq1"}
    assert {name for name, o in done.items() if o.rows} == moved
    expected = {
        "outflows": Decimal(outflows),
        "net_outflows": Decimal(net),
        "ratio": ratio if ratio is None else Decimal(ratio),
    }
    assert figures() == before | {"E1": expected}

    steps = waterfall(ruled, runner.graph.stage("lcr"), BANK.day, "net_outflows")
    assert [(s.rule, s.figure) for s in steps if s.key == ("E1",)] == [
        (BEFORE, before["E1"]["net_outflows"]),
        ("ADD-ON", Decimal(net)),
    ]
    assert {s.rule for s in steps if s.key != ("E1",)} == {BEFORE}

    rows = ruled.reader.net(ruled.positions(BANK.day).read(runner.graph.tables["liq1"]))
    of_page = {
        r["row_number"]: r["weighted"] for r in rows.where("scope = 'E1'").toArrow().to_pylist()
    }
    assert (of_page[2], of_page[16], of_page[22]) == (Decimal(100), Decimal(outflows), Decimal(net))
    day = Examination(ruled.positions(BANK.day), ruled.reader, ruled.register)
    failed = [c.name for c in all_checks(ruled.graph) if c.blocking and c.table.group == "lcr"
              and not c.examine(day, 0).passed]  # fmt: skip
    assert failed == []

    withdrawn = replace(runner, rules=OneRule(operation, withdrawn=True))
    assert {o.table for o in withdrawn.run_day(BANK.day, "test") if o.rows} == moved
    assert figures() == before
    assert all(o.way is Way.NOTHING for o in withdrawn.run_day(BANK.day, "again"))
