"""Every command that prints a document has its shape in ``docs/cli.md``, and is held against it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer

from regulatory_assets.cli import app
from regulatory_assets_tests.documents import compare, faults, shapes


def _with_json(command: typer.core.TyperCommand, name: str = "") -> Iterator[str]:
    if isinstance(command, typer.core.TyperGroup):
        for word, each in command.commands.items():
            yield from _with_json(each, f"{name} {word}".strip())
    elif any("--json" in p.opts for p in command.params):
        yield name


def test_every_document_is_written_down() -> None:
    written = {name for name in shapes() if not name.isupper()}
    assert set(_with_json(typer.main.get_command(app))) == written


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([{"table": "a", "posting": "b"}], []),
        ([], []),
        ({"table": "a"}, ["lake clean is no list"]),
        ([{"table": "a"}], ["lake clean.0 lacks posting"]),
        ([{"table": "a", "posting": None, "day": "c"}], ["lake clean.0 also has day"]),
    ],
)
def test_a_document_of_another_shape_is_told(document: object, said: list[str]) -> None:
    assert faults("lake clean", document) == said


def test_parts_keys_of_any_name_and_those_that_may_be_missing() -> None:
    wrote = {"table": "t", "booked": 1, "reversed": 0, "amounts": {"a": {"EUR": "1"}}}
    day = {"day": "d", "affected_records": 1, "rows": 2, "reach": {"rows": 1, "moved": {"a": {}}},
           "stages_updated": [wrote], "ratios": [], "revisions": {"deals": 1}}  # fmt: skip
    whole = {"impact": "", "rule_id": "", "proposal": 1, "rule": "", "days_reached": []}
    assert faults("rules impact", whole | {"days": [day | {"closed": True}]}) == []
    wrong = day | {"reach": {"rows": 1}, "unmoved": {"matched": 1}}
    found = faults("rules impact", whole | {"days": [wrong]})
    assert "rules impact.days.0.reach lacks moved" in found
    assert "rules impact.days.0.unmoved lacks said" in found
    assert "rules approve lacks impact" in faults("rules approve", {"event": 1})


def test_what_a_command_prints_is_compared() -> None:
    compare(["lake", "clean"], "no document")
    with pytest.raises(AssertionError, match=r"lake clean\.0 lacks table"):
        compare(["lake", "clean", "--json"], "  a spinner\n[{}]")
