"""Plain values of a YAML file are those of YAML 1.2."""

from __future__ import annotations

from pathlib import Path

import pytest

from regulatory_assets.regulation.document import ParameterError, parse, read


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


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes("a: 1\nname: Caf\u00e9\n".encode("latin-1"))
    with pytest.raises(ParameterError, match=r"file\.yaml:2: this is no text in UTF-8\. Save it"):
        read(tmp_path / "file.yaml")
