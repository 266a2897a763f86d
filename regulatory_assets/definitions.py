"""Everything that Dagster sees, on one page.

Importing it starts no engine and opens no database.
"""

from __future__ import annotations

from pathlib import Path

from dagster import Definitions, in_process_executor

from regulatory_assets import keep_imported
from regulatory_assets.ledger.graph import Graph
from regulatory_assets.orchestration import quiet as quiet
from regulatory_assets.orchestration import sqlite as sqlite
from regulatory_assets.orchestration.assets import all_assets
from regulatory_assets.orchestration.calendar import Calendar
from regulatory_assets.orchestration.checks import asset_checks
from regulatory_assets.orchestration.expectations import delivery_report
from regulatory_assets.orchestration.jobs import all_jobs
from regulatory_assets.orchestration.later_days import later_days
from regulatory_assets.orchestration.resources import RuntimeResource
from regulatory_assets.orchestration.rules import changed_rules
from regulatory_assets.orchestration.schedules import weekdays
from regulatory_assets.orchestration.sensors import delivered_files
from regulatory_assets.runtime import production_graph


def build_definitions(
    graph: Graph | None = None,
    calendar: Calendar | None = None,
    *,
    var: Path | None = None,
    delivery_folder: Path | None = None,
) -> Definitions:
    """Assets, checks, jobs, schedule, sensors and resource of a graph; production by default."""
    graph = graph or production_graph()
    calendar = calendar or Calendar()
    bank = RuntimeResource(
        var=None if var is None else str(var),
        delivery_folder=None if delivery_folder is None else str(delivery_folder),
    )
    return Definitions(
        assets=[
            *all_assets(graph, calendar.partitions),
            delivery_report(graph, calendar.partitions),
        ],
        asset_checks=asset_checks(graph, calendar.partitions),
        jobs=all_jobs(graph, calendar.partitions),
        schedules=[weekdays(graph, calendar)],
        sensors=[
            delivered_files(graph, calendar),
            changed_rules(graph, calendar),
            later_days(graph, calendar),
        ],
        resources={"bank": bank},
        executor=in_process_executor,
    )


defs = build_definitions()
keep_imported()
