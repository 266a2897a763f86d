"""Binding of the checks, one step a table, every check by the day of the run; and what they said of
a day when they were last asked. What is checked stands in ``quality``."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckKey,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    DagsterInstance,
    MetadataValue,
    PartitionsDefinition,
    multi_asset_check,
)
from dagster._core.event_api import PartitionKeyFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.tags import PARTITION_NAME_TAG

from regulatory_assets.adjustments.book import RuleBook
from regulatory_assets.adjustments.releasing import last_released
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.table import Table
from regulatory_assets.orchestration.failures import plainly
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.quality.checks import all_checks, checks_of
from regulatory_assets.quality.examination import Check, Examination, Result
from regulatory_assets.quality.released import unreleased


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
            day = date.fromisoformat(context.run.tags[PARTITION_NAME_TAG])
            runtime = bank.runtime(graph)
            runner = runtime.runner(context.run.run_id)
            rules = RuleBook(runtime.events).snapshot()
            examination = Examination(
                runner.positions(day), runner.reader, runner.register, rules, bank.deliveries
            )
            revision = examination.version(table).revision
            released, _ = last_released(rules.events)
            left_out = table.name in examination.positions.left_out()
            for key in sorted(context.selected_asset_check_keys, key=lambda k: k.name):
                check = by_name[key.name]
                evidence = examination.evidence(check)
                passed_at, known = _passed_before(context.instance, key, day, check)
                if left_out:
                    result = Result(True, "left out: nothing was delivered")
                elif known == evidence:
                    said = f"passed at revision {revision} before; nothing it reads moved"
                    result = Result(True, said)
                else:
                    result = check.examine(examination, passed_at)
                told: dict[str, Any] = {}
                if check.file:
                    told["unreleased"] = list(unreleased(released, check.file))
                yield AssetCheckResult(
                    check_name=check.name,
                    asset_key=table.name,
                    passed=result.passed,
                    severity=(
                        AssetCheckSeverity.ERROR if check.blocking else AssetCheckSeverity.WARN
                    ),
                    description=result.said,
                    metadata={"revision": revision, "evidence": evidence, **result.facts, **told},
                )

    return examine


@dataclass(frozen=True)
class Evaluation:
    """What a check said of a day, on which evidence, and which of the files that it asks by nobody
    had released."""

    passed: bool
    revision: int
    evidence: str
    said: str = ""
    unreleased: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """A blocking check that a day does not pass as it stands: it has ``failed`` there, or a run has
    yet to ask it."""

    said: str
    failed: bool = False


def blocking_faults(instance: DagsterInstance, day: Examination, of: date) -> Iterator[Fault]:
    """Blocking checks of a day that did not pass when last asked, or were not asked about the
    revisions that stand. One that was asked by other control totals is asked again here: no run
    is launched to ask it (``settled``)."""
    for check, last in standing(instance, day, of, blocking=True):
        name = f"{check.table.name}: check {check.name}"
        if last is None:
            yield Fault(f"{name} has not been evaluated")
        elif day.has_moved(check, last.evidence):
            failed = "" if last.passed else f"; before, it failed: {last.said}"
            yield Fault(f"{name} has not been evaluated for the revisions that stand{failed}")
        elif not last.passed:
            yield Fault(f"{name} has failed: {last.said}", failed=True)
        elif last.evidence != day.evidence(check):
            again = check.examine(day, last.revision)
            if not again.passed:
                by = "by the control totals that lie there now"
                yield Fault(f"{name} fails {by}: {again.said}", failed=True)


def standing(
    instance: DagsterInstance, day: Examination, of: date, *, blocking: bool = False
) -> Iterator[tuple[Check, Evaluation | None]]:
    """The checks of all tables that a day has, or the ``blocking`` ones, each with what it said
    when it was last asked."""
    for check in all_checks(day.positions.graph):
        if day.version(check.table).chain and (check.blocking or not blocking):
            key = AssetCheckKey(AssetKey(check.table.name), check.name)
            yield check, _last_evaluation(instance, key, of)


def told_unreleased(told: Mapping[str, MetadataValue[Any]]) -> tuple[str, ...]:
    """The files that metadata name as not released."""
    named: Any = told["unreleased"].value if "unreleased" in told else ()
    return tuple(named)


def _passed_before(
    instance: DagsterInstance, key: AssetCheckKey, day: date, check: Check
) -> tuple[int, str]:
    """The revision and the evidence of the day's last evaluation, if it passed by this code."""
    last = _last_evaluation(instance, key, day)
    if last is not None and last.passed and last.evidence.startswith(f"{check.code} "):
        return last.revision, last.evidence
    return 0, ""


def _last_evaluation(instance: DagsterInstance, key: AssetCheckKey, day: date) -> Evaluation | None:
    """What a check said of a day when it was last asked."""
    storage = instance.event_log_storage
    for record in storage.get_asset_check_execution_history(
        key,
        limit=1,
        status={
            AssetCheckExecutionRecordStatus.SUCCEEDED,
            AssetCheckExecutionRecordStatus.FAILED,
        },
        partition_filter=PartitionKeyFilter(key=day.isoformat()),
    ):
        passed = record.status is AssetCheckExecutionRecordStatus.SUCCEEDED
        event = record.event.dagster_event if record.event else None
        data = event.asset_check_evaluation_data if event else None
        told, said = (data.metadata, data.description or "") if data else ({}, "")
        if "evidence" not in told:
            return Evaluation(passed, 0, "", said)
        revision, evidence = int(str(told["revision"].value)), str(told["evidence"].value)
        return Evaluation(passed, revision, evidence, said, told_unreleased(told))
    return None
