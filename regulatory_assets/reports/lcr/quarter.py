"""Quarter averages of the LCR, as public disclosure wants them (convention 16).

The template with its rows is not here; these are the averages that its totals need.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from regulatory_assets.ledger.arithmetic import fraction, ratio
from regulatory_assets.ledger.stages import ReportRow, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.tables import LCR

_AVERAGED = (
    "stock",
    "hqla",
    "lending_excess",
    "outflows",
    "inflows_uncapped",
    "inflows",
    "net_outflows",
)
_LEVELS = ("level1", "level2a", "level2b")

LCR_QUARTER = Table(
    name="lcr_quarter",
    description="LCR of each scope averaged over the reporting dates of the quarter so far.",
    key=("scope",),
    group="lcr",
    bounded=True,
    columns=(
        Column("scope", ColumnType.STRING, "Entity, or group of entities, that reports."),
        Column("currency", ColumnType.STRING, "ISO 4217 code of the amounts."),
        Column("days", ColumnType.INTEGER, "Reporting dates averaged.", unit="days"),
        *(
            Column(
                name,
                ColumnType.MONEY,
                f"Simple average of the daily {name.replace('_', ' ')}.",
                unit="reporting currency",
            )
            for name in _AVERAGED
        ),
        Column(
            "mean_of_daily_ratios",
            ColumnType.MONEY,
            "Simple average of the daily ratios; empty where a day's ratio is not defined.",
            unit="fraction",
            nullable=True,
        ),
        Column(
            "ratio_of_means",
            ColumnType.MONEY,
            "Average stock divided by average net outflows; empty where these are zero.",
            unit="fraction",
            nullable=True,
        ),
    ),
)


def quarter_so_far(day: date, p: Any = None) -> tuple[date, ...]:
    """Every calendar day from the first of the quarter up to and including ``day``."""
    first = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return tuple(first + timedelta(days=i) for i in range((day - first).days + 1))


@report_stage(reads=LCR, writes=LCR_QUARTER, by=("scope",), days=quarter_so_far)
def lcr_quarter(days: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """Simple averages over the reporting dates of the quarter so far (convention 16)."""
    count = len(days)
    days = [{**day, "stock": sum((day[level] for level in _LEVELS), Decimal(0))} for day in days]

    def mean(name: str) -> Decimal:
        return fraction(sum((day[name] for day in days), Decimal(0)), 1, count)

    averages = {name: mean(name) for name in _AVERAGED}
    defined = all(day["ratio"] is not None for day in days)
    yield {
        "scope": days[-1]["scope"],
        "currency": days[-1]["currency"],
        "days": count,
        **averages,
        "mean_of_daily_ratios": mean("ratio") if defined else None,
        "ratio_of_means": ratio(averages["hqla"], averages["net_outflows"]),
    }
