"""Collateral that has been posted and may lose value: margin_balances -> margin_securities ->
posted_collateral -> lcr_posted_flows.

Amounts that the source delivers as deals do not belong here, nor does the collateral of repos.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.derivatives import MARGIN_BALANCES, NETTING_SETS
from regulatory_assets.ledger.arithmetic import product, total
from regulatory_assets.ledger.stages import Lookup, group_stage, row_stage
from regulatory_assets.ledger.table import Column, ColumnType, Table
from regulatory_assets.reports.lcr.positions import (
    IN_REPORTING_CURRENCY,
    NO_DATE,
    OF_PARTY,
    position_stage,
    reporting_currency,
    with_flows,
)
from regulatory_assets.reports.lcr.securities import (
    OF_ENTITY,
    OF_GRADE,
    level_of,
    with_sovereigns,
)
from regulatory_assets.reports.lcr.tables import LCR_POSTED_FLOWS
from regulatory_assets.reports.lookups import RATE_OF_DAY

_STRING, _MONEY = ColumnType.STRING, ColumnType.MONEY
_PARTIES = (
    Column("entity_id", _STRING, "Entity that is bound.", nullable=True),
    Column("counterparty_id", _STRING, "The other party.", nullable=True),
)
_POSTED = Column("posted", _MONEY, "Posted less received.", unit="reporting currency",
                 nullable=True)  # fmt: skip

MARGIN_SECURITIES = Table(
    name="margin_securities",
    description="Securities posted as margin that are not Level 1, and those received for re-use.",
    key=("margin_id",),
    group="lcr",
    columns=(Column("margin_id", _STRING, "Identifier of the balance."), *_PARTIES, _POSTED),
)

POSTED_COLLATERAL = Table(
    name="posted_collateral",
    description="What of these each entity has posted to each counterparty, net.",
    key=("entity_id", "counterparty_id"),
    group="lcr",
    columns=(*_PARTIES, _POSTED),
)


@row_stage(
    reads=MARGIN_BALANCES,
    writes=MARGIN_SECURITIES,
    lookups=(
        RATE_OF_DAY,
        Lookup(NETTING_SETS, by=("netting_set_id",), take=("entity_id", "counterparty_id")),
        OF_ENTITY,
        OF_GRADE,
    ),
    parameters=("lcr/security_level",),
)
def margin_securities(margins: DataFrame, p: Any) -> DataFrame:
    """Securities that are not Level 1 under the entity's regime (BCBS 238 para 119): those posted,
    and those received that it may use again."""
    posted = F.col("direction") == "POSTED"
    again = F.col("reusable") & ~F.col("segregated")
    known = with_sovereigns(margins).withColumn("level", level_of(p))
    worth = product(F.col("amount"), F.col("rate"))
    counts = F.col("security_id").isNotNull() & (posted | again)
    return known.where(counts & (F.coalesce("level", F.lit("none")) != "level1")).withColumn(
        "posted", F.when(posted, worth).otherwise(-worth).cast(_MONEY.value)
    )


@group_stage(reads=MARGIN_SECURITIES, writes=POSTED_COLLATERAL, by=("entity_id", "counterparty_id"))
def posted_collateral(margins: DataFrame, p: Any) -> DataFrame:
    """Posted less received, by counterparty (BCBS 238 para 119); it may be less than nothing."""
    return margins.groupBy("entity_id", "counterparty_id").agg(
        total(F.col("posted")).alias("posted")
    )


@position_stage(
    reads=POSTED_COLLATERAL,
    writes=LCR_POSTED_FLOWS,
    lookups=(OF_PARTY, IN_REPORTING_CURRENCY),
)
def lcr_posted_flows(collateral: DataFrame, p: Any) -> DataFrame:
    """What is posted net may have to be topped up as it loses value (BCBS 238 para 119)."""
    positions = collateral.where((F.col("posted") > 0) | F.col("posted").isNull()).withColumns(
        {
            "product_type": F.lit("VALUATION_COLLATERAL"),
            "currency": reporting_currency(),
            "maturity_date": NO_DATE,
            "amount": F.col("posted"),
        }
    )
    return with_flows(positions, p)
