"""The checks of every table, derived from the graph: no stage and no table is named here.

Every table has its schema and its ledger's balance; sources have their deliveries; what a source
names in another, or a stage looks up there, must stand there; what an aggregate sums must add up;
what rules change must be what was approved (``rules``).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from datetime import date

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.arithmetic import total
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.run import Runner
from regulatory_assets.ledger.stages import COUNTS, Stage, StageKind
from regulatory_assets.ledger.table import Table
from regulatory_assets.quality import reports
from regulatory_assets.quality.deliveries import delivery_checks
from regulatory_assets.quality.examination import (
    Check,
    Examination,
    Result,
    differences,
)
from regulatory_assets.quality.references import lost, reference_checks
from regulatory_assets.quality.rules import rule_checks
from regulatory_assets.quality.schemas import broken_rules
from regulatory_assets.quality.ties import ties


def all_checks(graph: Graph) -> tuple[Check, ...]:
    """Every check of a graph's tables."""
    found: list[Check] = []
    for table in graph.tables.values():
        found += (_schema(table), _ledger(table))
    for table in graph.sources:
        found += delivery_checks(table)
    found += reference_checks(graph)
    found += [_sums(stage) for stage in graph.stages if stage.kind is StageKind.AGGREGATE]
    found += rule_checks(graph)
    return (*found, *_declared(graph))


def against_rows(runner: Runner, stage: Stage, day: date) -> list[str]:
    """What speaks against what rules make at a stage: the definition of its table, what blocks the
    table by a check of its own, and rows that then do not find what they name."""
    examination = Examination(runner.positions(day), runner.reader, runner.register)
    own = (c for c in checks_of(_declared(runner.graph), stage.writes) if c.blocking)
    found = [check.examine(examination, 0) for check in (_schema(stage.writes), *own)]
    said = [result.said for result in found if not result.passed]
    return [*said, *lost(runner.graph, stage, examination)]


def _declared(graph: Graph) -> Iterator[Check]:
    """The checks found in the modules below ``quality.reports``, and the ties, of which the graph
    has all tables."""
    names = set(graph.tables)
    for check in (*_of_modules(), *(tie.check() for tie in ties())):
        if {check.table.name, *(t.name for t in check.reads)} <= names:
            yield check


def _of_modules() -> Iterator[Check]:
    for module in pkgutil.walk_packages(reports.__path__, reports.__name__ + "."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, Check):
                yield value


# -- every table -------------------------------------------------------------------------------


def _schema(table: Table) -> Check:
    def examine(day: Examination, since: int) -> Result:
        if not day.version(table).live:
            return Result(True, "there are no rows")
        broken = broken_rules(table, day.booked(table, since))
        if broken and since:  # a row may have been booked and reversed again since
            broken = broken_rules(table, day.rows(table))
        if broken:
            return Result(False, f"{table.name} breaks: {'; '.join(broken)}")
        return Result(True, f"all {len(table.columns)} columns keep their definition")

    return Check(
        table, "schema", "Types, nulls, codes and bounds of its definition.", True, examine
    )


def _ledger(table: Table) -> Check:
    def examine(day: Examination, since: int) -> Result:
        version = day.version(table)
        posted = sum(r.booked - r.reversed for r in version.chain if r.kind == "delta")
        live = version.standing
        standing = day.rows(table).count() if version.live else 0
        facts = {"registered": posted, "since_snapshot": live, "standing": standing}
        if posted == live == standing:
            return Result(True, f"booked less reversed is what stands: {standing} rows", facts)
        said = f"booked less reversed is {posted} ({live} live), but {standing} rows stand"
        return Result(False, said, facts)

    return Check(table, "ledger", "Rows booked less rows reversed are the rows.", True, examine)


# -- stages ------------------------------------------------------------------------------------


def _sums(stage: Stage) -> Check:
    """Sum in = sum out, group by group where the groups are few, in total otherwise."""
    columns = (*stage.sums, *COUNTS)
    by = (*stage.by, "layer", "rule_id") if stage.writes.bounded else ()

    def examine(day: Examination, since: int) -> Result:
        versions = [day.read_by(stage, table) for table in stage.drives]
        read = day.reader.entries_of(versions, stage.summed)
        counts_up = F.col(frames.ENTRY) == F.col("sign")
        signed = [
            total(F.when(counts_up, F.col(c)).otherwise(-F.col(c))).alias(c) for c in stage.sums
        ]
        counts = [
            _long(F.sum(frames.ENTRY)).alias(COUNTS[0]),
            _long(F.sum(F.when(counts_up, 1).otherwise(-1))).alias(COUNTS[1]),
        ]
        expected = read.groupBy(*by).agg(*signed, *counts).where(F.col(COUNTS[0]) > 0)
        written = day.rows(stage.writes)
        if not by:
            # Without groups a table without rows still has its one sum of nothing.
            expected = read.agg(*signed, *counts)
            written = written.agg(
                *(total(F.col(c)).alias(c) for c in stage.sums),
                *(_long(F.sum(c)).alias(c) for c in COUNTS),
            )
        return differences(expected, written, (*by, *columns))

    what = f"{', '.join(stage.sums)} of {', '.join(table.name for table in stage.drives)}"
    return Check(stage.writes, "sums", f"Adds up to {what}, exactly.", True, examine, stage.drives)


def _long(column: Column) -> Column:
    return F.coalesce(column, F.lit(0)).cast("bigint")


def checks_of(checks: Iterable[Check], table: Table) -> tuple[Check, ...]:
    return tuple(c for c in checks if c.table == table)
