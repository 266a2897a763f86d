"""A stage enters the graph by one new file, and its code is known by its own and its imports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from regulatory_assets import reports
from regulatory_assets.bank.tables import FX_RATES
from regulatory_assets.control.database import connect
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.deliver import deliver
from regulatory_assets.ledger.fingerprint import code_fingerprint
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.runtime import production_graph
from regulatory_assets_tests.kernel.world import DAYS, frame, rows_of

BEFORE = {s.name: code_fingerprint(s, "sail") for s in production_graph().stages}

STAGE = '''
    """Rates doubled."""

    from pyspark.sql.connect import functions as F

    from regulatory_assets.ledger.stages import row_stage
    from regulatory_assets.ledger.table import Column, ColumnType, Table
    from regulatory_assets.reports.rates import RATES_OF_DAY

    DOUBLED = Table(
        "doubled",
        "Rates doubled.",
        (
            Column("currency", ColumnType.STRING, "Currency."),
            Column("rate", ColumnType.RATE, "Twice the rate."),
        ),
        ("currency",),
        "tests",
    )


    @row_stage(reads=RATES_OF_DAY, writes=DOUBLED)
    def doubled(rates, p):
        """Twice the rate."""
        return rates.withColumn("rate", F.col("rate") + F.col("rate"))
'''


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """The production graph as it is with one more file below the reports package."""
    before = set(sys.modules)
    (tmp_path / "added").mkdir()
    (tmp_path / "added" / "__init__.py").touch()
    (tmp_path / "added" / "stages.py").write_text(dedent(STAGE))
    monkeypatch.setattr(reports, "__path__", [*reports.__path__, str(tmp_path)])
    yield production_graph()
    for name in set(sys.modules) - before:
        if name.startswith("regulatory_assets.reports.added"):
            del sys.modules[name]
    vars(reports).pop("added", None)


def test_one_file_is_enough(graph: Graph, sail: Engine, tmp_path: Path, template: Path) -> None:
    database = connect(f"sqlite:///{template}")
    lake = Lake(tmp_path / "lake", sail.session)
    runner = Runner(graph, lake, Register(database), Parameters.default(), sail.identity, "test")
    day = DAYS[0].replace(year=2031)
    rows = frame(sail, FX_RATES, [("EUR", Decimal(1)), ("USD", Decimal("0.9"))])
    deliver(runner, FX_RATES, day, rows, "full", "test")
    for name in ("rates_of_day", "market_adjustments"):
        runner.run_stage(graph.stage(name), day, "test")
    outcome = runner.run_stage(graph.stage("doubled"), day, "test")
    table = graph.tables["doubled"]
    version = Version.registered(runner.register, table, day)
    found = sorted(row[3:] for row in rows_of(Reader(lake).rows(version).toArrow(), table))
    assert found == [("EUR", Decimal("2.00000000")), ("USD", Decimal("1.80000000"))]
    assert outcome.booked == 2
    database.dispose()


def test_its_place_in_the_graph(graph: Graph) -> None:
    added = graph.stage("doubled")
    assert added in graph.readers("rates_of_day")
    above = {FX_RATES.name, "rates_of_day", "market_adjustments"}
    assert set(graph.ancestors(added)) == above


def test_the_code_of_the_other_stages_stays_the_same(graph: Graph) -> None:
    """So that adding a stage recalculates nothing."""
    after = {s.name: code_fingerprint(s, "sail") for s in graph.stages}
    assert after.pop("doubled")
    assert after == BEFORE


def test_without_the_file_it_is_gone() -> None:
    assert "doubled" not in production_graph().tables
