"""What is not drawn of committed and other lines: facilities -> lcr_facility_flows.

A facility whose undrawn part a deal carries is that deal's and does not belong here, nor does what
is drawn.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.lending import FACILITIES
from regulatory_assets.ledger.arithmetic import product
from regulatory_assets.ledger.table import ColumnType
from regulatory_assets.regulation.expressions import decide
from regulatory_assets.reports.lcr.positions import (
    OF_PARTY,
    position_stage,
    with_flows,
)
from regulatory_assets.reports.lcr.tables import LCR_FACILITY_FLOWS
from regulatory_assets.reports.lookups import RATE_OF_DAY

_MONEY = ColumnType.MONEY.value
_BACKING = ("LIQUIDITY", "NOTE_ISSUANCE")


@position_stage(
    reads=FACILITIES,
    writes=LCR_FACILITY_FLOWS,
    lookups=(RATE_OF_DAY, OF_PARTY),
    parameters=("lcr/facility_kinds",),
)
def lcr_facility_flows(facilities: DataFrame, p: Any) -> DataFrame:
    """What is not drawn of lines granted and received (BCBS 238 paras 126-131, 134-138, 149).

    Of a line that backs a customer's debt, what must be refinanced in the window is a liquidity
    facility (para 129), or all of it where the debt is not told; the rest is a credit facility.
    Whenever a line ends, what is delivered as undrawn counts: of one that has ended the source says
    two things, and a check tells of it, since to believe the day would lower the outflows.
    """
    undrawn = product(F.col("undrawn"), F.col("rate"))
    debt = F.coalesce(product(F.col("backed_debt"), F.col("rate")), undrawn)
    backed = F.when(F.col("kind").isin(*_BACKING), F.least(undrawn, debt)).otherwise(F.lit(0))
    backed, part = backed.cast(_MONEY), F.col("part")
    amount = F.when(part == "backed", backed).otherwise((undrawn - backed).cast(_MONEY))
    inputs = {name: F.col(name) for name in ("direction", "kind", "cancellable", "part")}
    positions = (
        facilities.where(F.col("undrawn_deal_id").isNull())
        .withColumn("part", F.explode(F.array(F.lit("backed"), F.lit("rest"))))
        .withColumn("amount", amount)
        .where((F.col("amount") != 0) | F.col("amount").isNull())
        .withColumn("product_type", decide(p["lcr/facility_kinds"], inputs, "product_type"))
    )
    return with_flows(positions, p)
