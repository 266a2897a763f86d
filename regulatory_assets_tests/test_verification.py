"""``verify`` finds what does not follow from deliveries: in sources, stages, rejected lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql.connect import functions as F
from typer.testing import CliRunner

from regulatory_assets.bank.conform import REJECTED_ROWS
from regulatory_assets.cli import app
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.reader import Version
from regulatory_assets_tests.bank.desk import Desk

BRANCHES = """branch_id,entity_id,name,region,country,opened,staff,atms
DE01,BANK_DE,Frankfurt,Hessen,DE,1958-03-03,64,9
DE02,BANK_DE,Kassel,Hessen,DE,someday,12,2
FR01,BANK_FR,Lyon,Rhone,FR,1990-01-01,20,3
"""


@pytest.fixture
def desk(sail: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A day with a source, a stage calculated from it, and a rejected line."""
    made = Desk(tmp_path)
    monkeypatch.setenv("REGULATORY_ASSETS_VAR", str(made.runtime.settings.var))
    made.deliver("branches.csv", BRANCHES)
    made.take("branches")
    made.runner.run_stage(made.runtime.graph.stage("branch_units"), made.day, "test")
    return made


def verified(desk: Desk, engine: str) -> tuple[int, dict[str, Any]]:
    words = ["verify", "--date", desk.day.isoformat(), "--engine", engine, "--json"]
    ran = CliRunner().invoke(app, words)
    return ran.exit_code, {found["table"]: found for found in json.loads(ran.stdout)}


def forge(desk: Desk, name: str, column: str, key: str) -> None:
    """Post another value in one row, registered like any other, that no delivery holds."""
    table = desk.table(name)
    rows = desk.runner.reader.rows(Version.registered(desk.runner.register, table, desk.day))
    forged = F.when(F.col(table.key[-1]) == key, F.lit("forged")).otherwise(F.col(column))
    content = rows.select(*table.column_names).withColumn(column, forged)
    deliver(desk.runner, table, desk.day, content, "full", "nobody")


def test_every_difference_is_named_and_fails(desk: Desk) -> None:
    code, tables = verified(desk, "sail")
    assert code == 0
    assert {name: (t["rows"], t["differing"], t["examples"]) for name, t in tables.items()} == {
        "branches": (2, 0, []),
        "branch_units": (4, 0, []),
        REJECTED_ROWS.name: (1, 0, []),
    }
    forge(desk, "branches", "name", "FR01")
    forge(desk, "branch_units", "name", "DE01")
    forge(desk, REJECTED_ROWS.name, "reasons", "3")
    code, tables = verified(desk, "sail")
    assert code == 1
    (batch,) = (d.batch for d in desk.runner.register.deliveries("branches", desk.day))
    for name, key in (
        ("branches", {"branch_id": "FR01"}),
        ("branch_units", {"entity_id": "BANK_DE", "branch_id": "DE01"}),
        (REJECTED_ROWS.name, {"batch": batch, "line_number": 3}),
    ):
        assert tables[name]["differing"] == 2
        assert sorted(tables[name]["examples"], key=lambda e: str(e["side"])) == [
            key | {"side": "ledger"},
            key | {"side": "recalculation"},
        ]


@pytest.mark.spark
def test_spark_recalculates_what_sail_wrote(desk: Desk, spark: Engine) -> None:
    forge(desk, "branch_units", "name", "FR01")
    code, tables = verified(desk, "spark")
    assert code == 1
    assert {name: found["differing"] for name, found in tables.items()} == {
        "branches": 0,
        "branch_units": 2,
        REJECTED_ROWS.name: 0,
    }
