"""The exchange rates by which a day is converted: those of the day, else the last ones.

fx_rates of some days -> rates_of_day. All that converts looks its rates up there, and rules on
rates act there. What is converted stands in the reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from regulatory_assets.bank.tables import FX_RATES
from regulatory_assets.ledger.stages import ReportRow, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table

RATES_OF_DAY = Table(
    name="rates_of_day",
    description="Exchange rates by which the reporting date is converted: its own, else the last.",
    key=("currency",),
    group="market",
    bounded=True,
    columns=(
        FX_RATES.column("currency"),
        FX_RATES.column("rate"),
        Column(
            "rate_date",
            ColumnType.DATE,
            "Day that the rate is of, the reporting date or one before it.",
            classification="public",
        ),
    ),
)


def carrying_days(day: date, p: Any) -> tuple[date, ...]:
    """The days whose rates may stand on a day (convention 14), itself the last."""
    most = int(p["market/carried_rates"].value(FX_RATES.name, "days"))
    return tuple(day - timedelta(days=age) for age in reversed(range(most + 1)))


@report_stage(
    reads=FX_RATES,
    writes=RATES_OF_DAY,
    by=("currency",),
    parameters=("market/carried_rates",),
    days=carrying_days,
)
def rates_of_day(rates: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """The last rate of a currency that is not too old to stand on the day (convention 14)."""
    last = max(rates, key=lambda rate: rate["reporting_date"])
    yield {
        "currency": last["currency"],
        "rate": last["rate"],
        "rate_date": last["reporting_date"],
    }
