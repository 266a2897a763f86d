"""The loop that makes one asset a table: deliveries of the sources, results of the stages.

No table and no stage is named here; a new stage in the graph is a new asset.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    PartitionsDefinition,
    asset,
)
from pyspark.sql.connect import functions as F

from regulatory_assets.adjustments.impact import ratio_tables
from regulatory_assets.adjustments.injection import injections
from regulatory_assets.adjustments.releasing import together
from regulatory_assets.bank.conform import REJECTED_ROWS
from regulatory_assets.bank.fetching import fetch_new
from regulatory_assets.bank.ingest import Ingested, ingest_table
from regulatory_assets.disclosure.beside import marks_by_scope
from regulatory_assets.ledger import frames
from regulatory_assets.ledger.fingerprint import code_fingerprint
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import NotReady, Way
from regulatory_assets.ledger.reader import Version
from regulatory_assets.ledger.run import Outcome, Runner
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.ledger.table import Table
from regulatory_assets.orchestration.failures import plainly
from regulatory_assets.orchestration.figures import figures
from regulatory_assets.orchestration.files import left_out
from regulatory_assets.orchestration.metadata import (
    column_lineage,
    column_schema,
    markdown,
    run_metadata,
)
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.rules import ADJUSTMENT_RULES, rules_asset
from regulatory_assets.orchestration.tags import CAUSE_TAG
from regulatory_assets.runtime import Runtime
from regulatory_assets.settings import Databases

_REASONS_SHOWN = 20


def all_assets(graph: Graph, partitions: PartitionsDefinition[Any]) -> list[AssetsDefinition]:
    """One asset for every table of the graph, and one for the rules in force."""
    return [
        *(_source(graph, table, partitions) for table in graph.sources),
        *(_rejected(graph, table, partitions) for table in graph.beside),
        *([rules_asset(graph, partitions)] if graph.adjustments else []),
        *(_stage(graph, stage, partitions) for stage in graph.stages),
    ]


def delivered_assets(graph: Graph, bank: RuntimeResource, day: date) -> list[AssetKey]:
    """What a whole day runs: every table but the optional ones that were not delivered.

    Raises DeliveryError for a folder that cannot be read.
    """
    absent = left_out(bank.deliveries, day, graph, bank.runtime(graph).register)
    rules = [ADJUSTMENT_RULES] if graph.adjustments else []
    return [AssetKey(name) for name in (*graph.tables, *rules) if name not in absent]


def _asset(
    compute: Callable[..., MaterializeResult[Any]],
    table: Table,
    partitions: PartitionsDefinition[Any],
    *,
    kinds: set[str],
    code_version: str,
    description: str,
    metadata: Mapping[str, Any] | None = None,
    reads: Iterable[str] = (),
) -> AssetsDefinition:
    """A table as an asset, with all that its definition says of it.

    No backfill policy: without one, a backfill launches one run a day, with the day as its
    partition; with ``multi_run(1)`` each run gets a range of one, in which checks find no day.
    """
    made: AssetsDefinition = asset(
        name=table.name,
        description=description,
        group_name=table.group,
        owners=[table.owner],
        kinds=kinds,
        code_version=code_version,
        partitions_def=partitions,
        deps=list(reads),
        metadata={"dagster/column_schema": column_schema(table), **(metadata or {})},
    )(compute)
    return made


def _shape(table: Table) -> str:
    """The code version of a table that no code calculates: its definition."""
    return hashlib.sha256(repr(table).encode()).hexdigest()[:16]


def _day(context: AssetExecutionContext) -> date:
    return date.fromisoformat(context.partition_key)


def cause_of(tags: dict[str, str]) -> str:
    """Why a run was launched, as the register keeps it."""
    if given := tags.get(CAUSE_TAG):
        return given
    for tag, word in (
        ("dagster/schedule_name", "schedule"),
        ("dagster/sensor_name", "sensor"),
        ("dagster/backfill", "backfill"),
        ("dagster/parent_run_id", "re-run of"),
    ):
        if name := tags.get(tag):
            return f"{word} {name}"
    return "launched in Dagster"


def _materialized(version: Version, metadata: dict[str, Any]) -> MaterializeResult[Any]:
    return MaterializeResult(
        data_version=DataVersion(str(version.data_revision)), metadata=metadata
    )


def _left_out(version: Version) -> MaterializeResult[Any]:
    """Of what is left out for a day. Without a result Dagster would skip all that reads it, also
    what reads it as empty."""
    return _materialized(version, {"dagster/row_count": 0, "left_out": "nothing was delivered"})


def _lacking(context: AssetExecutionContext, left_out: frozenset[str]) -> bool:
    """Whether a table is left out of a run that asks for what it lacks as well; a run that asks
    for the table alone is told what to deliver."""
    own, asked = context.asset_key.to_user_string(), context.run.asset_selection
    others = left_out - {own}
    return own in left_out and (asked is None or any(AssetKey(name) in asked for name in others))


# -- sources -----------------------------------------------------------------------------------


def _source(graph: Graph, table: Table, partitions: PartitionsDefinition[Any]) -> AssetsDefinition:
    def deliver(context: AssetExecutionContext, bank: RuntimeResource) -> MaterializeResult[Any]:
        with plainly():
            day, runtime = _day(context), bank.runtime(graph)
            runner = runtime.runner(context.run_id)
            vault = runtime.vault if table.personal else None
            asked = _ask(runtime, bank.deliveries, table, day)
            taken = ingest_table(runner, bank.deliveries, table, day, vault)
            version = Version.registered(runner.register, table, day)
            if not version.chain and table.optional:
                context.log.info(f"{table.name} was not delivered for {day}; what needs it waits")
                return _left_out(version)
            if not version.chain:
                where = bank.deliveries / day.isoformat() / f"{table.name}.csv"
                raise NotReady(f"{table.name} has no rows for {day}; deliver {where} first")
            told = run_metadata(_summary(version, taken), version, runner.reader)
            if asked:
                told["asked"] = MetadataValue.md(markdown(asked))
            if taken:
                told["deliveries"] = MetadataValue.md(_deliveries(taken))
            if warnings := [w for t in taken for w in t.warnings]:
                told["warnings"] = MetadataValue.json(warnings)
            return _materialized(version, told)

    return _asset(
        deliver,
        table,
        partitions,
        kinds={"delta", "csv"},
        code_version=_shape(table),
        description=f"{table.description} Taken from the pending files of the delivery folder.",
    )


def _ask(runtime: Runtime, folder: Path, table: Table, day: date) -> list[dict[str, Any]]:
    """Ask the table's databases that have not answered for the day."""
    databases = Databases().databases
    return [
        {"source": a.mapping.source, "database": a.query.database, "rows": fetched.rows}
        for a in runtime.asks(day, folder)
        if a.mapping.table == table
        and (fetched := fetch_new(folder, day, a, databases)) is not None
    ]


def _summary(version: Version, taken: Sequence[Ingested]) -> Outcome:
    """Several files of one table and day as one outcome."""
    done = [t.outcome for t in taken]
    return Outcome(
        table=version.table.name,
        day=version.day,
        way=Way.CHANGE if any(o.rows for o in done) else Way.EMPTY if done else Way.NOTHING,
        why=", ".join(t.delivery.file_name for t in taken) or "every file is applied already",
        revision=version.revision,
        data_revision=version.data_revision,
        booked=sum(o.booked for o in done),
        reversed=sum(o.reversed for o in done),
        seconds=sum(o.seconds for o in done),
    )


def _deliveries(taken: Sequence[Ingested]) -> str:
    return markdown(
        [
            {
                "source": t.delivery.source,
                "file": t.delivery.file_name,
                "mode": t.delivery.mode,
                "delivered": t.delivery.delivered,
                "accepted": t.delivery.accepted,
                "rejected": t.delivery.rejected,
                "contested": t.delivery.contested,
                "batch": t.delivery.batch,
            }
            for t in taken
        ]
    )


def _rejected(
    graph: Graph, table: Table, partitions: PartitionsDefinition[Any]
) -> AssetsDefinition:
    def count(context: AssetExecutionContext, bank: RuntimeResource) -> MaterializeResult[Any]:
        with plainly():
            day, runner = _day(context), bank.runtime(graph).runner(context.run_id)
            version = Version.registered(runner.register, table, day)
            told: dict[str, Any] = {
                "dagster/row_count": version.standing,
                "revision": version.revision,
                "data_revision": version.data_revision,
            }
            if version.live and table == REJECTED_ROWS:
                by_reason = (
                    runner.reader.rows(version)
                    .groupBy("source_table", "reasons")
                    .agg(F.count("*").alias("lines"))
                    .orderBy(F.desc("lines"), "source_table", "reasons")
                    .limit(_REASONS_SHOWN)
                )
                told["by_reason"] = MetadataValue.md(markdown(frames.values(by_reason)))
            return _materialized(version, told)

    return _asset(
        count,
        table,
        partitions,
        kinds={"delta"},
        code_version=_shape(table),
        description=f"{table.description} Filled beside the sources, in the same transaction.",
        reads=[t.name for t in graph.sources],
    )


# -- stages ------------------------------------------------------------------------------------


def _injected(
    context: AssetExecutionContext, runner: Runner, report: Table, day: date
) -> dict[str, Any]:
    """What the run has done by rules that were new, changed or gone."""
    record = context.instance.get_run_record_by_id(context.run_id)
    started = record.start_time if record and record.start_time else time.time()
    found = injections(runner, report, day, context.run_id, time.time() - started)
    return {"injections": MetadataValue.json(found)} if found else {}


def _stage(graph: Graph, stage: Stage, partitions: PartitionsDefinition[Any]) -> AssetsDefinition:
    table = stage.writes

    def calculate(context: AssetExecutionContext, bank: RuntimeResource) -> MaterializeResult[Any]:
        with plainly():
            day, runtime = _day(context), bank.runtime(graph)
            runner = bank.runner(graph, context.run_id)
            try:
                outcome = runner.run_stage(stage, day, cause_of(dict(context.run.tags)))
            except NotReady as waits:
                if not _lacking(context, runner.positions(day).left_out()):
                    raise
                context.log.info(f"left out: {waits}")
                return _left_out(Version.registered(runner.register, table, day))
            version = Version.registered(runner.register, table, day)
            told = run_metadata(outcome, version, runner.reader)
            if of_report := figures(stage, day, runtime.settings.lake, runner.register):
                marks = marks_by_scope(runtime, version)
                read = {scope: list(of_scope.unverified) for scope, of_scope in marks.items()}
                files = together(marks.values()).unreleased
                told |= of_report | {
                    "unreleased": MetadataValue.json(list(files)),
                    "unverified": MetadataValue.json(read),
                }
            if table in ratio_tables(graph):
                told |= _injected(context, runner, table, day)
            return _materialized(version, told)

    lineage = column_lineage(stage)
    rules = [ADJUSTMENT_RULES] if stage.ruled else []
    doc = getattr(stage.function, "__doc__", None) or ""
    return _asset(
        calculate,
        table,
        partitions,
        kinds={"delta", "pyspark"},
        code_version=code_fingerprint(stage, ""),
        description="\n\n".join(part for part in (table.description, doc.strip()) if part),
        metadata={
            "stage": stage.kind.value,
            **({"dagster/column_lineage": lineage} if lineage else {}),
        },
        reads=[*rules, *(t.name for t in graph.inputs(stage))],
    )
