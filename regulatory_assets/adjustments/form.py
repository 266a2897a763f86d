"""The flat form in which rules are also written: ``conditions`` as a list, ``adjustments``.

It is translated into the one form that ``rule`` knows, by the names of ``form.yaml``. An
``approval`` block is kept as a claim.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

from regulatory_assets.adjustments.refusals import Mistake, RuleError
from regulatory_assets.adjustments.rule import number

_GIVEN = "adjustments"
"""The operations; by this name the form is known."""


@cache
def names() -> dict[str, dict[str, Any]]:
    """The names of the flat form, by kind: stages, keys, comparisons, fields, values."""
    text = files(__package__).joinpath("form.yaml").read_text("utf-8")
    found: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(text)
    return found


def read_form(document: Any) -> Any:
    """The document in the one form; what is in it already is returned as it is.

    Raises RuleError, with the place, where the flat form holds something that has no counterpart.
    """
    if not isinstance(document, dict) or _GIVEN not in document:
        return document
    known = names()
    keys = known["keys"]
    if unknown := [str(name) for name in document if name not in keys]:
        said = f"{', '.join(unknown)} not known here; use {', '.join(keys)}"
        raise RuleError(Mistake(said, unknown[0]))
    rule = {keys[name]: value for name, value in document.items()}
    if len(rule) < len(document):
        twice = sorted(n for n in document if [keys[m] for m in document].count(keys[n]) > 1)
        said = f"{' and '.join(twice)} mean the same; write one of them"
        raise RuleError(Mistake(said, twice[-1]))
    conditions = rule.get("conditions") or []
    given = rule.pop("operations")
    if not _are_mappings(given):
        raise RuleError(Mistake("adjustments is a list of mappings of names to values", _GIVEN))
    if isinstance(conditions, list) and not _are_mappings(conditions):
        said = "conditions is a list of mappings of names to values"
        raise RuleError(Mistake(said, "conditions"))
    operations = []
    for at, one in enumerate(given):
        try:
            operations.append(_operation(one, known))
        except ValueError as error:
            place = f"{_GIVEN}.{at}"
            raise RuleError(Mistake(f"{place}: {error}", place)) from None
    fields = {str(o.get("field")) for o in operations}
    stage = known["stages"].get(str(rule.get("stage")), rule.get("stage"))
    if fields & set(known["flow_fields"]):
        stage = "flow"
    return {
        "purpose": "data_correction",
        "owner": "not stated",
        "reason": "not stated",
        **rule,
        "stage": stage,
        "operations": operations,
        "conditions": {"all": [_test(c, known) for c in conditions]}
        if isinstance(conditions, list)
        else conditions,
    }


def _are_mappings(parts: Any) -> bool:
    return isinstance(parts, list) and all(isinstance(part, dict) for part in parts)


def _test(condition: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    parts = {known["parts"].get(name, name): value for name, value in condition.items()}
    given = str(parts.get("op", "=")).lower()
    parts["op"] = known["comparisons"].get(given, given)
    codes = known["values"].get(str(parts.get("field")), {})
    value = parts.get("value")

    if isinstance(value, list):
        known_values = [_meant(each, codes) for each in value]
        parts["value"] = [v for at, v in enumerate(known_values) if v not in known_values[:at]]
    elif value is not None:
        parts["value"] = _meant(value, codes)
    return parts


def _meant(value: Any, codes: dict[str, Any]) -> Any:
    return codes.get(value, value) if isinstance(value, str) else value


def _operation(operation: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    parts = {known["parts"].get(name, name): value for name, value in operation.items()}
    given = str(parts.get("op", "")).lower()
    parts["op"] = known["actions"].get(given, given)
    if parts["op"] == "insert":
        return _insert(parts, known)
    replacement = known["fields"].get(str(parts.get("field")))
    if replacement is None:
        return parts
    if replacement.get("negated") and "value" in parts:
        parts |= _of_the_rest(str(parts["op"]), parts["value"], str(parts["field"]))
    parts["field"] = replacement["field"]
    if "where" in replacement:
        parts["where"] = replacement["where"]
    return parts


def _insert(parts: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a row is to hold stands under ``values``, which of other operations is another word for
    their one value."""
    row = parts.pop("value", None)
    if isinstance(row, dict):
        row = {name: _meant(v, known["values"].get(name, {})) for name, v in row.items()}
    return {**parts, "values": row}


_OPPOSITE = {"cap": "floor", "floor": "cap", "set": "set"}


def _of_the_rest(op: str, value: Any, field: str) -> dict[str, Any]:
    """What is done to one less a field, where the field itself is named. Raises ValueError for what
    has no counterpart."""
    if op == "add":
        return {"value": format(-number(value), "f")}
    if op not in _OPPOSITE:
        raise ValueError(f"{op} of {field} cannot be carried over to 1 - {field}; set it or add")
    return {"op": _OPPOSITE[op], "value": format(1 - number(value), "f")}
