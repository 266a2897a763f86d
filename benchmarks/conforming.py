"""One delivered file, the deals, into its table: read, every line checked, written.

By this system as a delivery is taken (lines kept, rejected ones apart, keys checked, posted and
registered), and by DuckDB into a database file with the same rules by hand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
from pyspark.sql.connect import functions as F

from benchmarks import duck, system
from benchmarks.data import DAY, TABLES, Files
from benchmarks.steps import Steps
from regulatory_assets.bank import ingest
from regulatory_assets.ledger.reader import Reader, Version
from regulatory_assets.ledger.table import ColumnType

_DEALS = next(table for table in TABLES if table.name == "deals")
_BY = ("product_type", "currency")
_SUMMED = tuple(c.name for c in _DEALS.columns if c.type is ColumnType.MONEY)
_COUNTED = tuple(c for c in _DEALS.column_names if c not in _BY)


def ours(files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    found = system.runtime(state)
    system.observe(steps)

    def work() -> None:
        start = time.perf_counter()
        for taken in ingest.ingest_table(found.runner("benchmark"), files.source, _DEALS, DAY):
            steps.add("deliver deals", time.perf_counter() - start)
            steps.count("deliver deals", taken.outcome.rows)

    return work


def by_hand(files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    base = duck.Database(state, steps)

    def work() -> None:
        duck.create_rejected_rows(base)
        duck.load(base, _DEALS, str(files.csv(_DEALS.name)), _DEALS.name, delta=False)
        base.run("checkpoint", "CHECKPOINT")
        base.connection.close()

    return work


def results(state: Path) -> dict[str, pa.Table]:
    """By kind and currency how many values there are of every column, and sums of the amounts."""
    if (state / "bank.duckdb").exists():
        wanted = [f"count({c}) AS {c}" for c in _COUNTED]
        wanted += [f"CAST(sum({c}) AS VARCHAR) AS sum_{c}" for c in _SUMMED]
        with duckdb.connect(str(state / "bank.duckdb"), read_only=True) as connection:
            by = ", ".join(_BY)
            sql = f"SELECT {by}, {', '.join(wanted)} FROM deals GROUP BY {by}"
            return {"conformed": connection.sql(sql).to_arrow_table()}
    found = system.runtime(state)
    version = Version.registered(found.register, _DEALS, DAY)
    counts = [F.count(c).alias(c) for c in _COUNTED]
    sums = [F.sum(c).cast("string").alias(f"sum_{c}") for c in _SUMMED]
    rows = Reader(found.lake).rows(version).groupBy(*_BY).agg(*counts, *sums)
    return {"conformed": rows.toArrow()}
