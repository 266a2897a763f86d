"""A delivered day taken through the stages of a report, without Dagster."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from regulatory_assets.bank.ingest import ingest_table
from regulatory_assets.control.database import connect, migrate
from regulatory_assets.control.register import Register
from regulatory_assets.engine import Engine
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.rules import NoRules, RuleSource
from regulatory_assets.ledger.run import Runner
from regulatory_assets.regulation.parameters import Parameters
from regulatory_assets.runtime import Rules, production_graph


def deliver(
    folder: Path, deliveries: Path, day: date, engine: Engine, rules: RuleSource | None = None
) -> Runner:
    """A runner whose lake holds what was delivered for a day."""
    database = connect(SecretStr(f"sqlite:///{folder / 'control.sqlite'}"))
    migrate(database)
    runner = Runner(
        production_graph(),
        Lake(folder / "lake", engine.session),
        Register(database),
        Rules(Parameters.default(), date(2015, 1, 1)),
        engine.identity,
        "reports",
        rules or NoRules(),
    )
    for table in runner.graph.sources:
        ingest_table(runner, deliveries, table, day)
    return runner


def groups(runner: Runner, names: Iterable[str]) -> tuple[str, ...]:
    """The stages of some groups of tables, with those that they read from."""
    wanted, graph = set(names), runner.graph
    of_groups = [s for s in graph.stages if s.writes.group in wanted]
    needed = {n for s in of_groups for n in (s.name, *graph.ancestors(s))}
    return tuple(s.name for s in graph.stages if s.name in needed)


def rows(runner: Runner, name: str, day: date) -> list[dict[str, Any]]:
    """The business columns of a table's standing rows."""
    table = runner.graph.tables[name]
    version = Version.registered(runner.register, table, day)
    found: list[dict[str, Any]] = (
        runner.reader.rows(version).select(*table.column_names).toArrow().to_pylist()
    )
    return found


def euro(amount: str, rate: str) -> Decimal:
    """An amount at a rate, with the 8 decimals of money."""
    return (Decimal(amount) * Decimal(rate)).quantize(Decimal("1e-8"), ROUND_HALF_UP)
