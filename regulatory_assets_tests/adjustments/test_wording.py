"""Each mistake in a rule's document is told once, at its place, with what to write instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from regulatory_assets.adjustments.files import load
from regulatory_assets.adjustments.fitting import check
from regulatory_assets.adjustments.rule import RuleError, parse
from regulatory_assets_tests.adjustments.test_rule import GRAPH, VALID, operation

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
         "linked_legs.this_only: 1 is not text; put it in quotes; linked_legs.why: is not known "
         "here"),
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
         "'reclassify', 'exclude', 'insert' or 'allocate'; operations.1: 5 is no mapping of names "
         "to values"),
        ({"operations": []}, "operations: is empty; write at least one"),
        ({"operations": {}}, "operations: {} is no list"),
        ({"adjustments": [{"field": ["amount"], "op": "add"}]},
         "operations.0.field: ['amount'] is not text; put it in quotes"),
        ({"adjustments": [ADD, {"field": "haircut", "op": "add", "value": "2026-01-31"}]},
         "adjustments.1: '2026-01-31' is not a number; write it as 1000 or '-0.25'"),
        ({"adjustments": [ADD], "conditions": [TEST | {"value": [["BOND"], {}]}]},
         "conditions.all.0.value.0: ['BOND'] is neither text, a whole number, true, false nor a "
         "date; conditions.all.0.value.1: {} is neither text, a whole number, true, false nor a "
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
    assert str(refusal.value) == f"{file}: {said}"


def test_half_a_character_is_refused_where_it_stands(tmp_path: Path) -> None:
    """JSON can name one; no text in UTF-8 holds it, so neither log nor hash could."""
    for changes in ({"conditions": TEST | {"value": "\ud800"}}, {"claimed_approval": ["\udfff"]}):
        file = tmp_path / "rule.json"
        file.write_text(json.dumps(VALID | changes))
        with pytest.raises(RuleError, match=r"rule\.json: .*\\ud.* is half a character; write it"):
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
    with pytest.raises(RuleError, match=r"rules\.json: R-1 stands twice; one version waits"):
        load(file)


@pytest.mark.parametrize("field", ["amount", "product_type", "maturity_date", "eligible"])
def test_of_a_long_value_its_beginning_is_told(field: str) -> None:
    long = {"conditions": {"field": field, "op": "in", "value": ["1" * 15, "z" * 100_000]}}
    with pytest.raises(RuleError) as refusal:
        check(parse(VALID | long, "r"), GRAPH.stage("deal_adjustments"))
    assert len(str(refusal.value)) < 700
