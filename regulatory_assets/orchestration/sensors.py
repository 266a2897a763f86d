"""Delivered files turn into runs of exactly the days on which something waits to be taken.

What waits says the register (``bank.intake``), as it does to a plan and a run: so files that a run
has taken already, or has fetched itself, ask for nothing. The cursor keeps for which contents a run
was requested, so that a file which was refused is not tried again before something else is there.
"""

import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from regulatory_assets.adjustments.closing import ClosedDays
from regulatory_assets.bank.delivery import DeliveryError, delivery_days, find_files
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.orchestration.assets import delivered_assets
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.orchestration.files import Cursor, DayFiles, Look, missing
from regulatory_assets.orchestration.jobs import WHOLE_DAY
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.tags import CAUSE_TAG
from regulatory_assets.runtime import Runtime

SETTLED_SECONDS = 2
"""A file changed more recently than this may still be being written; it waits for the next look."""


def delivered_files(graph: Graph, calendar: Calendar) -> SensorDefinition:
    """Requests a run of each day that has files to take."""

    @sensor(
        name="delivered_files",
        job_name=WHOLE_DAY,
        minimum_interval_seconds=calendar.sensor_seconds,
        default_status=DefaultSensorStatus(calendar.automation.upper()),
        description="Runs each day that has delivered files to take, new or with changed contents.",
    )
    def look_for_files(
        context: SensorEvaluationContext, bank: RuntimeResource
    ) -> SensorResult | SkipReason:
        runtime, folder = bank.runtime(graph), bank.deliveries
        cursor = Cursor.read(context.cursor)
        taken = runtime.register.delivered_counts()
        looks: dict[str, Look] = {}
        requests: list[RunRequest] = []
        waits: list[str] = []
        for day in delivery_days(folder):
            before = cursor.days.get(str(day), Look())
            try:
                look, names = _look(
                    runtime, context.instance, folder, day, taken.get(day, 0), before, calendar
                )
            except (_Waits, DeliveryError, OSError) as reason:
                waits.append(f"{day}: {reason}")
                look, names = before, ()
            looks[str(day)] = look
            if names:
                number = cursor.sequence + len(requests) + 1
                requests.append(
                    RunRequest(
                        run_key=f"{day}-{look.mark}-{number}",
                        partition_key=day.isoformat(),
                        tags={CAUSE_TAG: f"delivered: {', '.join(names)}"},
                        asset_selection=delivered_assets(graph, bank, day),
                    )
                )
        text = Cursor(cursor.sequence + len(requests), looks).write()
        if requests:
            return SensorResult(run_requests=requests, cursor=text)
        told = "; ".join(waits) or f"no new files in {folder}"
        return SensorResult(skip_reason=told, cursor=text)

    return look_for_files


class _Waits(Exception):
    """A day has files that cannot be taken yet."""


def _require_rest(instance: DagsterInstance, day: date) -> None:
    """Wait while a run of the day is on, or queued. It may take what waits; and between two
    sources with keys in common it leaves the second's files pending, until it has come to them.
    Another run of the day would stand in the queue behind it anyway."""
    unfinished = RunsFilter(
        tags={PARTITION_NAME_TAG: day.isoformat()},
        statuses=[DagsterRunStatus.QUEUED, *IN_PROGRESS_RUN_STATUSES],
    )
    for run in instance.get_runs(unfinished, limit=1):
        raise _Waits(f"the run {run.run_id} of the day has not ended")


def _look(
    runtime: Runtime,
    instance: DagsterInstance,
    folder: Path,
    day: date,
    taken: int,
    before: Look,
    calendar: Calendar,
) -> tuple[Look, Sequence[str]]:
    """A day as it stands, and the names of the files for which a run is to be requested.

    A day that has to wait stays as it was last seen, so it is looked at again.
    """
    files = find_files(folder, day, runtime.graph.sources)
    found = DayFiles(folder / day.isoformat(), files)
    mark = found.mark(taken)
    if mark == before.mark:
        return before, ()
    if day < calendar.first_day:
        raise _Waits(f"before the first reporting date {calendar.first_day}")
    if not calendar.partitions.has_partition_key(str(day)):
        raise _Waits("the day has not come")
    if lacking := missing(folder, day, runtime.graph):
        raise _Waits(f"{', '.join(lacking)} not delivered yet")
    if time.time_ns() - found.newest < SETTLED_SECONDS * 10**9:
        raise _Waits("a file may still be being written")
    _require_rest(instance, day)
    waiting = found.waiting(runtime.arrivals, runtime.graph.sources)
    names = sorted({name for told, name in waiting.items() if told not in before.requested})
    if names and (closed := ClosedDays(runtime.events).held(day)):
        raise _Waits(closed)
    return Look(mark, tuple(waiting)), names
