"""Delivered files turn into runs of exactly the days they belong to."""

import time
from datetime import date
from itertools import groupby

from dagster import (
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from regulatory_assets.bank.delivery import DeliveryError, delivery_days
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.orchestration.assets import delivered_assets
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.orchestration.files import Cursor, Seen, contents, look, missing
from regulatory_assets.orchestration.jobs import WHOLE_DAY
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.tags import CAUSE_TAG

SETTLED_SECONDS = 2
"""A file changed more recently than this may still be being written; it waits for the next look."""


def delivered_files(graph: Graph, calendar: Calendar) -> SensorDefinition:
    @sensor(
        name="delivered_files",
        job_name=WHOLE_DAY,
        minimum_interval_seconds=calendar.sensor_seconds,
        default_status=DefaultSensorStatus(calendar.automation.upper()),
        description="Runs each day whose delivered files are new or have changed contents.",
    )
    def look_for_files(
        context: SensorEvaluationContext, bank: RuntimeResource
    ) -> SensorResult | SkipReason:
        cursor = Cursor.read(context.cursor)
        of_day = {
            day: dict(files)
            for day, files in groupby(
                sorted(cursor.files.items()), key=lambda item: item[0].partition("/")[0]
            )
        }
        kept: dict[str, Seen] = {}
        requests: list[RunRequest] = []
        waiting: list[str] = []
        sequence = cursor.sequence
        for day in delivery_days(bank.deliveries):
            known = of_day.get(day.isoformat(), {})
            try:
                found = look(bank.deliveries, day, graph, known)
                reason = _not_yet(day, found, missing(bank.deliveries, day, graph), calendar)
            except (DeliveryError, OSError) as error:
                found, reason = known, f"{day}: {error}"
            changed = [n for n, seen in found.items() if seen[2] != known.get(n, (0, 0, ""))[2]]
            if reason and changed:
                found = known
            if reason:
                waiting.append(reason)
            elif changed:
                sequence += 1
                names = ", ".join(sorted(n.partition("/")[2] for n in changed))
                requests.append(
                    RunRequest(
                        run_key=f"{day}-{contents(found)}-{sequence}",
                        partition_key=day.isoformat(),
                        tags={CAUSE_TAG: f"delivered: {names}"},
                        asset_selection=delivered_assets(graph, bank, day),
                    )
                )
            kept |= found
        text = Cursor(sequence, kept).write()
        if requests:
            return SensorResult(run_requests=requests, cursor=text)
        reason = "; ".join(waiting) or f"no new files in {bank.deliveries}"
        return SensorResult(skip_reason=reason, cursor=text)

    return look_for_files


def _not_yet(
    day: date, found: dict[str, Seen], lacking: tuple[str, ...], calendar: Calendar
) -> str | None:
    """Why a day cannot be run yet, if so."""
    if day < calendar.first_day:
        return f"{day}: before the first reporting date {calendar.first_day}"
    if lacking:
        return f"{day}: {', '.join(lacking)} not delivered yet"
    newest = max((seen[0] for seen in found.values()), default=0)
    if time.time_ns() - newest < SETTLED_SECONDS * 10**9:
        return f"{day}: a file may still be being written"
    return None
