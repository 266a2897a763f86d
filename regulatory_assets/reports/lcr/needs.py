"""What collateral may be asked for: netting_sets -> lcr_collateral_flows; collateral_flows ->
collateral_swings -> lcr_valuation_flows.

Amounts that the source delivers as deals do not belong here.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.derivatives import COLLATERAL_FLOWS, NETTING_SETS
from regulatory_assets.ledger.arithmetic import fraction, product
from regulatory_assets.ledger.stages import ReportRow, report_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.positions import (
    IN_REPORTING_CURRENCY,
    NO_DATE,
    NO_PARTY,
    OF_PARTY,
    position_stage,
    reporting_currency,
    with_flows,
)
from regulatory_assets.reports.lcr.tables import LCR_COLLATERAL_FLOWS, LCR_VALUATION_FLOWS
from regulatory_assets.reports.lookups import RATE_OF_DAY

COLLATERAL_SWINGS = Table(
    name="collateral_swings",
    description="The largest net collateral flow of each entity in the look-back period.",
    key=("entity_id",),
    group="lcr",
    bounded=True,
    columns=(
        Column("entity_id", ColumnType.STRING, "Entity whose collateral moved."),
        Column("last_day", ColumnType.DATE, "Last day of the period in which it moved."),
        Column("amount", ColumnType.MONEY, "Given less received in it, without sign.",
               unit="reporting currency"),
    ),
)  # fmt: skip

_PRODUCTS = {
    "downgrade": "DOWNGRADE_COLLATERAL",
    "excess": "EXCESS_COLLATERAL",
    "uncalled": "UNCALLED_COLLATERAL",
}


@position_stage(
    reads=NETTING_SETS,
    writes=LCR_COLLATERAL_FLOWS,
    lookups=(RATE_OF_DAY, OF_PARTY),
)
def lcr_collateral_flows(sets: DataFrame, p: Any) -> DataFrame:
    """Collateral due on a downgrade, held in excess, or not yet called (BCBS 238 paras 118, 120,
    121)."""
    parts = F.array(
        *(
            F.struct(
                F.lit(part).alias("part"),
                F.lit(kind).alias("product_type"),
                F.col(f"{part}_collateral").alias("needed"),
            )
            for part, kind in _PRODUCTS.items()
        )
    )
    positions = (
        sets.withColumn("__part", F.explode(parts))
        .withColumn("part", F.col("__part.part"))
        .withColumn("product_type", F.col("__part.product_type"))
        .withColumn("amount", product(F.col("__part.needed"), F.col("rate")))
        .withColumn("maturity_date", NO_DATE)
        .where((F.col("amount") != 0) | F.col("amount").isNull())
    )
    return with_flows(positions.drop("__part"), p)


@report_stage(
    reads=COLLATERAL_FLOWS,
    writes=COLLATERAL_SWINGS,
    by=("entity_id",),
    lookups=(RATE_OF_DAY,),
    parameters=("lcr/market_valuation",),
)
def collateral_swings(flows: Sequence[ReportRow], p: Any) -> Iterable[ReportRow]:
    """The largest absolute net flow of any 30 successive days of the last 24 months (BCBS 238 para
    123), at the rates of the day. No row where nothing has moved."""
    months = int(p["lcr/market_valuation"].value("lcr", "months"))
    length = int(p["lcr/market_valuation"].value("lcr", "days"))
    before = months_before(p.day, months)
    given = dict.fromkeys(range((p.day - before).days), Decimal(0))
    """By the days after the last one that is looked at no more."""
    for row in flows:
        place = (row["flow_date"] - before).days - 1
        if place in given and row["rate"] is not None:
            given[place] += fraction(
                row["posted"] - row["received"], *row["rate"].as_integer_ratio()
            )
    largest, last, net = Decimal(0), p.day, Decimal(0)
    for place, amount in given.items():
        net += amount - given.get(place - length, Decimal(0))
        if place + 1 >= length and abs(net) > largest:
            largest, last = abs(net), before + timedelta(days=place + 1)
    if largest:
        yield {"entity_id": flows[0]["entity_id"], "last_day": last, "amount": largest}


def months_before(day: date, months: int) -> date:
    """The same day some calendar months earlier, or the last of that month (convention 2)."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@position_stage(
    reads=COLLATERAL_SWINGS,
    writes=LCR_VALUATION_FLOWS,
    lookups=(IN_REPORTING_CURRENCY,),
)
def lcr_valuation_flows(swings: DataFrame, p: Any) -> DataFrame:
    """What changes of market values may take, by what they have taken (BCBS 238 para 123)."""
    positions = swings.withColumns(
        {
            **NO_PARTY,
            "product_type": F.lit("MARKET_VALUATION"),
            "currency": reporting_currency(),
            "maturity_date": NO_DATE,
        }
    )
    return with_flows(positions, p)
