"""When the holders of instruments issued can be paid: own_debt -> lcr_debt_flows.

An instrument that a deal carries is due as that deal says and does not belong here.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from pyspark.sql.connect import functions as F
from pyspark.sql.connect.column import Column
from pyspark.sql.connect.dataframe import DataFrame

from regulatory_assets.bank.tables.capital import OWN_DEBT
from regulatory_assets.ledger.arithmetic import product
from regulatory_assets.reports.lcr.positions import (
    NO_PARTY,
    position_stage,
    with_flows,
)
from regulatory_assets.reports.lcr.tables import LCR_DEBT_FLOWS
from regulatory_assets.reports.lookups import RATE_OF_DAY

NEVER = date.max
"""When the holder of a perpetual instrument without a call can be paid."""


def first_payment() -> Column:
    """The day on which an instrument's holder can first be paid: at maturity, when he may return
    it, or at a first call that is expected (convention 3)."""
    called = F.when(F.col("call_expected"), F.col("call_date"))
    known = F.array_min(F.array("maturity_date", "put_date", called))
    return F.coalesce(known, F.lit(NEVER))


@position_stage(
    reads=OWN_DEBT,
    writes=LCR_DEBT_FLOWS,
    lookups=(RATE_OF_DAY,),
)
def lcr_debt_flows(instruments: DataFrame, p: Any) -> DataFrame:
    """Instruments issued by the day of first payment (BCBS 238 paras 86, 109-111, 124,
    convention 3).

    Of unsecured instruments sold to retail customers alone the holders are retail (para 110); of
    others it does not matter who they are. Those that a pool secures are debt products (para 124).
    """
    covered = F.col("ranking") == "COVERED"
    retail = F.col("retail_only") & ~covered
    kind = F.when(covered, "COVERED_DEBT").when(retail, "DEPOSIT").otherwise("OWN_DEBT")
    positions = instruments.where(F.col("deal_id").isNull()).withColumns(
        {
            **NO_PARTY,
            "product_type": kind,
            "sector": F.when(retail, "RETAIL"),
            "maturity_date": first_payment(),
            "amount": product(F.col("outstanding"), F.col("rate")),
        }
    )
    return with_flows(positions, p)
