"""Governed rules in Dagster: the asset of the rules in force, and the sensor that follows them.

Which days a decision reaches is not taken from events: each look compares the rules that every
calculated day was made with, and those in force now. So a look after a pause, or after a change
and its undoing, asks for exactly what is behind.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any, TypeVar

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    DataVersion,
    DefaultSensorStatus,
    MaterializeResult,
    MetadataValue,
    PartitionsDefinition,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    asset,
    sensor,
)

from regulatory_assets.adjustments.book import RuleBook, Snapshot, outdated
from regulatory_assets.adjustments.closing import closings, is_held
from regulatory_assets.control.events import Event
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import Positions
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.orchestration.failures import plainly
from regulatory_assets.orchestration.jobs import WHOLE_DAY
from regulatory_assets.orchestration.metadata import markdown
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.tags import CAUSE_TAG, FOLLOWED

ADJUSTMENT_RULES = "adjustment_rules"
_Found = TypeVar("_Found")


def _hashes(snapshot: Snapshot, stages: list[Stage], day: date) -> str:
    """The hash of all rules in force on a day."""
    text = " ".join(f"{s.name}:{snapshot.at(s, day).hash}" for s in stages)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rules_asset(graph: Graph, partitions: PartitionsDefinition[Any]) -> AssetsDefinition:
    """The rules in force on a reporting date; its data version is their hash."""
    stages = list(graph.adjustments.values())

    @asset(
        name=ADJUSTMENT_RULES,
        description="The governed rules in force on a reporting date, at all stages.",
        group_name="adjustments",
        owners=["team:regulatory-reporting"],
        kinds={"sql"},
        partitions_def=partitions,
    )
    def in_force(context: AssetExecutionContext, bank: RuntimeResource) -> MaterializeResult[Any]:
        with plainly():
            day = date.fromisoformat(context.partition_key)
            snapshot = RuleBook(bank.runtime(graph).events).snapshot()
            rules = [r for stage in stages for r in snapshot.at(stage, day).rules]
            told = [
                {
                    "rule": r.id, "version": r.version, "stage": r.stage, "priority": r.priority,
                    "from": r.effective, "to": r.expiry, "owner": r.owner, "reason": r.reason,
                }
                for r in rules
            ]  # fmt: skip
            return MaterializeResult(
                data_version=DataVersion(_hashes(snapshot, stages, day)),
                metadata={
                    "dagster/row_count": len(rules),
                    "rules": MetadataValue.md(markdown(told)),
                    "last_decision": snapshot.decided,
                },
            )

    return in_force


def changed_rules(graph: Graph, calendar: Calendar) -> SensorDefinition:
    """Requests the days, and of each the assets, that approved, ended or withdrawn rules reach."""
    stages = list(graph.adjustments.values())

    @sensor(
        name="changed_rules",
        job_name=WHOLE_DAY,
        minimum_interval_seconds=calendar.sensor_seconds,
        default_status=DefaultSensorStatus(calendar.automation.upper()),
        description="Runs what governed rules reach, each day whose rules have changed.",
    )
    def look_for_rules(
        context: SensorEvaluationContext, bank: RuntimeResource
    ) -> SensorResult | SkipReason:
        runtime = bank.runtime(graph)
        snapshot = RuleBook(runtime.events).snapshot()
        found = outdated(snapshot, stages, runtime.register)
        behind = not_held(found, snapshot.events)
        if not behind:
            return idle(found, "every calculated day was made with the rules in force")
        requests = [
            RunRequest(
                run_key=f"rules-{day}-{_hashes(snapshot, stages, day)}-{snapshot.decided}",
                partition_key=day.isoformat(),
                asset_selection=[
                    AssetKey(name)
                    for name in reached(graph, moved, Positions(graph, runtime.register, day))
                ],
                tags={CAUSE_TAG: f"rules decided by event {snapshot.decided}", **FOLLOWED},
            )
            for day, moved in behind.items()
        ]
        return SensorResult(run_requests=requests)

    return look_for_rules


def not_held(found: Mapping[date, _Found], events: Iterable[Event]) -> dict[date, _Found]:
    """Of days that are behind, those that take postings."""
    held = closings(events)
    return {day: of for day, of in found.items() if not is_held(held, day)}


def idle(found: Collection[date], none_found: str) -> SkipReason:
    """Why nothing is requested: every day that is behind is closed, or none is behind."""
    waits = ", ".join(str(day) for day in found)
    return SkipReason(f"closed, each waits for a restatement: {waits}" if found else none_found)


def reached(graph: Graph, moved: Iterable[Stage], day: Positions) -> tuple[str, ...]:
    """The rules, the stages they have moved at, and all that follows from these on a day."""
    return (ADJUSTMENT_RULES, *following(graph, moved, day))


def following(graph: Graph, moved: Iterable[Stage], day: Positions) -> tuple[str, ...]:
    """Stages and all that follows from them on a day."""
    names, left_out = {s.name for s in moved}, day.left_out()
    for stage in graph.stages:
        if names & {t.name for t in graph.inputs(stage)} and stage.name not in left_out:
            names.add(stage.name)
    return tuple(sorted(names))
