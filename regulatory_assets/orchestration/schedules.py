"""The daily run: on weekdays, the previous business day, if its files have arrived."""

from dagster import (
    DefaultScheduleStatus,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    schedule,
)

from regulatory_assets.ledger.graph import Graph
from regulatory_assets.orchestration.assets import delivered_assets
from regulatory_assets.orchestration.calendar import Calendar, business_day_before
from regulatory_assets.orchestration.files import missing
from regulatory_assets.orchestration.jobs import WHOLE_DAY
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.tags import CAUSE_TAG


def weekdays(graph: Graph, calendar: Calendar) -> ScheduleDefinition:
    """Requests a run of the previous business day; of one that lacks files it says which."""

    @schedule(
        name="weekdays",
        job_name=WHOLE_DAY,
        cron_schedule=calendar.run_at,
        execution_timezone=calendar.time_zone,
        default_status=DefaultScheduleStatus(calendar.automation.upper()),
        description="The previous business day, once its files are there.",
    )
    def previous_business_day(
        context: ScheduleEvaluationContext, bank: RuntimeResource
    ) -> RunRequest | SkipReason:
        day = business_day_before(context.scheduled_execution_time.date())
        if names := missing(bank.deliveries, day, graph):
            return SkipReason(
                f"{day}: {', '.join(names)} not delivered in {bank.deliveries / str(day)}; "
                "deliver the files, the sensor delivered_files runs the day then"
            )
        return RunRequest(
            partition_key=day.isoformat(),
            tags={CAUSE_TAG: f"schedule of {day}"},
            asset_selection=delivered_assets(graph, bank, day),
        )

    return previous_business_day
