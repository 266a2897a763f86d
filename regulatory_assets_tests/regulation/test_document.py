"""Plain values of a YAML file are those of YAML 1.2."""

from __future__ import annotations

from pathlib import Path

import pytest

from regulatory_assets.regulation.document import parse


@pytest.mark.parametrize("code", ["NO", "yes", "off", "12:30"])
def test_what_yaml_no_longer_reads_as_a_boolean_or_a_number_is_text(code: str) -> None:
    assert parse(Path("file.yaml"), f"code: {code}\n").pairs()["code"].text() == code


@pytest.mark.parametrize(
    ("value", "kind"),
    [("true", "bool"), ("12", "int"), ("012", "int"), ("0.5", "float"), ("", "null"),
     ("2026-01-05", "timestamp"), ("'12'", "str")],
)  # fmt: skip
def test_what_it_reads_as_something_else(value: str, kind: str) -> None:
    assert parse(Path("file.yaml"), f"given: {value}\n").pairs()["given"].kind == kind
