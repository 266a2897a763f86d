"""Where governed rules act on the LCR: on a part of a deal, on a line, on a component of the ratio.

A rule at the flow stage may move a part to another line, with that line's factor; the weighted
amount always follows from amount and factor. A rule on lines may add one that no deal is behind, to
an entity or to a scope of consolidation alone; it may spread this over parts of deals for analysis.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables import DEALS, ENTITIES
from regulatory_assets.ledger.arithmetic import product
from regulatory_assets.ledger.stages import (
    RECLASSIFIED,
    Derivation,
    Lookup,
    adjustment_stage,
    allocation_stage,
)
from regulatory_assets.regulation.expressions import text, value
from regulatory_assets.reports.lcr.tables import LCR_COMPONENTS, LCR_FLOWS, LCR_LINES


def _flow(flows: DataFrame, p: Any) -> DataFrame:
    """Component of the line, factor of a new line, amount times factor; the day on which it is due
    only where the line is looked at by day."""
    lines, line = p["lcr/lines"], F.col("line")
    of_line = value(lines, line, "rate", F.col("regime"))
    by_day = text(p["lcr/mismatch_lines"], line, "flow", F.col("regime")).isNotNull()
    return (
        flows.withColumn(
            "component",
            F.coalesce(text(lines, line, "component", F.col("regime")), F.col("component")),
        )
        .withColumn("factor", F.when(F.col(RECLASSIFIED), of_line).otherwise(F.col("factor")))
        .withColumn("weighted", product(F.col("amount"), F.col("factor")))
        .withColumn("due_day", F.when(by_day, F.col("due_day")))
    )


_LINES = {"line": "lcr/lines"}
_OF_DEAL = Lookup(
    DEALS,
    by=("deal_id",),
    take=("product_type", "maturity_date", "counterparty_id", "security_id"),
)
_OF_ENTITY = Lookup(ENTITIES, by=("entity_id",), take=("reporting_currency",), optional=True)
"""The currency of a row's amounts; an adjustment entity, which nobody delivers, has no such row."""

flow_adjustments = adjustment_stage(
    reads=LCR_FLOWS,
    name="flow_adjustments",
    lookups=(_OF_DEAL, _OF_ENTITY),
    derivation=Derivation(
        columns=("component", "weighted"),
        function=_flow,
        reclassifies=("factor", "due_day"),
    ),
    fixed=("entity_id", "partner_entity_id", "currency", "regime", "line"),
    parameters=("lcr/lines", "lcr/mismatch_lines"),
    named=_LINES,
)

line_adjustments = adjustment_stage(
    reads=LCR_LINES,
    name="line_adjustments",
    lookups=(_OF_ENTITY,),
    fixed=("n_rows", "n"),
    leaves=True,
    named=_LINES,
)

line_allocations = allocation_stage(
    spreads=line_adjustments, reads=LCR_FLOWS, name="line_allocations", lookups=(_OF_DEAL,)
)

component_adjustments = adjustment_stage(
    reads=LCR_COMPONENTS,
    name="component_adjustments",
    fixed=("consolidation", "reporting_currency"),
)
