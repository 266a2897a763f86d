"""Which reporting dates there are, and how often Dagster looks for work."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from dagster import DagsterInvalidDefinitionError, DailyPartitionsDefinition, ScheduleDefinition
from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from regulatory_assets.settings import PREFIX, FromEnvironment

SATURDAY = 5


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

    @field_validator("time_zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        if not _takes(execution_timezone=zone):
            raise ValueError(f"{zone} is no time zone; write one like Europe/Berlin")
        return zone

    @field_validator("run_at")
    @classmethod
    def _cron(cls, cron: str) -> str:
        if not _takes(cron_schedule=cron):
            raise ValueError(f"{cron} is no cron schedule; write five fields, like 0 6 * * 1-5")
        return cron

    @property
    def partitions(self) -> DailyPartitionsDefinition:
        """Every date from the first one up to and including today."""
        return DailyPartitionsDefinition(start_date=self.first_day.isoformat(), end_offset=1)


def _takes(cron_schedule: str = "0 0 * * *", execution_timezone: str = "UTC") -> bool:
    """Whether Dagster would keep such a schedule."""
    try:
        ScheduleDefinition(
            name="tried",
            job_name="tried",
            cron_schedule=cron_schedule,
            execution_timezone=execution_timezone,
        )
    except DagsterInvalidDefinitionError:
        return False
    return True


def business_day_before(day: date) -> date:
    """The last weekday before a date. Holidays show as days without files."""
    before = day - timedelta(days=1)
    while before.weekday() >= SATURDAY:
        before -= timedelta(days=1)
    return before
