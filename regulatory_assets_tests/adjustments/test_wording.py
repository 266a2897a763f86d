"""Each mistake in a rule's document is told once, at its place, with what to write instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments.files import load
from regulatory_assets.adjustments.fitting import check
from regulatory_assets.adjustments.governance import Governance
from regulatory_assets.adjustments.refusals import RuleError
from regulatory_assets.adjustments.rule import parse
from regulatory_assets_tests.adjustments.test_rule import GRAPH, IN_FORCE, VALID, operation

ADD = {"op": "add", "field": "amount", "value": "1", "currency": "EUR"}
TEST = {"field": "product_type", "op": "=", "value": "LOAN"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"effective": 0}, "effective: 0 is no date; write it as 2026-01-31"),
        ({"effective": "20260105"}, "effective: '20260105' is no date; write it as 2026-01-31"),
        ({"expiry": "2026-02-30"}, "expiry: '2026-02-30' is no date; write it as 2026-01-31"),
        ({"expiry": "0999-12-31"}, "expiry: '0999-12-31' is no date; write it as 2026-01-31"),
        ({"expiry": "\uff12026-01-31"},
         "expiry: '\uff12026-01-31' is no date; write it as 2026-01-31"),
        ({"expiry": True}, "expiry: True is no date; write it as 2026-01-31"),
        ({"version": True}, "version: True is not a whole number"),
        ({"version": 0}, "version: 0 is less than 1"),
        ({"priority": "soon"}, "priority: 'soon' is not a whole number"),
        ({"priority": "1_000"}, "priority: '1_000' is not a whole number"),
        ({"version": " 2"}, "version: ' 2' is not a whole number"),
        ({"priority": 2**31}, "priority: 2147483648 is more than 2147483647"),
        ({"limits": {"rows": False}}, "limits.rows: False is not a whole number"),
        ({"limits": {"amounts": {}}}, "limits.amounts: is empty; write at least one"),
        ({"reason": "  "}, "reason: is empty"),
        ({"owner": 5}, "owner: 5 is not text; put it in quotes"),
        ({"id": "a b"}, "id: 'a b': an id is up to 64 letters, digits, and _ . - after one"),
        ({"evidence": {"file": "a", "sha256": "ab"}},
         "evidence.sha256: 'ab': a SHA-256 is 64 digits of 0 to 9 and a to f"),
        ({"purpose": "overlay"},
         "purpose: 'overlay' is none of 'data_correction' or 'methodology', 'overlay' is no mapping"
         " of names to values"),
        ({"purpose": {"overlay": []}}, "purpose.overlay: is empty; write at least one"),
        ({"purpose": {"overlay": [1]}}, "purpose.overlay.0: 1 is not text; put it in quotes"),
        ({"linked_legs": {"this_only": 1, "why": ""}},
         "linked_legs.this_only: 1 is not text; put it in quotes\n"
         "linked_legs.why: is not known here"),
        ({"conditions": TEST | {"op": "~"}},
         "conditions.op: '~' is none of '=', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'between',"
         " 'like' or 'is null'"),
        ({"conditions": TEST | {"value": {"a": 1}}},
         "conditions.value: {'a': 1} is neither text, a whole number, true, false nor a date, "
         "{'a': 1} is no list"),
        ({"conditions": {"not": TEST | {"op": "in", "value": ["LOAN", []]}}},
         "conditions.not.value.1: [] is neither text, a whole number, true, false nor a date"),
        (operation(**ADD | {"currency": "eur"}),
         "operations.0.currency: 'eur': a currency is three capital letters"),
        ({"operations": [ADD | {"op": "plus"}, 5]},
         "operations.0.op: 'plus' is none of 'set', 'multiply', 'add', 'cap', 'floor', 'scale', "
         "'reclassify', 'exclude', 'insert' or 'allocate'\n"
         "operations.1: 5 is no mapping of names to values"),
        ({"operations": []}, "operations: is empty; write at least one"),
        ({"operations": {}}, "operations: {} is no list"),
        ({"adjustments": [{"field": ["amount"], "op": "add"}]},
         "operations.0.field: ['amount'] is not text; put it in quotes"),
        ({"adjustments": [ADD, {"field": "haircut", "op": "add", "value": "2026-01-31"}]},
         "adjustments.1: '2026-01-31' is not a number; write it as 1000 or '-0.25'"),
        ({"adjustments": [ADD], "conditions": [TEST | {"value": [["BOND"], {}]}]},
         "conditions.all.0.value.0: ['BOND'] is neither text, a whole number, true, false nor a "
         "date\nconditions.all.0.value.1: {} is neither text, a whole number, true, false nor a "
         "date"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    file = tmp_path / "rule.json"
    written = VALID | changes
    if "adjustments" in changes:
        del written["operations"]
    file.write_text(json.dumps(written))
    with pytest.raises(RuleError) as refusal:
        load(file)
    assert str(refusal.value).splitlines() == [f"{file}:1: {one}" for one in said.splitlines()]


OWN_FORM = """\
# A rule with a mistake in most of its lines.
id: R 1
version: 1
stage: deal
purpose: {overlay: [lcr,
  5]}
conditions:
  all:
    - {field: product_type, op: "=", value: LOAN}
    - any:
        - field: currency
          op: "~"
          value: EUR
operations:
  - op: add
    field: amount
    value: "1"
    currency: eur
  - {op: add, field: amount}
effective: soon
owner: desk
colour: red
expiry: 2025-12-31
"""

OWN_LINES = {
    "id": 2, "purpose.overlay.1": 6, "conditions.all.1.any.0.op": 12, "operations.0.currency": 18,
    "operations.1": 19, "effective": 20, "reason": 2, "colour": 22,
}  # fmt: skip

FLAT_FORM = """\
{
  "id": "F-1",
  "stage": "aggregation",
  "conditions": [
    {"field": "product_type", "operator": "in", "value": ["BOND"]},
    {"field": "maturity_date",
     "operator": "~",
     "value": "2025-01-01"}
  ],
  "adjustments": [
    {"field": "amount",
     "operation": "increase",
     "value": {}}
  ],
  "effective_date": "soon"
}
"""


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (OWN_FORM, OWN_LINES),
        (FLAT_FORM, {"conditions.all.1.op": 7, "operations.0.value": 13, "effective": 15}),
        (FLAT_FORM.replace('"field": "amount"', '"field": "haircut"'), {"adjustments.0": 11}),
        ("- " + OWN_FORM.replace("\n", "\n  "), OWN_LINES),
        (FLAT_FORM.replace('"id"', '"name": 1,\n  "id"'), {"name not known here": 2}),
        (FLAT_FORM.replace('"effective_date"', '"effective": "",\n  "effective_date"'),
         {"effective and effective_date mean the same": 16}),
        (FLAT_FORM.replace('{"field": "product', '5, {"field": "product'), {"conditions is a": 4}),
        (FLAT_FORM.replace("\n", "").replace('"adjustments": ', '\n"adjustments": 5, "x": '),
         {"x not known here": 2}),
    ],
)  # fmt: skip
def test_every_mistake_is_told_with_its_line(
    tmp_path: Path, text: str, lines: dict[str, int]
) -> None:
    """Of what is missing that of the rule, of an operation that of its first word."""
    file = tmp_path / "rule.yaml"
    file.write_text(text)
    with pytest.raises(RuleError) as refusal:
        load(file)
    told = str(refusal.value).splitlines()
    for place, line in lines.items():
        assert any(one.startswith(f"{file}:{line}: {place}") for one in told), (place, told)
    assert len(told) == len(lines)


FITS = """\
id: R-1
version: 1
stage: deal
purpose: data_correction
conditions:
  any:
    - {field: product_type, op: "=", value: LOAN}
    - not: {field: currency, op: "=", value: EUR}
operations:
  - {op: add, field: amount, value: "1", currency: EUR}
  - op: multiply
    field: amount
    value: "1.01"
    where:
      field: currency
      op: "="
      value: EUR
limits:
  amounts: {EUR: "1000"}
linked_legs: both
effective: 2026-01-01
reason: a reason
owner: an owner
"""
EVIDENCE = """\
owner: an owner
evidence:
  file: paper.pdf
  sha256: {}
""".format("ab" * 32)


@pytest.mark.parametrize(
    ("right", "wrong", "place", "line"),
    [
        ("stage: deal", "stage: moon", "stage", 3),
        ("purpose: data_correction", "purpose: {overlay: [moon]}", "purpose", 4),
        ("{field: product_type", "{field: product", "conditions.any.0", 7),
        ("not: {field: currency", "not: {field: colour", "conditions.any.1.not", 8),
        ("field: amount, value", "field: deal_id, value", "operations.0", 10),
        ("field: amount\n", "field: currency\n", "operations.1", 11),
        ("      field: currency", "      field: colour", "operations.1.where", 14),
        ("EUR: \"1000\"", "EUR: \"-1\"", "limits.amounts", 19),
        ("owner: an owner\n", EVIDENCE, "evidence.file", 25),
    ],
)  # fmt: skip
def test_of_what_does_not_fit_its_stage_the_line_is_told(
    tmp_path: Path, right: str, wrong: str, place: str, line: int
) -> None:
    governance = Governance(None, GRAPH, IN_FORCE)  # type: ignore[arg-type]
    file = tmp_path / "rule.yaml"
    file.write_text(FITS)
    assert governance.validate_all(load(file), tmp_path)
    assert FITS.count(right) == 1
    file.write_text(FITS.replace(right, wrong))
    with pytest.raises(RuleError) as refusal:
        governance.validate_all(load(file), tmp_path)
    assert str(refusal.value).startswith(f"{file}:{line}: R-1 {place}: "), str(refusal.value)


def test_half_a_character_is_refused_where_it_stands(tmp_path: Path) -> None:
    """JSON can name one; no text in UTF-8 holds it, so neither log nor hash could."""
    for changes in ({"conditions": TEST | {"value": "\ud800"}}, {"claimed_approval": ["\udfff"]}):
        file = tmp_path / "rule.json"
        file.write_text(json.dumps(VALID | changes))
        with pytest.raises(
            RuleError, match=r"rule\.json:1: .*\\ud.* is half a character; write it"
        ):
            load(file)


def test_of_a_list_each_rule_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    wrong = [VALID | {"id": "R-2", "effective": "then"}, VALID, "R-4", VALID | {"adjustments": 1}]
    file.write_text("# four\n" + "".join(f"\n- {json.dumps(each)}\n" for each in wrong))
    with pytest.raises(RuleError) as refusal:
        load(file)
    effective, mapping, form = str(refusal.value).splitlines()
    assert effective.startswith(f"{file}:3: effective: ")
    assert mapping == f"{file}:7: a rule is a mapping of names to values"
    assert form.startswith(f"{file}:9: ")


def test_a_rule_stands_once_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps([VALID, VALID | {"version": 2}, VALID | {"id": "R-2"}]))
    with pytest.raises(RuleError, match=r"rules\.json:1: R-1 stands twice; one version waits"):
        load(file)


@pytest.mark.parametrize("field", ["amount", "product_type", "maturity_date", "eligible"])
def test_of_a_long_value_its_beginning_is_told(field: str) -> None:
    long = {"conditions": {"field": field, "op": "in", "value": ["1" * 15, "z" * 100_000]}}
    with pytest.raises(RuleError) as refusal:
        check(parse(VALID | long), GRAPH.stage("deal_adjustments"))
    assert len(str(refusal.value)) < 700
