"""This system, as the command line and Dagster use it: ingest, then all stages of the day."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import SecretStr

from benchmarks.data import DAY, Files
from benchmarks.steps import Steps
from regulatory_assets.bank import ingest
from regulatory_assets.ledger import run
from regulatory_assets.ledger.lake import Lake
from regulatory_assets.ledger.plan import Way
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.run import Runner
from regulatory_assets.reports.lcr.tables import LCR, LCR_LINES, LCR_SCOPE_LINES
from regulatory_assets.runtime import Runtime, production_graph
from regulatory_assets.settings import Settings

STAGES = ("depositors", "lcr_flows", "lcr_lines", "lcr_scope_lines", "lcr_components", "lcr")


def runtime(state: Path) -> Runtime:
    """A runtime whose state lies in a folder, with its engine started."""
    state.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        var=state,
        engine="sail",
        control_url=SecretStr(f"sqlite:///{state.resolve() / 'control.sqlite'}"),
    )
    found = Runtime(settings, production_graph())
    _ = found.engine, found.lake, found.register, found.parameters
    return found


def full(files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    return _task(runtime(state), files.source, steps)


def correction(files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    return _task(runtime(state), files.correction, steps, Way.CHANGE)


def day(found: Runtime, steps: Steps) -> Callable[[], None]:
    """All stages of the day and all its reports, without deliveries."""
    observe(steps)
    return lambda: stages(found.runner("benchmark"), steps, Way.CHANGE)


def _task(found: Runtime, folder: Path, steps: Steps, way: Way = Way.FULL) -> Callable[[], None]:
    """Ingest, and the stages up to the ratio, which the others calculate too."""
    observe(steps)

    def work() -> None:
        runner = found.runner("benchmark")
        for table in found.graph.sources:
            start = time.perf_counter()
            for taken in ingest.ingest_table(runner, folder, table, DAY):
                steps.add(f"deliver {table.name}", time.perf_counter() - start)
                steps.count(f"deliver {table.name}", taken.outcome.rows)
        behind = runner.graph.ancestors(runner.graph.stage("lcr"))  # adjustment stages among them
        stages(runner, steps, way, {*STAGES, *behind} - runner.positions(DAY).left_out())

    return work


def stages(
    runner: Runner, steps: Steps, way: Way | None = None, only: Iterable[str] | None = None
) -> None:
    """Run the day, or some stages of it; those up to the ratio must go a way, if one is given."""
    for outcome in runner.run_day(DAY, "benchmark", only=only):
        steps.add(f"stage {outcome.table}", outcome.seconds)
        steps.count(f"stage {outcome.table}", outcome.rows)
        if way is not None and outcome.table in STAGES and outcome.way is not way:
            raise RuntimeError(f"{outcome.table} went the way {outcome.way}: {outcome.why}")


def observe(steps: Steps) -> None:
    """Time the steps inside deliveries and stages; they lie within the times of those."""

    def timed(owner: Any, name: str, label: Callable[[tuple[Any, ...]], str]) -> None:
        function = getattr(owner, name)

        @wraps(function)
        def wrapper(*args: Any, **more: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **more)
            finally:
                steps.add(label(args), time.perf_counter() - start)

        setattr(owner, name, wrapper)

    timed(ingest, "stage", lambda args: f"  staging {args[0].table.name}")
    timed(Lake, "append", lambda args: f"  writing {args[1].name}")
    timed(run, "check_posting", lambda args: f"  checking {args[1].table.name}")


def results(state: Path) -> dict[str, pa.Table]:
    """The business columns of the tables that all tasks must agree on."""
    found = runtime(state)
    reader = Reader(found.lake)
    tables = {}
    for table in (LCR_LINES, LCR_SCOPE_LINES, LCR):
        version = Version.registered(found.register, table, DAY)
        tables[table.name] = reader.rows(version).select(*table.column_names).toArrow()
    return tables
