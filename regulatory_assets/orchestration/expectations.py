"""The report on a day's deliveries: an asset with a check and a page for each source table.

It never blocks, and is no part of a day's run: Great Expectations takes seconds to be imported, and
what makes a figure wrong has been checked by then. The job ``delivery_report_day`` makes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    AssetObservation,
    AssetsDefinition,
    DagsterInstance,
    MaterializeResult,
    MetadataValue,
    PartitionsDefinition,
    asset,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from regulatory_assets.adjustments.releasing import last_released
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.table import Table
from regulatory_assets.orchestration.failures import plainly
from regulatory_assets.orchestration.metadata import markdown
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.quality.examination import Examination
from regulatory_assets.quality.expectations.profile import profile
from regulatory_assets.quality.expectations.report import Judged, judge
from regulatory_assets.quality.expectations.suite import in_force, moved, suite, thresholds_hash
from regulatory_assets.quality.own import EXPECTATIONS
from regulatory_assets.quality.released import unreleased

DELIVERY_REPORT = "delivery_report"

_LOOKED_AT = 20
"""Reports looked back at: on most of them a table has been delivered."""


def delivery_report(graph: Graph, partitions: PartitionsDefinition[Any]) -> AssetsDefinition:
    """The asset. Each page is linked from it, from its check, and from the asset of its table."""

    def report(
        context: AssetExecutionContext, bank: RuntimeResource
    ) -> Iterator[MaterializeResult[Any]]:
        with plainly():
            day = date.fromisoformat(context.partition_key)
            runtime = bank.runtime(graph)
            runner = runtime.runner(context.run_id)
            examination = Examination(runner.positions(day), runner.reader, runner.register)
            released, _ = last_released(runtime.events.read())
            not_released = list(unreleased(released, EXPECTATIONS))
            folder = runtime.settings.reports / "deliveries" / day.isoformat()
            checks, lines, pages = [], [], {}
            for table in graph.sources:
                wanted = in_force(suite(graph, table))
                before = _before(context.instance, table)
                other = moved(before, wanted) if before else ()
                judged = _judged(graph, table, examination, wanted, other)
                told: dict[str, Any] = {}
                if judged is not None:
                    told["thresholds"] = thresholds_hash(wanted)
                    told["expected"] = MetadataValue.json(wanted)
                    told["unreleased"] = MetadataValue.json(not_released)
                    if other:
                        told["thresholds_moved"] = MetadataValue.json(list(other))
                    page = _write(folder, table, examination, judged, told["thresholds"])
                    told["report"] = pages[table.name] = MetadataValue.url(page.as_uri())
                    seen = AssetObservation(table.name, partition=str(day), metadata=told)
                    context.log_event(seen)
                said = "nothing was delivered" if judged is None else judged.said
                if judged is not None and other:
                    said += f" ({len(other)} are expected otherwise than in the report before)"
                lines.append({"table": table.name, "found": said})
                checks.append(
                    AssetCheckResult(
                        check_name=table.name,
                        passed=judged is None or judged.passed,
                        severity=AssetCheckSeverity.WARN,
                        description=said,
                        metadata=told,
                    )
                )
            found = MetadataValue.md(markdown(lines))
            yield MaterializeResult(metadata={"found": found, **pages}, check_results=checks)

    made: AssetsDefinition = asset(
        name=DELIVERY_REPORT,
        description=(
            "How a day's deliveries compare with what was expected: shares missing, doubled, out "
            "of range or unknown, and the change from the day before. A page for each table."
        ),
        group_name="quality",
        kinds={"html"},
        partitions_def=partitions,
        deps=[t.name for t in (*graph.sources, *graph.beside)],
        check_specs=[
            AssetCheckSpec(
                table.name,
                asset=DELIVERY_REPORT,
                description=f"The delivery of {table.name} is as expected.",
                partitions_def=partitions,
            )
            for table in graph.sources
        ],
    )(report)
    return made


def _before(instance: DagsterInstance, table: Table) -> dict[str, str]:
    """What was expected of a table when it was last judged, for whichever day."""
    key = AssetCheckKey(AssetKey(DELIVERY_REPORT), table.name)
    done = {
        AssetCheckExecutionRecordStatus.SUCCEEDED,
        AssetCheckExecutionRecordStatus.FAILED,
    }
    storage = instance.event_log_storage
    for record in storage.get_asset_check_execution_history(key, limit=_LOOKED_AT, status=done):
        event = record.event.dagster_event if record.event else None
        told = event.asset_check_evaluation_data.metadata if event else {}
        if "expected" in told:
            return dict(told["expected"].value)  # type: ignore[arg-type]
    return {}


def _judged(
    graph: Graph,
    table: Table,
    examination: Examination,
    wanted: Mapping[str, str],
    other: Sequence[str],
) -> Judged | None:
    version = examination.version(table)
    if not version.chain:
        return None
    expected = suite(graph, table)
    title = f"{table.name} {version.day} revision {version.revision}"
    notes = [f"Thresholds {thresholds_hash(wanted)}."]
    notes += [f"Otherwise than in the report before: {each}." for each in other]
    return judge(title, expected, profile(examination, table, expected), notes)


def _write(
    folder: Path, table: Table, examination: Examination, judged: Judged, thresholds: str
) -> Path:
    """A page for each revision, and another for other thresholds: a link goes on saying what it
    said."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{table.name}.{examination.version(table).revision}"
    page = folder / f"{name}.html"
    if page.exists() and f"Thresholds {thresholds}." not in page.read_text(encoding="utf-8"):
        page = folder / f"{name}.{thresholds}.html"
    page.write_text(judged.page, encoding="utf-8")
    return page
