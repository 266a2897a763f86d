"""The jobs that are launched: a whole day, a group of its assets, the report on its deliveries."""

from __future__ import annotations

from typing import Any

from dagster import (
    AssetSelection,
    PartitionsDefinition,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from regulatory_assets.ledger.graph import Graph
from regulatory_assets.orchestration.expectations import DELIVERY_REPORT

WHOLE_DAY = "regulatory_day"


def all_jobs(
    graph: Graph, partitions: PartitionsDefinition[Any]
) -> list[UnresolvedAssetJobDefinition]:
    """``regulatory_day``, ``<group>_day`` for each group of tables, ``delivery_report_day``."""
    on_request = AssetSelection.assets(DELIVERY_REPORT)
    groups = sorted({table.group for table in graph.tables.values()})
    selections = {
        WHOLE_DAY: (
            AssetSelection.all() - on_request,
            "Every table of a reporting date, with its checks.",
        ),
        f"{DELIVERY_REPORT}_day": (
            on_request,
            "How a day's deliveries compare with what was expected.",
        ),
        **{
            f"{group}_day": (
                AssetSelection.groups(group),
                f"The tables of group {group}; their inputs must stand already.",
            )
            for group in groups
        },
    }
    return [
        define_asset_job(
            name,
            selection,
            description=description,
            partitions_def=partitions,
            executor_def=in_process_executor,
        )
        for name, (selection, description) in selections.items()
    ]
