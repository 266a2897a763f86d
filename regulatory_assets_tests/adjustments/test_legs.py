"""A rule that changes one leg of a trade and not the other: people are told which one it leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from regulatory_assets.adjustments import people
from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.legs import Left, left_alone
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule
from regulatory_assets.adjustments.trial import trial
from regulatory_assets.bank.generator import FIRST_DAY, generate
from regulatory_assets.bank.tables import COUNTERPARTIES, DEALS, ENTITIES, FX_RATES, SECURITIES
from regulatory_assets.bank.tables.securities import FINANCING_LEGS
from regulatory_assets.control.database import connect
from regulatory_assets.control.events import EventLog
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.run import Runner
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.reports import adjustments
from regulatory_assets.reports.lcr.tables import LCR_FLOWS
from regulatory_assets_tests.adjustments.test_governance import ANNA, BEN, rule
from regulatory_assets_tests.bank import small_bank
from regulatory_assets_tests.reports.delivered import deliver

DAY = date(2026, 1, 6)
REPO = "D0000000646"
"""A repo of the small bank: both legs are held by one deal."""


def pair(deal: str, was: dict[str, str] | None, now: dict[str, str] | None) -> list[dict[str, Any]]:
    blank: dict[str, Any] = dict.fromkeys(DEALS.column_names)
    return [
        {"entry": 1, "layer": "adjustment", "sign": sign, "rule_id": "R", **blank, "deal_id": deal}
        | side
        for sign, side in ((-1, was), (1, now))
        if side is not None
    ]


def left(sail: Engine, rows: list[dict[str, Any]], legs: list[tuple[Any, ...]], table: Any) -> Any:
    columns = ("entry", *table.content)
    made = sail.session.createDataFrame(
        [tuple(row.get(c) for c in columns) for row in rows],
        ", ".join(f"{c} {'int' if c in ('entry', 'sign') else 'string'}" for c in columns),
    )
    known = sail.session.createDataFrame(
        legs, "trade_id string, leg int, deal_id string, asset string, direction string"
    )
    return left_alone(made, known, table)


def trade(name: str, cash: str | None, securities: str | None) -> list[tuple[Any, ...]]:
    return [(name, 1, cash, "CASH", "RECEIVED"), (name, 2, securities, "SECURITIES", "GIVEN")]


def exchange(name: str, given: str | None, received: str | None) -> list[tuple[Any, ...]]:
    return [(name, 1, given, "SECURITIES", "GIVEN"), (name, 2, received, "SECURITIES", "RECEIVED")]


def test_which_legs_a_rule_leaves(sail: Engine) -> None:
    rows = [
        *pair("amount", {"amount": "10"}, {"amount": "9"}),
        *pair("collateral", {"collateral_value": "10"}, {"collateral_value": "9"}),
        *pair("pledged", {}, {"security_id": "S1"}),
        *pair("both", {"amount": "1", "collateral_value": "1"}, {"amount": "2"}),
        *pair("due", {"maturity_date": "2026-01-31"}, {}),
        *pair("gone", {"amount": "10"}, None),
        *pair("one", {"amount": "10", "maturity_date": "2026-01-31"}, {}),
        *pair("single", {"amount": "10"}, {"amount": "9"}),
    ]
    held = [trade(f"T-{deal}", deal, deal) for deal in ("amount", "collateral", "pledged", "both")]
    held += [trade("T-due", "due", "due"), trade("T-gone", "gone", "gone")]
    two = [trade("T-one", "one", "other"), trade("T-none", "untouched", "untouched")]
    legs = [leg for of in (*held, *two, trade("W", None, None)) for leg in of]
    assert left(sail, rows, legs, DEALS) == (
        4,
        (
            "T-amount leg 2 (SECURITIES, deal amount)",
            "T-collateral leg 1 (CASH, deal collateral)",
            "T-one leg 2 (SECURITIES, deal other)",
            "T-pledged leg 1 (CASH, deal pledged)",
        ),
    )
    parts = [row | {"part": "whole"} for row in rows]
    assert left(sail, parts, legs, LCR_FLOWS) == (1, ("T-one leg 2 (SECURITIES, deal other)",))


def test_which_legs_of_a_collateral_swap_a_rule_leaves(sail: Engine) -> None:
    """What is received is the deal's amount, what is given its collateral, `eligible` both."""
    rows = [
        *pair("received", {"amount": "10"}, {"amount": "9"}),
        *pair("given", {"collateral_value": "10"}, {"collateral_value": "9"}),
        *pair("pledged", {}, {"security_id": "S1"}),
        *pair("both", {"amount": "1", "collateral_value": "1"}, {"amount": "2"}),
        *pair("usable", {"eligible": "true"}, {"eligible": "false"}),
        *pair("due", {"maturity_date": "2026-01-31"}, {}),
        *pair("gone", {"amount": "10"}, None),
        *pair("one", {"maturity_date": "2026-01-31"}, {}),
        *pair("repo", {"eligible": "true"}, {"eligible": "false"}),
    ]
    names = ("received", "given", "pledged", "both", "usable", "due", "gone")
    swaps = [exchange(f"T-{deal}", deal, deal) for deal in names]
    others = [exchange("T-one", "other", "one"), exchange("W", None, None)]
    legs = [leg for of in (*swaps, *others, trade("T-repo", "repo", "repo")) for leg in of]
    assert left(sail, rows, legs, DEALS) == (
        5,
        (
            "T-given leg 2 (SECURITIES, deal given)",
            "T-one leg 1 (SECURITIES, deal other)",
            "T-pledged leg 2 (SECURITIES, deal pledged)",
            "T-received leg 1 (SECURITIES, deal received)",
            "T-repo leg 1 (CASH, deal repo)",
        ),
    )
    parts = [row | {"part": "whole"} for row in rows if row["deal_id"] != "repo"]
    assert left(sail, parts, legs, LCR_FLOWS) == (1, ("T-one leg 1 (SECURITIES, deal other)",))


def test_of_many_the_first_are_named(sail: Engine) -> None:
    names = [f"D{n:02}" for n in range(12)]
    rows = [row for n in names for row in pair(n, {"amount": "1"}, {"amount": "2"})]
    trades, named = left(sail, rows, [leg for n in names for leg in trade(n, n, n)], DEALS)
    assert (trades, len(named)) == (12, 10)
    assert "changes a leg of 12 trades and leaves D00 leg 2" in str(Left(trades, named))
    assert str(Left(trades, named)).endswith("and more")


# -- in the life of a rule ------------------------------------------------------------------------


def halves(*fields: str, **changes: Any) -> Rule:
    operations = [{"op": "multiply", "field": f, "value": "0.5"} for f in fields]
    conditions = {"field": "deal_id", "op": "=", "value": REPO}
    return rule(operations=operations, conditions=conditions, **changes)


@pytest.fixture(scope="module")
def bank(sail: Engine, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The small bank's deals with their legs, and the stages at which rules act on them."""
    root = tmp_path_factory.mktemp("legs")
    tables = (ENTITIES, COUNTERPARTIES, SECURITIES, FX_RATES, DEALS, FINANCING_LEGS)
    generate(root, small_bank.DEALS, [DAY], small_bank.SEED, tables=tables, first_day=FIRST_DAY)
    runner = deliver(root, root, DAY, sail)
    log = EventLog(connect(f"sqlite:///{root / 'control.sqlite'}"))
    people.open_demo(log)
    stages = (
        adjustments.reference_adjustments,
        adjustments.security_adjustments,
        adjustments.deal_adjustments,
    )
    small = replace(runner, graph=Graph(runner.graph.sources, stages), rules=RuleBook(log))
    small.run_day(DAY, "test")
    return small


def test_people_are_warned_unless_both_or_a_reason(bank: Runner) -> None:
    assert isinstance(bank.rules, RuleBook)
    log, stage = bank.rules.log, adjustments.deal_adjustments
    governance = Governance(log, bank.graph, Parameters.default().at)
    leaves = f"changes a leg of 1 trade and leaves {REPO} leg 2 (SECURITIES, deal {REPO})"

    def tried(one: Rule) -> Left | None:
        return trial(bank, one, RuleBook(log).snapshot(), stage, DAY, 0).left

    assert str(tried(halves("amount"))) == leaves
    assert tried(halves("amount", "collateral_value")) is None
    stated = tried(halves("amount", linked_legs={"this_only": "a margin call is on its way"}))
    assert stated is not None
    assert stated.reason == "a margin call is on its way"

    governance.submit(ANNA, halves("amount", linked_legs="both"))
    seen = governance.impact(bank, "R-1")
    with pytest.raises(RuleError) as refusal:
        governance.approve(BEN, "R-1", seen.hash, bank)
    assert f"R-1 linked_legs: {DAY}: it {leaves}. Reject it" in str(refusal.value)
    governance.reject(BEN, "R-1", "one leg is missing")
    both = halves("amount", "collateral_value", version=2, linked_legs="both")
    governance.submit(ANNA, both)
    seen = governance.impact(bank, "R-1")
    event, _ = governance.approve(BEN, "R-1", seen.hash, bank)
    assert "linked_legs" not in event.document["impact"]["days"][0]
    governance.submit(ANNA, halves("amount", version=3))
    seen = governance.impact(bank, "R-1")
    assert str(seen.days[0].left) == leaves
    event, _ = governance.approve(BEN, "R-1", seen.hash, bank)
    (day,) = event.document["impact"]["days"]
    assert day["linked_legs"]["trades"] == 1, "who approves has seen the warning"


def test_only_rules_on_deals_have_legs(bank: Runner) -> None:
    assert isinstance(bank.rules, RuleBook)
    of_rate = rule(
        stage="security",
        conditions={"field": "security_id", "op": "=", "value": "S1"},
        operations=[{"op": "set", "field": "financial_issuer", "value": True}],
        linked_legs="both",
    )
    with pytest.raises(RuleError, match="rules at security change no deal; leave it out"):
        Governance(bank.rules.log, bank.graph, Parameters.default().at).validate(of_rate)
