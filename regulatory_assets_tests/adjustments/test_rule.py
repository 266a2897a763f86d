"""What a rule may say, and the words with which anything else is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from regulatory_assets.adjustments import overlays
from regulatory_assets.adjustments.compiler import CompiledRules
from regulatory_assets.adjustments.currencies import RATES, Values
from regulatory_assets.adjustments.files import load
from regulatory_assets.adjustments.fitting import check, currency_of
from regulatory_assets.adjustments.form import read_form
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import Rule, parse
from regulatory_assets.ledger.table import Table
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.runtime import production_graph

GRAPH = production_graph()
IN_FORCE = Parameters.default().at
STAGES = {s.name.removesuffix("_adjustments"): s for s in GRAPH.adjustments.values()}

VALID: dict[str, Any] = {
    "id": "R-1",
    "stage": "deal",
    "purpose": "data_correction",
    "conditions": {"field": "product_type", "op": "=", "value": "LOAN"},
    "operations": [{"op": "add", "field": "amount", "value": "10.50", "currency": "EUR"}],
    "effective": "2026-01-01",
    "reason": "a reason",
    "owner": "an owner",
}


DEAL = {
    "entity_id": "BANK_DE", "product_type": "LOAN", "currency": "EUR", "amount": "250000.00",
    "maturity_date": "2026-06-30", "transactional": False, "insurable": False, "locked_in": False,
    "eligible": False, "days_past_due": 0,
}  # fmt: skip
INSERT = {"op": "insert", "values": DEAL, "expected_source_id": "L-4711"}


def checked(**changes: Any) -> Rule:
    rule = parse(VALID | changes)
    check(rule, STAGES[rule.stage])
    return rule


def test_a_valid_rule_is_what_it_was_written_as() -> None:
    rule = checked(expiry="2026-01-31")
    assert [rule.in_force(date(2026, m, d)) for m, d in ((1, 1), (1, 31), (2, 1))] == [
        True, True, False,
    ]  # fmt: skip
    assert not rule.in_force(date(2025, 12, 31))
    assert parse(rule.document()) == rule
    assert parse(rule.document()).digest == rule.digest
    assert checked(priority=1).digest != rule.digest


def nested(deep: int) -> dict[str, Any]:
    found: dict[str, Any] = {"field": "amount", "op": "is null"}
    for _ in range(deep):
        found = {"not": found}
    return found


def test_a_pattern_may_name_what_would_stand_for_others() -> None:
    checked(**condition("currency", "like", r"E\%\_\\%"))


def test_conditions_may_be_nested_as_deep_as_somebody_reads() -> None:
    rule = parse(VALID | {"conditions": nested(19)})
    assert parse(rule.document()) == rule


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, "colour: is not known here"),
        ({"reason": ""}, "reason: "),
        ({"id": "no spaces please"}, "id: "),
        ({"expiry": "2025-12-31"}, "expiry: 2025-12-31 is before it takes effect on 2026-01-01"),
        ({"operations": []}, "operations: "),
        ({"purpose": "whim"}, "purpose"),
        ({"operations": [{"op": "add", "field": "amount"}]}, "add needs a value"),
        ({"operations": [{"op": "exclude", "field": "amount"}]}, "neither field nor value"),
        ({"operations": [{"op": "set", "value": "1"}]}, "set needs a field"),
        ({"conditions": {"field": "amount", "op": "between", "value": ["1"]}}, "list of two"),
        ({"conditions": {"field": "amount", "op": "in", "value": "1"}}, "needs a list"),
        ({"conditions": {"field": "amount", "op": "is null", "value": "1"}}, "takes no value"),
        ({"conditions": {"any": []}}, "any"),
        ({"conditions": {}}, "conditions.field: is missing\nconditions.op: is missing"),
        (
            {"conditions": {"all": [{"any": [{"not": {"field": "a", "op": "~"}}]}, 5]}},
            "conditions.all.0.any.0.not.op: '~' is none of '=', ",
        ),
        ({"conditions": nested(20)}, "conditions are nested more than 20 deep"),
        ({"conditions": nested(400)}, "maximum validation depth exceeded"),
        ({"operations": [{"op": "insert", "expected_source_id": "D1"}]}, "the values of the row"),
        (
            {"operations": [{"op": "exclude", "expected_source_id": "D1"}]},
            "only insert takes values and expected_source_id",
        ),
        ({"operations": [INSERT]}, "write conditions: {all: []}"),
        ({"operations": [INSERT, {"op": "exclude"}]}, "insert stands in a rule of its own"),
    ],
)
def test_a_document_of_another_shape_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleError) as refusal:
        parse(VALID | changes)
    assert said in str(refusal.value)


def condition(field: str, op: str = "=", value: Any = "x") -> dict[str, Any]:
    return {"conditions": {"all": [{"field": field, "op": op, "value": value}]}}


def added(**changes: Any) -> dict[str, Any]:
    return {"conditions": {"all": []}} | operation(**INSERT | {"values": DEAL | changes})


def operation(**parts: Any) -> dict[str, Any]:
    return {"operations": [parts]}


EVERY_FLOW: dict[str, Any] = {"stage": "flow", "conditions": {"all": []}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            condition("product"),
            "R-1 conditions.all.0: deal has no field product; use one of deal_id",
        ),
        (condition("product_type", value="BOAT"), "'BOAT' is none of CASH"),
        (condition("amount", ">", "ten"), "amount: 'ten' is not a number"),
        *(
            (condition("amount", ">", text), f"amount: {text!r} is not a number; write it as 1000")
            for text in ("1_000", " 5 ", "\uff15", "+5", "1e3", ".5", "5.", "NaN", "5\n")
        ),
        (condition("amount", ">", "9" * 5000), "digits before the point"),
        (condition("amount", ">", "0.123456789"), "more than 8 decimals"),
        (condition("maturity_date", ">", "soon"), "maturity_date: "),
        (condition("insurable", value="yes"), "neither true nor false"),
        (condition("amount", "like", "1%"), "like is for text"),
        (condition("currency", "like", 5), "currency: 5 is not text; put it in quotes"),
        *(  # Sail takes these as they stand, Spark fails the day.
            (condition("currency", "like", text), "has a \\ before other than %, _ or \\")
            for text in ("E\\", "E\\UR", "\\\\\\ %")
        ),
        (
            condition("amount", "between", ["10", "9.5"]),
            "amount: no value lies between 10 and 9.5; write the smaller first",
        ),
        (operation(op="set", field="deal_id", value="x"), "is a key, derived or fixed"),
        (operation(op="set", field="sector", value="BANK"), "sector is not known here"),
        (operation(op="multiply", field="currency", value="2"), "multiply is for money and rates"),
        (operation(op="add", field="amount", value="1"), "amount is money; name the currency"),
        (
            operation(op="add", field="amount", value="10000000000000000", currency="EUR"),
            "15 digits",
        ),
        (operation(op="multiply", field="amount", value="12345"), "4 digits before the point"),
        (operation(op="set", field="currency", value=None), "currency cannot be empty"),
        # As a delivered date: the year 1 is a program's word for none.
        (operation(op="set", field="maturity_date", value="0001-01-01"), "'0001-01-01' is no date"),
        (operation(op="set", field="maturity_date", value="20260107"), "'20260107' is no date"),
        (operation(op="reclassify", value="level1_cash"), "have no line to move to"),
        (operation(op="scale", value="2"), "nothing adds up at deal"),
        (operation(op="set", field="amount", value="-1", currency="EUR"), "-1 is less than 0"),
        *(
            (
                EVERY_FLOW | operation(op=op, field="factor", value=value),
                f"factor: {value} is {why}",
            )
            for op, value, why in (
                ("set", "7", "more than 1"),
                ("set", "-1", "less than 0"),
                ("floor", "7", "more than 1"),
                ("cap", "-0.01", "less than 0"),
            )
        ),
        (added(colour="red"), "colour: the values of a row are entity_id, counterparty_id"),
        (added(deal_id="D1"), "deal_id: the values of a row are entity_id"),
        (added(currency=None), "currency: needed for a complete row; give a value"),
        (added(amount="-0.01"), "operations.0.values: amount: -0.01 is less than 0"),
        (added(amount="much"), "operations.0.values: amount: 'much' is not a number"),
        (added(product_type="BOAT"), "'BOAT' is none of CASH"),
        (operation(op="exclude", currency="EUR"), "currency EUR: exclude takes no money; leave it"),
        (
            operation(op="set", field="days_past_due", value="1", currency="EUR"),
            "operations.0: currency EUR: set of days_past_due takes no money; leave it out",
        ),
        (
            {"conditions": {"all": []}} | operation(**INSERT, currency="USD"),
            "operations.0: currency USD: the row's own is EUR; leave it out",
        ),
        ({"limits": {"amounts": {"EUR": "much"}}}, "limits.amounts: EUR: 'much' is not a number"),
        ({"limits": {"amounts": {"EUR": "-1"}}}, "EUR: -1 is less than zero"),
    ],
)
def test_a_rule_that_does_not_fit_its_stage_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleError) as refusal:
        checked(**changes)
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("stage", "field"),
    [("flow", "weighted"), ("flow", "component"), ("flow", "entity_id"), ("flow", "currency"),
     ("line", "n_rows"), ("line", "line")],
)  # fmt: skip
def test_what_follows_from_other_columns_cannot_be_set(stage: str, field: str) -> None:
    changes = operation(op="set", field=field, value="1", currency="EUR")
    with pytest.raises(RuleError, match="is a key, derived or fixed"):
        checked(stage=stage, **condition("line", value="level1_cash"), **changes)


def test_conditions_may_name_what_the_stage_looks_up() -> None:
    assert checked(**condition("sector", value="BANK")).stage == "deal"
    with pytest.raises(RuleError, match="is none of RETAIL"):
        checked(**condition("sector", value="BANKS"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (condition("facility_id", value="F1"), "no field facility_id; .*, or act at facility, "),
        (condition("put_date", value="2026-01-31"), "or act at debt, where rows have it"),
        (condition("netting_set_id", value="N"), "or act at netting_set or margin, where rows"),
        (operation(op="cap", field="undrawn", value="1", currency="EUR"),
         "undrawn is not known here; .*, or act at facility, where rows have it"),
        (operation(op="set", field="weighted", value="1"), "fields to set: .*, factor$"),
        (condition("nonsense", value="1"), "use one of .*, reporting_currency$"),
    ],
)  # fmt: skip
def test_what_a_stage_lacks_is_pointed_to(changes: dict[str, Any], said: str) -> None:
    """A part of a deal has no facility; that is a row of another table, with a stage of its own."""
    every = {"conditions": {"all": []}, "stage": "flow"}
    with pytest.raises(RuleError, match=said):
        Governance(None, GRAPH, IN_FORCE).validate(  # type: ignore[arg-type]
            parse(VALID | every | changes)
        )


def test_a_manual_deal_is_complete_and_named_by_its_rule() -> None:
    rule = checked(**added(counterparty_id="C1"))
    (made,) = CompiledRules(STAGES["deal"], (rule,), lambda _: {}).insertions
    assert (made.rule_id, made.expected) == ("R-1", "L-4711")
    assert set(made.row) == set(STAGES["deal"].reads.column_names)
    named = {"deal_id": "MAN-R-1-1", "counterparty_id": "C1", "security_id": None}
    assert {k: made.row[k] for k in named} == named
    assert made.row["maturity_date"] == date(2026, 6, 30)
    with pytest.raises(RuleError, match="no row is added at flow; insert a deal at deal"):
        checked(stage="flow", **added())


def test_what_was_approved_holds_in_a_form_that_is_taken_no_longer() -> None:
    """Else a day with such a rule could not be run, nor the rule be withdrawn."""
    old = parse(VALID | added(amount="2.5e5", days_past_due="0e1"))
    with pytest.raises(RuleError, match=r"'2\.5e5' is not a number"):
        check(old, STAGES["deal"])
    (made,) = CompiledRules(STAGES["deal"], (old,), lambda _: {}).insertions
    (now,) = CompiledRules(STAGES["deal"], (checked(**added()),), lambda _: {}).insertions
    assert made == now
    for never in ("much", "NaN", True):
        wrong = parse(VALID | added(amount=never))
        with pytest.raises(ValueError, match="is not a number"):
            _ = CompiledRules(STAGES["deal"], (wrong,), lambda _: {}).insertions


def test_no_rule_acts_at_an_unknown_stage() -> None:
    governance = Governance(None, GRAPH, IN_FORCE)  # type: ignore[arg-type]
    with pytest.raises(RuleError, match=r"no rule acts at moon; stages: .*deal"):
        governance.validate(parse(VALID | {"stage": "moon"}))


LEAF = {
    "entity_id": "BANK_DE", "currency": "EUR", "line": "retail_stable", "component": "outflow",
    "regime": "basel", "amount": "1", "weighted": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("retail_stable", ""),
        ("retail_stabel", "line: retail_stabel is not in lcr/lines on 2026-01-01; did you mean "
         "retail_stable"),
        ("moon", "line: moon is not in lcr/lines on 2026-01-01; `parameters show lcr/lines "
         "--date 2026-01-01` lists them"),
    ],
)  # fmt: skip
def test_a_line_that_no_parameter_knows_is_refused(line: str, said: str) -> None:
    governance = Governance(None, GRAPH, IN_FORCE)  # type: ignore[arg-type]
    insert = {"op": "insert", "currency": "EUR", "values": LEAF | {"line": line}}
    every = {"conditions": {"all": []}}
    for changes in (
        every | {"stage": "line"} | {"operations": [insert]},
        every | {"stage": "flow"} | operation(op="reclassify", value=line),
    ):
        rule = parse(VALID | changes)
        if not said:
            assert governance.validate(rule)
            continue
        with pytest.raises(RuleError) as refusal:
            governance.validate(rule)
        assert f"R-1 operations.0: {said}" in str(refusal.value)


HUNDRED = {"op": "add", "field": "amount", "value": "100"}


@pytest.mark.parametrize(
    ("stage", "changes", "place"),
    [
        ("deal", operation(**HUNDRED, currency="USD"), ""),  # a deal's money is in its own
        ("flow", operation(**HUNDRED, currency="EUR"), ""),
        ("flow", operation(op="multiply", field="factor", value="2"), ""),
        ("flow", operation(**HUNDRED, currency="USD"), "operations.0"),
        ("line", operation(**HUNDRED, currency="USD"), "operations.0"),
        ("line", operation(op="insert", currency="USD", values=LEAF), "operations.0"),
        ("component", operation(**HUNDRED, currency="USD"), "operations.0"),
        (
            "component",
            operation(**HUNDRED, currency="EUR") | {"limits": {"amounts": {"USD": "9"}}},
            "limits.amounts",
        ),
    ],
)  # fmt: skip
def test_money_is_named_in_the_currency_in_which_it_stands(
    stage: str, changes: dict[str, Any], place: str
) -> None:
    """Every entity reports in euros; while nothing is delivered nobody can know."""
    asked = []

    def stated(rule: Rule, table: Table, column: str) -> Values:
        if table.name == RATES:
            return {}
        asked.append((table.name, column))
        return {date(2026, 1, 5): ["EUR"]}

    rule = parse(VALID | {"conditions": {"all": []}} | changes | {"stage": stage})
    assert Governance(None, GRAPH, IN_FORCE).validate(rule)  # type: ignore[arg-type]
    known = Governance(None, GRAPH, IN_FORCE, stated)  # type: ignore[arg-type]
    if not place:
        assert known.validate(rule)
        return
    with pytest.raises(RuleError) as refusal:
        known.validate(rule)
    assert str(refusal.value) == (
        f"R-1 {place}: money at {stage} stands in the reporting currency, EUR, and not in USD; "
        "convert it, and name EUR"
    )
    of = "lcr_components" if stage == "component" else "entities"
    assert asked == [(of, "reporting_currency")]


def test_limits_of_money_in_several_currencies_are_held_or_refused() -> None:
    """One entity reports in euros, another in dollars: an amount is no limit of their sum."""
    every_day = {date(2026, 1, 5): ["USD", "EUR"]}
    both = Governance(None, GRAPH, IN_FORCE, lambda *_: every_day)  # type: ignore[arg-type]
    every = VALID | {"conditions": {"all": []}} | operation(op="multiply", field="amount", value=2)
    one, two = {"limits": {"amounts": {"EUR": "9"}}}, {"limits": {"amounts": {"EUR": 9, "USD": 9}}}
    for stage in ("flow", "line"):
        with pytest.raises(RuleError, match=f"entities report in EUR, USD, .* at {stage} .* rows"):
            both.validate(parse(every | one | {"stage": stage}))
        with pytest.raises(RuleError, match="name that one alone"):
            both.validate(parse(every | two | {"stage": stage}))
    assert both.validate(parse(every | two | {"stage": "component"}))
    assert both.validate(parse(every | two | {"stage": "deal"}))


def test_every_stage_knows_the_currency_of_its_money() -> None:
    """Else a value in another one would be added to it unseen."""
    unknown = [
        (stage.name, column)
        for stage in GRAPH.adjustments.values()
        for column in stage.reads.money
        if currency_of(column, stage) is None
    ]
    assert unknown == []


@pytest.mark.parametrize(
    ("stage", "reports", "said"),
    [
        ("flow", ["lcr"], ""),
        ("deal", ["lcr"], "deal also reaches branch, which the overlay does not name; act at flow "
         "or line or component, or name all"),
        ("facility", ["lcr"], ""),
        ("deal", ["branch", "lcr"], ""),
        ("flow", ["branch"], "flow does not reach branch; from there on follow lcr"),
        ("flow", ["lcr", "nsfr"], "flow does not reach nsfr"),
    ],
)  # fmt: skip
def test_an_overlay_acts_on_the_reports_it_names(stage: str, reports: list[str], said: str) -> None:
    field = {"deal": "product_type", "flow": "line", "facility": "kind"}[stage]
    every = {"conditions": {"not": {"field": field, "op": "is null"}}}
    every |= operation(op="exclude")
    rule = parse(VALID | every | {"stage": stage, "purpose": {"overlay": reports}})
    follow = {"branch", "lcr"} if stage == "deal" else {"lcr"}
    unnamed = overlays.unnamed(rule, GRAPH.stage(f"{stage}_adjustments"), GRAPH)
    assert unnamed == sorted(follow - {*reports})
    governance = Governance(None, GRAPH, IN_FORCE)  # type: ignore[arg-type]
    if not said:
        assert governance.validate(rule).stage.name == f"{stage}_adjustments"
        return
    with pytest.raises(RuleError) as refusal:
        governance.validate(rule)
    assert f"R-1 purpose: {said}" in str(refusal.value)


FLAT = """
id: ADJ_2024_001
stage: deal_enrichment
conditions:
  - {field: product_type, operator: in, value: [BOND, LOAN]}
  - {field: maturity_date, operator: ">", value: 2025-01-01}
adjustments:
  - {field: liquidity_factor, operation: multiply, value: 0.95}
  - {field: haircut, operation: add, value: 0.05}
effective_date: 2024-01-15
expiry_date: 2024-12-31
approval: {approved_by: J. Smith, approved_on: 2024-01-10}
"""


def test_the_flat_form_runs_as_written(tmp_path: Path) -> None:
    file = tmp_path / "rule.yaml"
    file.write_text(FLAT)
    (written,) = load(file)
    rule = written.rule
    Governance(None, GRAPH, IN_FORCE).validate(rule)  # type: ignore[arg-type]
    assert rule.stage == "flow"
    assert (rule.effective, rule.expiry) == (date(2024, 1, 15), date(2024, 12, 31))
    factor, haircut = rule.operations
    assert (factor.op, factor.field, factor.value) == ("multiply", "factor", "0.95")
    assert (haircut.op, haircut.field, haircut.value) == ("add", "factor", "-0.05")
    assert haircut.where is not None
    assert rule.claimed_approval == {"approved_by": "J. Smith", "approved_on": "2024-01-10"} or (
        rule.claimed_approval["approved_by"] == "J. Smith"
    )


def test_a_deal_is_added_in_the_flat_form(tmp_path: Path) -> None:
    """With the codes of that form: what it calls a bond is a security here."""
    flat = {
        "rule_id": "R-1", "stage": "deal_enrichment", "effective_date": "2026-01-01",
        "adjustments": [{
            "operation": "insert",
            "expected_source_id": "L-4711",
            "values": DEAL | {"product_type": "BOND"},
        }],
    }  # fmt: skip
    rule = parse(read_form(flat))
    check(rule, STAGES["deal"])
    same = parse(VALID | added(product_type="SECURITY"))
    assert (rule.stage, rule.operations) == ("deal", same.operations)
    for without, said in (
        ({"values": None}, "operations.0: insert needs the values of the row"),
        ({"values": "D1"}, "operations.0.values: 'D1' is no mapping of names to values"),
        ({"expected_source_id": None}, "operations.0: insert needs its expected_source_id"),
        ({"field": "amount"}, "operations.0: insert takes values and expected_source_id alone"),
    ):
        (written,) = flat["adjustments"]
        with pytest.raises(RuleError) as refusal:
            check(parse(read_form(flat | {"adjustments": [written | without]})),
                  STAGES["deal"])  # fmt: skip
        assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ({"operation": "add", "value": "-0.05"}, ("add", "0.05")),
        ({"operation": "set", "value": "0.20"}, ("set", "0.80")),
        ({"operation": "cap", "value": "0.5"}, ("floor", "0.5")),
        ({"operation": "floor", "value": "0.15"}, ("cap", "0.85")),
    ],
)
def test_a_haircut_is_what_the_factor_lacks_of_one(
    written: dict[str, str], means: tuple[str, str]
) -> None:
    """Level 2A assets count with 85 % at a haircut of 15 % (BCBS 238 para 52)."""
    flat: dict[str, Any] = dict(YAML(typ="safe").load(FLAT.replace("\nid", "id")))
    flat |= {"adjustments": [{"field": "haircut"} | written]}
    (operation,) = parse(read_form(flat)).operations
    assert (operation.op, operation.field, operation.value) == (means[0], "factor", means[1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("adjustments: [{field: haircut, operation: multiply, value: '1.1'}]",
         "multiply of haircut cannot be carried over to 1 - haircut; set it or add"),
        ("adjustments: [{field: haircut, operation: add, value: much}]", "'much' is not a number"),
        ("id: a\nadjustments: [set]", "adjustments is a list of mappings"),
        ("id: a\nadjustments: {field: amount}", "adjustments is a list of mappings"),
        ("id: a\nadjustments: [{op: exclude}]\nconditions: [amount]", "conditions is a list of"),
        ("adjustments: [{op: exclude}]", "stage: "),
        ("adjustments: []\neffective: 2024-01-01\neffective_date: 2024-01-02",
         "effective and effective_date mean the same; write one of them"),
        ("", "holds no rule"),
        ("- just text", "a rule is a mapping"),
        ("id: [", ":1: is neither YAML nor JSON"),
        ("id: a\npriority: " + "9" * 5000, ":2: is neither YAML nor JSON (a number is too long"),
        ("id: a\nid: b", ":2: is neither YAML nor JSON"),
        ("id: a\neffective: 2026-13-45", ":2: is neither YAML nor JSON (2026-13-45 is no date: mo"),
        ("id: a\neffective: 2026-1-5", "effective: '2026-1-5' is no date; write it as 2026-01-31"),
        ("id: a\neffective: 2026-01-05 00:00:00", ":2: is neither YAML nor JSON (2026-01-05 00:00"),
        ("id: a\npriority: 1_000", ":2: is neither YAML nor JSON (1_000 is no whole number; write"),
        ("id: a\npriority: 0x1F", ":2: is neither YAML nor JSON (0x1F is no whole number; write"),
        ("id: " + "[" * 5000 + "]" * 5000, "is nested too deep to be read"),
        ("id: a\nadjustments: []\ncolour: red", "colour not known here; use id"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_rule_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    with pytest.raises(RuleError) as refusal:
        load(file)
    assert said in str(refusal.value)
    assert str(file) in str(refusal.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"reason: \xe4")
    with pytest.raises(RuleError, match="not text in UTF-8"):
        load(tmp_path / "latin.yaml")
    with pytest.raises(RuleError, match="cannot be read"):
        load(tmp_path / "absent.yaml")
