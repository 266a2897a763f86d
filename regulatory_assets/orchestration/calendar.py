"""Which reporting dates there are, and how often Dagster looks for work."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from dagster import DagsterInvalidDefinitionError, DailyPartitionsDefinition, ScheduleDefinition
from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from regulatory_assets.settings import PREFIX, FromEnvironment

SATURDAY = 5


_ASKED = {
    "time_zone": ("execution_timezone", "no time zone; write one like Europe/Berlin"),
    "run_at": ("cron_schedule", "no cron schedule; write five fields, like 0 6 * * 1-5"),
}
"""As which argument of a schedule Dagster must take each, and what is told where it does not."""


class Calendar(FromEnvironment):
    """Settings of the orchestration, set like all others by ``REGULATORY_ASSETS_...``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    first_day: date = Field(
        default=date(1993, 12, 31), description="First reporting date that Dagster shows."
    )
    time_zone: str = Field(default="UTC", description="Time zone of the schedule.")
    run_at: str = Field(default="0 6 * * 1-5", description="When the schedule runs, as cron.")
    sensor_seconds: int = Field(default=30, ge=1, description="How often files are looked for.")
    automation: Literal["stopped", "running"] = Field(
        default="stopped", description="Whether schedule and sensor start by themselves."
    )

    @field_validator(*_ASKED)
    @classmethod
    def _of_a_schedule(cls, value: str, field: ValidationInfo) -> str:
        argument, said = _ASKED[field.field_name or ""]
        try:
            ScheduleDefinition(
                name="tried",
                job_name="tried",
                **{"cron_schedule": "0 0 * * *", argument: value},  # type: ignore[arg-type]
            )
        except DagsterInvalidDefinitionError:
            raise ValueError(f"{value} is {said}") from None
        return value

    @property
    def partitions(self) -> DailyPartitionsDefinition:
        """Every date from the first one up to and including today."""
        return DailyPartitionsDefinition(start_date=self.first_day.isoformat(), end_offset=1)


def business_day_before(day: date) -> date:
    """The last weekday before a date. Holidays show as days without files."""
    before = day - timedelta(days=1)
    while before.weekday() >= SATURDAY:
        before -= timedelta(days=1)
    return before
