"""The same calculation in plain PySpark, as an engineer would write it with Spark SQL.

Apache Spark on this machine, every table overwritten as Parquet by every run. Full reads the
delivered files. Recompute starts from typed tables that are there already, applies the correction
and calculates everything again: what a plain job does when a correction arrives.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql.connect.dataframe import DataFrame
from pyspark.sql.connect.session import SparkSession

from benchmarks import calculation
from benchmarks.calculation import SPARK
from benchmarks.checks import typed_lines
from benchmarks.data import TABLES, Files
from benchmarks.steps import Steps
from regulatory_assets.engine import start
from regulatory_assets.ledger.table import Table
from regulatory_assets.reports.lcr.tables import LCR, LCR_LINES, LCR_SCOPE_LINES
from regulatory_assets.settings import Settings


class Job:
    """A folder of Parquet tables and the stopwatch of its steps."""

    def __init__(self, state: Path, steps: Steps) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self.state, self.steps = state.resolve(), steps
        settings = Settings(var=state, engine="spark", cache_folder=Settings().cache)
        self.session: SparkSession = start(settings).session
        self.session.sql("SELECT 1").collect()

    def write(self, step: str, name: str, rows: DataFrame) -> None:
        """Write a table and read it back under its name."""
        start_ = time.perf_counter()
        rows.write.mode("overwrite").parquet(str(self.state / name))
        self.read(name)
        self.steps.add(step, time.perf_counter() - start_)

    def read(self, name: str) -> None:
        self.session.read.parquet(str(self.state / name)).createOrReplaceTempView(name)


def full(files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    job = Job(state, steps)

    def work() -> None:
        rejected: list[DataFrame] = []
        for table in TABLES:
            checked = _checked(job, table, files.csv(table.name), delta=False)
            good, bad = _divide(job, checked, table)
            job.write(f"load {table.name}", table.name, good)
            rejected.append(bad)
        _reject(job, rejected)
        _calculate(job)

    return work


def recompute(files: Files, state: Path, steps: Steps) -> Callable[[], None]:
    job = Job(state, steps)
    deals = next(t for t in TABLES if t.name == "deals")

    def work() -> None:
        for table in TABLES:
            job.read(table.name)
        good, bad = _divide(job, _checked(job, deals, files.delta, delta=True), deals)
        good.createOrReplaceTempView("delta")
        columns = ", ".join(deals.column_names)
        corrected = job.session.sql(
            f"""SELECT {columns} FROM deals LEFT ANTI JOIN delta USING (deal_id)
                UNION ALL SELECT {columns} FROM delta WHERE _operation = 'upsert'"""
        )
        job.write("apply the correction", "corrected_deals", corrected)
        job.session.table("corrected_deals").createOrReplaceTempView("deals")
        _reject(job, [bad])
        _calculate(job)

    return work


def _checked(job: Job, table: Table, file: Path, delta: bool) -> DataFrame:
    columns = (("_operation",) if delta else ()) + table.column_names
    schema = ", ".join(f"{c} STRING" for c in columns)
    lines = job.session.read.csv(str(file.resolve()), schema=schema, header=True)
    view = f"lines_{table.name}"
    lines.createOrReplaceTempView(view)
    return job.session.sql(
        typed_lines(view, table, "TRY_CAST({0} AS {1})", "{0} RLIKE r'^({1})$'", delta).replace(
            "VARCHAR", "STRING"
        )
    )


def _divide(job: Job, checked: DataFrame, table: Table) -> tuple[DataFrame, DataFrame]:
    """Accepted and rejected rows; keys that stand twice are counted and none may be there."""
    good = checked.where("reasons IS NULL").drop("reasons", "raw_text")
    bad = checked.where("reasons IS NOT NULL").selectExpr(
        f"'{table.name}' AS source_table", "reasons", "raw_text"
    )
    start_ = time.perf_counter()
    twice = good.groupBy(*table.key).count().where("count > 1").limit(1).collect()
    job.steps.add(f"repeated keys {table.name}", time.perf_counter() - start_)
    if twice:
        raise ValueError(f"{table.name}: the benchmark's files have no repeated keys, got {twice}")
    return good, bad


def _reject(job: Job, rejected: list[DataFrame]) -> None:
    rows = rejected[0]
    for more in rejected[1:]:
        rows = rows.unionAll(more)
    job.write("write rejected", "rejected_rows", rows)


def _calculate(job: Job) -> None:
    sql = job.session.sql
    sql(calculation.LEVELS).createOrReplaceTempView("levels")
    sql(calculation.factors()).createOrReplaceTempView("factors")
    for name, query in (
        ("depositors", calculation.depositors(SPARK)),
        ("large", calculation.large(SPARK)),
        ("lcr_flows", calculation.flows(SPARK)),
        ("lcr_lines", calculation.lines()),
        ("lcr_scope_lines", calculation.scope_lines(SPARK)),
    ):
        job.write(f"calculate {name}", name, sql(query))
    start_ = time.perf_counter()
    totals = sql(calculation.components()).collect()
    schema = pa.schema([(c.name, c.type.arrow) for c in LCR.columns])
    rows = pa.Table.from_pylist([calculation.ratio(r.asDict()) for r in totals], schema=schema)
    job.write("calculate lcr", "lcr", job.session.createDataFrame(rows))
    job.steps.add("calculate lcr", time.perf_counter() - start_)


def results(state: Path) -> dict[str, pa.Table]:
    """The tables that all tasks must agree on."""
    return {
        t.name: pq.read_table(state / t.name).select(t.column_names)
        for t in (LCR_LINES, LCR_SCOPE_LINES, LCR)
    }
