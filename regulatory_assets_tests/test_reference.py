"""The committed reference pages say what the code says."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from regulatory_assets.reference.pages import REFERENCE_DAY, pages

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def test_pages_are_up_to_date() -> None:
    remedy = "run python -m regulatory_assets.reference docs/reference"
    written = pages(REFERENCE_DAY)
    assert {name: (FOLDER / name).read_text() for name in written} == written, remedy


def test_the_schema_gives_the_form_of_numbers() -> None:
    form = json.loads((FOLDER / "rule.schema.json").read_text())
    operation = {"$ref": "#/$defs/Operation", "$defs": form["$defs"]}
    for value, number in ((1000, True), ("-0.25", True), ("1e3", False), ("1_000", False)):
        for op, taken in (("add", number), ("set", True)):
            given = {"op": op, "field": "amount", "value": value}
            assert Draft202012Validator(operation).is_valid(given) is taken, given
