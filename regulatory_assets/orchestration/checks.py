"""Binding of the derived checks: one step a table, every check by the day of the run."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    PartitionsDefinition,
    multi_asset_check,
)

from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.table import Table
from regulatory_assets.orchestration.failures import plainly
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.quality.checks import all_checks, checks_of
from regulatory_assets.quality.examination import Check, Examination


def asset_checks(
    graph: Graph, partitions: PartitionsDefinition[Any]
) -> list[AssetChecksDefinition]:
    """One definition a table, with all its checks."""
    checks = all_checks(graph)
    return [
        _of_table(graph, table, found, partitions)
        for table in graph.tables.values()
        if (found := checks_of(checks, table))
    ]


def _of_table(
    graph: Graph, table: Table, checks: Sequence[Check], partitions: PartitionsDefinition[Any]
) -> AssetChecksDefinition:
    by_name = {check.name: check for check in checks}
    specs = [
        AssetCheckSpec(
            check.name,
            asset=table.name,
            description=check.description,
            blocking=check.blocking,
            additional_deps=[read.name for read in check.reads],
            partitions_def=partitions,
        )
        for check in checks
    ]

    @multi_asset_check(name=f"{table.name}_checks", specs=specs, can_subset=True)
    def examine(
        context: AssetCheckExecutionContext, bank: RuntimeResource
    ) -> Iterator[AssetCheckResult]:
        with plainly():
            day = date.fromisoformat(context.run.tags["dagster/partition"])
            runner = bank.runtime(graph).runner(context.run.run_id)
            examination = Examination(runner.positions(day), runner.reader, runner.register)
            revision = examination.version(table).revision
            for key in sorted(context.selected_asset_check_keys, key=lambda k: k.name):
                check = by_name[key.name]
                result = check.examine(examination)
                yield AssetCheckResult(
                    check_name=check.name,
                    asset_key=table.name,
                    passed=result.passed,
                    severity=(
                        AssetCheckSeverity.ERROR if check.blocking else AssetCheckSeverity.WARN
                    ),
                    description=result.said,
                    metadata={"revision": revision, **result.facts},
                )

    return examine
