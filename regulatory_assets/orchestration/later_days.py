"""The sensor that follows a changed day into later ones: averages over the quarter, last rates.

As for rules, nothing is taken from events: each look compares what a stage over several days has
read of other days with what stands there now, whatever has moved it (a rule, late data, new code).
"""

import hashlib
from collections.abc import Iterable

from dagster import (
    AssetKey,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from regulatory_assets.ledger.graph import Graph
from regulatory_assets.ledger.plan import Behind, Positions, moved_days
from regulatory_assets.ledger.stages import Stage
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.orchestration.jobs import WHOLE_DAY
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.rules import ADJUSTMENT_RULES, following, idle, not_held
from regulatory_assets.orchestration.tags import CAUSE_TAG, FOLLOWED


def later_days(graph: Graph, calendar: Calendar) -> SensorDefinition:
    """Requests, of each day that was calculated from days which have moved since, what follows."""

    @sensor(
        name="later_days",
        job_name=WHOLE_DAY,
        minimum_interval_seconds=calendar.sensor_seconds,
        default_status=DefaultSensorStatus(calendar.automation.upper()),
        description="Runs what is made from several days, where one of the others has changed.",
    )
    def look_for_moved_days(
        context: SensorEvaluationContext, bank: RuntimeResource
    ) -> SensorResult | SkipReason:
        runtime = bank.runtime(graph)
        found = moved_days(graph, runtime.register, runtime.parameters.at)
        behind = not_held(found, runtime.events.read())
        if not behind:
            return idle(found, "no day was calculated from another that has moved since")
        requests = []
        for day, of in behind.items():
            positions = Positions(graph, runtime.register, day)
            others = ", ".join(str(other) for other in sorted({v.day for v in of.moved}))
            requests.append(
                RunRequest(
                    run_key=f"days-{day}-{_seen(of)}",
                    partition_key=day.isoformat(),
                    asset_selection=[AssetKey(n) for n in _asked(graph, of.stages, positions)],
                    tags={CAUSE_TAG: f"changed days: {others}", **FOLLOWED},
                )
            )
        return SensorResult(run_requests=requests)

    return look_for_moved_days


def _asked(graph: Graph, behind: Iterable[Stage], positions: Positions) -> tuple[str, ...]:
    """The stages and all that follows from them. The whole day, where one holds the last rows of a
    source: whether other sources find what they name is then asked in it, by their own checks."""
    if any(stage.reads in graph.sources for stage in behind):
        return tuple(sorted({*graph.tables, ADJUSTMENT_RULES} - positions.left_out()))
    return following(graph, behind, positions)


def _seen(of: Behind) -> str:
    """All that is read of other days, the same while a requested run is catching up."""
    seen = sorted({f"{v.table.name} {v.day} {v.data_revision}" for v in of.read})
    return hashlib.sha256(" ".join(seen).encode()).hexdigest()[:16]
