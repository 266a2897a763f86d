"""The commands about sources: sample banks, templates, rejected lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.bank.tables import SOURCES
from regulatory_assets.cli import app
from regulatory_assets_tests.bank.desk import Desk


def run(*arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exception is None or isinstance(ran.exception, SystemExit)
    return ran.exit_code, ran.output


def generate(out: Path, *more: str) -> dict[str, bytes]:
    code, said = run(
        "generate", "--deals", "800", "--days", "2", "--seed", "7", "--out", str(out), *more
    )
    assert code == 0, said
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*.csv"))}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    first = generate(tmp_path / "one", "--dirty", "0.01")
    assert first == generate(tmp_path / "two", "--dirty", "0.01")
    clean = generate(tmp_path / "three")
    assert {name for name in first if first[name] != clean[name]} == {
        "2026-01-05/deals.csv",
        "2026-01-05/control_totals.csv",
    }
    assert {name.partition("/")[0] for name in first} == {"2026-01-05", "2026-01-06"}
    corrected = generate(tmp_path / "four", "--delta", "0.02")
    deltas = corrected.keys() - clean.keys()
    assert deltas == {f"2026-01-0{n}/deals.delta-001.csv" for n in (5, 6)}
    assert {corrected[name].count(b"\n") for name in deltas} == {1 + 16}
    assert {name: corrected[name] for name in clean} == clean


@pytest.mark.parametrize(
    "wrong", [("--deals", "10"), ("--dirty", "2"), ("--dirty", "much"), ("--delta", "0.0001")]
)
def test_what_cannot_be_generated_is_said_plainly(tmp_path: Path, wrong: tuple[str, str]) -> None:
    code, said = run("generate", "--deals", "800", "--seed", "7", "--out", str(tmp_path), *wrong)
    assert code == 2
    assert "Error" in said


def test_templates_hold_the_headers_and_keep_existing_files(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text("mine\n")
    code, said = run("sources", "template", "--out", str(tmp_path), "--json")
    assert code == 0
    assert len(json.loads(said)) == len(SOURCES) - 1
    assert (tmp_path / "deals.csv").read_text() == "mine\n"
    for table in SOURCES:
        if table.name != "deals":
            text = (tmp_path / f"{table.name}.csv").read_text()
            assert text == ",".join(table.delivered_names) + "\n"


def test_a_template_can_be_delivered(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    run("sources", "template", "--out", str(desk.here))
    for table in desk.runtime.graph.sources:
        (taken,) = ingest_table(desk.runner, desk.deliveries, table, desk.day, desk.runtime.vault)
        assert taken.delivery.delivered == 0


def test_rejected_lines_are_shown_as_they_stood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    desk.deliver("fx_rates.csv", "currency,rate\nEUR,1\n[/red],x\n")
    desk.take("fx_rates")
    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(tmp_path / "var"))
    code, said = run("sources", "rejected", "--date", str(desk.day))
    assert code == 0
    assert "[/red],x" in said
    found = json.loads(run("sources", "rejected", "--date", str(desk.day), "--json")[1])
    assert [(r["line_number"], r["raw_text"]) for r in found] == [(3, "[/red],x")]
    other = run("sources", "rejected", "--date", str(desk.day), "--table", "deals", "--json")[1]
    assert json.loads(other) == []
    assert "no rejected lines" in run("sources", "rejected", "--date", "2019-01-01")[1]
