"""Limits that decide a figure and have no rate: else they count as nothing, and nobody knows."""

from __future__ import annotations

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column

from regulatory_assets.ledger import frames
from regulatory_assets.ledger.table import Table
from regulatory_assets.quality.examination import SHOWN, Check, Examination, Result
from regulatory_assets.reports.lcr.customers import DEPOSITOR_SIZES
from regulatory_assets.reports.lcr.insurance import ENTITY_INSURANCE
from regulatory_assets.reports.lcr.limits import ENTITY_LIMITS
from regulatory_assets.reports.lcr.tables import DEPOSITORS


def _check(
    table: Table, limit: str, description: str, among: Column | None, instead: Table | None = None
) -> Check:
    """Whether entities with such rows have the limit; those of another table need it not."""

    def entities(day: Examination, of: Table, which: Column | None = None) -> set[str]:
        rows = day.keys(of, ("entity_id",), among=which)
        return {row["entity_id"] for row in frames.values(rows.select("entity_id"))}

    def examine(day: Examination, since: int) -> Result:
        lacking = entities(day, ENTITY_LIMITS, F.col(limit).isNull())
        if lacking:
            lacking &= entities(day, table, among)
        if lacking and instead is not None and day.version(instead).chain:
            lacking -= entities(day, instead)
        if not lacking:
            return Result(True, "every limit that decides has a rate", {"offending": 0})
        shown = ", ".join(sorted(lacking)[:SHOWN])
        said = f"{len(lacking)} entities, for instance {shown}: the limit's currency has no rate"
        return Result(False, f"{said}; deliver it in fx_rates", {"offending": len(lacking)})

    reads = (ENTITY_LIMITS,) if instead is None else (ENTITY_LIMITS, instead)
    return Check(table, "limits", description, True, examine, reads)


insured = _check(
    DEPOSITORS,
    "insured",
    "The usual limit of deposit insurance has a rate where no scheme is delivered.",
    F.col("eligible_balance") > 0,
    ENTITY_INSURANCE,
)
small_business = _check(
    DEPOSITOR_SIZES,
    "small_business",
    "The limit of small businesses' funding has a rate where there are any.",
    None,
)
